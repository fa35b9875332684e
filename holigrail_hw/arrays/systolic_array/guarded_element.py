# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""An element of a stationary array that rests where a factor is zero (Moons et al., "Envision: a
0.26-to-10 TOPS/W subword-parallel dynamic-voltage-accuracy-frequency-scalable convolutional neural
network processor", ISSCC 2017).

Beside every word goes a flag that says whether it is anything but zero, and a register takes only
words whose flag is set. The operand of the multiplier is a register of its own, loaded if neither
factor is zero, at the same time as the register that passes the word on. So the word must be there
a cycle ahead, which costs no time: it is what the element to the left passes on, or what is about
to leave the delay of the row. Only the first element of the first row has it from outside, and
chooses between the word and the operand before it.
"""

from typing import Any

from amaranth import Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.formats import Format
from holigrail_hw.hdl.plan.plan import Plan

from ..shared.delays import delayed
from .partial_sums import PartialSums

__all__ = ["GuardedElement", "delayed_present", "guardless"]


class GuardedElement(wiring.Component):
    """One element: its arithmetic, the value it holds, the next one, and what passes by.

    Parameters
    ----------
    sums : PartialSums
    plan : Plan
        Of the element, with an input ``used``.
    row : int
    is_last : bool
        Nothing passes to the right.
    is_direct : bool
        What moves comes in the cycle in which it is a factor, not in the one before.
    """

    def __init__(
        self, sums: PartialSums, plan: Plan, row: int, *, is_last: bool, is_direct: bool = False
    ):
        self._plan, self._is_last, self._is_direct = plan, is_last, is_direct
        moving, held = unsigned(sums.a.width), unsigned(sums.b.width)
        ports = {"moving": In(moving), "present": In(1), "token": In(1), "write": In(1)}
        ports |= {"written": In(held), "written_present": In(1)}
        self._adds = "state" in plan.inputs
        if self._adds:
            ports["above"] = In(unsigned(sums.width(row)))
        if not is_last:
            ports |= {"moving_right": Out(moving), "present_right": Out(1)}
            ports |= {"token_right": Out(1), "write_right": Out(1)}
        super().__init__(ports | {"sum": Out(unsigned(sums.width(row + 1)))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        held = Signal(self.written.shape(), reset_less=True)
        following = Signal(self.written.shape(), reset_less=True)
        counts = Signal(reset_less=True)
        following_counts = Signal(reset_less=True)
        with m.If(self.write):
            m.d.load += following_counts.eq(self.written_present)
        with m.If(self.write & self.written_present):
            m.d.load += following.eq(self.written)
        with m.If(self.token):
            m.d.sync += counts.eq(following_counts)
        with m.If(self.token & following_counts):
            m.d.sync += held.eq(following)
        operand = Signal(self.moving.shape())
        used = Signal()
        if self._is_direct:
            self._select(m, operand, used, counts)
        else:
            self._load(m, operand, used, Mux(self.token, following_counts, counts))
        m.d.comb += Value.cast(plan.inputs["a"]).eq(operand)
        m.d.comb += Value.cast(plan.inputs["b"]).eq(held)
        m.d.comb += plan.inputs["used"].eq(used)
        if self._adds:
            m.d.comb += plan.inputs["state"].eq(self.above)
        m.d.comb += self.sum.eq(delayed(m, plan.outputs["sum"], 1, "sum"))
        if not self._is_last:
            cycles = 0 if self._is_direct else 1
            word, present = delayed_present(m, self.moving, self.present, cycles, "moving")
            m.d.comb += [
                self.moving_right.eq(word),
                self.present_right.eq(present),
                self.token_right.eq(delayed(m, self.token, 1, "token", resets=True)),
                self.write_right.eq(delayed(m, self.write, 1, "write", resets=True)),
            ]
        return m

    def _select(self, m: Module, operand: Any, used: Any, counts: Any) -> None:
        kept = Signal(self.moving.shape(), reset_less=True)
        m.d.comb += [
            used.eq(self.present & counts),
            operand.eq(Mux(used, self.moving, kept)),
        ]
        with m.If(used):
            m.d.sync += kept.eq(self.moving)

    def _load(self, m: Module, operand: Any, used: Any, will_count: Any) -> None:
        """Registers of what arrives now and is multiplied in the next cycle."""
        loads = Signal()
        word = Signal(self.moving.shape(), reset_less=True)
        is_used = Signal(reset_less=True)
        m.d.comb += [loads.eq(self.present & will_count), operand.eq(word), used.eq(is_used)]
        m.d.sync += is_used.eq(loads)
        with m.If(loads):
            m.d.sync += word.eq(self.moving)


def delayed_present(m: Module, value: Any, present: Any, cycles: int, name: str) -> tuple[Any, Any]:
    """A word and its flag so many cycles later; registers of the word keep what was present."""
    for index in range(cycles):
        word = Signal(value.shape(), name=f"{name}_late{index + 1}", reset_less=True)
        flag = Signal(name=f"{name}_present{index + 1}", reset_less=True)
        with m.If(present):
            m.d.sync += word.eq(value)
        m.d.sync += flag.eq(present)
        value, present = word, flag
    return value, present


def guardless(**formats: Format) -> list[str]:
    """Why factors of these formats cannot be guarded."""
    return [
        f"guard must be false unless factors are integers or fixed-point: {name} is {format}"
        for name, format in formats.items()
        if not format.codes_are_integers
    ]
