"""Windows over images, as views: for convolutions and pools, of floats and of integers alike.

Output sizes and padding follow the ONNX operator specification (Conv, MaxPool) and, where the
padding is *same*, TensorFlow's: as many outputs as strides, what is missing split into two halves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .limits import bounded

__all__ = ["Window", "patches", "window_of"]


@dataclass(frozen=True)
class Window:
    """How a window moves; every pair is (vertical, horizontal).

    ``pads`` are (top, left, bottom, right).
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns between the first and the last tap, both counted."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        high, wide = ((size - 1) * step + 1 for size, step in pairs)
        return high, wide

    def outputs(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the result; not positive if no window fits."""
        top, left, bottom, right = self.pads
        rows = (height + top + bottom - self.reach[0]) // self.strides[0] + 1
        columns = (width + left + right - self.reach[1]) // self.strides[1] + 1
        return rows, columns


def window_of(attributes: Mapping[str, Any], size: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of an ONNX node over an image of ``size`` (rows, columns; or columns only).

    In ``ceil_mode`` the padding below and to the right grows until the last window fits.
    """
    flat = len(size) == 1

    def pair(name: str) -> tuple[int, int]:
        values = [int(value) for value in attributes.get(name) or [1] * len(size)]
        return (1, values[0]) if flat else (values[0], values[1])

    size = (1, size[0]) if flat else (size[0], size[1])
    kernel = (1, int(kernel[0])) if flat else (int(kernel[0]), int(kernel[1]))
    strides, dilations = pair("strides"), pair("dilations")
    pads = [int(value) for value in attributes.get("pads") or [0, 0] * (1 if flat else 2)]
    before, after = ([0, pads[0]], [0, pads[1]]) if flat else (pads[:2], pads[2:4])
    rule = attributes.get("auto_pad", "NOTSET")
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if rule in ("SAME_UPPER", "SAME_LOWER"):
            count = -(-size[axis] // strides[axis])
            total = max((count - 1) * strides[axis] + reach - size[axis], 0)
            before[axis] = total // 2 if rule == "SAME_UPPER" else total - total // 2
            after[axis] = total - before[axis]
        elif rule == "VALID":
            before[axis] = after[axis] = 0
        if attributes.get("ceil_mode"):
            rest = size[axis] + before[axis] + after[axis] - reach
            windows = -(-rest // strides[axis]) + 1
            # A window that would start in the padding at the end is left out.
            if (windows - 1) * strides[axis] >= size[axis] + before[axis]:
                windows -= 1
            after[axis] = (windows - 1) * strides[axis] + reach - size[axis] - before[axis]
    pads = (before[0], before[1], max(after[0], 0), max(after[1], 0))
    return Window(kernel, strides, dilations, pads)


def patches(images: np.ndarray, window: Window, fill: Any, who: str) -> np.ndarray:
    """All windows of images (batch, rows, columns, channels).

    Returns a view of shape (batch, output rows, output columns, kernel rows, kernel columns,
    channels); pixels outside are ``fill``.

    Raises
    ------
    ModelError
        If a result would be too large; ``who`` is named.
    """
    batch, height, width, channels = images.shape
    top, left, bottom, right = window.pads
    rows, columns = window.outputs(height, width)
    bounded((batch, height + top + bottom, width + left + right, channels), who)
    bounded((batch, max(rows, 0), max(columns, 0), *window.kernel, channels), who)
    if any(window.pads):
        edges = ((0, 0), (top, bottom), (left, right), (0, 0))
        images = np.pad(images, edges, constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(images, window.reach, axis=(1, 2))
    views = views[
        :,
        :: window.strides[0],
        :: window.strides[1],
        :,
        :: window.dilations[0],
        :: window.dilations[1],
    ]
    return np.moveaxis(views[:, :rows, :columns], 3, 5)
