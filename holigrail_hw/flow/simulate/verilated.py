"""Verilog as a program of its own: Verilator translates it, g++ compiles what comes out."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from holigrail_hw.core.run import process
from holigrail_hw.core.store import compiled_files as cache

from .. import tools

__all__ = ["CONTROL", "FLAGS", "PREFIX", "RANDOM", "Verilated"]

PREFIX = "Vtop"
"""Names of the classes that Verilator writes begin with it."""
FLAGS = (
    *("-std=gnu++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"),
    *("-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)
RANDOM = ("--x-assign", "unique", "--x-initial", "unique", "-Wno-BLKANDNBLK")
"""Options for netlists, in which unknown bits are random.

Warnings are about style; one of them is an error by default, on the model of a memory that loses
its contents when its power goes.
"""
CONTROL = ('no_inline -module "SB_SPRAM256KA"',)
"""Lines of a control file that go with it.

A register that is the output of an inlined module would begin with zeros whatever is asked.
"""
_COMPILERS = 2


@dataclass(frozen=True)
class Verilated:
    """One translation in an unfinished folder of the cache.

    Parameters
    ----------
    verilator, compiler : Path
    unfinished : Path
        The folder as the cache gives it; logs of failed commands are kept beside it.
    work : Path
        The same folder under a name without special characters.
    """

    verilator: Path
    compiler: Path
    unfinished: Path
    work: Path

    def tool(self, command: Sequence[str | Path], folder: Path, *makes: Path) -> str:
        """What a command prints. Raises ToolError."""
        of = f"{self.unfinished.name.removeprefix('.unfinished-')}_{Path(command[0]).name}"
        name = f"{of}_{crc32(' '.join(map(str, command)).encode()):08x}.log"
        finished = process.run(
            command,
            who=Path(command[0]).name,
            log=self.unfinished.parent / "logs" / name,
            cwd=folder,
            environment=tools.verilator_environment(),
            makes=makes,
        )
        finished.log.unlink(missing_ok=True)
        return finished.output

    def translate(self, options: Sequence[str], top: str, files: Sequence[str | Path]) -> None:
        """Verilog to C++ in the folder."""
        made = ["--prefix", PREFIX, "--Mdir", str(self.work), "--top-module", top]
        self.tool([self.verilator, *options, *made, *files], self.work)

    def include(self) -> Path:
        """Where Verilator's own sources are."""
        root = self.tool([self.verilator, "--getenv", "VERILATOR_ROOT"], self.work)
        return Path(root.strip()) / "include"

    def objects(
        self, level: str, cpps: Sequence[Path], folder: Path, flags: Sequence[str] = ()
    ) -> list[Path]:
        """Compiled files in a folder, at a level of optimisation."""
        root = self.include()
        every = [*FLAGS, *flags, f"-I{root}", f"-I{root / 'vltstd'}", f"-I{self.work}"]
        made = [folder / f"{cpp.stem}.o" for cpp in cpps]
        self.tool([self.compiler, level, *every, "-c", *cpps], folder, *made)
        return made

    def written(
        self, level: str, others: Sequence[Path] = (), flags: Sequence[str] = ()
    ) -> list[Path]:
        """All that Verilator wrote, and other files, compiled; two compilers work at a time."""
        every = sorted(self.work.glob(f"{PREFIX}*.cpp"))
        # What runs once is compiled without the optimiser, as Verilator's own make file does.
        once = [cpp for cpp in every if "Slow" in cpp.stem or "Syms" in cpp.stem]
        often = [cpp for cpp in every if cpp not in once]
        # The largest files first, in turn to both.
        often = sorted([*often, *others], key=lambda cpp: -cpp.stat().st_size)
        parts = [(level, often[::2]), (level, often[1::2]), ("-O0", once)]
        made: list[Path] = []
        with ThreadPoolExecutor(max_workers=_COMPILERS) as pool:
            work: Callable[[str, Sequence[Path]], list[Path]]
            work = lambda level, cpps: self.objects(level, cpps, self.work, flags)  # noqa: E731
            for done in [pool.submit(work, *part) for part in parts if part[1]]:
                made += done.result()
        return made

    def runtime(self, level: str, names: Sequence[str], versions: Iterable[str]) -> list[Path]:
        """Files of Verilator's own, compiled: the same for every program, and much of the time."""
        made, root = [], self.include()
        for name in names:
            key = cache.digest([*versions, level, name, *FLAGS])
            made.append(
                cache.use(
                    f"{key}.o",
                    lambda place, name=name: self.objects(level, [root / f"{name}.cpp"], place)[0],
                    # A copy that nobody clears before it is linked.
                    lambda kept, name=name: Path(shutil.copy(kept, self.work / f"{name}.o")),
                )
            )
        return made

    def link(self, objects: Sequence[Path], libraries: Sequence[str] = ()) -> Path:
        """The program, in the folder."""
        program = self.work / "program"
        command = [self.compiler, *objects, *libraries, "-lpthread", "-o", program]
        self.tool(command, self.work, program)
        return self.unfinished / program.name
