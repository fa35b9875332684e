"""From a design to standard cells, by Yosys and the ABC inside of it.

``synth -flatten``, registers to the library's flip-flops (``dfflibmap``), then ``abc -liberty``.
Products are made twice, with ``-booth`` and without, where the design has any, and the smaller
result counts. Memories become registers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress, run
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content
from holigrail_hw.core.work_folder import plain

from ... import tools
from ...top import Top
from .library import Library

__all__ = ["Netlist", "map_to_cells"]

_TIME_LIMIT_S = 1800
_NO_HURRY_NS = 1000.0
"""The period that ABC gets where none is asked for: it then makes the design small."""


@dataclass(frozen=True)
class Netlist:
    """Cells of a library: a module of Yosys's JSON; ``booth`` says how products were made."""

    module: dict[str, Any]
    area: float
    booth: bool


def map_to_cells(
    top: Top, library: Library, *, period_ns: float | None = None, progress: Progress | None = None
) -> Netlist:
    """Map a design to the cells of a library, as small as the period allows.

    Raises
    ------
    RequestError
        The design has registers and the library no flip-flop, or a memory that is too large for
        registers.
    DesignError
        Yosys refuses the design, or leaves cells that the library does not have.
    ToolError
        Yosys is missing or died.
    """
    if top.clocked and not library.has_registers:
        raise RequestError(
            f"asic: {library.path} must have a flip-flop for {top.spec.name}, not only gates"
        )
    ways = [False, True] if " $mul " in top.rtlil else [False]
    found = [_mapped(top, library, period_ns, booth, progress) for booth in ways]
    return min(found, key=lambda netlist: netlist.area)


def _mapped(
    top: Top, library: Library, period_ns: float | None, booth: bool, progress: Progress | None
) -> Netlist:
    yosys = tools.require("yosys", who="asic")["yosys"]
    commands = _commands(top.name, library, period_ns, booth)
    texts = [yosys.version, *commands, library.digest, top.rtlil]
    kept = cache.digest(texts) + ".cells.json"
    if progress is not None:
        progress(f"yosys: {top.name} in cells of {library.name}{', booth' * booth}")

    def make(work: Path) -> Path:
        (work / "design.il").write_text(top.rtlil)
        script = [command.replace("LIBERTY", str(plain(library.path))) for command in commands]
        (work / "map.ys").write_text("\n".join(script) + "\n")
        run(
            [*yosys.command, "-q", "map.ys"],
            who="yosys",
            log=work / "yosys.log",
            cwd=work,
            environment=tools.environment(),
            time_limit=_TIME_LIMIT_S,
            failure=DesignError,
            makes=[work / "cells.json"],
        )
        return work / "cells.json"

    module = json.loads(cache.use(kept, make, content))["modules"][top.name]
    kinds = [cell["type"] for cell in module["cells"].values() if cell["type"] != "$scopeinfo"]
    strange = sorted({kind for kind in kinds if kind not in library.cells})
    if strange:
        raise DesignError(
            f"asic: {top.spec.name} must consist of cells of {library.name} that can be simulated,"
            f" not of {', '.join(strange)}"
        )
    return Netlist(module, sum(library.cells[kind].area for kind in kinds), booth)


def _commands(top: str, library: Library, period_ns: float | None, booth: bool) -> list[str]:
    """The script; LIBERTY stands for the path of the file."""
    picoseconds = round(1000 * (period_ns or _NO_HURRY_NS))
    unused = " ".join(f"-dont_use {c.name}" for c in library.cells.values() if not c.usable)
    registers = [f"dfflibmap -liberty LIBERTY {unused}".rstrip()] if library.has_registers else []
    return [
        "read_rtlil design.il",
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "splitnets",
        "opt_clean",
        f"synth -flatten {'-booth ' * booth}-top {top}",
        *registers,
        f"abc -liberty LIBERTY -D {picoseconds} {unused}".rstrip(),
        "setundef -zero",
        "opt_clean -purge",
        "write_json cells.json",
    ]
