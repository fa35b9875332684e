"""A netlist as a program for cocotb benches, compiled by Verilator: every unknown bit is random.

A netlist of a device says nothing about some bits: the output registers of an iCE40's block
memories before the first read (the initial contents come with the bitstream, but Yosys's
description of the memory promises no value for the register), the contents of its large memories
(SB_SPRAM256KA), and what those show after a write. In silicon each such bit is a 0 or a 1, and
nobody knows which. A simulator with unknown values lets one of them spread through look-up tables
where both choices give the same result, so a right design may fail; a model that begins with zeros
lets a design pass that relies on them. Here each unknown bit is drawn at the start of a run, from a
seed. Flip-flops of these devices begin with a known value and keep it in the simulation.

Only the ports are visible to the bench: with every net visible Verilator could simplify nothing.
"""

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.work_folder import plain

from .. import tools
from ..simulate import verilated
from ..simulate.verilated import CONTROL, RANDOM, Verilated

__all__ = ["build", "unknown_bits"]

_OPTIONS = (
    *("--cc", "--vpi", "--no-timing", "-Wno-fatal", "-Wno-lint", "--timescale", "1ns/1ps"),
    *RANDOM,
)
_RUNTIME = ("verilated", "verilated_dpi", "verilated_vpi", "verilated_threads")


def unknown_bits(seed: int) -> list[str]:
    """Arguments of the program: unknown bits are drawn from this seed."""
    # Verilator takes 0 for a seed of its own choice, and 31 bits.
    return ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF + 1}"]


def build(
    sources: Sequence[Path],
    top: str,
    ports: Sequence[str],
    place: Path,
    *,
    who: str,
    defines: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """The program for module ``top``, copied from the cache; the bench sees the given ports.

    ``place`` is the name of the copy.

    Raises
    ------
    ToolError
        A tool is missing, or refuses the Verilog.
    """
    import cocotb_tools.config as cocotb

    found = tools.require("verilator", "g++", who=who)
    versions = [f"{name} {here.version}" for name, here in found.items()]
    versions += [f"cocotb {metadata.version('cocotb')}", str(found["g++"].path.resolve())]
    main = cocotb.share_dir / "lib" / "verilator" / "verilator.cpp"
    texts = [Path(source).read_text() for source in (*sources, main, __file__, verilated.__file__)]

    def make(unfinished: Path) -> Path:
        made = Verilated(found["verilator"].path, found["g++"].path, unfinished, plain(unfinished))
        if progress is not None:
            progress("verilator: compiling the netlist")
        control = made.work / "control.vlt"
        lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
        control.write_text("\n".join(["`verilator_config", *lines, *CONTROL, ""]))
        files = [str(plain(source)) for source in sources]
        options = [*_OPTIONS, *(f"-D{name}" for name in defines)]
        made.translate(options, top, [str(control), *files])
        parts = [*made.written("-O1", [main]), *made.runtime("-O1", _RUNTIME, versions)]
        home = plain(cocotb.libs_dir)
        return made.link(parts, [f"-Wl,-rpath,{home}", f"-L{home}", "-lcocotbvpi_verilator"])

    name = cache.digest([*versions, top, *ports, *defines, str(cocotb.libs_dir), *texts])
    return cache.use(f"{name}.sim", make, lambda kept: Path(shutil.copy2(kept, place)))
