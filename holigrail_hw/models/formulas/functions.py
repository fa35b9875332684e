"""A function of one variable between two scales: round(f(a x + b) / s + z), f in float64.

The result is the correctly rounded code of the float64 value. All functions here grow, or stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.models.source.elementwise import ELEMENTWISE

__all__ = ["GROWING", "Function"]

GROWING = ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Selu", "HardSigmoid", "Exp", "Clip")


@dataclass(frozen=True, eq=False)
class Function:
    """``steps`` are names of :data:`GROWING` with their attributes, one after the other."""

    kind: ClassVar[str] = "function"
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    factor: np.ndarray
    offset: np.ndarray
    scale: float
    zero: int
    low: int
    high: int

    @property
    def direction(self) -> np.ndarray:
        """1 where codes grow with x, -1 where they fall."""
        return np.where(self.factor < 0, -1, 1)

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> "Function":
        """The formula for a tensor whose elements were moved alike."""
        return replace(self, factor=move(self.factor), offset=move(self.offset))

    def limits(self) -> tuple[int, int]:
        """The least and the greatest code."""
        return self.low, self.high

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64."""
        value = np.asarray(values).astype(np.float64) * self.factor + self.offset
        with np.errstate(over="ignore"):
            for name, attributes in self.steps:
                value = ELEMENTWISE[name](attributes, [value], name)
        codes = np.rint(value / self.scale + self.zero)
        return np.clip(codes, self.low, self.high).astype(np.int64)

    def text(self) -> str:
        """The formula for people."""
        names = ", ".join(name for name, _ in self.steps)
        return (
            f"clip(nearest_even(f(a x + b) / s + {self.zero}), {self.low}, {self.high}), f {names}"
        )
