# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Products for a RISC-V processor that hands over instructions it does not know (PicoRV32's PCPI).

MUL, MULH, MULHSU and MULHU of the extension M (RISC-V unprivileged manual, 2019): both factors get
a 33rd bit, and one signed product serves all four. Its registers lie where the clock needs them.
"""

from dataclasses import replace
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.arrays.gemm.output import PlanModule
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import parse
from holigrail_hw.hdl.plan.plan import Plan

__all__ = ["Multiplier"]

_OPERATION, _EXTENSION_M = 0b0110011, 0b0000001
_UPPER_IS_UNSIGNED = 0b11
# Wires to and from the blocks take the rest of a period.
_SHARE = 0.6


class Multiplier(wiring.Component):
    """A product some cycles after it is asked for.

    Members
    -------
    valid, instruction, first, second : In
        An instruction of the processor and its operands, which stay until ``ready``.
    wait : Out
        The instruction is one of these.
    ready, result : Out
        The result, for one cycle.
    """

    def __init__(self, timing: Timing | None = None):
        self._timing = timing or Timing()
        super().__init__(
            {
                **{"valid": In(1), "instruction": In(32), "first": In(32), "second": In(32)},
                **{"wait": Out(1), "ready": Out(1), "result": Out(32)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan()
        m.submodules.datapath = product = PlanModule(plan)
        operation, kind = self.instruction[:7], self.instruction[12:15]
        # MUL takes the lower half, for which signs do not matter.
        m.d.comb += self.wait.eq(
            self.valid
            & (operation == _OPERATION)
            & (self.instruction[25:] == _EXTENSION_M)
            & ~kind[2]
        )
        # The factors are in registers beside the blocks; they change with the instruction alone.
        first_is_signed, second_is_signed = kind[:2] != _UPPER_IS_UNSIGNED, ~kind[1]
        first = Signal(33)
        second = Signal(33)
        m.d.sync += [
            first.eq(self.first | (self.first[-1] & first_is_signed) << 32),
            second.eq(self.second | (self.second[-1] & second_is_signed) << 32),
        ]
        m.d.comb += [product.a.eq(first), product.b.eq(second)]
        # Counts the cycles of the product, from the one in which its factors are in the registers.
        cycles = plan.latency + 1
        passed = Signal(range(cycles + 1))
        is_last = self.wait & (passed == cycles) & ~self.ready
        m.d.sync += [
            passed.eq(Mux(self.wait & ~is_last & ~self.ready, passed + 1, 0)),
            self.ready.eq(is_last),
            self.result.eq(Mux(kind[:2] == 0, product.result[:32], product.result[32:])),
        ]
        return m

    def _plan(self) -> Plan:
        factor = parse("int33")
        multiply = Multiply(
            a=factor, b=factor, result=parse("int64"), overflow="wrap", multiplier="dsp"
        )
        timing = self._timing
        if timing.period_ns is not None:
            timing = replace(timing, period_ns=_SHARE * timing.period_ns)
        return multiply.plan(timing)
