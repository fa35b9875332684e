# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Whether a descriptor can be done: its sizes, and where all of its addresses lie.

One multiplier does it, a product a cycle, and what is found of it counts a cycle later. First the
sizes: vectors, tiles along K, their product. Then the spans: an address is a base and multiples of
steps; of every loop (count - 1) times the step counts to the lowest address if it is negative, else
to the highest one.
"""

from dataclasses import dataclass, replace
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.descriptors.checks import TABLE_BYTES, Error
from holigrail_hw.soc.descriptors.matmul import MOST_LINES, SIDE
from holigrail_hw.soc.machine import Machine

from .fields import FIELDS

__all__ = ["LEFT_BITS", "RIGHT_BITS", "SIZE_CYCLES", "SPAN_CYCLES", "Checker"]

SIZE_CYCLES, SPAN_CYCLES = 5, 18
"""Cycles for the sizes of a product, where all other operations take one; and for all spans."""

LEFT_BITS, RIGHT_BITS = 17, 18
"""Of the factors of a product: a count, and a step, which is signed."""

# Six products of 33 bits beside an address of 32.
_REACH = signed(38)


@dataclass(frozen=True)
class _Term:
    """A product that counts to a span: ``begins`` is its base, ``ends`` the bytes at an address.

    ``counts``: whether the span matters.
    """

    factor: Any
    step: Any
    begins: Any = None
    ends: Any = None
    counts: Any = 1


class Checker(wiring.Component):
    """Looks at a descriptor whose operation and check sum are right.

    Parameters
    ----------
    machine : Machine
    serial : bool
        Products are made elsewhere: of ``left`` and ``right``, in ``multiple``.

    Members
    -------
    start : In
        ``fields`` are there, and stay.
    done : Out
        For one cycle; with it ``error``, 0 or the code.
    vectors, k_tiles : Out
        Of a command of the engine, from ``done`` on.
    """

    def __init__(self, machine: Machine, *, serial: bool = False):
        self._machine, self._serial = machine, serial
        product: dict[str, Any] = {
            **{"left": Out(LEFT_BITS), "right": Out(signed(RIGHT_BITS))},
            "multiple": In(signed(LEFT_BITS + RIGHT_BITS)),
        }
        super().__init__(
            (product if serial else {})
            | {
                **{"start": In(1), "fields": In(FIELDS), "done": Out(1), "error": Out(4)},
                **{"vectors": Out(16), "k_tiles": Out(16)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        fields, machine = self.fields, self._machine
        self._left, self._right = Signal(LEFT_BITS), Signal(signed(RIGHT_BITS))
        self._product = Signal(signed(LEFT_BITS + RIGHT_BITS))
        self._tiles, too_many = Signal(16), Signal()
        if self._serial:
            m.d.comb += [self.left.eq(self._left), self.right.eq(self._right)]
            m.d.sync += self._product.eq(self.multiple)
        else:
            m.d.sync += self._product.eq(self._left * self._right)
        terms = self._terms()
        place = Signal(range(len(terms) + 2))
        product = self._product
        in_engine = fields.is_matmul & ~fields.line_buffered
        with m.FSM():
            with m.State("IDLE"):
                self._multiply(m, fields.nx, fields.ny)
                with m.If(self.start):
                    m.next = "WINDOW"
                    with m.If(self._has_wrong_count()):
                        m.next = "SIZE"
            with m.State("WINDOW"):
                m.d.sync += self.vectors.eq(product)
                self._multiply(m, fields.fx, fields.fy)
                m.d.sync += too_many.eq(in_engine & (product > machine.accumulator_depth))
                m.next = "DEPTH"
                with m.If(~fields.is_matmul):
                    m.next = "SPANS"
            with m.State("DEPTH"):
                self._multiply(m, product[:16], fields.nc)
                m.next = "K_TILES"
                with m.If(too_many):
                    m.next = "SIZE"
            with m.State("K_TILES"):
                m.d.sync += self.k_tiles.eq(product)
                self._multiply(m, product[:16], self.vectors)
                m.d.sync += too_many.eq(in_engine & (product > machine.activation_depth))
                m.next = "TILES"
            with m.State("TILES"):
                self._multiply(m, fields.column_tiles, fields.groups)
                m.d.sync += too_many.eq(in_engine & (product > machine.activation_depth))
                m.next = "ALL_TILES"
                with m.If(too_many):
                    m.next = "SIZE"
            with m.State("ALL_TILES"):
                m.d.sync += [self._tiles.eq(product), too_many.eq(product >> 16 != 0)]
                m.next = "SPANS"
                with m.If(too_many):
                    m.next = "SIZE"
            with m.State("SPANS"):
                outside = self._walk(m, terms, place)
                m.d.sync += [place.eq(place + 1), too_many.eq(0)]
                with m.If(too_many):
                    m.d.sync += place.eq(0)
                    m.next = "SIZE"
                with m.Elif(outside | self._is_misaligned()):
                    m.d.sync += place.eq(0)
                    m.d.comb += [self.done.eq(1), self.error.eq(Error.ADDRESS)]
                    m.next = "IDLE"
                with m.Elif(place == len(terms)):
                    m.d.sync += place.eq(0)
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("SIZE"):
                m.d.comb += [self.done.eq(1), self.error.eq(Error.SIZE)]
                m.next = "IDLE"
        return m

    def _multiply(self, m: Module, left: Any, right: Any) -> None:
        m.d.comb += [self._left.eq(left), self._right.eq(right)]

    def _has_wrong_count(self) -> Any:
        fields, machine = self.fields, self._machine
        names = ("nx", "ny", "nc", "fx", "fy", "column_tiles", "groups")
        wrong: Any = Cat(fields[name] == 0 for name in names).any()
        wrong = wrong | (fields.is_matmul & (fields.valid > machine.columns))
        if machine.line_buffer:
            wrong = wrong | (fields.line_buffered & self._has_no_lines())
        return wrong | (fields.is_maximum & (fields.valid > machine.rows))

    def _has_no_lines(self) -> Any:
        """Whether the unit for depthwise layers cannot do it."""
        fields = self.fields
        wrong: Any = ~fields.diagonal | (fields.fx != SIDE) | (fields.fy != SIDE)
        wrong = wrong | (fields.nc != 1) | (fields.column_tiles != 1)
        for axis in "xy":
            step, tap = (fields[f"a_step_{name}"].as_signed() for name in (axis, f"f{axis}"))
            wrong = wrong | (fields[f"twice_{axis}"] & (step != (tap << 1)))
        wrong = wrong | (fields.line > self._machine.line_buffer)
        return wrong | (fields.lines > MOST_LINES)

    def _is_misaligned(self) -> Any:
        fields, machine = self.fields, self._machine
        grain, columns = machine.grain.bit_length() - 1, machine.columns.bit_length() - 1
        names = ("base", "step_x", "step_y", "step_group")
        vectors = [fields[f"{side}_{name}"][:grain] for side in "ay" for name in names]
        windows = [fields.a_step_fx[:grain], fields.a_step_fy[:grain]]
        tiles = [fields.a_step_c[:grain], fields.y_step_column[:grain], fields.p_base[:3]]
        tiles += [
            fields[name][:columns] for name in ("w_base", "w_step_k", "w_step_n", "w_step_row")
        ]
        return (
            ((fields.is_matmul | fields.is_maximum) & Cat(vectors, windows).any())
            | (fields.is_matmul & Cat(tiles).any())
            | (fields.is_add & fields.p_base[:2].any())
        )

    def _terms(self) -> list[_Term]:
        """All spans, one after the other."""
        fields, machine = self.fields, self._machine
        rows, columns = machine.rows, machine.columns
        vectors = fields.is_matmul | fields.is_maximum

        def loop(side: str, name: str, count: Any, **more: Any) -> _Term:
            return _Term(count - 1, fields[f"{side}_step_{name}"].as_signed(), **more)

        counts = {name: fields[name] for name in ("nx", "ny", "nc", "fx", "fy", "groups")}
        loops = dict(zip(("x", "y", "c", "fx", "fy", "group"), counts.values(), strict=True))
        a = [loop("a", name, count) for name, count in loops.items()]
        weights = Mux(fields.w_restart, fields.column_tiles, self._tiles)
        channels = Mux(fields.p_restart, fields.column_tiles, self._tiles)
        further_rows = Mux(fields.diagonal, 0, rows - 1)
        found = _span(a, fields.a_base, Mux(vectors, rows, 1), ~fields.is_fill)
        found += _span(
            [
                _Term(weights - 1, fields.w_step_n),
                _Term(self.k_tiles - 1, fields.w_step_k),
                _Term(further_rows, fields.w_step_row),
            ],
            fields.w_base,
            Const(columns, 5),
            fields.is_matmul,
        )
        record: Any = Const(8 * columns, 16)
        if machine.wide_parameters:
            record = Mux(fields.p_wide, Const(16 * columns, 16), record)
        found += _span(
            [_Term(channels, record)],
            fields.p_base[:24],
            Const(0, 1),
            fields.is_matmul,
        )
        found += _span(
            [_Term(fields.nx - 1, Const(1, 2)), _Term(fields.ny - 1, fields.b_step_y.as_signed())],
            fields.b_base,
            Const(1, 1),
            fields.is_add,
        )
        found += _span(
            [_Term(Const(0, 1), Const(0, 1))],
            fields.p_base,
            Const(TABLE_BYTES, 12),
            fields.is_add,
        )
        return found + self._written(loop)

    def _written(self, loop: Any) -> list[_Term]:
        """What is written, as if every vector were a whole one."""
        fields, machine = self.fields, self._machine
        size = Mux(fields.is_matmul, machine.columns, Mux(fields.is_maximum, machine.rows, 1))
        counts = (fields.nx, fields.ny, fields.column_tiles, fields.groups)
        names = ("x", "y", "column", "group")
        terms = [loop("y", name, count) for name, count in zip(names, counts, strict=True)]
        return _span(terms, fields.y_base, size, Const(1, 1))

    def _walk(self, m: Module, terms: list[_Term], place: Any) -> Any:
        """The product of a term; in the cycle after it what becomes of the span."""
        lowest, highest = Signal(_REACH), Signal(_REACH)
        base, size = Signal(33), Signal(13)
        begins, ends = Signal(), Signal()
        with m.Switch(place):
            for number, term in enumerate(terms):
                with m.Case(number):
                    self._multiply(m, term.factor, term.step)
                    m.d.sync += [
                        begins.eq(term.begins is not None),
                        ends.eq(term.counts if term.ends is not None else 0),
                    ]
                    if term.begins is not None:
                        m.d.sync += base.eq(term.begins)
                    if term.ends is not None:
                        m.d.sync += size.eq(term.ends)
        product = self._product
        is_negative = product[-1]
        low, high = Signal(_REACH), Signal(_REACH)
        m.d.comb += [
            low.eq(Mux(begins, base, lowest) + Mux(is_negative, product, 0)),
            high.eq(Mux(begins, base, highest) + Mux(is_negative, 0, product)),
        ]
        with m.If(place != 0):
            m.d.sync += [lowest.eq(low), highest.eq(high)]
        outside = (low < 0) | (high + size > self._machine.scratchpad)
        return (place != 0) & ends & outside


def _span(terms: list[_Term], base: Any, size: Any, counts: Any) -> list[_Term]:
    """Terms of a span; the first one begins it, the last one ends it."""
    found = list(terms)
    found[0] = replace(found[0], begins=base)
    found[-1] = replace(found[-1], ends=size, counts=counts)
    return found
