"""A product with a constant: one addition or subtraction per non-zero digit, as a balanced tree.

The digits -1, 0 and 1 are those of the canonical signed digit form: no two neighbours are non-zero,
and the number of non-zero digits is minimal (Reitwiesner, "Binary Arithmetic", 1960). Smaller adder
graphs, found by search, are the business of the family ``mcm``.
"""

from amaranth import signed, unsigned

from holigrail_hw.estimate.primitives import Adder

from ..number.unpacked import range_shape
from ..plan.plan import Plan, Wire

__all__ = ["constant_product", "signed_digits"]


def constant_product(plan: Plan, value: Wire, constant: int) -> Wire:
    """``value`` times a positive constant, exactly."""
    is_signed = value.shape.signed
    half = 1 << (value.width - is_signed)
    terms = [(place, digit, value) for place, digit in signed_digits(constant)]
    factors = [1] * len(terms)
    while len(terms) > 1:
        terms, factors = _level(plan, terms, factors, half, is_signed)
    place, digit, wire = terms[0]
    width = value.width + (constant - 1).bit_length()
    shape = signed(width) if is_signed else unsigned(width)
    assert digit == 1
    return plan.step("product", shape, lambda v: v.shift_left(place), wire, wrap=True)


def signed_digits(constant: int) -> list[tuple[int, int]]:
    """Places and signs of the non-zero digits, lowest first.

    >>> signed_digits(7)
    [(0, -1), (3, 1)]
    """
    found, place = [], 0
    while constant:
        if constant & 1:
            digit = 2 - (constant & 3)
            found.append((place, digit))
            constant -= digit
        constant >>= 1
        place += 1
    return found


def _level(
    plan: Plan, terms: list[tuple[int, int, Wire]], factors: list[int], half: int, is_signed: bool
) -> tuple[list[tuple[int, int, Wire]], list[int]]:
    """Add neighbours in pairs; a term is sign * factor * value * 2^place with a positive factor."""
    next_terms, next_factors = [], []
    for index in range(0, len(terms) - 1, 2):
        (low, low_sign, a), (high, high_sign, b) = terms[index], terms[index + 1]
        distance, same = high - low, low_sign == high_sign
        # The upper term is the larger one, so the sum has its sign.
        factor = (factors[index + 1] << distance) + (factors[index] if same else -factors[index])
        ends = (-factor * half if is_signed else 0, factor * (half - 1))
        shape = range_shape(*ends)
        wire = plan.step(
            f"times{factor}",
            shape,
            (lambda a, b, d=distance: b.shift_left(d) + a)
            if same
            else (lambda a, b, d=distance: b.shift_left(d) - a),
            a,
            b,
            using=Adder(shape.width),
            wrap=True,
            keep=True,
        )
        next_terms.append((low, high_sign, wire))
        next_factors.append(factor)
    if len(terms) % 2:
        next_terms.append(terms[-1])
        next_factors.append(factors[-1])
    return next_terms, next_factors
