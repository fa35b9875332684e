"""Maxima and sums over windows that do not overlap, in the order of the image; no hardware."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic
from holigrail_hw.models.source.windows import Window, patches

from ...flow import Flow
from ..unit import DISTRIBUTED, Integers, SameLanes, costs, kept, repeated
from ..ways import BlockRead, Way, Ways, choice

__all__ = ["Pool", "Reduce"]

_LEAST = np.iinfo(np.int64).min


def _results(input: Integers, how: str, most: int) -> Integers:
    """Maxima or sums of up to so many elements."""
    if how == "maximum":
        return input
    return Integers(min(input.low * most, input.low), max(input.high * most, input.high))


def _joined(unit: Any) -> Way:
    """A comparison or a sum, and a choice."""
    width = unit.output.width
    if unit.how == "maximum":
        return Comparator(width), Logic(2)
    return Adder(width), Logic(1)


@dataclass(frozen=True)
class Pool(SameLanes):
    """The maximum or the sum over windows, none of which begins before the one beside it ends.

    Pixels outside the image are left out. Windows that overlap take :class:`Reduce`, behind a
    window generator.

    Parameters
    ----------
    size : (int, int, int)
        Rows, columns and channels of the image.
    window : Window
        How the window moves.
    how : str
        ``maximum`` or ``sum``.
    input : Integers
        Elements of the image.
    lanes : int
        Channels of a beat; they divide the channels.
    """

    size: tuple[int, int, int]
    window: Window
    how: str
    input: Integers
    lanes: int

    def refusals(self) -> list[str]:
        """What is not done."""
        window, found = self.window, []
        if any(k > 1 and d > 1 for k, d in zip(window.kernel, window.dilations, strict=True)):
            found.append("taps of a window must be neighbours")
        if any(s < k for s, k in zip(window.strides, window.kernel, strict=True)):
            found.append("windows must not overlap")
        if not found and any((last < first).any() for first, last in self.spans):
            found.append("every window must hold a pixel of the image")
        return found

    @property
    def folds(self) -> int:
        """Beats of a pixel."""
        return self.size[2] // self.lanes

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return self.window.outputs(*self.size[:2])

    @cached_property
    def spans(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """First and last pixel of every window, along both axes."""
        found = []
        for axis in range(2):
            first = np.arange(self.places[axis]) * self.window.strides[axis]
            first = first - self.window.pads[axis]
            last = first + self.window.kernel[axis] - 1
            found.append((np.maximum(first, 0), np.minimum(last, self.size[axis] - 1)))
        return found

    @property
    def across(self) -> Integers:
        """Results over one row of a window."""
        return _results(self.input, self.how, self.window.kernel[1])

    @property
    def output(self) -> Integers:
        """Results."""
        return _results(self.input, self.how, self.window.kernel[0] * self.window.kernel[1])

    @property
    def rings(self) -> tuple[int, ...]:
        """Partial results at a time: of the columns of a window, then of its rows.

        One ring is enough where one of the two has a single place.
        """
        (_, columns), (down, across) = self.places, self.window.kernel
        if columns == 1 or down == 1:
            return (self.folds,)
        return (columns * self.folds,) if across == 1 else (self.folds, columns * self.folds)

    def flow(self) -> Flow:
        """A result when the last pixel of its window has come."""
        down, across = (last for _, last in self.spans)
        pixels = (down[:, None] * self.size[1] + across).reshape(-1)
        need = (pixels[:, None] * self.folds + np.arange(self.folds) + 1).reshape(-1)
        tokens = self.size[0] * self.size[1] * self.folds
        return repeated(tokens, need, latency=len(self.rings))

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Maxima or sums over windows."""
        images = np.asarray(frames, np.int64).reshape(-1, *self.size)
        if self.how == "sum":
            found = patches(images, self.window, 0, "pool").sum(axis=(3, 4))
        else:
            found = patches(images, self.window, _LEAST, "pool").max(axis=(3, 4))
        return found.reshape(len(images), -1)

    def cost(self, device: str) -> dict[str, int]:
        """Comparators or adders, and partial results."""
        luts = flip_flops = bits = memories = 0
        for length in self.rings:
            width = self.output.width * self.lanes
            luts += width * (2 if self.how == "maximum" else 1)
            flip_flops += width
            logic, blocks = kept(device, length - 1, width)
            luts, bits, memories = luts + logic, bits + blocks[0], memories + blocks[1]
        counters = sum(n.bit_length() for n in (*self.size[:2], self.folds))
        return costs(luts + 4 * counters, flip_flops + counters, 0, (bits, memories))

    def ways(self) -> Ways:
        """Every result so far comes from a register or a memory, and is joined with the element."""
        counted = tuple(choice(n) for n in (self.folds, *self.size[1::-1]) if n > 1)
        joined = _joined(self)
        before = BlockRead() if max(self.rings) > DISTRIBUTED else Logic(1)
        inside = (before, *joined), (*counted, Logic(2))
        return Ways(inside, joined, control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .hardware import PoolUnit

        return PoolUnit(self)


@dataclass(frozen=True)
class Reduce(SameLanes):
    """The maximum or the sum of every ``taps`` beats, lane by lane; ``groups`` results per frame.

    Behind a window generator in depthwise order, whose pixels outside the image must be the least
    of the elements for a maximum, 0 for a sum.
    """

    how: str
    taps: int
    groups: int
    input: Integers
    lanes: int

    @property
    def output(self) -> Integers:
        """Results."""
        return _results(self.input, self.how, self.taps)

    def flow(self) -> Flow:
        """A result with the last of its taps."""
        need = np.arange(1, self.groups + 1) * self.taps
        return repeated(self.groups * self.taps, need)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Maxima or sums."""
        beats = np.asarray(frames, np.int64).reshape(len(frames), self.groups, self.taps, -1)
        found = beats.max(axis=2) if self.how == "maximum" else beats.sum(axis=2)
        return found.reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """A comparator or an adder per lane."""
        width = self.output.width * self.lanes
        return costs(width * (2 if self.how == "maximum" else 1) + 8, width + 4)

    def ways(self) -> Ways:
        """The result so far is joined with the element."""
        joined = _joined(self)
        return Ways((joined, (choice(self.taps), Logic(2))), joined, control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .hardware import ReduceUnit

        return ReduceUnit(self)
