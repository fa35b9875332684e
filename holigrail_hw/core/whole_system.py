"""An operator as a whole system: hardware with a programme of its own, which serves a host.

Host and system talk over a line of bytes. The same check runs on a simulation and on a board.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .timing import Timing

__all__ = ["ByteLine", "Checked", "WholeSystem"]


class ByteLine(Protocol):
    """A line of bytes in both directions."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if they do not come in time."""
        ...


@dataclass(frozen=True)
class Checked:
    """How many results were compared, and in words what was found besides."""

    results: int
    text: str


class WholeSystem(ABC):
    """A component, the Verilog that it needs from elsewhere, and what a host asks of it."""

    @abstractmethod
    def component(self, timing: Timing) -> Any:
        """A ``wiring.Component`` with streams of bytes ``sent`` and ``received``."""

    @abstractmethod
    def sources(self) -> Mapping[str, bytes]:
        """Verilog of modules that the component has instances of, by names of files."""

    def flash(self) -> tuple[int, bytes] | None:
        """What a serial flash memory at the component's pins ``flash`` holds, and from where on.

        None if the component has no such pins: chip select, clock, four data lines.
        """
        return None

    def memory_bits(self) -> int:
        """Bits of its memories, at least: a board that has fewer is refused at once."""
        return 0

    def check_request(self) -> None:
        """Raises RequestError if there is nothing that a host can ask."""
        return

    @abstractmethod
    def check(
        self, line: ByteLine, seed: int, count: int, say: Callable[[str], None] = lambda text: None
    ) -> Checked:
        """Compare what the system answers to ``count`` random requests with the golden model.

        Raises
        ------
        DesignError
            If an answer is wrong or missing.
        RequestError
            If there is nothing to ask.
        """

    @abstractmethod
    def short_check(self, line: ByteLine, seed: int) -> Checked:
        """The same with as few bytes and cycles as can be, for lines that are slow to simulate."""
