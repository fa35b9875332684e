"""A system with a programme of its own on a board; the host talks to the programme."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.whole_system import WholeSystem

from .board import Board
from .design import BoardDesign, SerialBench
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

    def clock_hz(self, timing: Timing, goal: Board) -> float:
        return 1e9 / timing.period_ns if timing.period_ns else goal.clock_hz

    def sources(self) -> dict[str, bytes]:
        return dict(self._system.sources())

    def memory_bits(self) -> int:
        return self._system.memory_bits()

    def shell(self, timing: Timing, divisor: int) -> Any:
        from .hosted_shell import HostedShell

        return HostedShell(self._system.component(timing), divisor)

    def bench(
        self, seed: int, count: int, interleave: int, divisor: int, ports: tuple[str, str, str]
    ) -> tuple[SerialBench, int, str]:
        raise RequestError(
            f"{self.spec.name}: a system with a programme must be checked by `holigrail verify`,"
            " not through its simulated pins"
        )

    def check(
        self, goal: Board, port: Path, timing: Timing, seed: int, count: int
    ) -> tuple[int, str]:
        with SerialPort(port, goal.baud) as line:
            checked = self._system.check(TimedLine(line), seed, count)
        return checked.results, checked.text

    def check_request(self, seed: int, count: int) -> None:
        """Whatever can be asked of the system's programme can be asked of a board."""
        self._system.check_request()
