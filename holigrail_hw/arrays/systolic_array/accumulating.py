# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An array whose elements hold the sums while both factors pass by (output-stationary).

Element (i, j) meets component i of the row vector, which moves right, and component j of the
column vector, which moves down, i + j cycles after they came in; it adds their product to its sum.
After the last pair of a tile the sums are copied aside, so the next tile may follow at once, and
move down their columns, one row per cycle. The copies of one column start to move when its lowest
element has finished; an element above moves on for as many cycles as there are sums above it. So
the copies are gone just before the next tile's are made, if a tile has at least as many pairs as
the array has rows; a shorter one waits for the rest.
"""

from typing import Any, Protocol

from amaranth import Cat, EnableInserter, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import Format
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.plan.sharing import Part, submodule
from holigrail_hw.hdl.shapes import shape_of

from ..shared.delays import delayed

__all__ = ["AccumulatingArray", "Accumulator", "check_pace", "pair_ends"]


class Accumulator(Protocol):
    """Something that adds to a sum in every cycle.

    Its plan has inputs ``a``, ``b``, ``clear`` and perhaps ``enable``, and the output ``sum``, as
    :class:`~holigrail_hw.arith.mac.operator.Mac` has them.
    """

    @property
    def a(self) -> Format: ...

    @property
    def b(self) -> Format: ...

    @property
    def accumulator(self) -> Format: ...

    def plan(self, timing: Timing | None = None) -> Plan: ...


class AccumulatingArray(wiring.Component):
    """The array behind three streams, called ``names``.

    Each pair of items, one of the first stream (``rows`` fields and a mark on the last one of a
    tile) and one of the second (``columns`` fields), adds an outer product to the sums. A tile
    gives ``rows`` items of the third (``columns`` fields and a mark), first row first.

    Parameters
    ----------
    mac : Accumulator
        What an element computes, a :class:`~holigrail_hw.arith.mac.operator.Mac` for instance.
    fields : tuple of str
        Prefixes of the fields of the three streams.

    Raises
    ------
    RequestError
        If the sum would take more than a cycle to add to.
    """

    def __init__(
        self,
        mac: "Accumulator",
        rows: int,
        columns: int,
        timing: Timing,
        names: tuple[str, str, str] = ("row", "column", "result"),
        fields: tuple[str, str, str] = ("a", "b", "r"),
    ):
        self._mac, self._rows, self._columns = mac, rows, columns
        self._names, self._fields, self._timing = names, fields, timing
        plan = mac.plan(timing)
        self.latency, self.promise_ns = plan.latency, plan.promise_ns
        layouts = (
            {f"{fields[0]}{i}": shape_of(mac.a) for i in range(rows)} | {"last": 1},
            {f"{fields[1]}{j}": shape_of(mac.b) for j in range(columns)},
            {f"{fields[2]}{j}": shape_of(mac.accumulator) for j in range(columns)} | {"last": 1},
        )
        super().__init__(
            {
                name: way(stream.Signature(data.StructLayout(layout)))
                for name, way, layout in zip(names, (In, In, Out), layouts, strict=True)
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left, top, result = (getattr(self, name) for name in self._names)
        advance = Signal()
        both = Signal()
        core = _Core(self._mac, self._timing, self._rows, self._columns, advance)
        m.submodules.core = EnableInserter(advance)(core)
        m.d.comb += [
            advance.eq(result.ready | ~result.valid),
            both.eq(left.valid & top.valid & advance & (core.ready | ~left.payload.last)),
            core.valid.eq(both),
            core.last.eq(left.payload.last),
            left.ready.eq(both),
            top.ready.eq(both),
            result.valid.eq(core.gives),
            result.payload.last.eq(core.gives_last),
        ]
        first, second, third = self._fields
        for i in range(self._rows):
            # The lowest row is read first: it gets the first component.
            place = self._rows - 1 - i
            m.d.comb += core.left[place].eq(Value.cast(left.payload[f"{first}{i}"]))
        for j in range(self._columns):
            m.d.comb += core.top[j].eq(Value.cast(top.payload[f"{second}{j}"]))
            m.d.comb += Value.cast(result.payload[f"{third}{j}"]).eq(core.sums[j])
        return m


class _Core(wiring.Component):
    """The array as if nobody ever waited; ``ready`` tells that a tile may end in this cycle.

    ``advance`` is the enable of all of it.
    """

    def __init__(self, mac: Accumulator, timing: Timing, rows: int, columns: int, advance: Any):
        self._mac, self._timing, self._advance = mac, timing, advance
        self._rows, self._columns = rows, columns
        plan = mac.plan(timing)
        self._latency = plan.latency
        a, b = (len(Value.cast(plan.inputs[name])) for name in "ab")
        width = len(Value.cast(plan.outputs["result"]))
        super().__init__(
            {
                "valid": In(1),
                "last": In(1),
                "ready": Out(1),
                "left": In(data.ArrayLayout(a, rows)),
                "top": In(data.ArrayLayout(b, columns)),
                "gives": Out(1),
                "gives_last": Out(1),
                "sums": Out(data.ArrayLayout(width, columns)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows, columns = self._rows, self._columns
        latency = self._latency
        wait = Signal(range(rows))
        ends = Signal()
        fresh = Signal(init=1)
        m.d.comb += [self.ready.eq(wait == 0), ends.eq(self.valid & self.last)]
        m.d.sync += wait.eq(Mux(ends, rows - 1, Mux(wait == 0, 0, wait - 1)))
        with m.If(self.valid):
            m.d.sync += fresh.eq(self.last)
        # The marks of a pair: it counts, it starts a tile, it ends one.
        marks: Any = Cat(self.valid, fresh, ends)
        above: list[Any] = [None] * columns
        falling: list[Any] = [delayed(m, self.top[j], j, f"top{j}") for j in range(columns)]
        # Column 0 starts to move when its lowest element has copied its sum.
        start = delayed(m, ends, rows - 1 + latency + 1, "start", resets=True)
        moves: list[Any] = [start]
        for i in range(1, rows):
            before = delayed(m, moves[-1], 1, f"moves{i}", resets=True) if i > 1 else 0
            moves.append(start | before)
        for i in range(rows):
            passing = delayed(m, self.left[i], i, f"left{i}")
            if i:
                marks = delayed(m, marks, 1, f"marks{i}", resets=True)
            carried, move = marks, moves[i]
            for j in range(columns):
                inputs = {"a": passing, "b": falling[j], "marks": carried}
                inputs |= {"above": above[j], "move": move} if i else {}
                part = self._element(i, j)
                element = submodule(m, platform, f"element_{i}_{j}", part, inputs)
                above[j] = element.copy
                if i < rows - 1:
                    falling[j] = element.b_down
                if j < columns - 1:
                    passing, carried = element.a_right, element.marks_right
                    if i:
                        move = element.move_right
        for j in range(columns):
            m.d.comb += self.sums[j].eq(delayed(m, above[j], columns - 1 - j, f"sum{j}"))
        # A tile gives as many items as there are rows, from `start` on.
        left = Signal(range(rows + 1))
        gives = Signal()
        m.d.comb += gives.eq(start | (left != 0))
        m.d.sync += left.eq(Mux(start, rows - 1, Mux(left == 0, 0, left - 1)))
        is_last = start if rows == 1 else ~start & (left == 1)
        m.d.comb += self.gives.eq(delayed(m, gives, columns - 1, "gives", resets=True))
        m.d.comb += self.gives_last.eq(delayed(m, is_last, columns - 1, "gives_last"))
        return m

    def _element(self, row: int, column: int) -> Part:
        """The element there; all between the borders are the same."""
        is_top, right, down = row == 0, column < self._columns - 1, row < self._rows - 1
        return Part(
            "element" + "_top" * is_top + "_right" * (not right) + "_bottom" * (not down),
            ("element", self._mac, self._timing, is_top, right, down),
            lambda: _Element(self._mac.plan(self._timing), is_top, right, down),
            self._advance,
        )


class _Element(wiring.Component):
    """One element: multiply-accumulate, the copy of the finished sum, and what passes by."""

    def __init__(self, plan: Plan, is_top: bool, right: bool, down: bool):
        self._plan, self._is_top, self._right, self._down = plan, is_top, right, down
        a, b = (unsigned(len(Value.cast(plan.inputs[name]))) for name in "ab")
        width = unsigned(len(Value.cast(plan.outputs["result"])))
        ports = {"a": In(a), "b": In(b), "marks": In(3), "copy": Out(width)}
        if not is_top:
            ports |= {"above": In(width), "move": In(1)}
        if self._right:
            ports |= {"a_right": Out(a), "marks_right": Out(3)}
            ports |= {} if is_top else {"move_right": Out(1)}
        if self._down:
            ports["b_down"] = Out(b)
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        valid, fresh, ends = self.marks
        # A sum without an input to hold it is held where its item does not count.
        has_enable = "enable" in plan.inputs
        m.d.comb += [
            plan.valid.eq(1 if has_enable else valid),
            Value.cast(plan.inputs["a"]).eq(self.a),
            Value.cast(plan.inputs["b"]).eq(self.b),
            Value.cast(plan.inputs["clear"]).eq(fresh & valid),
        ]
        if has_enable:
            m.d.comb += Value.cast(plan.inputs["enable"]).eq(valid)
        copy = Signal(self.copy.shape(), reset_less=True)
        done = delayed(m, ends, plan.latency, "ends", resets=True)
        total = Value.cast(plan.outputs["result"])
        if self._is_top:
            with m.If(done):
                m.d.sync += copy.eq(total)
        else:
            with m.If(done | self.move):
                m.d.sync += copy.eq(Mux(done, total, self.above))
        m.d.comb += self.copy.eq(copy)
        if self._right:
            m.d.comb += [
                self.a_right.eq(delayed(m, self.a, 1, "a")),
                self.marks_right.eq(delayed(m, self.marks, 1, "marks", resets=True)),
            ]
            if not self._is_top:
                m.d.comb += self.move_right.eq(delayed(m, self.move, 1, "move", resets=True))
        if self._down:
            m.d.comb += self.b_down.eq(delayed(m, self.b, 1, "b"))
        return m


def check_pace(plan: Plan) -> None:
    """Refuse a sum that takes more than a cycle to add to."""
    if plan.interleave > 1:
        raise RequestError(
            f"output-stationary: a sum must take one cycle to add to, not {plan.interleave}",
            hint="ask for a longer --period, an exact accumulation, or a stationary operand",
        )


def pair_ends(pairs: list[int], rows: int) -> list[int]:
    """The cycle in which each tile's last pair comes in, counted from reset; nobody waits."""
    ends: list[int] = []
    for count in pairs:
        earliest = (ends[-1] if ends else -1) + count
        ends.append(max(earliest, ends[-1] + rows) if ends else earliest)
    return ends
