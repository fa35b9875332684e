"""A model of real numbers as dense layers, exactly: the function that a bound is about.

y = A act(W_n act(... act(W_1 (a x + c) + b_1) ...) + b_n) + B, element by element where a letter is
small. Every number of the file is a rational; nothing is rounded on the way here. Matrices are read
off by putting unit vectors through the operators of the file: a sum of zeros and one product by 1
is exact in float64. What comes before the first matrix and after the last one stays apart, as the
host computes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.passes.constants import folded_constants
from holigrail_hw.models.source.evaluate import evaluate_node
from holigrail_hw.models.source.graph import FloatGraph
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["ACTIVATIONS", "Layer", "Layered", "layered"]

ACTIVATIONS = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
_MATRICES = ("MatMul", "Gemm", "Conv")
_SUMS = ("Add", "Sub", "Mul", "Div", "Max", "Min")
_MOVES = ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Dropout")
Rationals = tuple[Fraction, ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """activation(weights x + bias): weights (results, features) are exact as float64."""

    weights: np.ndarray
    bias: Rationals
    activation: str


@dataclass(frozen=True, eq=False)
class Layered:
    """Layers between two affine maps of single numbers.

    ``enter`` are a and c of every input, ``leave`` A and B of every output; ``limits`` are least
    and greatest inputs that the file clips to, or None.
    """

    name: str
    file_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    enter: tuple[Rationals, Rationals]
    layers: tuple[Layer, ...]
    leave: tuple[Rationals, Rationals]
    limits: tuple[tuple[Fraction | None, ...], tuple[Fraction | None, ...]]

    @property
    def inputs(self) -> int:
        """How many numbers come in."""
        return len(self.enter[0])

    @property
    def outputs(self) -> int:
        """How many numbers leave."""
        return len(self.leave[0])


def layered(graph: FloatGraph) -> Layered:
    """The layers of a file.

    Raises
    ------
    ModelError
        With one line for every operator that is no dense layer, move, or proved activation.
    """
    graph = folded_constants(graph)
    who = graph.name
    wrong = [
        f"{who}: there must be one of its {what}, not {len(items)}"
        for what, items in (("inputs", graph.inputs), ("outputs", graph.outputs))
        if len(items) != 1
    ]
    known = {*_MATRICES, *_SUMS, *_MOVES, *ACTIVATIONS}
    wrong += [
        f"{node.label(who)}: it must be one of {', '.join(sorted(known))} for a proved bound"
        for node in graph.nodes
        if node.operator not in known
    ]
    if wrong:
        raise ModelError(wrong)
    return _Walk(graph).run()


def _exact(values: Any) -> Rationals:
    return tuple(Fraction(float(v)) for v in np.asarray(values).reshape(-1))


class _Walk:
    """Along the chain of operators; state: layers so far, and the affine maps around them."""

    def __init__(self, graph: FloatGraph):
        self.graph, self.who = graph, graph.name
        shape = graph.inputs[0].shape
        count = int(np.prod(shape))
        self.value = graph.inputs[0].name
        self.shape: tuple[int, ...] = shape
        self.factor, self.offset = [Fraction(1)] * count, [Fraction(0)] * count
        self.low: list[Fraction | None] = [None] * count
        self.high: list[Fraction | None] = [None] * count
        self.enter: tuple[Rationals, Rationals] | None = None
        self.layers: list[Layer] = []
        # The matrix whose bias and activation may still follow.
        self.matrix: np.ndarray | None = None

    def run(self) -> Layered:
        for node in self.graph.nodes:
            self._node(node)
        if self.value != self.graph.outputs[0]:
            raise ModelError(f"{self.who}: operators must be a chain from input to output")
        self._close("none")
        if self.enter is None or not self.layers:
            raise ModelError(f"{self.who}: there must be a layer of weights, not none")
        return Layered(
            self.who,
            self.graph.inputs[0].shape,
            self.shape,
            self.enter,
            tuple(self.layers),
            (tuple(self.factor), tuple(self.offset)),
            (tuple(self.low), tuple(self.high)),
        )

    def _node(self, node: SourceNode) -> None:
        label = node.label(self.who)
        if [name for name in node.inputs if name == self.value] == [] or any(
            name and name != self.value and name not in self.graph.constants
            for name in node.inputs
        ):
            raise ModelError(f"{label}: operators must be a chain from input to output")
        if node.operator in _MATRICES:
            self._linear(node, label)
        elif node.operator in _SUMS:
            self._elementwise(node, label)
        elif node.operator in _MOVES:
            moved = self._through(node, np.arange(len(self.factor), dtype=np.float64)[None])
            self._reorder(moved.reshape(-1).astype(np.int64))
            self.shape = moved.shape[1:]
        else:
            self._close(ACTIVATIONS[node.operator])
        self.value = node.outputs[0]

    def _through(self, node: SourceNode, rows: np.ndarray, **without: str) -> np.ndarray:
        """Rows of elements through one operator; operands named in ``without`` are left out."""
        constants = self.graph.constants
        operands: list[Any] = []
        for name in node.inputs:
            if name == self.value:
                operands.append(rows.reshape(len(rows), *self.shape).astype(np.float64))
            elif not name or name == without.get("bias"):
                operands.append(None)
            else:
                value = constants[name]
                operands.append(value[None].astype(np.float64 if value.dtype.kind == "f" else "i8"))
        return evaluate_node(node, operands, self.who)[0]

    def _linear(self, node: SourceNode, label: str) -> None:
        scales = (node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0))
        if scales != (1.0, 1.0):
            raise ModelError(f"{label}: alpha and beta must be 1 for a proved bound, not {scales}")
        if self.matrix is not None:
            self._close("none")
        if self.enter is None:
            self.enter = (tuple(self.factor), tuple(self.offset))
        elif any(f != 1 for f in self.factor) or any(self.offset):
            raise ModelError(
                f"{label}: products must stand before the first or after the last layer"
            )
        bias = node.inputs[2] if len(node.inputs) > 2 and node.operator != "MatMul" else ""
        count = len(self.factor)
        rows = self._through(node, np.eye(count), bias=bias or "none")
        self.matrix = rows.reshape(count, -1).T.copy()
        zeros = self._through(node, np.zeros((1, count))).reshape(-1)
        self.shape = rows.shape[1:]
        self.factor = [Fraction(1)] * len(self.matrix)
        self.offset = [Fraction(0)] * len(self.matrix)
        self.bias = [*_exact(zeros)]

    def _elementwise(self, node: SourceNode, label: str) -> None:
        name = next(n for n in node.inputs if n != self.value)
        constant = self.graph.constants[name].astype(np.float64)
        try:
            fits = np.broadcast_shapes(constant.shape, self.shape)
        except ValueError:
            fits = ()
        if int(np.prod(fits)) != len(self.factor) or node.inputs.index(self.value) != 0 and (
            node.operator in ("Sub", "Div")
        ):
            raise ModelError(f"{label}: a constant must be the second operand, of as many elements")
        self.shape = fits
        values = _exact(np.broadcast_to(constant, fits))
        pairs = [*zip(self.factor, self.offset, values, strict=True)]
        match node.operator:
            case "Add":
                self.offset = [b + v for _, b, v in pairs]
            case "Sub":
                self.offset = [b - v for _, b, v in pairs]
            case "Mul" | "Div":
                if node.operator == "Div":
                    if not all(values):
                        raise ModelError(f"{label}: the divisor must not be 0")
                    pairs = [(a, b, 1 / v) for a, b, v in pairs]
                self.factor = [a * v for a, _, v in pairs]
                self.offset = [b * v for _, b, v in pairs]
            case _:
                self._limit(node.operator, values, label)

    def _limit(self, operator: str, values: Rationals, label: str) -> None:
        if self.matrix is not None or self.layers or any(f != 1 for f in self.factor):
            raise ModelError(f"{label}: limits must be those of the input")
        if operator == "Max":
            self.low = [*values]
        else:
            self.high = [*values]

    def _close(self, activation: str) -> None:
        """The layer of the matrix is complete; a sum behind it is its bias."""
        if self.matrix is None:
            if activation != "none":
                raise ModelError(f"{self.who}: an activation must follow a layer of weights")
            return
        scaled = any(f != 1 for f in self.factor)
        if activation == "none":
            # The last layer: sums behind it are the bias too, products are the host's.
            if not scaled:
                self.bias = [b + v for b, v in zip(self.bias, self.offset, strict=True)]
                self.offset = [Fraction(0)] * len(self.bias)
        elif scaled:
            raise ModelError(f"{self.who}: products must stand before the first or after the last")
        else:
            self.bias = [b + v for b, v in zip(self.bias, self.offset, strict=True)]
            self.offset = [Fraction(0)] * len(self.bias)
        self.layers.append(Layer(self.matrix, tuple(self.bias), activation))
        self.matrix = None

    def _reorder(self, order: np.ndarray) -> None:
        """Elements in a new order: rows of the matrix, or numbers of the input."""
        if (order == np.arange(len(order))).all():
            return
        if self.matrix is None:
            raise ModelError(f"{self.who}: elements may change their order behind a matrix only")
        self.matrix = self.matrix[order]
        for name in ("factor", "offset", "bias"):
            values: Sequence[Fraction] = getattr(self, name)
            setattr(self, name, [values[i] for i in order])
