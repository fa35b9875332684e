# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A window on the next bits of a stream of words.

The first bit is in the lowest place, so that bits leave by a right shift; in the same cycle a new
word can be placed behind those held. With room for a word and twice the longest step, less one bit,
accepting a word whenever fewer than two steps are held keeps every step supplied.
"""

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BitWindow"]


class BitWindow(wiring.Component):
    """A window on frames of words.

    Parameters
    ----------
    width : int
        Bits of a word, the first one on top; at least ``longest``.
    longest : int
        The most bits that can leave in a cycle.

    Members
    -------
    code : In, stream of words
    first : Out, the next ``longest`` bits as a number, the first one on top; zeros after the last
    held : Out, how many bits are held
    ends : Out(1), they are the last of their frame
    rest_is_padding : Out(1), they are the last of their frame, fewer than a word, and all zero
    step : In, how many bits leave
    clear : In(1), forget the bits; the user keeps ``hold`` high in this cycle
    hold : In(1), accept no word
    throw : In(1), accept and discard words; the user watches for the last one of the frame
    """

    def __init__(self, width: int, longest: int):
        self._width, self._longest = width, longest
        self._size = width + 2 * longest - 1
        super().__init__(
            {
                "code": In(stream.Signature(data.StructLayout({"bits": width, "last": 1}))),
                "first": Out(longest),
                "held": Out(range(self._size + 1)),
                "ends": Out(1),
                "rest_is_padding": Out(1),
                "step": In(range(longest + 1)),
                "clear": In(1),
                "hold": In(1),
                "throw": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        window = Signal(self._size)
        taken = Signal()
        word = Signal(self._width)
        behind = Signal(range(2 * self._longest))
        # Input: a word is accepted while fewer than two steps are held and the frame has not ended;
        # ``ready`` depends on registers and the control inputs only, never on ``valid``.
        m.d.comb += [
            self.first.eq(Cat(reversed([window[i] for i in range(self._longest)]))),
            self.rest_is_padding.eq(self.ends & (self.held < self._width) & ~window.any()),
            self.code.ready.eq(
                self.throw | (~self.ends & ~self.hold & (self.held < 2 * self._longest))
            ),
            taken.eq(self.code.valid & self.code.ready & ~self.throw),
            # Whenever a word can be accepted, this many bits are enough for ``held``.
            behind.eq(self.held),
        ]
        with m.If(taken):
            bits = self.code.payload.bits
            m.d.comb += word.eq(Cat(reversed([bits[i] for i in range(self._width)])))
            m.d.sync += self.ends.eq(self.code.payload.last)
        # State: ``held`` bits in the low places of ``window``, zeros above them. Each cycle the new
        # word goes on top, and ``step`` bits leave at the bottom.
        both = Signal(self._size)
        placed = Signal(self._size)
        m.d.comb += [placed.eq(word << behind), both.eq(window | placed)]
        m.d.sync += [
            window.eq(both >> self.step),
            self.held.eq(self.held - self.step + (taken * self._width)),
        ]
        with m.If(self.clear):
            m.d.sync += [window.eq(0), self.held.eq(0), self.ends.eq(0)]
        return m
