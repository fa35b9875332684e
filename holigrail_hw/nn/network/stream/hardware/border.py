# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Where frames come from and go to: the marks of their last beats.

Beats are counted; a mark that comes early or late is reported with the results of its frame and
changes nothing else.
"""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Leaving", "Marks"]


class Marks(wiring.Component):
    """Checks the marks of the beats that come in.

    Members
    -------
    taken : In(1), a beat is taken in this cycle
    last : In(1), its mark
    whole : Out(1), it is the last beat of its frame
    wrong : Out(1), a mark of this frame was or is wrong

    Parameters
    ----------
    beats : int
        Of a frame, at least 2.
    """

    def __init__(self, beats: int):
        self._beats = beats
        super().__init__({"taken": In(1), "last": In(1), "whole": Out(1), "wrong": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: the place in the frame, and whether a mark before it was wrong.
        place = Signal(range(self._beats))
        before = Signal()
        m.d.comb += [
            self.whole.eq(place == self._beats - 1),
            self.wrong.eq(before | (self.last != self.whole)),
        ]
        with m.If(self.taken):
            m.d.sync += [place.eq(place + 1), before.eq(self.wrong)]
            with m.If(self.whole):
                m.d.sync += [place.eq(0), before.eq(0)]
        return m


class Leaving(wiring.Component):
    """Marks the beats that go out, and counts the frames that have come in but not gone out.

    Members
    -------
    taken : In(1), a beat of a result is taken in this cycle
    last : Out(1), the beat on offer is the last one of its frame
    entered : In(1), a frame has come in with this cycle
    wrong : In(1), with ``entered``: a mark of it was wrong
    there : Out(1), the frame of the beat on offer has come in
    error : Out(1), a mark of it was wrong

    Parameters
    ----------
    beats : int
        Of a frame.
    frames : int
        The most frames that can be in the network.
    """

    def __init__(self, beats: int, frames: int):
        self._beats, self._frames = beats, frames
        super().__init__(
            {
                "taken": In(1),
                "last": Out(1),
                "entered": In(1),
                "wrong": In(1),
                "there": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: the place in the frame that goes out; how many frames wait, the oldest in bit 0 of
        # ``flags``. There is room for all that the network can hold, so that nobody waits here.
        place = Signal(range(max(self._beats, 2)))
        count = Signal(range(self._frames + 1))
        flags = Signal(self._frames)
        leaves = Signal()
        m.d.comb += [
            self.last.eq(place == self._beats - 1),
            self.there.eq(count != 0),
            self.error.eq(flags[0]),
            leaves.eq(self.taken & self.last),
        ]
        m.d.sync += count.eq(count + self.entered - leaves)
        with m.If(self.taken):
            m.d.sync += place.eq(place + 1)
            with m.If(self.last):
                m.d.sync += place.eq(0)
        for index in range(self._frames):
            above = flags[index + 1] if index + 1 < self._frames else 0
            kept, shifted = count == index, count == index + 1
            with m.If(self.entered & (shifted & leaves | kept & ~leaves)):
                m.d.sync += flags[index].eq(self.wrong)
            with m.Elif(leaves):
                m.d.sync += flags[index].eq(above)
        return m
