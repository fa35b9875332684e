"""Sums of tensors, and their channels side by side; no hardware."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import Adder, Logic

from ...flow import Flow, Side
from ..unit import Integers, Unit, costs
from ..ways import Ways, choice

__all__ = ["Add", "Concat"]


@dataclass(frozen=True)
class _Joint(Unit):
    """Inputs i0, i1, ... of ``lanes`` elements each; ``inputs`` says what these may be."""

    inputs: tuple[Integers, ...]
    output: Integers
    lanes: int

    @property
    def lanes_in(self) -> tuple[int, ...]:
        """Elements of a beat of every input."""
        return (self.lanes,) * len(self.inputs)

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.lanes


@dataclass(frozen=True)
class Add(_Joint):
    """Sums of elements, each times the factor of its input.

    Beats of all inputs are taken in the same cycle.
    """

    factors: tuple[int, ...]
    elements: int

    def flow(self) -> Flow:
        """A beat for a beat of every input; none is kept."""
        tokens = self.elements // self.lanes
        need = np.arange(1, tokens + 1)
        return Flow(tuple(Side(tokens, need, need, 0) for _ in self.inputs), tokens)

    def apply(self, *frames: Any) -> np.ndarray:
        """Sums."""
        terms = zip(self.factors, frames, strict=True)
        return sum((f * np.asarray(x, np.int64) for f, x in terms), np.zeros((), np.int64))

    def cost(self, device: str) -> dict[str, int]:
        """Adders."""
        adders = len(self.inputs) - 1 + sum(abs(f) & (abs(f) - 1) > 0 for f in self.factors)
        width = self.output.width * self.lanes
        return costs(adders * width + len(self.inputs), width)

    def ways(self) -> Ways:
        """Sums and products with factors before the register."""
        adders = len(self.inputs) - 1 + max(bin(abs(f)).count("1") - 1 for f in self.factors)
        return Ways(arriving=(Adder(self.output.width),) * adders, control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .add import AddUnit

        return AddUnit(self)


@dataclass(frozen=True)
class Concat(_Joint):
    """Channels side by side: for every pixel ``folds`` beats of each input in turn."""

    folds: tuple[int, ...]
    pixels: int

    def flow(self) -> Flow:
        """A beat for the beat whose turn it is; none is kept."""
        ends = np.cumsum(self.folds)
        at = np.arange(1, ends[-1] + 1)
        sides = []
        for end, fold in zip(ends, self.folds, strict=True):
            each = np.clip(at - (end - fold), 0, fold)
            need = (np.arange(self.pixels)[:, None] * fold + each).reshape(-1)
            sides.append(Side(self.pixels * fold, need, need, 0))
        return Flow(tuple(sides), self.pixels * int(ends[-1]))

    def apply(self, *frames: Any) -> np.ndarray:
        """Channels side by side."""
        parts = [np.asarray(x).reshape(len(x), self.pixels, -1) for x in frames]
        return np.concatenate(parts, axis=2).reshape(len(frames[0]), -1)

    def cost(self, device: str) -> dict[str, int]:
        """A choice, a register, a counter."""
        width = self.output.width * self.lanes
        return costs((len(self.inputs) - 1) * width + 8, width + 8)

    def ways(self) -> Ways:
        """A choice before the register, by the place in the pixel."""
        turn = choice(sum(self.folds)), Logic(2)
        return Ways((turn,), arriving=(choice(len(self.inputs)),), control=(Logic(4),))

    def component(self) -> Any:
        """The hardware."""
        from .concat import ConcatUnit

        return ConcatUnit(self)
