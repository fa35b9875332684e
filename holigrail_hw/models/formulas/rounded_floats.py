"""Formulas in which a float is rounded on the way.

``Float32``: ONNX Runtime's QLinearConv, QLinearMatMul and QGemm multiply float32(x) by a float32
and round to even. ``DoubleAway``: LiteRT's FULLY_CONNECTED (since 2026) multiplies double(x) by a
double and rounds halves away from zero.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

__all__ = ["DoubleAway", "Float32"]


@dataclass(frozen=True, eq=False)
class _Product:
    factor: np.ndarray
    zero: int
    low: int
    high: int

    @property
    def direction(self) -> np.ndarray:
        """1 where codes grow with x, -1 where they fall."""
        return np.where(self.factor < 0, -1, 1)

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> Any:
        """The formula for a tensor whose elements were moved alike."""
        return replace(self, factor=move(self.factor))

    def limits(self) -> tuple[int, int]:
        """The least and the greatest code."""
        return self.low, self.high

    def _finished(self, codes: np.ndarray) -> np.ndarray:
        return np.clip(codes + self.zero, self.low, self.high).astype(np.int64)


class Float32(_Product):
    """clip(round_half_even(float32(float32(x) factor)) + zero); ``factor`` is of float32."""

    kind: ClassVar[str] = "float32"

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64."""
        product = np.asarray(values).astype(np.float32) * self.factor
        return self._finished(np.rint(product).astype(np.float64))

    def text(self) -> str:
        """The formula for people."""
        return f"clip(nearest_even(float32(x) m) + {self.zero}, {self.low}, {self.high}), float32 m"


class DoubleAway(_Product):
    """clip(round_half_away(double(x) factor) + zero); ``factor`` is of float64."""

    kind: ClassVar[str] = "double_away"

    def apply(self, values: Any) -> np.ndarray:
        """Codes of integers, as int64."""
        product = np.asarray(values).astype(np.float64) * self.factor
        size = np.abs(product)
        cut = np.trunc(size)
        return self._finished(np.sign(product) * (cut + (size - cut >= 0.5)))

    def text(self) -> str:
        """The formula for people."""
        return f"clip(nearest_away(double(x) m) + {self.zero}, {self.low}, {self.high}), double m"
