"""Which pixels a window reads, and when they must be there and may go; no hardware."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...flow import Flow, Side
from ..unit import DISTRIBUTED, costs, kept, repeated
from ..ways import Ways
from .base import Windows

__all__ = ["ParallelWindow", "SerialWindow"]


@dataclass(frozen=True)
class SerialWindow(Windows):
    """One tap per beat: for every window its rows, columns and channels, in that order.

    In *depthwise* order the channels' beats come before the rows and columns of the window.

    Parameters
    ----------
    size : (int, int, int)
        Rows, columns and channels of the image.
    window : Window
        How the window moves.
    input : Integers
        Elements of the image.
    lanes : int
        Channels of a beat; they divide the channels.
    zero : int
        What pixels outside the image are.
    order : str
        ``dense`` or ``depthwise``.
    capacity : int
        Beats that are kept, at least :attr:`least`; 0 for :attr:`ample`.
    """

    order: str = "dense"
    capacity: int = 0

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.lanes

    @property
    def kept(self) -> int:
        """Beats of the memory."""
        return self.capacity or self.ample

    @cached_property
    def least(self) -> int:
        """The fewest beats with which every window fits into the memory."""
        needs, after = self._windows
        return int(max((needs - np.append(0, after[:-1])).max(), 1))

    @cached_property
    def ample(self) -> int:
        """Beats with which the input hardly ever waits: a closed form (networks.md, B.2)."""
        (rows, columns, _), window = self.size, self.window
        reach, top, bottom = window.reach[0] - 1, window.pads[0], window.pads[2]
        step = window.strides[0]
        rest = rows - ((self.places[0] - 1) * step + reach + 1 - top - bottom)
        high = max(step + reach, 2 * reach + 1 - top - bottom + max(rest, 0)) + 1
        closed = (high * columns + window.reach[1]) * self.folds
        return max(self.least, min(closed, 2 * self.tokens))

    @cached_property
    def _windows(self) -> tuple[np.ndarray, np.ndarray]:
        """For every window: beats that must be there, and beats not needed after it."""
        rows, columns, _ = self.size
        down, across = (
            np.clip(taps.max(axis=1), -1, limit - 1)
            for taps, limit in zip(self.taps, self.size, strict=False)
        )
        need = (down[:, None] * columns + across[None, :] + 1).reshape(-1)
        need = np.maximum.accumulate(np.maximum(need, 0))
        starts = [np.maximum(taps[:, 0], 0) for taps in self.taps]
        below = np.append(starts[0][1:], rows) * columns
        here = starts[0][:, None] * columns + np.minimum(starts[1], columns)[None, :]
        here = np.minimum(here, below[:, None]).reshape(-1)
        # After a window everything before the next one is done with; nothing is taken back.
        after = np.append(np.maximum.accumulate(here)[1:], rows * columns)
        return need * self.folds, np.minimum(after, rows * columns) * self.folds

    @property
    def each(self) -> int:
        """Beats of a window."""
        return self.window.kernel[0] * self.window.kernel[1] * self.folds

    def flow(self) -> Flow:
        """A beat per cycle while there is enough of the image."""
        needs, after = self._windows
        before = np.append(0, after[:-1])
        free = np.repeat(before, self.each)
        free[self.each - 1 :: self.each] = after
        side = Side(self.tokens, np.repeat(needs, self.each), free, self.kept)
        return Flow((side,), len(free))

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Taps in their order."""
        found = self.images(frames)
        if self.order == "depthwise":
            found = np.moveaxis(found, 5, 3)
        return found.reshape(len(found), -1)

    def cost(self, device: str) -> dict[str, int]:
        """A memory, its addresses, and counters."""
        counter = (2 * self.tokens).bit_length()
        places = self.kept.bit_length()
        luts = 2 * counter + 3 * places + 2 * sum(n.bit_length() for n in self.size) + 20
        luts += self.lanes * self.output.width if self.padded else 0
        logic, blocks = kept(device, self.kept, self.lanes * self.input.width)
        return costs(luts + logic, 2 * counter + places + 30, 0, blocks)

    def ways(self) -> Ways:
        """See :func:`.ways.serial_ways`."""
        from .ways import serial_ways

        return serial_ways(self)

    def component(self) -> Any:
        """The hardware."""
        from .serial import SerialWindowUnit

        return SerialWindowUnit(self)


