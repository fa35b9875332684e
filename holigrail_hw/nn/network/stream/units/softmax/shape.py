"""TensorFlow Lite's softmax in two units, bit for bit; no hardware.

The greatest code of a row is found while the row is stored; then every code's distance from it
looks up its power of e, of 256 possible ones. The second unit stores the powers, adds them up,
takes the reciprocal of the sum by Newton's method, and multiplies.

All products are gemmlowp's (Jacob and Warden, 2015): rounded to 31 bits less, ties away from zero.
One serial multiplier makes them, a bit per cycle.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Shifter
from holigrail_hw.models.graph.softmax import powers_of, shares_of

from ...flow import Flow, Side
from ..unit import Integers, Unit, costs, kept
from ..ways import BlockRead, Ways, choice
from .pace import PRELUDE, PRODUCT

__all__ = ["Powers", "Shares"]

CODES = Integers(-128, 127)
POWER = Integers(0, (1 << 31) - 1)


@dataclass(frozen=True)
class _Rows(Unit):
    """Rows of ``classes`` elements, one per beat; ``rows`` of a frame."""

    classes: int
    rows: int

    lanes_in = lanes_out = 1

    def _side(self) -> Side:
        """A row is kept, and read again, while the next one comes."""
        need = np.repeat(np.arange(1, self.rows + 1) * self.classes, self.classes)
        free = need - self.classes
        free[self.classes - 1 :: self.classes] += self.classes
        return Side(self.rows * self.classes, need, free, 2 * self.classes)


@dataclass(frozen=True)
class Powers(_Rows):
    """exp(beta scale (x - greatest x)) in Q0.31, with the kernel's ``mantissa`` and ``shift``."""

    mantissa: int
    shift: int
    input = CODES
    output = POWER
    latency = 2

    @cached_property
    def table(self) -> np.ndarray:
        """The power for every distance from 0 to 255."""
        return powers_of(-np.arange(256), self.mantissa, self.shift)

    def flow(self) -> Flow:
        """A beat per cycle, once a row is there."""
        side = self._side()
        return Flow((side,), side.tokens, latency=self.latency)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Powers of distances."""
        rows = np.asarray(frames).reshape(len(frames), -1, self.classes)
        distances = rows.max(axis=-1, keepdims=True) - rows
        return self.table[distances].reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """A table, a row and its successor, and a comparison."""
        return costs(70 + 2 * self.classes, 90, 0, kept(device, 256, 31)[1])

    def ways(self) -> Ways:
        """The greatest code so far, chosen anew with each element, goes along with those read."""
        greatest = Comparator(8), Logic(3)
        rows = Logic(3), Adder((2 * self.classes).bit_length())
        distance = Logic(1), Adder(8)
        return Ways((greatest, rows, distance), greatest, (BlockRead(),), (*rows, Logic(2)))

    def component(self) -> Any:
        """The hardware."""
        from .powers import PowersUnit

        return PowersUnit(self)


@dataclass(frozen=True)
class Shares(_Rows):
    """Every power over the sum of its row, as codes with scale 1/256 and zero -128."""

    input = POWER
    output = CODES

    @property
    def total_width(self) -> int:
        """Bits of the sum of a row."""
        return 20 + (self.classes - 1).bit_length()

    @property
    def gap(self) -> int:
        """Cycles of every share; only the first one makes use of the time for the reciprocal."""
        return PRELUDE + PRODUCT

    def flow(self) -> Flow:
        """A share per gap; a row's powers are kept until the last one starts."""
        side = self._side()
        return Flow((side,), side.tokens, gap=self.gap, latency=self.gap)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Codes."""
        rows = np.asarray(frames).reshape(len(frames), -1, self.classes)
        return shares_of(rows).reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """Two rows of powers, a serial multiplier, and registers of 32 bits."""
        logic, blocks = kept(device, 2 * self.classes, 31)
        return costs(520 + logic, 400, 0, blocks)

    def ways(self) -> Ways:
        """Newton's sums, within limits, chosen by the step that the time says; rounded products."""
        word = Adder(34)
        rounded = Logic(3), word, word, Logic(1)
        newton = Comparator(34), Logic(2), word, Logic(2)
        timed = choice(self.gap), Logic(3)
        share = Shifter(11, 4), Adder(11), Comparator(11), Logic(2)
        added = Adder(self.total_width), Logic(2)
        rows = Logic(3), Adder((2 * self.classes).bit_length())
        return Ways((rounded, newton, timed, share, added, rows), added, control=(*rows, Logic(2)))

    def component(self) -> Any:
        """The hardware."""
        from .shares import SharesUnit

        return SharesUnit(self)
