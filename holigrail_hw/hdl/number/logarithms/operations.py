"""What operators do with logarithmic numbers: rules by operation, order, canonical codes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from amaranth import Mux

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic
from holigrail_hw.formats import Format
from holigrail_hw.formats.scalar.logarithmic import LogarithmicFormat

from ...plan.plan import Plan, Wire
from ..canonical import CANONICAL
from ..digit_places import any_of
from ..float_sum import Need
from ..operation import OPERATIONS
from ..order import ORDER, Order
from ..project import project
from ..unpack import unpack
from ..unpacked import Unpacked, range_shape
from .fractions import fraction_of, logarithm_of
from .number import Logarithm, aligned, product_of, read_logarithm, rounded_code
from .sums import sum_of

__all__: list[str] = []

Codes = Sequence[Wire]
Formats = Sequence[Any]


def _finish(plan: Plan, x: Logarithm, result: Any, how: Mapping[str, Any]) -> Wire:
    return rounded_code(plan, x, result, how["rounding"])


@OPERATIONS["multiply"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _multiply(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    x, y = _operands(plan, formats, codes)
    return _finish(plan, product_of(plan, x, y), result, how)


@OPERATIONS["divide"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _divide(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    x, y = _operands(plan, formats, codes)
    return _finish(plan, product_of(plan, x, y, toward=-1), result, how)


def _operands(plan: Plan, formats: Formats, codes: Codes) -> list[Logarithm]:
    return [
        read_logarithm(plan, format, code, name)
        for format, code, name in zip(formats, codes, ("a", "b", "c"), strict=False)
    ]


def _root_of(plan: Plan, x: Logarithm, inverse: bool, root: bool) -> Logarithm:
    """1 / x, the square root of x, or 1 over it; its logarithm is that of x, or half of it."""
    log, low, high = x.log, x.low, x.high
    if inverse:
        low, high = -x.high, -x.low
        shape = range_shape(low, high)
        log = plan.step(
            "negated_log", shape, lambda v: -v, log, using=Adder(shape.width), wrap=True
        )
    nan = any_of(plan, "root_nan", x.nan, x.sign if root else None, x.zero if inverse else None)
    zero = None if inverse else x.zero
    return Logarithm(x.sign, log, zero, nan, x.places + root, low, high)


@OPERATIONS["reciprocal"].rule(LogarithmicFormat, LogarithmicFormat)
def _reciprocal(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    (x,) = _operands(plan, formats, codes)
    return _finish(plan, _root_of(plan, x, True, False), result, how)


@OPERATIONS["square-root"].rule(LogarithmicFormat, LogarithmicFormat)
def _square_root(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    (x,) = _operands(plan, formats, codes)
    return _finish(plan, _root_of(plan, x, False, True), result, how)


@OPERATIONS["reciprocal-square-root"].rule(LogarithmicFormat, LogarithmicFormat)
def _inverse_root(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    (x,) = _operands(plan, formats, codes)
    return _finish(plan, _root_of(plan, x, True, True), result, how)


@OPERATIONS["add"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _add(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    x, y = _operands(plan, formats, codes)
    return _finish(plan, sum_of(plan, x, y, result.fraction_width), result, how)


@OPERATIONS["subtract"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _subtract(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    x, y = _operands(plan, formats, codes)
    sign = plan.step("opposite_sign", 1, lambda s: ~s, y.sign, using=Logic())
    total = sum_of(plan, x, replace(y, sign=sign), result.fraction_width)
    return _finish(plan, total, result, how)


@OPERATIONS["fma"].rule(LogarithmicFormat, LogarithmicFormat, LogarithmicFormat, LogarithmicFormat)
def _fma(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    x, y, z = _operands(plan, formats, codes)
    total = sum_of(plan, product_of(plan, x, y), z, result.fraction_width)
    return _finish(plan, total, result, how)


@OPERATIONS["convert"].rule(Format, LogarithmicFormat)
def _from_fraction(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    number = unpack(plan, formats[0], codes[0], "x")
    return rounded_code(
        plan, logarithm_of(plan, number, result.fraction_width + 1), result, how["rounding"]
    )


@OPERATIONS["convert"].rule(LogarithmicFormat, LogarithmicFormat)
def _between(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    (x,) = _operands(plan, formats, codes)
    return _finish(plan, x, result, how)


@OPERATIONS["convert"].rule(LogarithmicFormat, Format)
def _to_others(plan: Plan, formats: Formats, codes: Codes, result: Any, **how: Any) -> Wire:
    (x,) = _operands(plan, formats, codes)
    need = Need.of(result, how["rounding"], how["random"], wraps=how["overflow"] == "wrap")
    highest = x.high >> x.places
    digits = max(1, min(need.precision, highest - need.finest + 1) + need.guard + 1)
    number = fraction_of(plan, x, digits)
    return project(plan, result, number, **how)


@ORDER.rule(LogarithmicFormat, LogarithmicFormat)
def _order(plan: Plan, a_format: Format, a: Wire, b_format: Format, b: Wire) -> Order:
    """Logarithms are in the order of the magnitudes, that of zero below all others."""
    x, y = _operands(plan, (a_format, b_format), (a, b))
    assert x.zero is not None and y.zero is not None and x.nan is not None and y.nan is not None
    places = max(x.places, y.places)
    (p, x_low, x_high), (q, y_low, y_high) = aligned(x, places), aligned(y, places)
    width = range_shape(min(x_low, y_low), max(x_high, y_high)).width

    def smaller(a: Any, b: Any, a_zero: Any, b_zero: Any) -> Any:
        return ~b_zero & (a_zero | (p(a) < q(b)))

    operands = (x.log, y.log, x.zero, y.zero)
    less = plan.step("smaller", 1, smaller, *operands, using=Comparator(width))
    same = plan.step(
        "same_magnitude",
        1,
        lambda a, b, s, t: (s & t) | (~s & ~t & (p(a) == q(b))),
        *operands,
        using=Comparator(width),
    )
    nan = any_of(plan, "unordered", x.nan, y.nan)
    assert nan is not None
    signs = (x.sign, y.sign)
    below = plan.step(
        "below",
        1,
        lambda s, t, less, same, n: Mux(s ^ t, s, Mux(s, ~less & ~same, less)) & ~n,
        *(*signs, less, same, nan),
        using=Logic(),
    )
    equal = plan.step(
        "same", 1, lambda s, t, same, n: same & ~(s ^ t) & ~n, *(*signs, same, nan), using=Logic()
    )
    above = plan.step("above", 1, lambda b, e, n: ~(b | e | n), *(below, equal, nan), using=Logic())
    return Order(below, equal, above, below, nan, _stub(plan, x), _stub(plan, y))


def _stub(plan: Plan, x: Logarithm) -> Unpacked:
    """What is asked of an operand that was compared: sign and NaN."""
    nothing = plan.constant(0, 1)
    return Unpacked(x.sign, nothing, nothing, 0, 0, 0, (), 0, x.nan, x.nan, x.zero)


@CANONICAL.rule(LogarithmicFormat)
def _canonical(plan: Plan, format: LogarithmicFormat, code: Wire) -> Wire:
    return code
