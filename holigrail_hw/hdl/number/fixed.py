"""Integers inside datapaths: operands of any fixed-like format, exact products, sums in range.

Every function adds named steps to a plan and returns a wire with an integer shape. A system whose
codes are not the integers themselves says how one becomes the other: by rules in ``INTEGER`` and
``CODE``. Everything else that is done with its numbers follows from these two.
"""

from amaranth import Mux

from holigrail_hw.estimate.primitives import Multiplexer
from holigrail_hw.formats import Format

from ..integer.multiply import multiply
from ..plan.plan import Plan, Wire
from .rules import hardware_rules
from .unpacked import range_shape

__all__ = [
    "CODE",
    "INTEGER",
    "PRODUCT",
    "fixed_code",
    "fixed_operand",
    "fixed_product",
    "fixed_range",
    "limit",
    "product_range",
]

INTEGER = hardware_rules("integer of a code")
"""By format: ``(plan, name, wire, format)`` to the integer behind a code, one named step."""
CODE = hardware_rules("code of an integer")
"""By format: ``(plan, value, format)`` to the code of an integer of the format's range."""
PRODUCT = hardware_rules("integer product")
"""By both formats: ``(plan, a, a_format, b, b_format, structure)`` to the product of two codes."""


def fixed_range(format: Format) -> tuple[int, int, int]:
    """Least and greatest integer of a fixed-like format, and its fraction width in bits."""
    if not format.is_fixed_like:
        raise TypeError(f"{format} is no fixed-point format")
    return *format.integer_range, -format.least_place


def product_range(a: Format, b: Format) -> tuple[int, int, int]:
    """Least and greatest product of two fixed-like formats, and its fraction width in bits."""
    a_low, a_high, a_fraction = fixed_range(a)
    b_low, b_high, b_fraction = fixed_range(b)
    corners = [x * y for x in (a_low, a_high) for y in (b_low, b_high)]
    return min(corners), max(corners), a_fraction + b_fraction


def fixed_operand(plan: Plan, name: str, wire: Wire, format: Format) -> Wire:
    """The integer behind a code."""
    rule = INTEGER.find(format)
    return wire if rule is None else rule(plan, name, wire, format)


def fixed_code(plan: Plan, value: Wire, format: Format) -> Wire:
    """The code of an integer that lies in the format's range."""
    rule = CODE.find(format)
    return value if rule is None else rule(plan, value, format)


def fixed_product(
    plan: Plan, a: Wire, a_format: Format, b: Wire, b_format: Format, structure: str
) -> Wire:
    """The exact product of two codes; ``structure`` as in :func:`.multiply.multiply`."""
    rule = PRODUCT.find(a_format, b_format)
    if rule is not None:
        return rule(plan, a, a_format, b, b_format, structure)
    shape = range_shape(*product_range(a_format, b_format)[:2])
    x = fixed_operand(plan, "a_integer", a, a_format)
    y = fixed_operand(plan, "b_integer", b, b_format)
    product = multiply(plan, x, y, structure)
    return plan.step("product", shape, lambda v: v, product, wrap=True)


def limit(plan: Plan, name: str, wire: Wire, format: Format, *, saturate: bool) -> Wire:
    """An integer brought into a fixed-like format's range: clamped, or modulo 2^width."""
    low, high = format.integer_range
    shape = range_shape(low, high)

    def clamp(v):
        return Mux(v > high, high, Mux(v < low, low, v))

    if not saturate:
        return plan.step(name, shape, lambda v: v, wire, wrap=True)
    using = Multiplexer(shape.width, 3)
    return plan.step(name, shape, clamp, wire, using=using, wrap=True)
