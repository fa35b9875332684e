# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A generator of addresses: nested loops of counts and steps, one address a cycle.

Every loop remembers the address at which it began its present turn. When the innermost loops have
all come to their last turn, the next one outside goes on: its address and its step give the next
address, from which the loops inside begin again. So one adder is enough, behind a multiplexer.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from amaranth import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Loops"]


class Loops(wiring.Component):
    """Addresses of nested loops, the innermost first.

    Parameters
    ----------
    counts : sequence of int
        Bits of the count of every loop.
    width : int
        Bits of an address, and of a step; sums wrap, as steps may be negative.
    chained : bool
        With ``chain`` at 1 the outermost loop goes on from the last turn of the loop inside it, by
        that loop's step, as if both were one.

    Members
    -------
    start : In
        The loops begin at ``base`` in the next cycle; ``counts`` are there a cycle before it, and
        all that comes with it stays as it is until they have ended.
    busy, address : Out
        Whether there is an address, and which.
    ends : Out
        Which loops are in their last turn.
    step : In
        The address is taken; only while ``busy``.
    """

    def __init__(self, counts: Sequence[int], width: int, *, chained: bool = False):
        self._counts, self._width, self._chained = counts, width, chained
        steps = data.ArrayLayout(width, len(counts))
        sizes = data.StructLayout({f"n{level}": bits for level, bits in enumerate(counts)})
        ports: dict[str, Any] = {
            **{"start": In(1), "base": In(width), "counts": In(sizes), "steps": In(steps)},
            **{"busy": Out(1), "address": Out(width), "ends": Out(len(counts)), "step": In(1)},
        }
        super().__init__(ports | ({"chain": In(1)} if chained else {}))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        levels = len(self._counts)
        begun = [Signal(self._width, name=f"begun{level}") for level in range(levels)]
        sources: list[Any] = list(begun)
        steps: list[Any] = [self.steps[level] for level in range(levels)]
        if self._chained:
            sources[-1] = Mux(self.chain, begun[-2], begun[-1])
            steps[-1] = Mux(self.chain, steps[-2], steps[-1])
        # Registers, as whoever has the loops chooses among several steps.
        kept_steps = [Signal(self._width, name=f"step{n}", reset_less=True) for n in range(levels)]
        m.d.sync += [kept.eq(step) for kept, step in zip(kept_steps, steps, strict=True)]
        source, step, following = (Signal(self._width, name=n) for n in ("source", "by", "next"))
        m.d.comb += [following.eq(source + step), self.address.eq(begun[0])]
        moves, goes_on = self._turns(m)
        for signal, choices in ((source, sources), (step, kept_steps)):
            chosen = [Mux(goes_on[level], one, 0) for level, one in enumerate(choices)]
            m.d.comb += signal.eq(reduce(or_, chosen))
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), *(one.eq(self.base) for one in begun)]
        with m.Elif(self.step):
            # When all loops end, whatever they begin again with does not matter.
            for level, one in enumerate(begun):
                with m.If(moves[level]):
                    m.d.sync += one.eq(following)
            with m.If(self.ends.all()):
                m.d.sync += self.busy.eq(0)
        return m

    def _turns(self, m: Module) -> tuple[Signal, Signal]:
        """Turns left in every loop; which loops the next step moves, and which of them goes on.

        The lowest loop that is not in its last turn goes on; those inside it begin again. Both
        answers are registers, computed from the turns after the step, as an address follows them.
        """
        levels = len(self._counts)
        moves, goes_on, ends_after = (
            Signal(levels, name=name) for name in ("moves", "goes_on", "ends_after")
        )
        for level, bits in enumerate(self._counts):
            whole, count = self.counts[f"n{level}"], Signal(bits, name=f"left{level}")
            is_single = Signal(name=f"single{level}", reset_less=True)
            m.d.sync += is_single.eq(whole == 1)
            begins = self.start | (moves[level] & self.ends[level])
            after = Mux(begins, is_single, Mux(moves[level], count == 2, self.ends[level]))
            m.d.comb += ends_after[level].eq(after)
            with m.If(self.start | (self.step & moves[level])):
                m.d.sync += count.eq(Mux(begins, whole, count - 1))
        with m.If(self.start | self.step):
            m.d.sync += self.ends.eq(ends_after)
            for level in range(levels):
                inner: Any = ends_after[:level].all() if level else Const(1)
                is_last: Any = ends_after[level]
                m.d.sync += [moves[level].eq(inner), goes_on[level].eq(inner & ~is_last)]
        return moves, goes_on