@dataclass(frozen=True)
class ParallelWindow(Windows):
    """A whole window per beat: rows, columns, then ``lanes`` channels; a beat per window and fold.

    Parameters are those of :class:`SerialWindow`. A frame takes :attr:`cycles`, mostly as many as
    it has beats: windows behind the image, which need none, come while the next frame does, or
    without it.
    """

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.window.kernel[0] * self.window.kernel[1] * self.lanes

    @property
    def first(self) -> int:
        """The pixel with which the first window is complete."""
        (down, across), (top, left, _, _) = self.window.reach, self.window.pads
        return (down - 1 - top) * self.size[1] + across - 1 - left

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of windows if both strides were 1, as far as one is used."""
        strides = self.window.strides
        down, across = ((n - 1) * s + 1 for n, s in zip(self.places, strides, strict=True))
        return down, across

    @cached_property
    def completes(self) -> np.ndarray:
        """For every output beat, the beat of the input, or after its end, that completes it."""
        strides, (_, columns, _) = self.window.strides, self.size
        down, across = (np.arange(n) * s for n, s in zip(self.places, strides, strict=True))
        pixels = (down[:, None] * columns + across).reshape(-1) + self.first
        return (pixels[:, None] * self.folds + np.arange(self.folds)).reshape(-1)

    @cached_property
    def gap(self) -> int:
        """Beats between windows that are completed behind the image; 0 if they are not equal.

        No other windows follow each other closer then.
        """
        gaps = np.diff(self.completes, append=self.completes[0] + self.tokens)
        late = {*gaps[:-1][self.completes[1:] >= self.tokens].tolist()}
        if len(late) > 1 or (late and min(late) > gaps.min()):
            return 0
        return late.pop() if late else 1

    @property
    def banks(self) -> int:
        """Memories of a row each; one more than are read where two uses of a word might meet."""
        rows = (self.window.kernel[0] - 1) * self.window.dilations[0]
        return rows + (rows > 0 and self.size[1] * self.folds > DISTRIBUTED)

    @property
    def reached(self) -> int:
        """The row of the next frame from which on its columns count."""
        return self.window.reach[0] - 1 - self.window.pads[0]

    @cached_property
    def delays(self) -> int:
        """Cycles per frame for which the next one waits.

        From row :attr:`reached` on its columns must follow one another. So they do if one window
        behind the image is left at most; it comes with, or without, the first of them.
        """
        left = int(self.completes[-1]) + 1 - self.tokens
        left -= self.reached * self.size[1] * self.folds
        return left if left > 1 and self.completes[-1] >= self.tokens else 0

    @property
    def cycles(self) -> int:
        """Cycles per frame."""
        return self.tokens + self.delays

    def refusals(self) -> list[str]:
        """What keeps the rows of pixels from giving one window after the other."""
        found = []
        if self.first < 0 or any(p > n for p, n in zip(self.positions, self.size, strict=False)):
            found.append("there must be no more windows than pixels, and none before the image")
        elif self.first * self.folds >= self.tokens:
            found.append("the first window must not lie below the image")
        elif not self.gap:
            found.append("windows that are complete below the image must have equal distances")
        return found

    def flow(self) -> Flow:
        """A window for every beat that completes one, and cycle after cycle behind the image."""
        need = np.minimum(self.completes + 1, self.tokens)
        if not self.delays:
            return repeated(self.tokens, need, gap=self.gap)
        free = np.zeros(len(need), np.int64)
        free[-1] = self.tokens
        ahead = self.reached * self.size[1] * self.folds
        return Flow((Side(self.tokens, need, free, self.tokens + ahead),), len(need), gap=self.gap)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Windows in their order."""
        found = np.moveaxis(self.images(frames), 5, 3)
        return found.reshape(len(found), -1)

    def cost(self, device: str) -> dict[str, int]:
        """Lines of pixels, registers of taps, and gates for what lies outside."""
        kernel, width = self.window.kernel, self.lanes * self.input.width
        line = self.size[1] * self.folds
        across = (kernel[1] - 1) * self.window.dilations[1] * self.folds + 1
        flip_flops = kernel[0] * across * width + 3 * self.tokens.bit_length() + sum(kernel)
        luts = 40 + (kernel[0] * kernel[1] * width if self.padded else 0)
        luts += (kernel[0] - 1) * width * (self.banks - 1)
        logic, (bits, memories) = kept(device, line, width)
        blocks = self.banks * bits, self.banks * memories
        return costs(luts + self.banks * logic, flip_flops, 0, blocks)

    def ways(self) -> Ways:
        """See :func:`.ways.parallel_ways`."""
        from .ways import parallel_ways

        return parallel_ways(self)

    def component(self) -> Any:
        """The hardware."""
        from .parallel import ParallelWindowUnit

        return ParallelWindowUnit(self)
