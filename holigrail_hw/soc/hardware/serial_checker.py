# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The checks of a descriptor with one adder in place of a multiplier: a bit of a product a cycle.

The steps are those of :class:`.checker.Checker`, each as long as a product by shifts and additions
takes. So few look-up tables and no DSP block do what a descriptor's first cycles need.
"""

from typing import Any

from amaranth import EnableInserter, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.machine import Machine

from .checker import LEFT_BITS, RIGHT_BITS, Checker
from .fields import FIELDS

__all__ = ["STEP_CYCLES", "SerialChecker"]

STEP_CYCLES = LEFT_BITS + 1
"""Cycles of a step: the operands are taken, then a bit of the left one a cycle."""


class SerialChecker(wiring.Component):
    """The same members as a :class:`.checker.Checker`."""

    def __init__(self, machine: Machine):
        self._machine = machine
        super().__init__(
            {
                **{"start": In(1), "fields": In(FIELDS), "done": Out(1), "error": Out(4)},
                **{"vectors": Out(16), "k_tiles": Out(16)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        """State: whether a descriptor is looked at, whether its first step is due, the bit that is
        added, and the product so far above the bits of the left operand that are left."""
        m = Module()
        busy = Signal()
        first = Signal()
        ends = Signal()
        bit = Signal(range(STEP_CYCLES))
        product = Signal(signed(LEFT_BITS + RIGHT_BITS + 1))
        steps = Checker(self._machine, serial=True)
        m.submodules.steps = EnableInserter(ends)(steps)
        low, high = product[:LEFT_BITS], product[LEFT_BITS:].as_signed()
        total = high + Mux(low[0], steps.right, 0)
        following = Signal(product.shape())
        # The sum takes a bit more than the upper part; its lowest bit moves down.
        m.d.comb += [
            following[: LEFT_BITS - 1].eq(low[1:]),
            following[LEFT_BITS - 1 :].eq(total),
            ends.eq(busy & (bit == STEP_CYCLES - 1)),
            steps.fields.eq(self.fields),
            steps.start.eq(first),
            steps.multiple.eq(following),
            self.done.eq(steps.done & ends),
            self.error.eq(steps.error),
            self.vectors.eq(steps.vectors),
            self.k_tiles.eq(steps.k_tiles),
        ]
        with m.If(busy):
            m.d.sync += [bit.eq(bit + 1), product.eq(following)]
            with m.If(bit == 0):
                m.d.sync += product.eq(steps.left)
            with m.If(ends):
                m.d.sync += [bit.eq(0), first.eq(0), busy.eq(~steps.done)]
        with m.Elif(self.start):
            m.d.sync += [busy.eq(1), first.eq(1)]
        return m
