"""A sum of products without rounding: every product lands on its place in one wide integer.

The register is fixed point with the last place of the smallest product and room for a given number
of the largest (Kulisch, "Computer Arithmetic and Validity", 2013). A float product is the integer
product of its significands, negated while still narrow, then shifted left by the sum of its
exponents; sign extension does the rest. Two's complement needs no normalisation and no rounding,
so the loop is one addition. Infinities and NaN are remembered in three bits beside the sum.
"""

from dataclasses import replace
from typing import Any

from amaranth import Cat, Mux, Value, signed, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Negation
from holigrail_hw.formats import FixedFormat, Format

from ..integer.negated import negated_where
from ..integer.shift_to_place import shift_to_place
from ..plan.plan import Plan, Wire
from .fixed import fixed_product
from .float_multiply import multiply_unpacked
from .unpack import unpack
from .unpacked import Unpacked

__all__ = [
    "FLAGS",
    "aligned_integer",
    "code_with_flags",
    "exact_accumulator",
    "exact_flags",
    "with_flags",
]

FLAGS = 3
"""Bits beside the sum: +infinity seen, -infinity seen, NaN seen."""

_FREE_PLACES = 2


def exact_accumulator(
    plan: Plan,
    a: tuple[Wire, Format],
    b: tuple[Wire, Format],
    clear: Wire,
    enable: Wire,
    register: FixedFormat,
    structure: str,
) -> tuple[Wire, Wire | None]:
    """The running sum in ``register``, and the flags where the operands can set them.

    ``a`` and ``b`` are codes with their formats; ``structure`` is that of the multiplier.
    ``clear`` starts a new sum, with this product if ``enable`` is set too; ``enable`` counts the
    product. The state is one register after its item.
    """
    flags = None
    if a[1].is_fixed_like and b[1].is_fixed_like:
        addend = fixed_product(plan, *a, *b, structure)
    else:
        product = multiply_unpacked(
            plan,
            unpack(plan, a[1], a[0], "a"),
            unpack(plan, b[1], b[0], "b"),
            structure,
        )
        addend = aligned_integer(plan, product, register)
        flags = exact_flags(plan, product)
    width = register.width
    state_width = width + (FLAGS if flags else 0)

    operands = (clear, enable, addend, *([flags] if flags else []))
    state = plan.loop(
        "state", unsigned(state_width), _next_state, *operands, strobes=2, restarts=True
    )
    total = plan.step("exact_sum", signed(width), lambda s: s[:width].as_signed(), state)
    if not flags:
        return total, None
    return total, plan.step("exact_flags", FLAGS, lambda s: s[width:], state)


def _next_state(
    plan: Plan, old: Wire, clear: Wire, enable: Wire, addend: Wire, *flags: Wire
) -> Wire:
    """The sum, and the flags above it if there are any."""
    width = old.width - FLAGS * len(flags)
    total = plan.step(
        "total",
        signed(width),
        lambda s, p: s[:width].as_signed() + p,
        old,
        addend,
        using=Adder(width),
        wrap=True,
    )
    kept = plan.step(
        "next_sum",
        signed(width),
        lambda s, t, p, c, e: Mux(e, Mux(c, p, t), Mux(c, 0, s[:width].as_signed())),
        old,
        total,
        addend,
        clear,
        enable,
        using=Logic(1, width),
    )
    if not flags:
        return plan.step("next_state", unsigned(width), lambda s: s.as_unsigned(), kept)
    seen = plan.step(
        "seen",
        FLAGS,
        lambda s, f, c, e: (s[width:] & ~c.replicate(FLAGS)) | (f & e.replicate(FLAGS)),
        old,
        *flags,
        clear,
        enable,
        using=Logic(1, FLAGS),
    )
    return plan.step("next_state", unsigned(old.width), lambda s, f: Cat(s, f), kept, seen)


def with_flags(plan: Plan, number: Unpacked, flags: Wire) -> Unpacked:
    """The sum with the special values it has seen: both infinities together are NaN."""
    nan = plan.step("sum_nan", 1, lambda f: f[2] | (f[0] & f[1]), flags, using=Logic())
    special = plan.step("sum_special", 1, lambda f: f.any(), flags, using=Logic())
    sign = plan.step(
        "sum_sign", 1, lambda s, f, special: Mux(special, f[1], s), number.sign, flags, special,
        using=Logic(),
    )  # fmt: skip
    return replace(number, sign=sign, nan=nan, special=special)


def code_with_flags(
    plan: Plan, format: FixedFormat, code: Wire, flags: Wire, overflow: str
) -> Wire:
    """The code of a sum with the special values it has seen.

    NaN, and infinities of both signs, are 0; one infinity is the end of the range, or 0 if sums
    out of range wrap.
    """
    low, high = format.integer_range
    wraps, mask = format.overflow_of(overflow) == "wrap", (1 << format.width) - 1

    def chosen(code: Any, flags: Any) -> Any:
        both = flags[0] & flags[1]
        end = 0 if wraps else Mux(flags[2] | both, 0, Mux(flags[1], low & mask, high & mask))
        return Mux(flags.any(), end, Value.cast(code))

    using = Logic(1, format.width)
    return plan.step("code_of_seen", format.width, chosen, code, flags, using=using, wrap=True)


def aligned_integer(plan: Plan, number: Unpacked, register: FixedFormat) -> Wire:
    """A number as a signed integer in units of the register's last place."""
    product = plan.step(
        "signed_product",
        signed(number.width + 1),
        lambda m, s: negated_where(s, m, len(m) + 1).as_signed(),
        number.significand,
        number.sign,
        using=Negation(number.width + 1),
    )
    # A normalised significand may end below the register's last place, in zeros. A distance that
    # is negative even so belongs to a zero.
    low = min((span.exponent_low for span in number.spans), default=0)
    if 0 <= low <= _FREE_PLACES and number.exponent_low >= 0:
        # A few more places below save a subtraction.
        low = 0
    bits = max((number.exponent_high - low).bit_length(), 1)
    distance = plan.step(
        *("distance", unsigned(bits), (lambda e: e - low), number.exponent),
        using=Adder(bits) if low else None,
        wrap=True,
    )
    place = number.scale + register.fraction_width + low
    word = shift_to_place(plan, product, distance, register.width - place)
    shape = signed(min(max(word.width + place, 1), register.width))

    def placed(word: Any) -> Any:
        return word.shift_left(place) if place >= 0 else word[-place:].as_signed()

    return plan.step("placed", shape, placed, word, wrap=True)


def exact_flags(plan: Plan, number: Unpacked) -> Wire | None:
    """+infinity, -infinity and NaN of a number; None if it is always finite."""
    if number.nan is None or number.special is None:
        return None
    return plan.step(
        "product_flags",
        FLAGS,
        lambda special, nan, sign: Cat(special & ~nan & ~sign, special & ~nan & sign, nan),
        number.special,
        number.nan,
        number.sign,
        using=Logic(1, 2),
    )
