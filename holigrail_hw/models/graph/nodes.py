"""Nodes of the integer graph. All tensors are integers of one frame, channels last.

==========  ======================================================================================
Linear      sums of (x - zero) w + bias: a matrix over features, or a window over an image
Adders      the same sums over features by a graph of adders, whose operands may lose low bits
Add         sum of tensors, each times an integer
Pool        maximum or sum of every channel over a window
Requantise  an accumulator becomes a code, by a formula and, once chosen, a form of hardware
Move        transpose, reshape, select, concat, pad: elements change their places only
Softmax     TensorFlow Lite's fixed-point softmax over the last axis
==========  ======================================================================================
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.models.formulas.documents import Formula
from holigrail_hw.models.source.windows import Window

from .forms import Form

__all__ = [
    "Add",
    "Adders",
    "Linear",
    "Meaning",
    "Move",
    "Node",
    "Pool",
    "Port",
    "Requantise",
    "Softmax",
]


@dataclass(frozen=True, eq=False)
class Meaning:
    """What the integers stand for: factor q + offset, arrays of Fraction."""

    factor: np.ndarray
    offset: np.ndarray

    @property
    def zero(self) -> int | None:
        """The integer that stands for 0, if there is one for all channels."""
        flat = (-self.offset / self.factor).reshape(-1) if (self.factor != 0).all() else []
        found = {*flat}
        if len(found) != 1:
            return None
        value = found.pop()
        return int(value) if value.denominator == 1 else None


@dataclass(frozen=True, eq=False, kw_only=True)
class _Node:
    """``name`` is also that of the result; ``source`` is where it comes from in the file."""

    name: str
    inputs: tuple[str, ...]
    source: str = ""
    meaning: Meaning | None = None

    def changed(self, **values: Any) -> Any:
        """A copy with other fields."""
        return replace(self, **values)


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear(_Node):
    """Weights are (features, results), or (rows, columns, channels of a group, results).

    Pixels outside the image count as ``zero``, so that they add nothing.
    """

    kind: ClassVar[str] = "linear"
    weights: np.ndarray
    bias: np.ndarray
    zero: int = 0
    window: Window | None = None
    group: int = 1

    @property
    def taps(self) -> int:
        """Products per result."""
        return int(np.prod(self.weights.shape[:-1]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Adders(_Node):
    """What every column means is in :mod:`.adder_sums`.

    ``features`` operands are the first nodes; every row of ``adders`` (count, 10) is one more,
    every row of ``targets`` (results, 4) is an element of the result.
    """

    kind: ClassVar[str] = "adders"
    features: int
    adders: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(_Node):
    """One factor per operand."""

    kind: ClassVar[str] = "add"
    factors: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(_Node):
    """``how`` is *maximum* or *sum*; pixels outside are left out of a maximum and add 0."""

    kind: ClassVar[str] = "pool"
    how: str
    window: Window


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantise(_Node):
    """The formula is what the file means; the form, if chosen, is what hardware computes."""

    kind: ClassVar[str] = "requantise"
    formula: Formula
    form: Form | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Move(_Node):
    """``how`` and its integers.

    *transpose*: the order of axes; *reshape*: the new sizes; *select*: for every element of the
    result, where it stood (operand and result have one axis); *concat*: the axis; *pad*: for every
    axis, how many before and after, then the value.
    """

    kind: ClassVar[str] = "move"
    how: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(_Node):
    """Codes of 8 bits with scale 1/256 and zero -128, as the reference kernels compute them.

    ``mantissa`` and ``shift`` are beta times the scale of the input, times 2^26.
    """

    kind: ClassVar[str] = "softmax"
    mantissa: int
    shift: int


Node = Linear | Adders | Add | Pool | Requantise | Move | Softmax


@dataclass(frozen=True, eq=False, kw_only=True)
class Port:
    """Where a frame enters or leaves the graph.

    Parameters
    ----------
    name : str
        The name in the file.
    tensor : str
        The tensor in the graph.
    file_shape : tuple of int
        The shape in the file, with its batch of 1.
    shape : tuple of int
        The shape of the tensor.
    order : tuple of int
        The file's axes without the batch, in the order of the tensor; empty if they are the same.
        Elements are then reshaped.
    meaning : Meaning or None
        What codes stand for.
    low, high : int
        Limits of the codes of an input.
    formula : Formula or None
        How a real number of the file becomes a code of an input; None for integers.
    tail : tuple
        Steps from the real numbers of an output to what the file computes: names with parameters.
    """

    name: str
    tensor: str
    file_shape: tuple[int, ...]
    shape: tuple[int, ...]
    order: tuple[int, ...] = ()
    meaning: Meaning | None = None
    low: int = 0
    high: int = 0
    formula: Formula | None = None
    tail: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def changed(self, **values: Any) -> "Port":
        """A copy with other fields."""
        return replace(self, **values)
