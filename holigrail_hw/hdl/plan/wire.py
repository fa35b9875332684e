"""A value in a plan: what it is, and when it is there."""

from dataclasses import dataclass
from typing import Any

from amaranth import Shape

from holigrail_hw.estimate.primitives import Arrival

__all__ = ["Wire"]


@dataclass(frozen=True, eq=False)
class Wire:
    """A value, the clock cycle in which it is ready, and when in that cycle.

    ``step`` is the place in ``Plan.steps`` of what made it in this cycle.
    """

    value: Any
    cycle: int = 0
    arrival: Arrival = Arrival()
    step: int | None = None

    @property
    def time_ns(self) -> float:
        """When all bits are there, in ns into the cycle."""
        return self.arrival.latest

    @property
    def shape(self) -> Any:
        """Amaranth shape of the value."""
        return self.value.shape()

    @property
    def width(self) -> int:
        """Width in bits."""
        return Shape.cast(self.shape).width
