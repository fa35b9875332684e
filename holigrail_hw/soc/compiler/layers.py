"""The layers of an accelerator: what a few nodes of the integer graph are together.

Tensors are images (rows, columns, channels) of int8 codes; a vector is an image of one pixel.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from holigrail_hw.models.source.windows import Window

from .requantisers import Rescaling

__all__ = [
    "Image",
    "Joined",
    "Layer",
    "Lookup",
    "Maximum",
    "Network",
    "Padded",
    "Product",
    "Shares",
    "Sum",
]

Image = tuple[int, int, int]
"""Rows, columns, channels."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Layer:
    """``result`` is the tensor that comes out, ``source`` the operator in the file."""

    operands: tuple[str, ...]
    result: str
    source: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(_Layer):
    """Sums of products, requantised.

    ``weights`` are (rows, columns, channels, results), or (rows, columns, channels) if every
    channel has a window of its own. ``bias`` is that of codes as they are, with the zero point of
    the operand in it; pixels outside the image hold ``border``.
    """

    kind: ClassVar[str] = "product"
    weights: np.ndarray
    bias: np.ndarray
    window: Window
    border: int
    rescaling: Rescaling

    @property
    def is_diagonal(self) -> bool:
        """Whether every channel has a window of its own."""
        return self.weights.ndim == 3

    @property
    def macs_per_pixel(self) -> int:
        """Products for a pixel of the result."""
        return int(self.weights.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum(_Layer):
    """The maximum over windows, within limits."""

    kind: ClassVar[str] = "maximum"
    window: Window
    low: int
    high: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Sum(_Layer):
    """Two tables of 256 int32, in the order of codes as unsigned bytes, added and requantised."""

    kind: ClassVar[str] = "sum"
    tables: tuple[np.ndarray, np.ndarray]
    rescaling: Rescaling


@dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(_Layer):
    """A code for every code: ``codes`` in the order of unsigned bytes."""

    kind: ClassVar[str] = "table"
    codes: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Joined(_Layer):
    """Channels of several tensors, one after the other."""

    kind: ClassVar[str] = "concatenation"


@dataclass(frozen=True, eq=False, kw_only=True)
class Padded(_Layer):
    """An image within a border: (rows above, columns before) and its value."""

    kind: ClassVar[str] = "padding"
    before: tuple[int, int]
    value: int


Layer = Product | Maximum | Sum | Lookup | Joined | Padded


@dataclass(frozen=True)
class Shares:
    """TensorFlow Lite's softmax, which the processor or the host computes."""

    mantissa: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """Layers in their order; ``images`` are the shapes of all tensors by name."""

    name: str
    input: str
    output: str
    layers: tuple[Layer, ...]
    images: dict[str, Image]
    shares: Shares | None
