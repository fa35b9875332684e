# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Words of bits as a window on the bits that come next.

The first bit is in the lowest place, so that bits leave by a shift to the right; a new word is put
behind those there are in the same cycle. With room for a word and twice the longest step, less one
bit, a word that comes when less than two steps are there keeps every step supplied.
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
        The most bits that leave in a cycle.

    Members
    -------
    code : In, stream of words
    first : Out, the next ``longest`` bits as a number, the first one on top; zeros behind the last
    held : Out, how many bits there are
    ends : Out(1), they are the last of their frame
    rest_is_padding : Out(1), they are less than a word, of zeros, and the last of their frame
    step : In, how many bits leave
    clear : In(1), forget the bits; no word comes in this cycle
    hold : In(1), let no word come in
    throw : In(1), throw words away, up to the last one of the frame
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
        window, taken = Signal(self._size), Signal()
        word, behind = Signal(self._width), Signal(range(2 * self._longest))
        m.d.comb += [
            self.first.eq(Cat(reversed([window[i] for i in range(self._longest)]))),
            self.rest_is_padding.eq(self.ends & (self.held < self._width) & ~window.any()),
            self.code.ready.eq(
                self.throw | (~self.ends & ~self.hold & (self.held < 2 * self._longest))
            ),
            taken.eq(self.code.valid & self.code.ready & ~self.throw),
            # Where a word may come, the number of bits is as short as this.
            behind.eq(self.held),
        ]
        with m.If(taken):
            bits = self.code.payload.bits
            m.d.comb += word.eq(Cat(reversed([bits[i] for i in range(self._width)])))
            m.d.sync += self.ends.eq(self.code.payload.last)
        both, placed = Signal(self._size), Signal(self._size)
        m.d.comb += [placed.eq(word << behind), both.eq(window | placed)]
        m.d.sync += [
            window.eq(both >> self.step),
            self.held.eq(self.held - self.step + (taken * self._width)),
        ]
        with m.If(self.clear):
            m.d.sync += [window.eq(0), self.held.eq(0), self.ends.eq(0)]
        return m
