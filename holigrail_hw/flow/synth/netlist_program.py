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

from holigrail_hw.core.run import process
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.work_folder import plain

from .. import tools

__all__ = ["build", "unknown_bits"]

_PREFIX = "Vtop"
# Warnings are about style; one of them is an error by default, on the model of a memory that loses
# its contents when its power goes.
_OPTIONS = (
    *("--cc", "--vpi", "--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-BLKANDNBLK"),
    *("--timescale", "1ns/1ps", "--x-assign", "unique", "--x-initial", "unique"),
)
_FLAGS = (
    *("-std=gnu++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"),
    *("-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)
# A register that is the output of an inlined module would begin with zeros whatever is asked.
_APART = ("SB_SPRAM256KA",)
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
    texts = [Path(source).read_text() for source in (*sources, main, __file__)]
    verilator, compiler = found["verilator"].path, found["g++"].path

    def make(unfinished: Path) -> Path:
        work = plain(unfinished)
        if progress is not None:
            progress("verilator: compiling the netlist")

        def tool(command: Sequence[str | Path], folder: Path, *makes: Path) -> str:
            name = f"{unfinished.name.removeprefix('.unfinished-')}_{Path(command[0]).name}.log"
            finished = process.run(
                command,
                who=Path(command[0]).name,
                log=unfinished.parent / "logs" / name,
                cwd=folder,
                environment=tools.verilator_environment(),
                makes=makes,
            )
            finished.log.unlink(missing_ok=True)
            return finished.output

        control = work / "control.vlt"
        lines = [f'public_flat_rw -module "{top}" -var "{port}"' for port in ports]
        lines += [f'no_inline -module "{module}"' for module in _APART]
        control.write_text("\n".join(["`verilator_config", *lines, ""]))
        files = [str(plain(source)) for source in sources]
        options = [*_OPTIONS, *(f"-D{name}" for name in defines), "--prefix", _PREFIX]
        options += ["--Mdir", str(work), "--top-module", top]
        tool([verilator, *options, str(control), *files], work)
        root = Path(tool([verilator, "--getenv", "VERILATOR_ROOT"], work).strip()) / "include"
        flags = [*_FLAGS, f"-I{root}", f"-I{root / 'vltstd'}", f"-I{work}"]

        def objects(level: str, cpps: Sequence[Path], folder: Path) -> list[Path]:
            made = [folder / f"{cpp.stem}.o" for cpp in cpps]
            tool([compiler, level, *flags, "-c", *cpps], folder, *made)
            return made

        written = sorted(work.glob(f"{_PREFIX}*.cpp"))
        # What runs once is compiled without the optimiser, as Verilator's own make file does.
        once = [cpp for cpp in written if "Slow" in cpp.stem or "Syms" in cpp.stem]
        often = [cpp for cpp in written if cpp not in once]
        parts = [*objects("-O0", once, work), *objects("-O1", [*often, main], work)]
        for name in _RUNTIME:
            # The same for every netlist, and much of the compilation.
            key = cache.digest([*versions, name, *_FLAGS])
            parts.append(
                cache.use(
                    f"{key}.o",
                    lambda place, name=name: objects("-O1", [root / f"{name}.cpp"], place)[0],
                    # A copy that nobody clears before it is linked.
                    lambda kept, name=name: Path(shutil.copy(kept, work / f"{name}.o")),
                )
            )
        program = work / "program"
        home = plain(cocotb.libs_dir)
        libraries = [f"-Wl,-rpath,{home}", f"-L{home}"]
        libraries += ["-lcocotbvpi_verilator", "-lpthread"]
        tool([compiler, *parts, *libraries, "-o", program], work, program)
        return unfinished / program.name

    name = cache.digest([*versions, top, *ports, *defines, str(cocotb.libs_dir), *texts])
    return cache.use(f"{name}.sim", make, lambda kept: Path(shutil.copy2(kept, place)))
