# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Whether a descriptor can be done: its sizes, and where all of its addresses lie.

One multiplier does it, a product a cycle, with registers between all steps. First the sizes:
vectors, tiles along K, their product. Then the spans: an address is a base and multiples of steps;
of every loop (count - 1) times the step counts to the lowest address if it is negative, else to the
highest one. What is wrong with a descriptor is told when all has been looked at.
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

# From the choice of two factors: chosen, one less if it is a count of steps, multiplied.
_PRODUCT_CYCLES = 3
# The sizes in the order in which their factors are there, and the steps in which they are chosen.
_WINDOW, _VECTORS, _TILES = range(3)
_K_TILES = _WINDOW + _PRODUCT_CYCLES
_DEPTH = _K_TILES + _PRODUCT_CYCLES
_TERMS = 17
SIZE_CYCLES = _DEPTH + _PRODUCT_CYCLES + 1
"""Cycles for the sizes of a product, which other operations do not have."""
SPAN_CYCLES = _TERMS + _PRODUCT_CYCLES + 2
"""Cycles for all spans: a product each, the last one's sum, and what becomes of it."""

LEFT_BITS, RIGHT_BITS = 17, 18
"""Of the factors of a product: a count, and a step, which is signed."""

# Six products of 33 bits beside an address of 32.
_REACH = signed(38)


