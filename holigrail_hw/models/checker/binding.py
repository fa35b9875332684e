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
from holigrail_hw.models.graph.nodes import Adders, Linear, Port, Requantise
from holigrail_hw.models.layered import Layered

from .adders import adder_sums_of
from .functions import UNIT
from .thresholds import function_error

__all__ = ["Bound", "BoundLayer", "bound_network"]

_STEPS = {"tanh": "Tanh", "sigmoid": "Sigmoid"}


@dataclass(frozen=True, eq=False)
class BoundLayer:
    """Integers of the results that are computed, by their rows in the model, and their columns.

    ``units`` are those of weights and of sums, ``half`` the error of rounding, row by row;
    ``lost`` are the ends of what lost bits add to sums, in their units.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    units: tuple[tuple[Fraction, Fraction], ...]
    half: tuple[Fraction, ...]
    lost: tuple[tuple[int, int], ...]


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
    document: Mapping[str, Any],
    who: str,
) -> Bound:
    """The layers of an integer graph.

    Raises
    ------
    ModelError
        If a node is not what the certificate says.
    """
    units, values, kept = _stated(document, network, who)
    before = entering = _unit(document["formats"].get("input"), who)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"{who}: the network must have one input and one output")
    _check_input(graph.inputs[0], network, entering, box, who)
    nodes, tensor = [*graph.nodes], graph.inputs[0].tensor
    layers, limits, columns = [], [], tuple(range(network.inputs))
    for index, layer in enumerate(network.layers):
        label = f"{who}: layer {index + 1}"
        rows = kept[index]
        node: Any = nodes.pop(0) if nodes else None
        weights, bias, lost = _matrix(node, label)
        if node.inputs != (tensor,) or (len(weights[0]), len(weights)) != (len(columns), len(rows)):
            raise ModelError(f"{label}: the network must have a matrix of its shape, in order")
        tensor = node.name
        pairs = tuple((units[index][row], units[index][row] * before) for row in rows)
        halves, ends = (Fraction(0),) * len(rows), None
        if layer.activation != "none" or any(values[index] != sums for _, sums in pairs):
            codes = nodes.pop(0) if nodes else None
            if not isinstance(codes, Requantise) or codes.inputs != (tensor,):
                raise ModelError(f"{label}: the network must round its sums, not another node")
            if codes.form is not None:
                # Ranges behind it would be those of the form.
                raise ModelError(f"{label}: codes must have a formula alone, not a form")
            tensor = codes.name
            sums = [unit for _, unit in pairs]
            is_half_added = isinstance(node, Adders) and layer.activation not in _STEPS
            halves, ends = _rounding(
                graph,
                codes,
                layer.activation,
                sums,
                values[index],
                "down" if is_half_added else "nearest_up",
                label,
            )
            if is_half_added:
                # Half a unit of the codes is part of the sums.
                unit = values[index]
                parts = (int(unit / (2 * own)) if unit > own else 0 for own in sums)
                bias = tuple(b - part for b, part in zip(bias, parts, strict=True))
        layers.append(BoundLayer(rows, columns, weights, bias, pairs, halves, lost))
        limits.append(ends)
        before, columns = values[index], rows
    if nodes or graph.outputs[0].tensor != tensor:
        raise ModelError(f"{who}: the network must end with its last layer")
    _check_output(graph.outputs[0], network, before, who)
    return Bound(tuple(layers), tuple(limits), entering)


def _matrix(
    node: Any, who: str
) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Weights and bias of every row, and what its adders lose."""
    if isinstance(node, Adders):
        made = adder_sums_of(node)
        return made.weights, made.bias, made.lost
    if not isinstance(node, Linear) or node.window or node.zero or node.group != 1:
        raise ModelError(f"{who}: the network must have its matrix, not another node")
    weights = tuple(tuple(map(int, row)) for row in node.weights.T.tolist())
    return weights, tuple(map(int, node.bias.reshape(-1).tolist())), ((0, 0),) * len(weights)


def _stated(
    document: Mapping[str, Any], network: Layered, who: str
) -> tuple[list[list[Fraction]], list[Fraction], list[tuple[int, ...]]]:
    """Units of weights and of values, and the rows that are kept, all of the right sizes."""
    weights, values = (document["formats"].get(name) for name in ("weights", "values"))
    kept, sizes = document["kept"], [len(layer.weights) for layer in network.layers]
    if not all(isinstance(rows, list) and len(rows) == len(sizes) for rows in (weights, values)):
        raise ModelError(f"{who}: there must be formats for each of {len(sizes)} layers")
    if len(kept) != len(sizes) or not all(
        isinstance(rows, list)
        and isinstance(bits, list)
        and len(bits) == size
        and rows == [row for row in range(size) if row in rows]
        and rows
        for rows, bits, size in zip(kept, weights, sizes, strict=False)
    ):
        raise ModelError(f"{who}: there must be formats for each row, and rows that are kept")
    for rows, layer in zip(kept, network.layers, strict=True):
        if layer.activation != "relu" and len(rows) != len(layer.weights):
            raise ModelError(f"{who}: rows may be left out before a ReLU only")
    units = [[_unit(bits, who) for bits in rows] for rows in weights]
    return units, [_unit(bits, who) for bits in values], [tuple(rows) for rows in kept]


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


def _within(formula: Any, unit: Fraction) -> tuple[int, int]:
    """Limits of codes, rounded inward."""
    low, high = (code * unit * (1 << UNIT) for code in (formula.low, formula.high))
    return low.__ceil__(), high.__floor__()


def _rounding(
    graph: IntegerGraph,
    node: Requantise,
    activation: str,
    sums: Sequence[Fraction],
    unit: Fraction,
    how: str,
    who: str,
) -> tuple[tuple[Fraction, ...], tuple[int, int] | None]:
    """The greatest errors of rounding, and the ends that no value may pass."""
    formula: Any = node.formula
    if activation in _STEPS:
        if (
            formula.kind != "function"
            or [(name, dict(more)) for name, more in formula.steps] != [(_STEPS[activation], {})]
            or _flat(formula.factor) != [*sums]
            or any(_flat(formula.offset))
            or (Fraction(formula.scale), formula.zero) != (unit, 0)
        ):
            raise ModelError(f"{who}: its function must be that of the model, as certified")
        off = function_error(graph, node, activation, sums, unit, who)
        # A limit that the function itself has is none.
        floor = -(1 << UNIT) if activation == "tanh" else 0
        ends = _within(formula, unit)
        least = -(1 << 4 * UNIT) if ends[0] <= floor else ends[0]
        return (off,) * len(sums), (least, 1 << 4 * UNIT if ends[1] >= 1 << UNIT else ends[1])
    if (
        formula.kind != "affine"
        or formula.rounding != how
        or _flat(formula.factor) != [places / unit for places in sums]
        or any(_flat(formula.offset))
        or (activation == "relu" and formula.low != 0)
    ):
        raise ModelError(f"{who}: its sums must be rounded to multiples of {unit}, as certified")
    ends = _within(formula, unit)
    # Below 0 a ReLU is limited, as it should be.
    least = -(1 << 4 * UNIT) if activation == "relu" else ends[0]
    halves = tuple(Fraction(0) if unit <= places else unit / 2 for places in sums)
    return halves, (least, ends[1])
