"""Whether a certificate holds: for this model, this network of integers, these numbers.

What is shared with the rest of the project: readers of model files and of integer graphs, and
:mod:`holigrail_hw.models.layered`, which takes the layers out of a model. Ranges, Jacobians and
errors are computed anew, in integers, from the weights of both networks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.layered import Layered

from .binding import Bound, BoundLayer, bound_network
from .document import digest, rational
from .functions import UNIT
from .walk import Case, Step, walked

__all__ = ["checked"]

_MOST_BOXES = 1 << 20
Box = tuple[tuple[Fraction, Fraction], ...]


def checked(
    document: Mapping[str, Any],
    network: Layered,
    model: bytes,
    text: bytes,
    progress: Callable[[str], None],
    who: str,
) -> list[Fraction]:
    """The bounds that are proved here for all outputs, in numbers of the file.

    Parameters
    ----------
    document : Mapping
        The certificate, from :func:`.document.read_document`.
    network : Layered
        The layers of the model.
    model, text : bytes
        Files of the model, and of the integer graph.
    progress : callable
        Takes a line about what is happening.
    who : str
        Whose certificate this is, in messages.

    Raises
    ------
    ModelError
        If something in the certificate does not hold: one line.
    """
    for name, content in (("model", model), ("network", text)):
        if document[name].get("sha256") != digest(content):
            raise ModelError(f"{who}: the {name} must be the one that was certified, not another")
    box = _box(document, network, who)
    stated, allowed = (
        [rational(value, who) for value in document[name]] for name in ("bound", "error")
    )
    if not len(stated) == len(allowed) == network.outputs:
        raise ModelError(f"{who}: there must be a bound for each of {network.outputs} outputs")
    if any(b > e for b, e in zip(stated, allowed, strict=True)):
        raise ModelError(f"{who}: bounds must be within the error that was asked for")
    graph = IntegerGraph.from_json(text.decode("utf-8", "replace"), who)
    made = bound_network(graph, network, box, document, who)
    found = _proved(document, network, made, box, progress, who)
    for index, (proved, said) in enumerate(zip(found, stated, strict=True)):
        if proved > said:
            raise ModelError(
                f"{who}: output {index} must be off by {float(said):.6g} at most, not by up to"
                f" {float(proved):.6g} as far as is proved"
            )
    return found


def _box(document: Mapping[str, Any], network: Layered, who: str) -> Box:
    rows = document["box"]
    if len(rows) != network.inputs or any(
        not isinstance(row, list) or len(row) != 2 for row in rows
    ):
        raise ModelError(f"{who}: the box must have two ends for each of {network.inputs} inputs")
    box = tuple((rational(row[0], who), rational(row[1], who)) for row in rows)
    if any(low > high for low, high in box):
        raise ModelError(f"{who}: the box must not be empty")
    for (low, high), least, most in zip(box, *network.limits, strict=True):
        if (least is not None and low < least) or (most is not None and high > most):
            raise ModelError(f"{who}: the box must be within the limits of the model")
    return box


def _proved(
    document: Mapping[str, Any],
    network: Layered,
    made: Bound,
    box: Box,
    progress: Callable[[str], None],
    who: str,
) -> list[Fraction]:
    _check_tree(document["boxes"], network.inputs, who)
    case = _case(network, made, box)
    worst = [0] * network.outputs
    count = sum(axis == -1 for axis in document["boxes"])
    for number, part in enumerate(_parts(document["boxes"], box)):
        progress(f"box {number + 1} of {count}")
        low, high = _entered(network, part)
        errors, reached, opened = walked(case, low, high)
        if opened:
            raise ModelError(f"{who}: numbers that are left out must be 0 over the whole box")
        worst = [max(w, abs(a), abs(b)) for w, (a, b) in zip(worst, errors, strict=True)]
        for index, (ends, limits) in enumerate(zip(reached, made.limits, strict=True)):
            if limits is not None and not limits[0] <= ends[0] <= ends[1] <= limits[1]:
                raise ModelError(
                    f"{who}: codes of layer {index + 1} must not saturate within the box"
                )
    return [
        Fraction(size, 1 << UNIT) * abs(factor)
        for size, factor in zip(worst, network.leave[0], strict=True)
    ]


def _parts(cuts: Sequence[int], whole: Box) -> Iterator[Box]:
    """Leaves of the tree of halves; together they are the whole box."""
    waiting = [whole]
    for axis in cuts:
        box = waiting.pop()
        if axis < 0:
            yield box
            continue
        low, high = box[axis]
        middle = (low + high) / 2
        for pair in ((middle, high), (low, middle)):
            waiting.append((*box[:axis], pair, *box[axis + 1 :]))


def _check_tree(cuts: Sequence[Any], axes: int, who: str) -> None:
    if len(cuts) > _MOST_BOXES or any(
        type(axis) is not int or not -1 <= axis < axes for axis in cuts
    ):
        raise ModelError(f"{who}: boxes must be cut along axes of the input")
    # Every cut makes one more leaf to come; the last node is the last leaf.
    open_at = [1]
    for axis in cuts:
        open_at.append(open_at[-1] + (1 if axis >= 0 else -1))
    if open_at[-1] or not all(open_at[:-1]):
        raise ModelError(f"{who}: boxes must be one tree of halves")


def _floor(value: Fraction) -> int:
    return (value.numerator << UNIT) // value.denominator


def _around(value: Fraction) -> tuple[int, int]:
    return _floor(value), -_floor(-value)


def _entered(network: Layered, box: Box) -> tuple[list[int], list[int]]:
    """Ends of the inputs behind their affine map. A constant that is no multiple is two numbers."""
    low, high = [], []
    for a, c, pair in zip(*network.enter, box, strict=True):
        ends = sorted(a * end + c for end in pair)
        low.append(_floor(ends[0]))
        high.append(-_floor(-ends[1]))
    return low, high


def _exact(rows: Sequence[Sequence[Fraction]]) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Dyadic numbers as integers, and the places that they have."""
    places = max(v.denominator.bit_length() - 1 for row in rows for v in row)
    return tuple(tuple(int(v * (1 << places)) for v in row) for row in rows), places


