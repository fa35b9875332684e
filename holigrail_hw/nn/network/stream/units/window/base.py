"""Which pixels a window reads, whatever the order; no hardware."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holigrail_hw.models.source.windows import Window, patches

from ..unit import Integers, Unit

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows(Unit):
    """A window over images of ``size`` (rows, columns, channels), in beats of ``lanes`` channels.

    Pixels outside the image are ``zero``.
    """

    size: tuple[int, int, int]
    window: Window
    input: Integers
    lanes: int
    zero: int = 0

    @property
    def output(self) -> Integers:
        """Elements, and the zero where windows leave the image."""
        return self.input.union(Integers(self.zero, self.zero)) if self.padded else self.input

    @property
    def lanes_in(self) -> int:
        """Elements of an input beat."""
        return self.lanes

    @property
    def folds(self) -> int:
        """Beats of a pixel."""
        return self.size[2] // self.lanes

    @property
    def tokens(self) -> int:
        """Input beats of a frame."""
        return self.size[0] * self.size[1] * self.folds

    @cached_property
    def places(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return self.window.outputs(*self.size[:2])

    @cached_property
    def taps(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (windows, taps) and columns (windows, taps) that are read, along both axes."""
        found = []
        for axis in range(2):
            starts = np.arange(self.places[axis]) * self.window.strides[axis]
            offsets = np.arange(self.window.kernel[axis]) * self.window.dilations[axis]
            found.append(starts[:, None] - self.window.pads[axis] + offsets)
        return found[0], found[1]

    @cached_property
    def padded(self) -> bool:
        """Whether a tap lies outside the image."""
        pairs = zip(self.taps, self.size, strict=False)
        return any(taps.min() < 0 or taps.max() >= limit for taps, limit in pairs)

    def images(self, frames: np.ndarray) -> np.ndarray:
        """Windows (frames, rows, columns, kernel rows, kernel columns, folds, lanes)."""
        images = np.asarray(frames).reshape(-1, *self.size)
        found = patches(images, self.window, self.zero, "window")
        return found.reshape(*found.shape[:5], self.folds, self.lanes)
