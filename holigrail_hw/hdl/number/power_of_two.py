"""Powers of two: taken apart, rounded to.

A number with its leading one in the top place is a power of two times a fraction below 2. Rounding
adds one to its exponent, or not, and the exponent is the code.
"""

from typing import Any

from amaranth import Mux, Value

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.power_of_two import PowerOfTwoFormat

from ..plan.plan import Plan, Wire
from .canonical import CANONICAL
from .float_sum import NEED, Need, zero_of
from .increment import drawn, grows
from .normal import normalised
from .project import PROJECT
from .unpack import UNPACK
from .unpacked import Span, Unpacked, range_shape

__all__: list[str] = []


@UNPACK.rule(PowerOfTwoFormat)
def _unpack(plan: Plan, format: PowerOfTwoFormat, x: Wire, name: str) -> Unpacked:
    code = plan.step(f"{name}_exponent", 8, lambda x: Value.cast(x), x)
    nan = plan.step(f"{name}_nan", 1, lambda x: x.all(), code, using=Logic(2, 3))
    return Unpacked(
        sign=plan.constant(0, 1),
        significand=plan.constant(1, 1),
        exponent=code,
        scale=-format.bias,
        exponent_low=0,
        exponent_high=format.nan_code,
        spans=(Span(0, format.largest_code, 0, 0),),
        zero_high=None,
        nan=nan,
        special=nan,
    )


@PROJECT.rule(PowerOfTwoFormat)
def _project(
    plan: Plan,
    format: PowerOfTwoFormat,
    number: Unpacked,
    rounding: Rounding,
    random: Wire | None,
    overflow: str | None,
) -> Wire:
    zero = zero_of(plan, number) if number.zero_high is not None else plan.constant(0, 1)
    number = normalised(plan, number, "power")
    offset = number.scale + number.width - 1 + format.bias
    low, high = number.exponent_low + offset, number.exponent_high + offset
    shape = range_shape(low, high)
    exponent = plan.step(
        "power",
        shape,
        lambda e: e + offset,
        number.exponent,
        using=Adder(shape.width),
        wrap=True,
    )
    operands = [number.significand, number.sign, exponent] + ([] if random is None else [random])

    def up(s: Any, sign: Any, e: Any, *random: Any) -> Any:
        # The leading one of the significand is what is kept.
        rest = s[:-1]
        return drawn(rest, *random) if random else grows(rounding, rest, Value.cast(e)[0], sign)

    more = plan.step(
        "power_up",
        1,
        up,
        *operands,
        using=Adder(random.width) if random is not None else Logic(2, number.width // 3 + 1),
        wrap=True,
    )
    special = number.special or plan.constant(0, 1)

    def code(e: Any, up: Any, zero: Any, sign: Any, special: Any) -> Any:
        total = e + up
        found = Mux(total < 0, 0, Mux(total > format.largest_code, format.largest_code, total))
        return Mux(special | sign & ~zero, format.nan_code, Mux(zero, 0, found))

    using = Adder(shape.width + 1)
    return plan.step(
        "power_code", 8, code, *(exponent, more, zero, number.sign, special), using=using, wrap=True
    )


@NEED.rule(PowerOfTwoFormat)
def _need(format: PowerOfTwoFormat, guard: int, wraps: bool) -> Need:
    return Need(1, format.least_place, guard)


@CANONICAL.rule(PowerOfTwoFormat)
def _canonical(plan: Plan, format: PowerOfTwoFormat, code: Wire) -> Wire:
    return code
