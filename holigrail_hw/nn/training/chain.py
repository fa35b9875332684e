"""A model of real numbers as a chain of layers: matrices and windows, each with an activation.

That is what training works on. Images are channels last; a window that covers its whole image is a
matrix, and what stands before the first layer is folded into it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.models import FloatGraph, ModelError
from holigrail_hw.models.quantise.prepare import prepared
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.windows import Window, window_of

__all__ = ["Chain", "Layer", "chain_of"]

_ACTIVATIONS = ("Relu", "Tanh", "Sigmoid")
_MOVES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout")


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """activation(taps @ weights + bias), then the maximum over windows if there is a pool.

    Parameters
    ----------
    name : str
        The node's name in the file.
    weights, bias : array
        (taps, results) and (results,); taps are (row, column, channel) of a window.
    activation : str
        ``Relu``, ``Tanh``, ``Sigmoid``, or empty.
    image : tuple of int or None
        Rows, columns and channels of the operand of a window; None for a matrix.
    window, pool : Window or None
        How the taps are taken, and how the maximum is.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    activation: str = ""
    image: tuple[int, int, int] | None = None
    window: Window | None = None
    pool: Window | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain:
    """Layers one after the other.

    ``file_shape`` is that of the input in the file, with its batch of 1; ``order`` its other axes
    in the order of ``shape``, what the first layer reads, empty if they are the same. ``softmax``
    says whether the file has one behind the last layer.
    """

    name: str
    file_shape: tuple[int, ...]
    shape: tuple[int, ...]
    order: tuple[int, ...]
    layers: tuple[Layer, ...]
    softmax: bool = False

    @property
    def results(self) -> int:
        """Outputs of the last layer."""
        return self.layers[-1].weights.shape[1]


def chain_of(graph: FloatGraph) -> Chain:
    """The layers of a model with one input and one output.

    Raises
    ------
    ModelError
        If it is no such chain: the first node that has no place in it is named.
    """
    who = graph.name
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"{who}: a model to be trained must have one input and one output")
    plain = prepared(graph)
    walk = _Walk(plain)
    for node in plain.nodes:
        walk.take(node)
    return walk.chain()


