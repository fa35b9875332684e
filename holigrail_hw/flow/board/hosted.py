"""A system with a programme of its own on a board; the host talks to the programme."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.whole_system import WholeSystem

from ..simulate.system_run import SimulatedSystem, program_of_netlist
from ..synth.netlist_program import unknown_bits
from .board import Board
from .design import BoardDesign, SerialNetlist, Simulated
from .serial_port import SerialPort

__all__ = ["Hosted", "TimedLine"]

_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class TimedLine:
    """A board's serial port; what does not come within ten seconds does not come."""

    port: SerialPort

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.port.write(data)

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if they do not come in time."""
        return self.port.read(count, _ANSWER_SECONDS)


class Hosted(BoardDesign):
    """The whole system behind a serial port; a period that is asked for is the board's clock."""

    proof_items: ClassVar[int] = 1
    flash_items: ClassVar[int] = 4
    benched: ClassVar[bool] = False

    def __init__(self, spec: OperatorSpec, system: WholeSystem):
        super().__init__(spec)
        self._system = system

    def timing(self, timing: Timing, goal: Board) -> Timing:
        if self._system.flash() is not None and not goal.has_flash:
            raise RequestError(
                f"{self.spec.name}: a system on {goal.name} must do without the pins of a flash"
                " memory",
                hint="leave the loader out, or take a board whose recipe has them",
            )
        return super().timing(timing, goal)

    def flash_image(self) -> tuple[int, bytes] | None:
        return self._system.flash()

    def clock_hz(self, timing: Timing, goal: Board) -> float:
        return 1e9 / timing.period_ns if timing.period_ns else goal.clock_hz

    def sources(self) -> dict[str, bytes]:
        return dict(self._system.sources())

    def memory_bits(self) -> int:
        return self._system.memory_bits()

    def shell(self, timing: Timing, divisor: int) -> Any:
        from .hosted_shell import HostedShell

        return HostedShell(self._system.component(timing), divisor)

    def simulated(
        self,
        netlist: SerialNetlist,
        seed: int,
        count: int,
        *,
        interleave: int,
        log: Path,
        progress: Progress | None = None,
    ) -> Simulated:
        """A short request: every byte takes many cycles of every cell.

        Raises RequestError of a system with the pins of a flash memory, too.
        """
        if self.flash_image() is not None:
            raise RequestError(
                f"{self.spec.name}: a system with a flash memory must be checked by `holigrail"
                " verify`, not at the pins of its netlist"
            )
        program = program_of_netlist(
            netlist.verilog_files,
            netlist.top,
            netlist.ports,
            netlist.divisor,
            progress,
            defines=netlist.defines,
        )
        if progress is not None:
            progress("verilator: the programme on the netlist answers a short request")
        begun = time.monotonic()
        with SimulatedSystem(program, arguments=unknown_bits(seed)) as line:
            checked = self._system.short_check(line, seed)
        return Simulated(checked.results, checked.text, time.monotonic() - begun)

    def check(
        self, goal: Board, port: Path, timing: Timing, seed: int, count: int
    ) -> tuple[int, str]:
        system = self.spec.whole_system(self.timing(timing, goal)) or self._system
        with SerialPort(port, goal.baud) as line:
            checked = system.check(TimedLine(line), seed, count)
        return checked.results, checked.text

    def check_request(self, seed: int, count: int) -> None:
        """Whatever can be asked of the system's programme can be asked of a board."""
        self._system.check_request()
