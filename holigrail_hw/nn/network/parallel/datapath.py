# Amaranth is untyped: its shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""The unrolled network as steps of a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amaranth import Const, Mux, Shape, Value, unsigned

from holigrail_hw.estimate.primitives import Comparator, Logic, Multiplexer
from holigrail_hw.formats import FixedFormat
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.build.matrix_datapath import matrix_steps
from holigrail_hw.mcm.matrix.analysis import GraphAnalysis
from holigrail_hw.mcm.matrix.design import MatrixDesign
from holigrail_hw.mcm.matrix.graph import Matrix

from .carries import Want, chosen
from .code_steps import shift_want, shifted, stepped, tabled
from .held import Held, greater, joined, offset_for, total
from .operations import Code, Given, Largest, Operation, Sums, Unrolled
from .rules import Shift, Steps, Table
from .sum_steps import Placed, placed, sum_wires

__all__ = ["datapath"]

# Comparisons up to this width are logic, wider ones carry chains.
_LOGIC_COMPARES = 8


def datapath(
    plan: Plan,
    unrolled: Unrolled,
    designs: Mapping[Matrix, MatrixDesign],
    wires: Sequence[Wire],
    formats: Sequence[FixedFormat],
    levels: int | None = None,
    made: dict[Any, Placed] | None = None,
) -> list[Wire]:
    """The outputs in their formats, for wires of the inputs.

    Parameters
    ----------
    designs : the adder graph of every matrix
    formats : of the outputs; at least as wide as their ranges
    levels : most adders between two registers of a matrix; ``None``: where the clock needs them
    made : what was found out about the matrices before, for the same ``levels``; is added to
    """
    state = _State(plan, unrolled, designs, levels, {} if made is None else made)
    for element, wire in zip(unrolled.inputs, wires, strict=True):
        if not unrolled.is_constant(element):
            state.enter(element, wire)
    for one in unrolled.operations:
        match one:
            case Sums():
                state.sums(one)
            case Given():
                state.given(one)
            case Code():
                state.code(one)
            case Largest():
                state.largest(one)
    return [
        state.leave(index, element, format)
        for index, (element, format) in enumerate(zip(unrolled.outputs, formats, strict=True))
    ]