@dataclass(frozen=True)
class _Term:
    """A product that counts to a span: of ``step``, and ``factor``, less 1 unless it is ``whole``.

    ``begins`` is the span's base, ``ends`` the bytes at an address, ``counts`` whether it matters.
    """

    factor: Any
    step: Any
    whole: bool = False
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
        """State: the place among the steps, and what was found wrong so far."""
        m = Module()
        fields = self.fields
        # What the counts alone say; fields stay until all has been looked at.
        miscounted = Signal()
        misaligned = Signal()
        self._tiles = Signal(16)
        self._too_many = Signal()
        self._outside = Signal()
        m.d.sync += [
            miscounted.eq(self._has_wrong_count()),
            misaligned.eq(self._is_misaligned()),
        ]
        self._multiplier(m)
        terms = self._terms()
        assert len(terms) == _TERMS
        place = Signal(range(max(SIZE_CYCLES, SPAN_CYCLES)))
        m.d.sync += place.eq(place + 1)
        # A register beside the state, as every factor is chosen by it.
        walks = Signal()
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [place.eq(0), self._too_many.eq(0), self._outside.eq(0)]
                with m.If(self.start):
                    m.d.sync += walks.eq(~fields.is_matmul)
                    m.next = "SPANS"
                    with m.If(fields.is_matmul):
                        m.next = "SIZES"
            with m.State("SIZES"):
                self._measure(m, place)
                with m.If(place == SIZE_CYCLES - 1):
                    m.d.sync += [place.eq(0), walks.eq(1)]
                    m.next = "SPANS"
            with m.State("SPANS"):
                with m.If(place == SPAN_CYCLES - 1):
                    m.d.sync += walks.eq(0)
                    m.d.comb += self.done.eq(1)
                    with m.If(self._too_many | miscounted):
                        m.d.comb += self.error.eq(Error.SIZE)
                    with m.Elif(self._outside | misaligned):
                        m.d.comb += self.error.eq(Error.ADDRESS)
                    m.next = "IDLE"
        with m.If(walks):
            self._walk(m, terms, place)
        self._compare(m, terms, place, walks)
        return m

    def _multiplier(self, m: Module) -> None:
        """Factors that are chosen in a cycle are multiplied ``_PRODUCT_CYCLES`` later."""
        self._factor = Signal(LEFT_BITS)
        self._less = Signal()
        self._step = Signal(signed(RIGHT_BITS))
        left = Signal(LEFT_BITS)
        right = Signal(signed(RIGHT_BITS))
        self._product = Signal(signed(LEFT_BITS + RIGHT_BITS))
        if self._serial:
            m.d.comb += [self.left.eq(left), self.right.eq(right)]
        m.d.sync += [
            left.eq(self._factor - self._less),
            right.eq(self._step),
            self._product.eq(self.multiple if self._serial else left * right),
        ]

    def _multiply(self, m: Module, left: Any, right: Any, less: int = 0) -> None:
        m.d.sync += [self._factor.eq(left), self._step.eq(right), self._less.eq(less)]

    def _measure(self, m: Module, place: Any) -> None:
        """The sizes of a product, whose factors are chosen as soon as they are there."""
        fields, machine, product = self.fields, self._machine, self._product
        in_engine = ~fields.line_buffered

        def at_most(limit: int, applies: Any) -> None:
            with m.If(applies & (product > limit)):
                m.d.sync += self._too_many.eq(1)

        with m.Switch(place):
            with m.Case(_WINDOW):
                self._multiply(m, fields.fx, fields.fy)
            with m.Case(_VECTORS):
                self._multiply(m, fields.nx, fields.ny)
            with m.Case(_TILES):
                self._multiply(m, fields.column_tiles, fields.groups)
            with m.Case(_K_TILES):
                self._multiply(m, product[:16], fields.nc)
            with m.Case(_VECTORS + _PRODUCT_CYCLES):
                m.d.sync += self.vectors.eq(product)
                at_most(machine.accumulator_depth, in_engine)
            with m.Case(_TILES + _PRODUCT_CYCLES):
                m.d.sync += self._tiles.eq(product)
                at_most((1 << 16) - 1, 1)
            with m.Case(_DEPTH):
                m.d.sync += self.k_tiles.eq(product)
                self._multiply(m, product[:16], self.vectors)
                at_most(machine.activation_depth, in_engine)
            with m.Case(_DEPTH + _PRODUCT_CYCLES):
                at_most(machine.activation_depth, in_engine)

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
            return _Term(count, fields[f"{side}_step_{name}"].as_signed(), **more)

        counts = {name: fields[name] for name in ("nx", "ny", "nc", "fx", "fy", "groups")}
        loops = dict(zip(("x", "y", "c", "fx", "fy", "group"), counts.values(), strict=True))
        a = [loop("a", name, count) for name, count in loops.items()]
        weights = Mux(fields.w_restart, fields.column_tiles, self._tiles)
        channels = Mux(fields.p_restart, fields.column_tiles, self._tiles)
        rows_read = Mux(fields.diagonal, 1, rows)
        found = _span(a, fields.a_base, Mux(vectors, rows, 1), ~fields.is_fill)
        found += _span(
            [
                _Term(weights, fields.w_step_n),
                _Term(self.k_tiles, fields.w_step_k),
                _Term(rows_read, fields.w_step_row),
            ],
            fields.w_base,
            Const(columns, 5),
            fields.is_matmul,
        )
        record: Any = Const(8 * columns, 16)
        if machine.wide_parameters:
            record = Mux(fields.p_wide, Const(16 * columns, 16), record)
        found += _span(
            [_Term(channels, record, whole=True)],
            fields.p_base[:24],
            Const(0, 1),
            fields.is_matmul,
        )
        found += _span(
            [_Term(fields.nx, Const(1, 2)), _Term(fields.ny, fields.b_step_y.as_signed())],
            fields.b_base,
            Const(1, 1),
            fields.is_add,
        )
        found += _span(
            [_Term(Const(0, 1), Const(0, 1), whole=True)],
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

    def _walk(self, m: Module, terms: list[_Term], place: Any) -> None:
        """The factors of a term in each cycle."""
        with m.Switch(place):
            for number, term in enumerate(terms):
                with m.Case(number):
                    self._multiply(m, term.factor, term.step, int(not term.whole))

    def _compare(self, m: Module, terms: list[_Term], place: Any, walks: Any) -> None:
        """What becomes of the products: a cycle for the bounds of a span, and one to judge them."""
        lowest = Signal(_REACH)
        highest = Signal(_REACH)
        base = Signal(33)
        size = Signal(13)
        last_size = Signal(13)
        begins = Signal()
        ends = Signal()
        ended = Signal()
        # A cycle before a term's product is there.
        with m.Switch(place):
            for number, term in enumerate(terms):
                with m.Case(number + _PRODUCT_CYCLES - 1):
                    m.d.sync += [
                        begins.eq(term.begins is not None),
                        ends.eq(walks & term.counts if term.ends is not None else 0),
                    ]
                    if term.begins is not None:
                        m.d.sync += base.eq(term.begins)
                    if term.ends is not None:
                        m.d.sync += size.eq(term.ends)
            with m.Default():
                m.d.sync += [begins.eq(0), ends.eq(0)]
        product = self._product
        is_negative = product[-1]
        m.d.sync += [
            lowest.eq(Mux(begins, base, lowest) + Mux(is_negative, product, 0)),
            highest.eq(Mux(begins, base, highest) + Mux(is_negative, 0, product)),
            *(ended.eq(ends), last_size.eq(size)),
        ]
        with m.If(ended & ((lowest < 0) | (highest + last_size > self._machine.scratchpad))):
            m.d.sync += self._outside.eq(1)


def _span(terms: list[_Term], base: Any, size: Any, counts: Any) -> list[_Term]:
    """Terms of a span; the first one begins it, the last one ends it."""
    found = list(terms)
    found[0] = replace(found[0], begins=base)
    found[-1] = replace(found[-1], ends=size, counts=counts)
    return found
