# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false, reportOperatorIssue=false

"""Powers over their sum: one serial multiplier, a reciprocal per row, a product per element."""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..elastic import beats
from .pace import PRELUDE, PRODUCT, PRODUCTS, SHIFTS
from .rows import Rows

__all__ = ["SharesUnit"]

_FIRST = 2 + SHIFTS
_BITS = 32


class _Multiplier:
    """A rounded product, two magnitudes bit by bit.

    State: ``high`` and ``low``, the sum so far and the bits of one factor that are left; the other
    factor; the sign; and ``result``, one cycle after ``load`` and 32 times ``step`` the product
    over 2^31, ties away from zero.
    """

    def __init__(self, m: Module):
        self._high = Signal(_BITS)
        self._low = Signal(_BITS)
        self._factor = Signal(_BITS)
        self._negative = Signal()
        upper = Signal(_BITS)
        m.d.comb += upper.eq(Cat(self._low[31], self._high)[:_BITS])
        # Up from a half; a negative product only from more than a half.
        up = self._low[30] & (~self._negative | self._low[:30].any())
        magnitude = Signal(_BITS + 1)
        m.d.comb += magnitude.eq(upper + up)
        self.result = Signal(signed(_BITS + 2), reset_less=True)
        m.d.sync += self.result.eq(Mux(self._negative, -magnitude, magnitude))

    def load(self, m: Module, one: Any, two: Any) -> None:
        """The factors, as numbers of 32 bits with a sign."""
        m.d.sync += [
            self._high.eq(0),
            self._low.eq(Mux(one < 0, -one, one)),
            self._factor.eq(Mux(two < 0, -two, two)),
            self._negative.eq((one < 0) ^ (two < 0)),
        ]

    def step(self, m: Module) -> None:
        total = Signal(_BITS + 1, name="partial_sum")
        m.d.comb += total.eq(self._high + Mux(self._low[0], self._factor, 0))
        m.d.sync += Cat(self._low, self._high).eq(Cat(self._low[1:], total))


class SharesUnit(wiring.Component):
    """See :class:`.shape.Shares`.

    State: ``time`` within the share that is made; ``scaled``, the row's sum shifted by ``lead``
    places; ``y`` and ``rest`` of Newton's method. Handshake: a share starts when its row is there;
    at its end it waits for room in the register of the output.
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {"i": In(beats(shape.input, 1)), "o": Out(beats(shape.output, 1))},
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = self._shape
        rows = Rows(m, self.i, shape.classes)
        total = rows.register(m, unsigned(shape.total_width), _added)
        power = rows.memory(m)
        multiplier = _Multiplier(m)
        time = Signal(range(shape.gap))
        moves = Signal()
        # The element's own place goes on when it starts; what is made is that of before.
        element = Signal(31, reset_less=True)
        first = Signal()
        sums = Signal(shape.total_width, reset_less=True)
        begins = Signal()
        ends = time == shape.gap - 1
        open_ = ~self.o.valid | self.o.ready
        m.d.comb += [
            begins.eq((time == 0) & rows.there),
            rows.starts.eq(begins),
            moves.eq(Mux(time == 0, begins, ~ends | open_)),
        ]
        with m.If(moves):
            m.d.sync += time.eq(Mux(ends, 0, time + 1))
        with m.If(begins):
            m.d.sync += [sums.eq(total), first.eq(rows.first)]
        with m.If(time == 1):
            m.d.sync += element.eq(power)
        y, lead = self._reciprocal(m, time, first, sums, multiplier)
        self._share(m, time, y, lead, element, multiplier)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(ends & open_):
            m.d.sync += self.o.valid.eq(1)
        return m

    def _reciprocal(self, m: Module, time: Any, first: Any, total: Any, multiplier: Any) -> Any:
        """The products of Newton's method, in the first share of a row."""
        scaled = Signal(_BITS, reset_less=True)
        lead = Signal(range(SHIFTS + 1))
        y, rest = (Signal(signed(_BITS), name=n, reset_less=True) for n in ("y", "rest"))
        half = Signal(signed(_BITS))
        m.d.comb += half.eq(scaled[1:])
        result = multiplier.result
        with m.If(first):
            with m.If(time == 1):
                m.d.sync += [scaled.eq(total), lead.eq(0)]
            with m.Elif((time < _FIRST) & ~scaled[-1]):
                m.d.sync += [scaled.eq(scaled << 1), lead.eq(lead + 1)]
            for index in range(PRODUCTS):
                begin = _FIRST + index * PRODUCT
                with m.If(time == begin):
                    two = Const(-1010580540, signed(_BITS)) if index == 0 else y
                    if index % 2 or index == 0:
                        multiplier.load(m, half, two)
                    else:
                        multiplier.load(m, y, rest)
                with m.Elif((time > begin) & (time < begin + PRODUCT - 2)):
                    multiplier.step(m)
                with m.Elif(time == begin + PRODUCT - 1):
                    if index == 0:
                        m.d.sync += y.eq(1515870810 + result)
                    elif index % 2:
                        m.d.sync += rest.eq((1 << 29) - result)
                    else:
                        m.d.sync += y.eq(y + _limited(m, result << 2, f"step{index}"))
        return y, lead

    def _share(
        self, m: Module, time: Any, y: Any, lead: Any, element: Any, multiplier: Any
    ) -> None:
        """The product of a power and the reciprocal, shifted by what the sum was shifted by."""
        with m.If(time == PRELUDE):
            multiplier.load(
                m, _limited(m, y << 1, "reciprocal"), Cat(element, Const(0, 1)).as_signed()
            )
        with m.Elif((time > PRELUDE) & (time < PRELUDE + PRODUCT - 2)):
            multiplier.step(m)
        # Rounded at place 35 - lead; the place below it decides.
        shifted = Signal(11)
        rounded = Signal(11)
        m.d.comb += [
            shifted.eq((multiplier.result.as_unsigned()[:31] << lead)[34:]),
            rounded.eq((shifted + 1) >> 1),
        ]
        with m.If((time == self._shape.gap - 1) & (~self.o.valid | self.o.ready)):
            share = Mux(rounded > 255, 127, rounded.as_signed() - 128)
            m.d.sync += self.o.payload.data[0].eq(share)


def _added(first: Any, known: Any, power: Any) -> Any:
    """The sum of a row with another power, of which 12 bits are rounded off."""
    return Mux(first, 0, known) + power[12:] + power[11]


def _limited(m: Module, value: Any, name: str) -> Any:
    """Within 32 bits."""
    found = Signal(signed(_BITS), name=f"{name}_limited")
    low, high = -(1 << 31), (1 << 31) - 1
    m.d.comb += found.eq(Mux(value > high, high, Mux(value < low, low, value)))
    return found
