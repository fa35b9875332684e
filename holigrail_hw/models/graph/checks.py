"""What a graph from a document must be before anything is computed with it.

Readers make nothing else; a document may be anybody's. Shapes and ranges are checked after this, by
:mod:`.ranges`.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.golden.requantization import ROUNDINGS
from holigrail_hw.models.formulas.functions import GROWING
from holigrail_hw.models.source.limits import LARGEST_TENSOR
from holigrail_hw.models.source.windows import Window

from .adder_sums import adder_violations
from .nodes import Add, Adders, Linear, Move, Node, Pool, Port, Requantise, Softmax

__all__ = ["violations"]

_WIDEST = 1 << 62
# Steps after an output, and how many numbers each has.
_STEPS = {"affine": 2, "quantise": 4, "softmax": 1, "at_least": 1, "at_most": 1}
_STEPS |= dict.fromkeys(GROWING, 0)
# Those that an exact rational can be rounded by.
_ROUNDINGS = (*(name for name in ROUNDINGS if name not in ("to_odd", "stochastic")), "sign")
_MOVES = ("transpose", "reshape", "select", "concat", "pad")


def violations(graph: Any, who: str) -> list[str]:
    """Every field that is not what its class needs, one line each; empty if all are."""
    found = [f"{who}: {text}" for text in _structure(graph)]
    for port in (*graph.inputs, *graph.outputs):
        found += [f"{who}: port {port.name}: {text}" for text in _port(port)]
    for node in graph.nodes:
        label = f"{who}: node {node.name}, {node.kind}"
        found += [f"{label}: {text}" for text in _node(node)]
    return found


def _structure(graph: Any) -> Iterator[str]:
    names: set[str] = set()
    items = [*graph.inputs, *graph.outputs, *graph.nodes]
    texts = [text for item in items for text in (item.name, getattr(item, "tensor", ""))]
    texts += [text for node in graph.nodes for text in (node.source, *node.inputs)]
    if any(type(text) is not str for text in texts):
        yield "names must be texts"
    for port in graph.inputs:
        if port.tensor in names:
            yield f"input {port.name}: its tensor must have a name of its own, not {port.tensor}"
        names.add(port.tensor)
    for node in graph.nodes:
        lost = [name for name in node.inputs if name not in names]
        if lost or node.name in names:
            yield f"node {node.name}: operands must come before it, once"
        names.add(node.name)
    if not graph.inputs or not graph.outputs:
        yield "there must be inputs and outputs, not none"
    for port in graph.outputs:
        if port.tensor not in names:
            yield f"output {port.name}: its tensor must be in the graph, not {port.tensor}"


def _whole(value: Any, low: int = -_WIDEST, high: int = _WIDEST) -> bool:
    return type(value) is int and low <= value <= high


def _sizes(values: Any, least: int = 1) -> bool:
    """Integers whose product is a tensor that may be made."""
    if not all(_whole(v, least, LARGEST_TENSOR) for v in values):
        return False
    return int(np.prod([1, *values], dtype=object)) <= LARGEST_TENSOR


def _array(value: Any, kind: str, low: float = -_WIDEST, high: float = _WIDEST) -> bool:
    """An array of ``int64``, ``float32``, ``float64``, ``integer`` or ``rational`` numbers.

    Integers beyond 62 bits are Python's, in arrays of objects, as rationals are.
    """
    if not isinstance(value, np.ndarray) or not value.size:
        return False
    if value.dtype == object:
        wanted = {"rational": Fraction, "integer": int}.get(kind, bool)
        return all(type(v) is wanted for v in value.reshape(-1))
    if kind in ("integer", "rational"):
        return kind == "integer" and value.dtype == np.int64
    if value.dtype != np.dtype(kind):
        return False
    return bool(((value >= low) & (value <= high)).all())


def _port(port: Port) -> Iterator[str]:
    shapes = _sizes(port.shape) and _sizes(port.file_shape)
    if not shapes or np.prod(port.shape) != np.prod(port.file_shape):
        yield f"shapes must be positive and of one size, not {port.shape} and {port.file_shape}"
    elif port.order and sorted(port.order) != [*range(len(port.file_shape[1:] or (1,)))]:
        yield f"the order must name every axis but the batch once, not be {port.order}"
    if not _whole(port.low) or not _whole(port.high) or port.low > port.high:
        yield f"codes must lie between two integers, not {port.low} and {port.high}"
    if port.formula is not None:
        yield from _formula(port.formula)
        if port.formula.limits() != (port.low, port.high):
            yield "limits must be those of its formula"
    yield from _meaning(port)
    for name, numbers in port.tail:
        fits = all(type(v) in (int, float) and np.isfinite(v) for v in numbers)
        if not fits or len(numbers) != _STEPS.get(name):
            yield f"the step {name} must have its finite numbers, not {numbers}"


def _meaning(item: Any) -> Iterator[str]:
    meaning = item.meaning
    if meaning is not None and not all(
        _array(a, "rational") for a in (meaning.factor, meaning.offset)
    ):
        yield "what codes stand for must be a factor and an offset, both rational"


def _node(node: Node) -> Iterator[str]:
    several = isinstance(node, Add) or (isinstance(node, Move) and node.how == "concat")
    if not node.inputs or (len(node.inputs) > 1 and not several):
        yield f"operands must be one, or some of a sum, not {len(node.inputs)}"
    yield from _meaning(node)
    match node:
        case Linear():
            yield from _linear(node)
        case Adders():
            arrays = _array(node.adders, "int64") and _array(node.targets, "int64")
            if not arrays or not _sizes([node.features]):
                yield "there must be features, and integers for adders and targets"
            else:
                yield from adder_violations(node)
        case Add():
            if not all(_whole(f) for f in node.factors) or len(node.factors) != len(node.inputs):
                yield f"there must be an integer for every operand, not {node.factors}"
        case Pool():
            if node.how not in ("maximum", "sum"):
                yield f"it must be a maximum or a sum, not {node.how}"
            yield from _window(node.window)
        case Requantise():
            yield from _formula(node.formula)
            if node.form is not None:
                yield from _form(node.form)
        case Move():
            least = -_WIDEST if node.how == "pad" else 0
            if node.how not in _MOVES or not node.numbers:
                yield f"it must be one of {', '.join(_MOVES)} with its numbers, not {node.how}"
            elif not all(_whole(v, least) for v in node.numbers):
                yield "numbers must be integers, and not negative"
            elif any(v < 0 for v in node.numbers[:-1]):
                yield "pads must not be negative"
        case Softmax():
            if not _whole(node.mantissa, 0, 1 << 31) or not _whole(node.shift, 1, 31):
                yield "the mantissa must have 31 bits, and the shift be 1 to 31"


def _linear(node: Linear) -> Iterator[str]:
    weights, bias = node.weights, node.bias
    if not _array(weights, "int64") or weights.ndim != (2 if node.window is None else 4):
        yield "weights must be integers with two axes, or with four under a window"
    elif not _array(bias, "int64") or bias.shape != weights.shape[-1:]:
        yield f"there must be {weights.shape[-1]} integers in the bias"
    elif node.window is not None:
        if weights.shape[:2] != node.window.kernel:
            yield f"the window must be that of the weights, not {node.window.kernel}"
        yield from _window(node.window)
    if not _whole(node.zero) or not _whole(node.group, 1):
        yield "zero must be an integer, and groups be 1 or more"


def _window(window: Window | None) -> Iterator[str]:
    if window is None:
        yield "there must be a window"
        return
    pairs = (window.kernel, window.strides, window.dilations)
    if not all(len(pair) == 2 and _sizes(pair) for pair in pairs):
        yield "kernel, strides and dilations of the window must be two positive sizes"
    if len(window.pads) != 4 or not _sizes([v + 1 for v in window.pads]):
        yield f"pads of the window must be four sizes, not {window.pads}"


def _formula(formula: Any) -> Iterator[str]:
    low, high = formula.limits()
    if not _whole(low) or not _whole(high) or low > high:
        yield f"the formula's limits must be integers, not {low} and {high}"
    good = True
    match formula.kind:
        case "affine":
            good = _array(formula.factor, "rational") and _array(formula.offset, "rational")
            good = good and formula.rounding in _ROUNDINGS
        case "float32":
            good = _array(formula.factor, "float32") and _whole(formula.zero)
        case "double_away":
            good = _array(formula.factor, "float64") and _whole(formula.zero)
        case "twice_rounded":
            good = _array(formula.mantissa, "int64", 0, 1 << 31)
            good = good and _array(formula.shift, "int64", -31, 31)
            good = good and _whole(formula.zero) and _whole(formula.centre)
            good = good and _whole(formula.before, 0, 31)
        case "function":
            good = _array(formula.factor, "float64") and _array(formula.offset, "float64")
            good = good and type(formula.scale) is float and formula.scale > 0
            good = good and np.isfinite(formula.scale) and _whole(formula.zero)
            good = good and all(_attributes(values) for _, values in formula.steps)
    if not good:
        yield f"the formula {formula.kind} must have the numbers of its kind"


def _attributes(values: Any) -> bool:
    if not isinstance(values, dict):
        return False
    return all(v is None or (type(v) in (int, float) and np.isfinite(v)) for v in values.values())


def _form(form: Any) -> Iterator[str]:
    if form.kind == "thresholds":
        # A channel with one code has no thresholds.
        empty = isinstance(form.values, np.ndarray) and not len(form.values)
        good = (empty or _array(form.values, "int64")) and _array(form.base, "int64")
        good = good and _whole(form.step, 1) and _array(form.sign, "int64", -1, 1)
    else:
        good = all(_array(a, "integer") for a in (form.factor, form.constant))
        good = good and _array(form.shift, "int64", 0, 62) and form.even in (0, 1)
        good = good and _whole(form.low) and _whole(form.high) and form.low <= form.high
    if not good:
        yield f"the form {form.kind} must have the numbers of its kind"
