"""Every element of a frame by itself: an integer graph as operations on single integers.

A window is one matrix per position. Taps outside the image, and elements that have one value only,
leave the matrix for the constants; so a matrix at a border is that of the inside with columns left
out. Moves are other names of the same elements. Ranges are those of single elements: exact for
sums, as their terms are taken to be independent. What no output depends on is left out.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.models.graph.forms import Multiplier, Thresholds
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Adders, Linear, Move, Pool, Requantise, Softmax
from holigrail_hw.models.source.windows import Window, patches

from .given_adders import circuit_of, not_wiring
from .operations import Code, Given, Largest, Operation, Sums, Unrolled
from .rules import Rule, Table, looked_up, multiplied, stepped

__all__ = ["refusals", "unrolled"]

_MOST_PRODUCTS = 1 << 18
_MOST_ENTRIES = 1 << 10


def refusals(graph: IntegerGraph) -> list[str]:
    """What cannot be unrolled, a line per node."""
    found = []
    if graph.macs > _MOST_PRODUCTS:
        found.append(
            f"style parallel must have at most {_MOST_PRODUCTS} products per frame,"
            f" not {graph.macs}"
        )
    for node in graph.nodes:
        label = f"node {node.name}"
        if isinstance(node, Softmax):
            found.append(f"{label}: softmax must be left to the host in style parallel")
        if isinstance(node, Adders) and (why := not_wiring(node, _ranges(graph, node))):
            found.append(f"{label}: constants of its adders must be wiring: {why}")
        if isinstance(node, Requantise) and node.form is None:
            operand = graph.tensors[node.inputs[0]]
            entries = int((operand.high - operand.low).max()) + 1
            if entries > _MOST_ENTRIES:
                found.append(
                    f"{label}: requantise without a form must have at most {_MOST_ENTRIES} codes of"
                    f" its operand in style parallel, not {entries}"
                )
    return found


def unrolled(graph: IntegerGraph) -> Unrolled:
    """The operations of a graph that has a form in every requantisation and no refusals."""
    state = _State()
    tensors: dict[str, np.ndarray] = {}
    for port in graph.inputs:
        count = int(np.prod(port.shape))
        ids = [state.element(port.low, port.high) for _ in range(count)]
        tensors[port.tensor] = np.array(ids, np.int64).reshape(port.shape)
    inputs = tuple(int(e) for port in graph.inputs for e in tensors[port.tensor].reshape(-1))
    for index, node in enumerate(graph.nodes):
        name = re.sub("[^a-z0-9]+", "_", node.name.lower()).strip("_")[:24].strip("_")
        state.name = f"{node.kind}{index}" if not name[:1].isalpha() else name
        operands = [tensors[name] for name in node.inputs]
        match node:
            case Linear():
                result = _linear(state, node, operands[0])
            case Adders():
                result = _given(state, node, operands[0], graph)
            case Add():
                result = _add(state, node, operands)
            case Pool():
                result = _pool(state, node, operands[0])
            case Requantise():
                result = _requantised(state, node, operands[0])
            case Move():
                result = _moved(state, node, operands)
            case Softmax():
                raise AssertionError("softmax is refused")
        tensors[node.name] = result.reshape(graph.tensors[node.name].shape)
    outputs = tuple(int(e) for port in graph.outputs for e in tensors[port.tensor].reshape(-1))
    return _live(
        Unrolled(tuple(state.operations), tuple(state.low), tuple(state.high), inputs, outputs)
    )


@dataclass
class _State:
    """What there is so far; ``name`` is that of the node at work."""

    name: str = ""
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    rules: dict[Any, tuple[int, Rule]] = field(default_factory=dict)
    constants: dict[int, int] = field(default_factory=dict)

    def element(self, low: int, high: int) -> int:
        """A new element."""
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def constant(self, value: int) -> int:
        """The element of a constant."""
        if value not in self.constants:
            self.constants[value] = self.element(value, value)
        return self.constants[value]

    def sums(self, label: str, elements: Any, weights: np.ndarray, constants: Any) -> list[int]:
        """constants + elements @ weights; an element may occur several times."""
        totals = [int(c) for c in constants]
        rows: dict[int, list[int]] = {}
        for element, row in zip(elements, weights.tolist(), strict=True):
            if self.low[element] == self.high[element]:
                value = self.low[element]
                totals = [total + w * value for total, w in zip(totals, row, strict=True)]
            elif element in rows:
                rows[element] = [a + b for a, b in zip(rows[element], row, strict=True)]
            else:
                rows[element] = row
        rows = {element: row for element, row in rows.items() if any(row)}
        outputs, kept = [], []
        for column, total in enumerate(totals):
            ends = [
                (row[column] * self.low[e], row[column] * self.high[e]) for e, row in rows.items()
            ]
            low, high = total + sum(map(min, ends)), total + sum(map(max, ends))
            if low == high:
                outputs.append(self.constant(total))
            else:
                outputs.append(self.element(low, high))
                kept.append(column)
        if kept:
            matrix = tuple(tuple(row[column] for row in rows.values()) for column in kept)
            chosen = tuple(outputs[c] for c in kept), tuple(totals[c] for c in kept)
            self.operations.append(Sums(label, tuple(rows), matrix, chosen[1], chosen[0]))
        return outputs

    def coded(self, label: str, element: int, factor: int, rule: Rule) -> int:
        """rule(factor * element)."""
        if factor != 1:
            element = self.sums(f"{label}_product", [element], np.array([[factor]], object), [0])[0]
        ends = self.low[element], self.high[element]
        if isinstance(rule, Table):
            low, high = rule.ends
        else:
            low, high = sorted(map(rule.apply, ends))
        if low == high:
            return self.constant(low)
        found = self.element(low, high)
        self.operations.append(Code(label, element, rule, found))
        return found


def _windows(x: np.ndarray, window: Window, name: str) -> np.ndarray:
    """Elements of windows, (rows, columns, kernel rows, kernel columns, channels); -1 outside."""
    return patches(x[None], window, -1, name)[0]


def _linear(state: _State, node: Linear, x: np.ndarray) -> np.ndarray:
    weights = node.weights.astype(object)
    if node.window is None:
        bias = node.bias.astype(object) - node.zero * weights.sum(axis=0)
        return np.array(state.sums(state.name, x.tolist(), weights, bias), np.int64)
    taps = _windows(x, node.window, node.name)
    inputs, outputs = weights.shape[2:]
    each = outputs // node.group
    bias = np.broadcast_to(node.bias.astype(object), (outputs,))
    result = np.zeros((*taps.shape[:2], outputs), np.int64)
    for row, column in np.ndindex(*taps.shape[:2]):
        for group in range(node.group):
            ids = taps[row, column, :, :, group * inputs : (group + 1) * inputs].reshape(-1)
            chosen = slice(group * each, (group + 1) * each)
            matrix = weights[..., chosen].reshape(-1, each)[ids >= 0]
            label = f"{state.name}_{row}_{column}" + (f"_{group}" if node.group > 1 else "")
            constants = bias[chosen] - node.zero * matrix.sum(axis=0)
            result[row, column, chosen] = state.sums(
                label, ids[ids >= 0].tolist(), matrix, constants
            )
    return result


def _ranges(graph: IntegerGraph, node: Adders) -> tuple[tuple[int, int], ...]:
    """Those of the operands, as the graph states them."""
    operand = graph.tensors[node.inputs[0]]
    ends = (np.broadcast_to(end, operand.shape).tolist() for end in (operand.low, operand.high))
    return tuple(zip(*ends, strict=True))


def _given(state: _State, node: Adders, x: np.ndarray, graph: IntegerGraph) -> np.ndarray:
    tensor = graph.tensors[node.name]
    ends = zip(tensor.low.tolist(), tensor.high.tolist(), strict=True)
    outputs = [state.constant(a) if a == b else state.element(a, b) for a, b in ends]
    ranges = _ranges(graph, node)
    operands = tuple(x.tolist())
    state.operations.append(Given(state.name, operands, circuit_of(node), ranges, tuple(outputs)))
    return np.array(outputs, np.int64)


def _add(state: _State, node: Add, operands: list[np.ndarray]) -> np.ndarray:
    factors = np.array([[factor] for factor in node.factors], object)
    columns = [x.reshape(-1).tolist() for x in operands]
    found = [
        state.sums(f"{state.name}_{index}", elements, factors, [0])[0]
        for index, elements in enumerate(zip(*columns, strict=True))
    ]
    return np.array(found, np.int64)


def _pool(state: _State, node: Pool, x: np.ndarray) -> np.ndarray:
    taps = np.moveaxis(_windows(x, node.window, node.name), 4, 2)
    result = np.zeros(taps.shape[:3], np.int64)
    for place in np.ndindex(*taps.shape[:3]):
        elements = [e for e in taps[place].reshape(-1).tolist() if e >= 0]
        label = f"{state.name}_" + "_".join(map(str, place))
        if node.how == "sum":
            ones = np.ones((len(elements), 1), object)
            result[place] = state.sums(label, elements, ones, [0])[0]
        else:
            result[place] = _largest(state, label, elements)
    return result


def _largest(state: _State, label: str, elements: list[int]) -> int:
    """The maximum, without operands that are never the largest; constants count once."""
    elements = list(dict.fromkeys(elements))
    floor = max(state.low[e] for e in elements)
    top = max(state.high[e] for e in elements)
    if floor == top:
        return state.constant(floor)
    above = [e for e in elements if state.high[e] > floor]
    if len(above) == 1 and state.low[above[0]] == floor:
        return above[0]
    if all(state.low[e] < floor for e in above):
        above.append(state.constant(floor))
    found = state.element(floor, top)
    state.operations.append(Largest(label, tuple(above), found))
    return found


def _requantised(state: _State, node: Requantise, x: np.ndarray) -> np.ndarray:
    rules = _Rules(state, node, x.shape)
    flat = x.reshape(-1).tolist()
    found = []
    for index, element in enumerate(flat):
        if state.low[element] == state.high[element]:
            found.append(state.constant(rules.value(index, state.low[element])))
        else:
            factor, rule = rules.rule(index, state.low[element], state.high[element])
            found.append(state.coded(f"{state.name}_{index}", element, factor, rule))
    return np.array(found, np.int64)


class _Rules:
    """The rules of one node for elements of a shape, each made once."""

    def __init__(self, state: _State, node: Requantise, shape: tuple[int, ...]):
        self.node, self.shape, self.known = node, shape, state.rules

    @cached_property
    def channels(self) -> list[tuple[Any, ...]]:
        """What the form says for every element, in the order of the form's fields."""
        form = self.node.form
        assert form is not None
        if isinstance(form, Multiplier):
            arrays = [form.factor, form.constant, form.shift]
        else:
            assert isinstance(form, Thresholds)
            arrays = [form.base, form.sign, *form.values]
        flat = [np.broadcast_to(a, self.shape).reshape(-1).tolist() for a in arrays]
        return [*zip(*flat, strict=True)]

    def value(self, index: int, x: int) -> int:
        """The code of one integer."""
        factor, rule = self.rule(index, x, x)
        return rule.apply(factor * x)

    def rule(self, index: int, low: int, high: int) -> tuple[int, Rule]:
        """A factor in front, and the rule."""
        form = self.node.form
        if form is None:
            return self.table(index, low, high)
        numbers = self.channels[index]
        if isinstance(form, Multiplier):
            key = (numbers, form.low, form.high, form.even, low, high)
        else:
            key = (numbers, form.step, low, high)
        if key not in self.known:
            if isinstance(form, Multiplier):
                factor, constant, places = numbers
                ends = form.low, form.high
                self.known[key] = multiplied(
                    factor, constant, places, ends, even=bool(form.even), low=low, high=high
                )
            else:
                base, sign, *places = numbers
                self.known[key] = stepped(sign, base, form.step, places, low, high)
        return self.known[key]

    def table(self, index: int, low: int, high: int) -> tuple[int, Rule]:
        """The formula itself, looked up."""
        formula = self.node.formula
        place = np.unravel_index(index, self.shape)

        def column(x: int) -> int:
            codes = formula.apply(np.full((1, *self.shape), x, np.int64))
            return int(np.broadcast_to(codes, (1, *self.shape))[(0, *place)])

        key = (id(formula), place[-1:] if len(self.shape) > 1 else place, low, high)
        if key not in self.known:
            found = looked_up(column, low, high)
            assert found is not None
            self.known[key] = 1, found
        return self.known[key]


