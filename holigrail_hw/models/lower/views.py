"""What is known of a tensor of the file while it is lowered.

A *view* is an integer tensor and the real numbers that it stands for: factor q + offset, then
limits, then functions. Scales move through the operators of the file in this form, exactly; only a
quantiser makes a new tensor of it.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.formulas.arrays import fractions

__all__ = ["Coded", "Lost", "Tail", "View", "close", "inner", "uniform"]

Step = tuple[str, Any]


def inner(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one frame: without the batch of 1 in front, if there is one."""
    return shape[1:] if len(shape) > 1 else shape


def uniform(values: np.ndarray) -> np.ndarray:
    """One element per axis if all are equal."""
    flat = values.reshape(-1)
    if flat.size > 1 and all(v == flat[0] for v in flat[1:]):
        return flat[:1].reshape([1] * values.ndim)
    return values


@dataclass(frozen=True, eq=False)
class View:
    """``tensor`` is None for an input of the file that is not quantised yet.

    ``shape`` is that in the file; the arrays broadcast against it without the batch. ``order`` and
    ``source`` belong to an input that is not quantised: how its axes were exchanged, and its name.
    """

    tensor: str | None
    shape: tuple[int, ...]
    factor: np.ndarray
    offset: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    functions: tuple[Step, ...] = ()
    source: str = ""
    order: tuple[int, ...] = ()

    @staticmethod
    def plain(tensor: str | None, shape: tuple[int, ...], factor: Any = 1, offset: Any = 0) -> Any:
        """factor q + offset."""
        ones = [1] * len(inner(shape))
        arrays = (fractions(v) for v in (factor, offset))
        factor, offset = (a.reshape(ones) if a.size == 1 else a for a in arrays)
        return View(tensor, shape, factor, offset)

    @property
    def bare(self) -> bool:
        """Whether nothing but factor and offset is pending."""
        return self.low is None and self.high is None and not self.functions

    @property
    def code(self) -> bool:
        """Whether the real numbers are the integers themselves."""
        one = (self.factor == 1).all() and (self.offset == 0).all()
        return self.bare and self.tensor is not None and bool(one)

    def changed(self, **values: Any) -> "View":
        """A copy with other fields."""
        return replace(self, **values)

    def times(self, factor: np.ndarray) -> "View":
        """All numbers multiplied; the view must have no functions."""
        low, high = (None if a is None else a * factor for a in (self.low, self.high))
        if bool((factor < 0).any()):
            # All of one sign: a caller has seen to that where there are limits.
            low, high = high, low
        return self.changed(
            factor=self.factor * factor, offset=self.offset * factor, low=low, high=high
        )

    def plus(self, offset: np.ndarray) -> "View":
        """All numbers increased; the view must have no functions."""
        low, high = (None if a is None else a + offset for a in (self.low, self.high))
        return self.changed(offset=self.offset + offset, low=low, high=high)

    def limited(self, low: Any, high: Any) -> "View":
        """All numbers brought within limits, either of which may be None."""
        ones = [1] * self.factor.ndim

        def bound(old: np.ndarray | None, new: Any, outer: Any) -> np.ndarray | None:
            if new is None:
                return old
            array = fractions(new).reshape(ones)
            return array if old is None else outer(old, array)

        return self.changed(
            low=bound(self.low, low, np.maximum), high=bound(self.high, high, np.minimum)
        )


@dataclass(frozen=True, eq=False)
class Coded:
    """A constant in integers: factor codes + offset, arrays broadcast against the codes."""

    codes: np.ndarray
    factor: np.ndarray
    offset: np.ndarray

    @staticmethod
    def plain(codes: np.ndarray, factor: Any = 1, offset: Any = 0) -> "Coded":
        """Codes with a factor and an offset."""
        return Coded(codes, fractions(factor), fractions(offset))

    def real(self) -> np.ndarray:
        """The numbers as an object array of Fraction."""
        return fractions(self.codes) * self.factor + self.offset

    def floats(self) -> np.ndarray:
        """The numbers in float64."""
        factor, offset = (a.astype(np.float64) for a in (self.factor, self.offset))
        return self.codes.astype(np.float64) * factor + offset


@dataclass(frozen=True, eq=False)
class Tail:
    """What the host computes after an output: steps from the numbers of a view."""

    view: View
    steps: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Lost:
    """The result of a node that was refused, or depends on one."""


def close(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether all quotients are 1 up to the rounding of a product to float32."""
    quotients = (np.asarray(left / right, object)).reshape(-1)
    return all(abs(q - 1) < Fraction(1, 1 << 22) for q in quotients)
