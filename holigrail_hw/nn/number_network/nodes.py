"""Nodes of a graph of numbers: products in a stated arithmetic, and what a host does in between.

Tensors are channels first; a product over windows takes its taps in the order (channel, row,
column). All numbers are floats that are exactly in their formats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.formats import Format, Rounding
from holigrail_hw.kernels import Gemm, quantise
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.windows import Window, patches

from .bias import bias_rows

__all__ = ["Flatten", "MaxPool", "Node", "Product", "Relu", "Round"]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Node:
    name: str
    input: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(_Node):
    """Sums of products, of a vector with a matrix or of the windows of an image.

    Attributes
    ----------
    weights : array
        (features, results), or (results, channels, rows, columns) with a window: numbers of
        ``gemm.b``.
    bias : array or None
        Numbers of the accumulator.
    gemm : Gemm
        The arithmetic of the sums.
    placement : str
        ``initial``: sums begin with the bias. ``after``: it is added by the host, in float32.
    window : Window or None
    """

    kind: ClassVar[str] = "product"
    weights: np.ndarray
    bias: np.ndarray | None
    gemm: Gemm
    placement: str = "initial"
    window: Window | None = None

    @cached_property
    def matrix(self) -> np.ndarray:
        """Weights as K x N, without rows for the bias."""
        if self.window is None:
            return self.weights
        return self.weights.reshape(len(self.weights), -1).T

    @cached_property
    def leading(self) -> tuple[np.ndarray, np.ndarray]:
        """Activations and weights whose products, first of all, add up to the bias: R, R x N.

        Raises
        ------
        ModelError
            If the bias is no exact sum of such products.
        """
        if self.bias is None or self.placement != "initial":
            return np.zeros(0), np.zeros((0, self.matrix.shape[1]))
        found = bias_rows(self.bias, self.gemm)
        if found is None:
            raise ModelError(
                f"{self.name}: biases that sums begin with must be sums of products of"
                f" {self.gemm.a} and {self.gemm.b}, not others; or add them after"
            )
        return found

    def operands(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both factors, M x K and K x N, with what makes the bias in front."""
        activations, weights = self.leading
        taps = self._taps(x)
        first = np.broadcast_to(activations, (len(taps), len(activations)))
        left, right = np.concatenate([first, taps], 1), np.concatenate([weights, self.matrix])
        return left, right

    def finished(self, sums: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The node's result of M x N sums, for an operand."""
        if self.bias is not None and self.placement == "after":
            sums = (sums.astype(np.float32) + self.bias.astype(np.float32)).astype(np.float64)
        if self.window is None:
            return sums
        rows, columns = self.window.outputs(*x.shape[2:])
        return sums.reshape(len(x), rows, columns, -1).transpose(0, 3, 1, 2)

    def apply(self, x: np.ndarray, *, golden: bool = False) -> np.ndarray:
        """By the kernels, or by the golden model."""
        left, right, gemm = self._taps(x), self.matrix, self.gemm
        start = self.bias if self.placement == "initial" else None
        if golden:
            first = None if start is None else gemm.accumulator.encode(start)
            codes = gemm.golden(gemm.a.encode(left), gemm.b.encode(right), initial=first)
            sums = gemm.accumulator.decode(codes)
        else:
            sums = gemm.numbers(left, right, initial=start)
        return self.finished(np.asarray(sums, np.float64), x)

    def _taps(self, x: np.ndarray) -> np.ndarray:
        if self.window is None:
            return x.reshape(len(x), -1)
        found = patches(x.transpose(0, 2, 3, 1), self.window, 0, self.name)
        found = found.transpose(0, 1, 2, 5, 3, 4)
        return found.reshape(-1, int(np.prod(found.shape[3:])))


@dataclass(frozen=True, eq=False, kw_only=True)
class Round(_Node):
    """Numbers rounded to a format."""

    kind: ClassVar[str] = "round"
    format: Format
    rounding: Rounding = Rounding.NEAREST_EVEN
    overflow: str | None = None

    def apply(self, x: np.ndarray, *, golden: bool = False) -> np.ndarray:
        """By the kernels, or by the format itself."""
        if golden:
            codes = self.format.encode(x, self.rounding, overflow=self.overflow)
            return np.asarray(self.format.decode(codes), np.float64)
        found = quantise(self.format, x, self.rounding, overflow=self.overflow)
        return np.asarray(found, np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Relu(_Node):
    """What is negative becomes 0."""

    kind: ClassVar[str] = "relu"

    def apply(self, x: np.ndarray, *, golden: bool = False) -> np.ndarray:
        """NaN stays."""
        return np.where(x < 0, 0.0, x)


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool(_Node):
    """The maximum of every channel over a window; pixels outside are left out."""

    kind: ClassVar[str] = "max_pool"
    window: Window

    def apply(self, x: np.ndarray, *, golden: bool = False) -> np.ndarray:
        """Of images, channels first."""
        found = patches(x.transpose(0, 2, 3, 1), self.window, -np.inf, self.name)
        return found.max(axis=(3, 4)).transpose(0, 3, 1, 2)


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(_Node):
    """An image as a vector, channels first."""

    kind: ClassVar[str] = "flatten"

    def apply(self, x: np.ndarray, *, golden: bool = False) -> np.ndarray:
        """Elements keep their order."""
        return x.reshape(len(x), -1)


Node = Product | Round | Relu | MaxPool | Flatten
KINDS: Mapping[str, Any] = {cls.kind: cls for cls in (Product, Round, Relu, MaxPool, Flatten)}