@dataclass
class _State:
    """``held`` are elements, ``totals`` rows that have the constant their only reader wants."""

    plan: Plan
    unrolled: Unrolled
    designs: Mapping[Matrix, MatrixDesign]
    levels: int | None
    made: dict[Any, Placed]
    held: dict[int, Held] = field(default_factory=dict)
    totals: dict[int, Wire] = field(default_factory=dict)
    readers: dict[int, list[Operation | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.unrolled.operations:
            for element in one.inputs:
                self.readers.setdefault(element, []).append(one)
        for element in self.unrolled.outputs:
            self.readers.setdefault(element, []).append(None)

    def ends(self, element: int) -> tuple[int, int]:
        """The range of an element."""
        return self.unrolled.low[element], self.unrolled.high[element]

    def enter(self, element: int, wire: Wire, name: str | None = None) -> None:
        """A number as it comes; a sign bit is inverted, bits that never change are dropped."""
        low, high = self.ends(element)
        offset = offset_for(low, high)
        bits = (high + offset).bit_length()

        def function(number: Any) -> Any:
            number = Value.cast(number)
            if len(number) < bits:
                # Sign or zeros, which are above the bits of its own range.
                above = number[-1] if number.shape().signed else Const(0, 1)
                number = joined(number, above.replicate(bits - len(number)))
            code = number.as_unsigned()[:bits]
            return joined(code[:-1], ~code[-1]) if offset else code

        found = self.plan.step(name or f"operand{element}", unsigned(bits), function, wire)
        self.held[element] = Held(found, 1, 0, -offset, low + offset, high + offset)

    def want(self, element: int, constant: int) -> Want | None:
        """What the only reader of a row wants of it, ``constant`` being the row's own."""
        readers = self.readers[element]
        if len(readers) != 1:
            return None
        low, high = self.ends(element)
        reader = readers[0]
        if isinstance(reader, Code) and isinstance(reader.rule, Shift):
            want = shift_want(reader.rule, low, high)
        elif reader is None:
            want = Want(1, 0, _width(low, high))
        else:
            return None
        return Want(want.sign, want.constant + want.sign * constant, want.width)

    def sums(self, one: Sums) -> None:
        """A matrix: rows are held, or wait as totals."""
        operands = [self.held[element] for element in one.inputs]
        if self.levels is not None:
            operands = [self.registered(e, h) for e, h in zip(one.inputs, operands, strict=True)]
        constants = [
            constant + sum(w * h.constant for w, h in zip(row, operands, strict=True))
            for row, constant in zip(one.matrix, one.constants, strict=True)
        ]
        wants = [self.want(e, c) for e, c in zip(one.outputs, constants, strict=True)]
        nodes = tuple(held.node for held in operands)
        key = one.matrix, nodes, tuple(wants)
        if key not in self.made:
            graph = self.designs[one.matrix].circuit.graph
            ranges = [
                (min(n.sign * n.low, n.sign * n.high), max(n.sign * n.low, n.sign * n.high))
                for n in nodes
            ]
            choice = chosen(graph, nodes, ranges, wants)
            self.made[key] = placed(graph, choice, wants, self.levels)
        made = self.made[key]
        found, rows, at = sum_wires(self.plan, one.name, made, operands)
        for index, element in enumerate(one.outputs):
            row, target = rows[index], made.graph.targets[index]
            if row is not None:
                self.totals[element] = at(row, index)
                continue
            assert target.node is not None
            node = made.choice.nodes[target.node]
            sign = -node.sign if target.negative else node.sign
            constant = constants[index] - sign * (node.offset << target.shift)
            wire = at(found[target.node], index)
            self.held[element] = Held(wire, sign, target.shift, constant, node.low, node.high)

    def given(self, one: Given) -> None:
        """A graph of adders as it stands, on numbers in two's complement."""
        operands = [self.exact(f"{one.name}_operand{n}", e) for n, e in enumerate(one.inputs)]
        analysis = GraphAnalysis(one.circuit.graph, one.ranges).of(one.circuit)
        rows = matrix_steps(self.plan, one.circuit, analysis, operands, f"{one.name}_")
        for index, (element, row) in enumerate(zip(one.outputs, rows, strict=True)):
            if not self.unrolled.is_constant(element):
                self.enter(element, row, f"{one.name}_result{index}")

    def exact(self, name: str, element: int) -> Wire:
        """An element itself, in the narrowest shape for its range."""
        low, high = self.ends(element)
        width = _width(low, high)
        shape = Shape(width, low < 0)
        if low == high:
            return self.plan.constant(low, shape)
        wire = self.totals.get(element)
        if wire is None:
            wire = total(self.plan, f"{name}_total", self.held[element], 1, 0, width)

        def function(value: Any) -> Any:
            return value[:width].as_signed() if low < 0 else value[:width]

        return self.plan.step(name, shape, function, wire)

    def registered(self, element: int, held: Held) -> Held:
        """An operand of a matrix in the cycle after the one that made it."""
        if element in self.unrolled.inputs:
            return held
        wire = self.plan.later(held.wire, held.wire.cycle + 1)
        return Held(wire, held.sign, held.shift, held.constant, held.low, held.high)

    def code(self, one: Code) -> None:
        """A code of an element."""
        low, high = self.ends(one.input)
        match one.rule:
            case Shift():
                wire = self.totals.get(one.input)
                if wire is None:
                    want = shift_want(one.rule, low, high)
                    label = f"{one.name}_total"
                    wire = total(self.plan, label, self.held[one.input], *_parts(want))
                found = shifted(self.plan, one.name, one.rule, wire, low, high)
            case Steps():
                found = stepped(self.plan, one.name, one.rule, self.held[one.input])
            case Table():
                found = tabled(self.plan, one.name, one.rule, self.held[one.input])
        self.held[one.output] = found

    def largest(self, one: Largest) -> None:
        """A tree of maxima, on numbers as they are held if all are held alike."""
        held = [self.held.get(element) for element in one.inputs]
        forms = {None if h is None else (h.sign, h.shift, h.constant) for h in held}
        low, high = self.ends(one.output)
        if len(forms) == 1:
            assert held[0] is not None
            sign, shift, constant = held[0].sign, held[0].shift, held[0].constant
            words = [h.wire for h in held if h is not None]
            ends = sorted((sign * (end - constant)) >> shift for end in (low, high))
        else:
            offset = offset_for(min(self.ends(e)[0] for e in one.inputs), high)
            sign, shift, constant = 1, 0, -offset
            ends = [low + offset, high + offset]
            words = [
                self.number(f"{one.name}_operand{index}", element, offset, ends[1].bit_length())
                for index, element in enumerate(one.inputs)
            ]
        while len(words) > 1:
            pairs = [*zip(words[::2], words[1::2], strict=False)]
            rest = words[2 * len(pairs) :]
            words = [self.extreme(one.name, sign > 0, a, b) for a, b in pairs] + rest
        wire = self.narrowed(one.name, words[0], ends[1])
        self.held[one.output] = Held(wire, sign, shift, constant, ends[0], ends[1])

    def narrowed(self, name: str, wire: Wire, high: int) -> Wire:
        """Without the bits that the range does not need."""
        bits = max(high.bit_length(), 1)
        if wire.width <= bits:
            return wire
        return self.plan.step(f"{name}_result", unsigned(bits), lambda v: v[:bits], wire)

    def number(self, name: str, element: int, offset: int, bits: int) -> Wire:
        """value + offset, unsigned; a constant too."""
        bits = max(bits, 1)
        if self.unrolled.is_constant(element):
            value = self.unrolled.low[element] + offset
            return self.plan.constant(value, unsigned(bits))
        return total(self.plan, name, self.held[element], 1, offset, bits)

    def extreme(self, name: str, most: bool, a: Wire, b: Wire) -> Wire:
        """The larger, or the smaller, of two unsigned words."""
        width = max(a.width, b.width)

        def compare(one: Any, other: Any) -> Any:
            words = [joined(v, Const(0, width - len(v))) for v in (one, other)]
            return greater(*words) if width <= _LOGIC_COMPARES else one > other

        narrow = width <= _LOGIC_COMPARES
        using = Logic(2, width) if narrow else Comparator(width)
        above = self.plan.step(f"{name}_above", 1, compare, a, b, using=using)

        def choose(above: Any, one: Any, other: Any) -> Any:
            return Mux(above, one, other) if most else Mux(above, other, one)

        using = Multiplexer(width)
        return self.plan.step(f"{name}_chosen", unsigned(width), choose, above, a, b, using=using)

    def leave(self, index: int, element: int, format: FixedFormat) -> Wire:
        """An output in its format."""
        shape = Shape(format.width, format.signed)
        low, high = self.ends(element)
        if low == high:
            return self.plan.constant(low, shape)
        width = _width(low, high)
        wire = self.totals.get(element)
        if wire is None:
            wire = total(self.plan, f"output{index}_total", self.held[element], 1, 0, width)

        def function(value: Any) -> Any:
            return value[:width].as_signed() if low < 0 else value[:width]

        return self.plan.step(f"output{index}", shape, function, wire)


def _width(low: int, high: int) -> int:
    """Bits of an exact number, in two's complement if it may be negative."""
    return offset_for(low, high).bit_length() or max(high.bit_length(), 1)


def _parts(want: Want) -> tuple[int, int, int]:
    return want.sign, want.constant, want.width