def _moved(state: _State, node: Move, operands: list[np.ndarray]) -> np.ndarray:
    x, numbers = operands[0], node.numbers
    match node.how:
        case "transpose":
            return x.transpose(numbers)
        case "reshape":
            return x.reshape(numbers)
        case "select":
            return x[np.array(numbers, np.int64)]
        case "concat":
            return np.concatenate(operands, axis=numbers[0])
        case _:
            pairs = [(numbers[2 * i], numbers[2 * i + 1]) for i in range(x.ndim)]
            return np.pad(x, pairs, constant_values=state.constant(numbers[-1]))


def _live(whole: Unrolled) -> Unrolled:
    """The same without what no output depends on."""
    needed = {e for e in whole.outputs if not whole.is_constant(e)}
    kept: list[Operation] = []
    for one in reversed(whole.operations):
        outputs = [index for index, e in enumerate(one.outputs) if e in needed]
        if not outputs:
            continue
        if isinstance(one, Sums):
            rows = [one.matrix[index] for index in outputs]
            columns = [i for i in range(len(one.inputs)) if any(row[i] for row in rows)]
            one = Sums(
                one.name,
                tuple(one.inputs[i] for i in columns),
                tuple(tuple(row[i] for i in columns) for row in rows),
                tuple(one.constants[index] for index in outputs),
                tuple(one.outputs[index] for index in outputs),
            )
        needed.update(e for e in one.inputs if not whole.is_constant(e))
        kept.append(one)
    return Unrolled(tuple(reversed(kept)), whole.low, whole.high, whole.inputs, whole.outputs)
