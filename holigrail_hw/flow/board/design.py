"""What goes onto a board beside an operator, and how host and board check each other.

Three kinds: an operator tests itself (:mod:`.self_tested`); an engine, which needs whole jobs, is
driven by the host through a link (:mod:`.linked`); a whole system serves the host by a programme
of its own (:mod:`.hosted`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from . import self_test
from .board import Board
from .uart_simulation import SerialBench, simulate

__all__ = ["Benched", "BoardDesign", "SerialNetlist", "Simulated"]


@dataclass(frozen=True)
class SerialNetlist:
    """A netlist as Verilog, the names of its clock, ``rx`` and ``tx``, and cycles per serial bit.

    ``defines`` are what the Verilog is read with.
    """

    verilog_files: Sequence[Path]
    top: str
    ports: tuple[str, str, str]
    divisor: int
    defines: Sequence[str] = ()


@dataclass(frozen=True)
class Simulated:
    """How many results of a simulated serial line were compared, the answer, seconds it took."""

    items: int
    answer: str
    seconds: float


class BoardDesign(ABC):
    """One kind of design for boards."""

    # Items that are simulated through the serial line unless the request says how many.
    proof_items: ClassVar[int]
    # Items that a board is asked for unless the request says how many.
    flash_items: ClassVar[int] = 4096
    # Whether its serial line is simulated before it is placed, unless the request says not to.
    benched: ClassVar[bool] = True

    def __init__(self, spec: OperatorSpec):
        self.spec = spec

    def timing(self, timing: Timing, goal: Board) -> Timing:
        """The timing request for a board: its clock, unless something is asked."""
        return self_test.shell_timing(timing, 1e9 / goal.clock_hz, goal.model)

    def clock_hz(self, timing: Timing, goal: Board) -> float:
        """The frequency that the design has on the board."""
        return goal.clock_hz

    def divisor(self, timing: Timing, goal: Board) -> int:
        """Clock cycles per serial bit."""
        return round(self.clock_hz(timing, goal) / goal.baud)

    def sources(self) -> dict[str, bytes]:
        """Verilog of modules that the design has instances of, by names of files."""
        return {}

    def flash_image(self) -> tuple[int, bytes] | None:
        """What the board's flash memory must hold, and from where on; None without its pins."""
        return None

    def memory_bits(self) -> int:
        """Bits of its memories, at least; 0 if only synthesis can tell."""
        return 0

    @abstractmethod
    def shell(self, timing: Timing, divisor: int) -> Any:
        """The component with the members ``rx`` and ``tx``, ``latency`` and ``interleave``."""

    @abstractmethod
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
        """Compare what a netlist with clock and serial line answers with golden.

        Raises
        ------
        DesignError
            An answer is wrong or missing.
        ToolError
            A tool is missing or died.
        """

    @abstractmethod
    def check(
        self, goal: Board, port: Path, timing: Timing, seed: int, count: int
    ) -> tuple[int, str]:
        """Compare an attached board with golden; returns results checked, and its answer.

        Raises
        ------
        DesignError
            If the board is silent, holds another design, or is wrong.
        """

    def check_request(self, seed: int, count: int) -> None:
        """Raises RequestError if no board can be asked this."""
        self_test.command(seed, count)


class Benched(BoardDesign):
    """A design whose serial line a cocotb bench simulates."""

    @abstractmethod
    def bench(
        self, seed: int, count: int, interleave: int, divisor: int, ports: tuple[str, str, str]
    ) -> tuple[SerialBench, int, str]:
        """The simulation that proves a design, the results it checks, and the board's answer."""

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
        exchange, checked, answer = self.bench(
            seed, count, interleave, netlist.divisor, netlist.ports
        )
        seconds = simulate(
            netlist.verilog_files,
            netlist.top,
            exchange,
            log=log,
            defines=netlist.defines,
            progress=progress,
        )
        return Simulated(checked, answer, seconds)
