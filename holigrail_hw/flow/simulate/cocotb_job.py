"""One cocotb bench on the emitted Verilog of a design, started and judged from outside."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import InternalError, ToolError
from holigrail_hw.core.run import process
from holigrail_hw.core.run.child_process import PYTHON
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.folder import cache_folder

from .. import tools
from ..emit import verilog as emit_verilog
from ..top import Top
from . import cocotb_run

__all__ = ["run"]


def run(
    top: Top,
    simulator: str,
    bench: str,
    folder: Path,
    vectors: Mapping[str, Any],
    progress: Callable[[], None],
) -> dict[str, Any]:
    """The report the bench left: ``tests``, and ``failure`` if something is wrong.

    Parameters
    ----------
    simulator : str
        ``verilator`` or ``icarus``.
    bench : str
        Name of the module with the cocotb tests.
    folder : Path
        A working folder.
    vectors : mapping
        What the bench needs to make its vectors again.
    progress : callable
        Called when the simulation is about to start.

    Raises
    ------
    ToolError, InternalError
        If the simulator dies, or the bench fails without a reason.
    """
    spec, text = top.asked, emit_verilog.verilog(top)
    source = folder / f"{top.name}.v"
    source.write_text(text, encoding="utf-8")
    report, counts, job = (folder / f"{name}.json" for name in ("report", "counts", "job"))
    origins = {type(spec).__module__, type(top.shell).__module__} - {"__main__"}
    design = {
        "operator": spec.name,
        "parameters": spec.parameters(),
        # The bench runs elsewhere, and files of parameters may be named from here.
        "folder": str(Path.cwd()),
        "timing": asdict(top.timing),
        "modules": sorted(origins),
        "report": str(report),
    }
    job.write_text(json.dumps({**design, **vectors}))
    tool = "iverilog" if simulator == "icarus" else "verilator"
    program, shared = _kept(tool, text)
    home = cache_folder()
    request = folder / "request.json"
    request.write_text(
        json.dumps(
            {
                "simulator": simulator,
                "sources": [str(source)],
                "top": top.name,
                "bench": bench,
                "folder": str(folder),
                "job": str(job),
                "counts": str(counts),
                "program": str(home / program),
                "shared": str(home / shared),
            }
        )
    )
    log = home / "logs" / f"{top.name}_cocotb.log"
    progress()
    process.run(
        [*PYTHON, "-m", "holigrail_hw.flow.simulate.cocotb_run", request],
        who="cocotb",
        log=log,
        cwd=folder,
        environment=_environment(),
    )
    if not counts.is_file():
        raise ToolError(f"cocotb: the bench must leave its counts, not end without them: {log}")
    verdict = json.loads(counts.read_text())
    content = json.loads(report.read_text()) if report.is_file() else {"tests": []}
    if verdict["failed"] and "failure" not in content:
        raise InternalError(
            f"cocotb: the bench must not fail by itself ({verdict['failed']} of"
            f" {verdict['tests']} tests)\nend of the log {log}:\n"
            + process.tail(log.read_text(errors="replace"))
        )
    return content


def _kept(tool: str, text: str) -> tuple[str, str]:
    """Names in the cache of the program of a design, and of the folder of what programs share.

    A program finds cocotb's library by its place, and is of the kind that compiler, simulator,
    cocotb and this Python make.
    """
    from cocotb_tools import config

    needed = (tool,) if tool == "iverilog" else (tool, "g++")
    found = tools.require(*needed, who="verify")
    parts = [f"{name} {here.version}" for name, here in found.items()]
    parts += [str(found["g++"].path.resolve())] if "g++" in found else []
    parts += [f"cocotb {metadata.version('cocotb')}", str(config.libs_dir), sys.version]
    parts.append(Path(str(cocotb_run.__file__)).read_text(encoding="utf-8"))
    main = config.share_dir / "lib" / "verilator" / "verilator.cpp"
    parts.append(main.read_text(encoding="utf-8"))
    return f"{cache.digest([*parts, text])}.sim", cache.digest(parts)


def _environment() -> dict[str, str]:
    environment = tools.verilator_environment()
    # The simulation is short: time spent in the compiler's optimiser does not come back.
    environment["MAKEFLAGS"] += " OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    return environment
