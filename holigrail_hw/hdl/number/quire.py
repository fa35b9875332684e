"""Quires: read, rounded to, and the loop that adds to one without rounding.

A quire is an integer in units of its last place. A product, still narrow, is shifted to its place
and added; nothing else lies in the loop. NaR is a state like any other: a NaR that is added, or
already there, takes the place of the sum.

Reference: Posit Working Group, Standard for Posit Arithmetic (2022), section 5.11.
"""

from dataclasses import replace
from typing import Any

from amaranth import Cat, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import FixedFormat, Rounding
from holigrail_hw.formats.scalar.quire import QuireFormat

from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .exact_accumulator import aligned_integer
from .fixed_round import round_to_integer
from .float_accumulator import ACCUMULATE
from .float_sum import NEED, UNBOUNDED, Need
from .project import PROJECT
from .unpack import UNPACK, unpack_integer
from .unpacked import Unpacked

__all__: list[str] = []


@UNPACK.rule(QuireFormat)
def _unpack_quire(plan: Plan, format: QuireFormat, x: Wire, name: str) -> Unpacked:
    width = format.width
    value = plan.step(f"{name}_integer", signed(width), lambda x: Value.cast(x).as_signed(), x)
    nar = plan.step(f"{name}_nar", 1, _is_nar, x, using=Logic(3, width // 3))
    number = unpack_integer(plan, value, -format.least_place, name)
    return replace(number, nan=nar, special=nar)


@PROJECT.rule(QuireFormat)
def _project_quire(
    plan: Plan,
    format: QuireFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    largest = format.nar_code - 1
    value = round_to_integer(
        plan,
        number,
        -format.least_place,
        (-largest, largest),
        rounding=rounding,
        random=random,
        saturate=overflow != "wrap",
    )
    special = number.special or plan.constant(0, 1)
    return plan.step("quire", format.width, _or_nar, value, special, using=Logic(1, format.width))


@NEED.rule(QuireFormat)
def _quire_need(format: QuireFormat, guard: int, wraps: bool) -> Need:
    return Need(UNBOUNDED if wraps else format.width + 1, format.least_place, guard)


@CANONICAL.rule(QuireFormat)
def _canonical_quire(plan: Plan, format: QuireFormat, code: Wire) -> Wire:
    return code


@ACCUMULATE.rule(QuireFormat)
def _add_up(
    plan: Plan,
    number: Unpacked,
    clear: Wire,
    enable: Wire,
    format: QuireFormat,
    rounding: Rounding,
    random: Wire | None,
    overflow: str,
) -> Wire:
    """The running sum of numbers that are multiples of the quire's last place, and in its range."""
    width, largest = format.width, format.nar_code - 1
    saturates = format.overflow_of(overflow) == "saturate"
    register = FixedFormat(width, signed=True, fraction_width=-format.least_place)
    addend = aligned_integer(plan, number, register)
    arrives = number.special or plan.constant(0, 1)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, addend: Wire, nar: Wire) -> Wire:
        start = plan.step(
            "start", width, lambda s, c: s & ~c.replicate(width), old, clear, using=Logic(1, width)
        )
        stays = plan.step("stays_nar", 1, _is_nar, start, using=Logic(3, width // 3))

        def added(s: Any, p: Any, e: Any) -> Any:
            total = s.as_signed() + p
            if saturates:
                total = Mux(total > largest, largest, Mux(total < -largest, -largest, total))
            return Mux(e, total, s.as_signed())[:width]

        total = plan.step(
            "total", width, added, *(start, addend, enable), using=Adder(width), wrap=True
        )
        nar = plan.step(
            "next_nar", 1, lambda n, e, s: n & e | s, *(nar, enable, stays), using=Logic()
        )
        return plan.step("next_quire", width, _or_nar, total, nar, using=Logic(1, width))

    operands = (clear, enable, addend, arrives)
    return plan.loop("quire", unsigned(width), body, *operands, strobes=2, restarts=True)


def _is_nar(x: Any) -> Any:
    bits = Value.cast(x)
    return bits[-1] & ~bits[:-1].any()


def _or_nar(value: Any, nar: Any) -> Any:
    """The code of an integer, or of NaR."""
    bits = Value.cast(value)
    return Cat(bits[:-1] & ~nar.replicate(len(bits) - 1), bits[-1] | nar)
