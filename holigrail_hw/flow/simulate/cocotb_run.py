"""Build a design and run a cocotb bench on it, in a process of its own.

``python -m holigrail_hw.flow.simulate.cocotb_run REQUEST.json``; the request names the simulator,
the sources, the top module, the bench, the working folder and the cache of finished Verilator
programs.
"""

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from holigrail_hw.core.store import kept_files
from holigrail_hw.core.work_folder import plain

__all__ = ["main", "use_plain_paths"]

_TIMESCALE = ("1ns", "1ps")
_VERILATOR_OBJECTS = tuple(
    f"{name}.o" for name in ("verilated", "verilated_dpi", "verilated_vpi", "verilated_threads")
)


def main(path: str) -> int:
    """Run the request; returns 0 if the bench ran, whose verdict is in the file ``counts``."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    use_plain_paths()
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    build = Path(request["folder"]) / "build"
    build.mkdir()
    runner = get_runner(request["simulator"])
    arguments = ["-g2005"] if request["simulator"] == "icarus" else ["-Wno-fatal", "--no-timing"]
    program, shared = (Path(request[key]) for key in ("program", "shared"))
    if not _copied(program, build / request["top"]):
        # What every Verilator program shares takes most of the compilation. The make file wants
        # these objects to be newer than itself, and it is not written yet.
        later = time.time() + 3600
        for name in _VERILATOR_OBJECTS:
            if _copied(shared / name, build / name):
                os.utime(build / name, (later, later))
        runner.build(
            sources=request["sources"],
            hdl_toplevel=request["top"],
            build_dir=build,
            build_args=arguments,
            timescale=_TIMESCALE,
            always=True,
        )
        if request["simulator"] == "verilator":
            _keep(build / request["top"], program)
            for name in _VERILATOR_OBJECTS:
                _keep(build / name, shared / name)
    results = Path(request["folder"]) / "results.xml"
    try:
        runner.test(
            test_module=request["bench"],
            hdl_toplevel=request["top"],
            hdl_toplevel_lang="verilog",
            build_dir=build,
            test_dir=request["folder"],
            results_xml=str(results),
            timescale=_TIMESCALE if request["simulator"] == "icarus" else None,
            extra_env={"HOLIGRAIL_BENCH": request["job"]},
        )
    except SystemExit:
        # The runner's way to say that a test failed.
        if not results.is_file():
            raise
    tests, failed = get_results(results)
    counts = {"tests": tests, "failed": failed}
    Path(request["counts"]).write_text(json.dumps(counts), encoding="utf-8")
    return 0


def use_plain_paths() -> None:
    """Let cocotb's runner, and the programs that it starts, use plain paths of its own files.

    A program that was linked where these files had other paths finds the library, too.
    """
    import cocotb.simulator
    import find_libpython
    from cocotb_tools import config

    config.libs_dir, config.share_dir = plain(config.libs_dir), plain(config.share_dir)
    known = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = f"{config.libs_dir}{os.pathsep + known if known else ''}"
    python, entry = find_libpython.find_libpython(), plain(str(cocotb.simulator.__file__))
    if python is not None:
        os.environ["GPI_USERS"] = f"{plain(python)};{entry},initialize"


def _copied(kept: Path, place: Path) -> bool:
    """Whether a kept file was there, whole; another process may remove it meanwhile."""
    try:
        shutil.copy2(kept, place)
    except OSError:
        return False
    if kept_files.is_whole(place):
        return True
    place.unlink()
    return False


def _keep(made: Path, place: Path) -> None:
    """Keep what can be made again; where that is impossible this run has it all the same."""
    with contextlib.suppress(OSError):
        kept_files.keep(made, place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
