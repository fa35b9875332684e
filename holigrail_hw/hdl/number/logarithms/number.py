"""Logarithmic numbers inside datapaths: read, multiplied, rounded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic
from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.logarithmic import LogarithmicFormat

from ...plan.plan import Plan, Wire
from ..digit_places import any_of
from ..increment import grows
from ..unpacked import range_shape

__all__ = ["Logarithm", "aligned", "product_of", "read_logarithm", "rounded_code"]


@dataclass(frozen=True)
class Logarithm:
    """A number by its logarithm in units of 2^-places, an integer from low to high."""

    sign: Wire
    log: Wire
    zero: Wire | None
    nan: Wire | None
    places: int
    low: int
    high: int


def read_logarithm(plan: Plan, format: LogarithmicFormat, code: Wire, name: str) -> Logarithm:
    width = format.width - 1
    log = plan.step(f"{name}_log", signed(width), lambda x: x[:-1].as_signed(), code)
    special = plan.step(
        f"{name}_special", 1, lambda x: x[-2] & ~x[:-2].any(), code, using=Logic(2, width // 3 + 1)
    )

    def bit(kind: str, function: Callable) -> Wire:
        return plan.step(f"{name}_{kind}", 1, function, code, special, using=Logic())

    return Logarithm(
        sign=bit("sign", lambda x, s: x[-1] & ~s),
        log=log,
        zero=bit("zero", lambda x, s: s & ~x[-1]),
        nan=bit("nan", lambda x, s: s & x[-1]),
        places=format.fraction_width,
        low=format.zero_log,
        high=format.largest_log,
    )


def rounded_code(plan: Plan, x: Logarithm, format: LogarithmicFormat, rounding: Rounding) -> Wire:
    """The code of a number; the last bit of its logarithm may be sticky."""
    down = x.places - format.fraction_width
    low, high = _moved(x.low, -down), _moved(x.high, -down) + 1
    shape = range_shape(low, high)

    def kept(log: Any, sign: Any) -> Any:
        if down <= 0:
            return log.shift_left(-down)
        bits = Value.cast(log)
        whole, rest = (log >> down), bits[:down]
        return whole + grows(rounding, rest, whole[0], sign)

    using = Adder(shape.width) if down > 0 else None
    log = plan.step("rounded_log", shape, kept, x.log, x.sign, using=using, wrap=True)
    nothing = plan.constant(0, 1)

    def code(log: Any, sign: Any, zero: Any, nan: Any) -> Any:
        small = zero | (log <= format.zero_log if low <= format.zero_log else Const(0, 1))
        if high > format.largest_log:
            log = Mux(log > format.largest_log, format.largest_log, log)
        found = Mux(small, format.zero_log, log)[: format.width - 1]
        return Mux(nan, format.nan_code, Cat(found, sign & ~small))

    return plan.step(
        "log_code",
        format.width,
        code,
        *(log, x.sign, x.zero or nothing, x.nan or nothing),
        using=Comparator(shape.width),
        wrap=True,
    )


def _moved(value: int, up: int) -> int:
    return value << up if up >= 0 else value >> -up


def aligned(x: Logarithm, places: int) -> tuple[Callable, int, int]:
    """How a logarithm is brought to more places, and its ends there."""
    up = places - x.places
    return (lambda log: log.shift_left(up)), x.low << up, x.high << up


def product_of(plan: Plan, x: Logarithm, y: Logarithm, toward: int = 1) -> Logarithm:
    """x * y, or x / y with ``toward`` -1; the quotient by zero is NaN."""
    places = max(x.places, y.places)
    (p, x_low, x_high), (q, y_low, y_high) = aligned(x, places), aligned(y, places)
    if toward < 0:
        y_low, y_high = -y_high, -y_low
    low, high = x_low + y_low, x_high + y_high
    shape = range_shape(low, high)
    log = plan.step(
        "product_log",
        shape,
        lambda a, b: p(a) + q(b) if toward > 0 else p(a) - q(b),
        *(x.log, y.log),
        using=Adder(shape.width),
        wrap=True,
    )
    zero = any_of(plan, "product_zero", x.zero, y.zero) if toward > 0 else x.zero
    nan = any_of(plan, "product_nan", x.nan, y.nan, y.zero if toward < 0 else None)
    sign = plan.step("product_sign", 1, lambda x, y: x ^ y, x.sign, y.sign, using=Logic())
    return Logarithm(sign, log, zero, nan, places, low, high)