def _errors(real: list[list[Fraction]], own: BoundLayer) -> list[list[Fraction]]:
    """What the weights of integers are off by; 0 where an operand or a result is always 0."""
    found = [[Fraction(0)] * len(row) for row in real]
    for row, codes, (unit, _) in zip(own.rows, own.weights, own.units, strict=True):
        for column, code in zip(own.columns, codes, strict=True):
            found[row][column] = code * unit - real[row][column]
    return found


def _case(network: Layered, made: Bound, box: Box) -> Case:
    steps = []
    for layer, own in zip(network.layers, made.layers, strict=True):
        real = [[Fraction(w) for w in row] for row in layer.weights.tolist()]
        weights, places = _exact(real)
        errors, fine = _exact(_errors(real, own))
        off, half = [(0, 0)] * len(real), [0] * len(real)
        parts = zip(own.rows, own.bias, own.units, own.half, own.lost, strict=True)
        for row, code, (_, unit), most, lost in parts:
            ends = [_around((code + end) * unit - layer.bias[row]) for end in lost]
            off[row] = ends[0][0], ends[1][1]
            half[row] = -_floor(-most)
        dropped = frozenset(range(len(real))) - frozenset(own.rows)
        bias = tuple(map(_around, layer.bias))
        steps.append(
            Step(
                weights,
                places,
                bias,
                errors,
                fine,
                tuple(off),
                layer.activation,
                tuple(half),
                dropped,
            )
        )
    half, constant = [], []
    unit = made.input_unit
    for a, c, (low, high) in zip(*network.enter, box, strict=True):
        value = a * low + c
        if low < high:
            half.append(-_floor(-unit / 2))
            constant.append((0, 0))
        else:
            half.append(0)
            code = (value / unit + Fraction(1, 2)).__floor__()
            constant.append(_around(code * unit - value))
    return Case(tuple(steps), tuple(half), tuple(constant))
