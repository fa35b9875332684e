"""Vectors of a matrix engine that are windows over an image (implicit im2col).

The buffer holds an image: pixel by pixel, row by row, and of a pixel its blocks of ``rows``
channels. The vectors of a command are the places of a window, row by row; the tiles along K are the
taps of the window, row by row, and of a tap its blocks. A tap outside the image is ``pad``. Vector
``v`` of tile ``k``, with o = v div output_columns and p = v mod output_columns, and with tap
(i, j) and block b of k, is block b of the pixel in

    row     o * stride_rows + i * dilation_rows - top
    column  p * stride_columns + j * dilation_columns - left

A product without windows is an image of one row: its pixels are the vectors.

Reference: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for
document processing, 2006.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from holigrail_hw.formats import FixedFormat, Format

__all__ = ["LONGEST_STEP", "MOST_PAD", "SIZES", "STEPS", "Window", "window_formats"]

SIZES = ("height", "width", "blocks", "kernel_columns", "output_columns")
STEPS = ("stride_rows", "stride_columns", "dilation_rows", "dilation_columns", "top", "left")
LONGEST_STEP = MOST_PAD = 7
"""Strides and dilations, and pixels above and to the left of an image."""


@dataclass(frozen=True)
class Window:
    """What a command says of its image and window; ``pad`` is the code of a tap outside."""

    height: int
    width: int
    blocks: int
    kernel_columns: int = 1
    output_columns: int = 1
    stride_rows: int = 1
    stride_columns: int = 1
    dilation_rows: int = 1
    dilation_columns: int = 1
    top: int = 0
    left: int = 0
    pad: int = 0

    @classmethod
    def product(cls, vectors: int, k_tiles: int) -> "Window":
        """Of a matrix: every vector a pixel."""
        return cls(1, vectors, k_tiles, output_columns=vectors)

    @classmethod
    def of_items(cls, items: Mapping[str, np.ndarray], number: int) -> "Window":
        """Of a command among the items of its stream."""
        return cls(*(int(items[field.name][number]) for field in fields(cls)))

    @property
    def pixels(self) -> int:
        """Vectors of the image."""
        return self.height * self.width * self.blocks

    @property
    def is_sized(self) -> bool:
        """Whether no size is 0."""
        return all(getattr(self, name) for name in SIZES)

    def vectors(self, image: np.ndarray, vectors: int, k_tiles: int) -> np.ndarray:
        """The codes of all tiles, (k_tiles, vectors, rows), of an image (pixels, rows)."""
        tap, block = np.divmod(np.arange(k_tiles), self.blocks)
        i, j = np.divmod(tap, self.kernel_columns)
        o, p = np.divmod(np.arange(vectors), self.output_columns)
        row = o * self.stride_rows + (i * self.dilation_rows)[:, None] - self.top
        column = p * self.stride_columns + (j * self.dilation_columns)[:, None] - self.left
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        place = (row * self.width + column) * self.blocks + block[:, None]
        found = image[np.where(inside, place, 0)]
        return np.where(inside[:, :, None], found, np.array(self.pad, image.dtype))


def window_formats(activation: Format, depth: int) -> dict[str, Format]:
    """The fields that a command has for a window, for a buffer of ``depth`` vectors."""
    size = FixedFormat(depth.bit_length(), signed=False)
    step = FixedFormat(LONGEST_STEP.bit_length(), signed=False)
    found: dict[str, Format] = dict.fromkeys(SIZES, size)
    return found | dict.fromkeys(STEPS, step) | {"pad": activation}