class _Walk:
    """What is known of the chain so far; the value is an image, or a row of features."""

    def __init__(self, graph: FloatGraph):
        self.graph, self.who = graph, graph.name
        self.file_shape = graph.inputs[0].shape
        self.inner = self.file_shape[1:] if len(self.file_shape) > 1 else self.file_shape
        self.value = graph.inputs[0].name
        self.scale: Any = np.ones(self.inner)
        self.offset: Any = np.zeros(self.inner)
        self.layers: list[Layer] = []
        self.size: tuple[int, int, int] | None = None
        self.shape: tuple[int, ...] = self.inner
        self.order: tuple[int, ...] = ()
        self.softmax = False

    def _refuse(self, node: SourceNode, what: str) -> ModelError:
        return ModelError(f"{node.label(self.who)}: {what}")

    def take(self, node: SourceNode) -> None:
        if self.softmax or node.inputs[0] != self.value or len(node.outputs) != 1:
            raise self._refuse(node, "layers must follow each other, and nothing a softmax")
        last = self.layers[-1] if self.layers else None
        match node.operator:
            case "Gemm":
                self._matrix(node)
            case "Conv":
                self._convolution(node)
            case "Add" | "Sub" | "Mul" | "Div" if last is None:
                self._before(node)
            case "MaxPool" if last is not None and self.size is not None and last.pool is None:
                self._pool(node, last)
            case "Softmax":
                self.softmax = True
            case operator if operator in _MOVES:
                pass
            case operator if operator in _ACTIVATIONS and last and not last.activation:
                if last.pool is not None:
                    raise self._refuse(node, "an activation must come before the pool")
                self.layers[-1] = replace(last, activation=operator)
            case operator:
                known = ", ".join(("matrices", "windows", *_ACTIVATIONS, "MaxPool"))
                raise self._refuse(node, f"a model to be trained must be a chain of {known}")
        self.value = node.outputs[0]

    def _constant(self, node: SourceNode, place: int) -> np.ndarray:
        name = node.inputs[place]
        if name not in self.graph.constants:
            raise self._refuse(node, f"{name} must be a constant")
        return self.graph.constants[name].astype(np.float64)

    def _before(self, node: SourceNode) -> None:
        constant = self._constant(node, 1)
        try:
            constant = np.broadcast_to(
                constant.reshape(constant.shape[-len(self.inner) :]), self.inner
            )
        except ValueError:
            raise self._refuse(node, "a constant must fit the input") from None
        if node.operator in ("Mul", "Div"):
            factor = constant if node.operator == "Mul" else 1 / constant
            self.scale, self.offset = self.scale * factor, self.offset * factor
        else:
            self.offset = self.offset + (constant if node.operator == "Add" else -constant)

    def _bias(self, node: SourceNode, count: int, factor: float = 1.0) -> np.ndarray:
        if len(node.inputs) < 3 or not node.inputs[2]:
            return np.zeros(count)
        return np.broadcast_to(factor * self._constant(node, 2).reshape(-1), (count,)).copy()

    def _matrix(self, node: SourceNode) -> None:
        if node.attributes.get("transA"):
            raise self._refuse(node, "the operand must not be transposed")
        weights = self._constant(node, 1) * node.attributes.get("alpha", 1.0)
        weights = weights.T if node.attributes.get("transB") else weights
        bias = self._bias(node, weights.shape[1], node.attributes.get("beta", 1.0))
        if self.size is not None:
            rows, columns, channels = self.size
            if len(weights) != rows * columns * channels:
                raise self._refuse(node, f"{len(weights)} features must come in")
            # The file's features are channels first.
            split = weights.reshape(channels, rows, columns, -1)
            weights = split.transpose(1, 2, 0, 3).reshape(len(weights), -1)
        self._add(node, weights, bias, None, None)

    def _convolution(self, node: SourceNode) -> None:
        kernel = self._constant(node, 1)
        if self.layers:
            size = self.size
        else:
            size = (*self.inner[1:], self.inner[0]) if len(self.inner) == 3 else None
            self.order = (1, 2, 0)
            self.scale, self.offset = (
                np.moveaxis(a, 0, -1) if a.ndim == 3 else a for a in (self.scale, self.offset)
            )
        if size is None or node.attributes.get("group", 1) != 1 or kernel.ndim != 4:
            raise self._refuse(node, "a window must move over an image with all its channels")
        window = window_of(node.attributes, size[:2], kernel.shape[2:])
        bias = self._bias(node, len(kernel))
        weights = kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))
        rows, columns = window.outputs(*size[:2])
        if (rows, columns) == (1, 1) and window.kernel == size[:2] and not any(window.pads):
            self._add(node, weights, bias, None, None)
            self.size = (1, 1, len(kernel))
            return
        self._add(node, weights, bias, size, window)
        self.size = (rows, columns, len(kernel))

    def _add(
        self,
        node: SourceNode,
        weights: np.ndarray,
        bias: np.ndarray,
        image: tuple[int, int, int] | None,
        window: Window | None,
    ) -> None:
        if not self.layers:
            scale, offset = self.scale.reshape(-1), self.offset.reshape(-1)
            if window is None:
                self.shape = (len(weights),)
                weights, bias = weights * scale[:, None], bias + offset @ weights
            else:
                assert image is not None
                self.shape = image
                if len({*scale}) > 1 or offset.any():
                    raise self._refuse(node, "before a window there may be one factor, no more")
                weights = weights * scale[0]
        self.size = None if window is None else self.size
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in node.where).strip("_")
        self.layers.append(Layer(name=name, weights=weights, bias=bias, image=image, window=window))

    def _pool(self, node: SourceNode, last: Layer) -> None:
        assert self.size is not None
        pool = window_of(node.attributes, self.size[:2], node.attributes["kernel_shape"])
        self.layers[-1] = replace(last, pool=pool)
        self.size = (*pool.outputs(*self.size[:2]), self.size[2])

    def chain(self) -> Chain:
        if not self.layers or self.value != self.graph.outputs[0]:
            raise ModelError(f"{self.who}: a model to be trained must have a layer and end with it")
        return Chain(
            name=self.who,
            file_shape=self.file_shape,
            shape=self.shape,
            order=self.order,
            layers=tuple(self.layers),
            softmax=self.softmax,
        )
