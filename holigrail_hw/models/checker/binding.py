"""The integer graph as layers beside those of the model: what its numbers stand for.

Nothing is taken for granted: every node, every formula and what the ports mean must be as the
formats of the certificate say; thresholds of functions are compared with exact values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Port, Requantise
from holigrail_hw.models.layered import Layered

from .functions import UNIT
from .thresholds import function_error

__all__ = ["Bound", "BoundLayer", "bound_network"]

_STEPS = {"tanh": "Tanh", "sigmoid": "Sigmoid"}


@dataclass(frozen=True, eq=False)
class BoundLayer:
    """Integers of a layer, one row per result, with their units, and the error of rounding."""

    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    weight_unit: Fraction
    sum_unit: Fraction
    half: Fraction


@dataclass(frozen=True, eq=False)
class Bound:
    """``limits`` are those of the codes behind each layer in units of 2^-96, or None."""

    layers: tuple[BoundLayer, ...]
    limits: tuple[tuple[int, int] | None, ...]
    input_unit: Fraction


def _unit(bits: Any, who: str) -> Fraction:
    if type(bits) is not int or not 0 <= bits <= 200:
        raise ModelError(f"{who}: fraction bits must be 0 to 200, not {str(bits)[:20]}")
    return Fraction(1, 1 << bits)


def bound_network(
    graph: IntegerGraph,
    network: Layered,
    box: Sequence[tuple[Fraction, Fraction]],
    formats: Mapping[str, Any],
    who: str,
) -> Bound:
    """The layers of an integer graph.

    Raises
    ------
    ModelError
        If a node is not what the certificate says.
    """
    count = len(network.layers)
    given = [formats.get(name) for name in ("weights", "values")]
    if any(not isinstance(row, list) or len(row) != count for row in given):
        raise ModelError(f"{who}: there must be formats for each of {count} layers")
    weights, values = ([_unit(bits, who) for bits in row or ()] for row in given)
    before = entering = _unit(formats.get("input"), who)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"{who}: the network must have one input and one output")
    _check_input(graph.inputs[0], network, entering, box, who)
    nodes, tensor = [*graph.nodes], graph.inputs[0].tensor
    layers, limits = [], []
    for index, layer in enumerate(network.layers):
        label = f"{who}: layer {index + 1}"
        node = nodes.pop(0) if nodes else None
        if not isinstance(node, Linear) or node.window or node.zero or node.group != 1:
            raise ModelError(f"{label}: the network must have its matrix, not another node")
        if node.inputs != (tensor,) or node.weights.shape != layer.weights.T.shape:
            raise ModelError(f"{label}: the network must have a matrix of its shape, in order")
        tensor, sums = node.name, before * weights[index]
        half, ends = Fraction(0), None
        if layer.activation != "none" or values[index] > sums:
            codes = nodes.pop(0) if nodes else None
            if not isinstance(codes, Requantise) or codes.inputs != (tensor,):
                raise ModelError(f"{label}: the network must round its sums, not another node")
            tensor = codes.name
            half, ends = _rounding(graph, codes, layer.activation, sums, values[index], label)
        elif values[index] != sums:
            raise ModelError(f"{label}: values must have the unit of the sums without rounding")
        layers.append(
            BoundLayer(
                tuple(tuple(map(int, row)) for row in node.weights.T.tolist()),
                tuple(map(int, node.bias.reshape(-1).tolist())),
                weights[index],
                sums,
                half,
            )
        )
        limits.append(ends)
        before = values[index]
    if nodes or graph.outputs[0].tensor != tensor:
        raise ModelError(f"{who}: the network must end with its last layer")
    _check_output(graph.outputs[0], network, before, who)
    return Bound(tuple(layers), tuple(limits), entering)


def _flat(values: Any) -> list[Fraction]:
    return [Fraction(v) for v in values.reshape(-1).tolist()]


def _check_input(
    port: Port,
    network: Layered,
    unit: Fraction,
    box: Sequence[tuple[Fraction, Fraction]],
    who: str,
) -> None:
    formula = port.formula
    wanted = [[v / unit for v in row] for row in network.enter]
    if (
        formula is None
        or formula.kind != "affine"
        or formula.rounding != "nearest_up"
        or port.order
        or [_flat(formula.factor), _flat(formula.offset)] != wanted
    ):
        raise ModelError(f"{who}: inputs must be rounded to multiples of {unit}, as certified")
    for a, c, pair in zip(*network.enter, box, strict=True):
        for end in pair:
            code = ((a * end + c) / unit + Fraction(1, 2)).__floor__()
            if not port.low <= code <= port.high:
                raise ModelError(f"{who}: inputs must not saturate within the box")


def _check_output(port: Port, network: Layered, unit: Fraction, who: str) -> None:
    meaning = port.meaning
    wanted = [[a * unit for a in network.leave[0]], [*network.leave[1]]]
    if (
        meaning is None
        or port.order
        or port.tail
        or [_flat(meaning.factor), _flat(meaning.offset)] != wanted
    ):
        raise ModelError(f"{who}: outputs must mean multiples of {unit}, as certified")


def _rounding(
    graph: IntegerGraph, node: Requantise, activation: str, sums: Fraction, unit: Fraction, who: str
) -> tuple[Fraction, tuple[int, int] | None]:
    """The greatest error of rounding, and where codes are limited; of functions they may be."""
    formula: Any = node.formula
    if activation in _STEPS:
        if (
            formula.kind != "function"
            or [(name, dict(more)) for name, more in formula.steps] != [(_STEPS[activation], {})]
            or (_flat(formula.factor), _flat(formula.offset)) != ([sums], [Fraction(0)])
            or (Fraction(formula.scale), formula.zero) != (unit, 0)
        ):
            raise ModelError(f"{who}: its function must be that of the model, as certified")
        return function_error(graph, node, activation, sums, unit, who), None
    if (
        formula.kind != "affine"
        or formula.rounding != "nearest_up"
        or (_flat(formula.factor), _flat(formula.offset)) != ([sums / unit], [Fraction(0)])
        or (activation == "relu" and formula.low != 0)
    ):
        raise ModelError(f"{who}: its sums must be rounded to multiples of {unit}, as certified")
    ends = [int(code * unit * (1 << UNIT)) for code in (formula.low, formula.high)]
    # Below 0 a ReLU is limited, as it should be.
    least = -(1 << 4 * UNIT) if activation == "relu" else ends[0]
    return (Fraction(0) if unit <= sums else unit / 2), (least, ends[1])
