"""The error of operand formats: against its definition in exact numbers, and known quantisers."""

import math
from fractions import Fraction
from statistics import NormalDist

import pytest

from holigrail_hw.core import find
from holigrail_hw.flow.explore.sweep.precision import error_of, operand_error
from holigrail_hw.formats import parse


def by_definition(lowest, highest):
    """Integers from lowest to highest, rounded to the nearest, by exact fractions."""
    values = [Fraction(NormalDist().inv_cdf((n + 0.5) / 511)) for n in range(511)]
    best = math.inf
    for exponent in range(-3, 9):
        scaled = [value * Fraction(2) ** exponent for value in values]
        kept = [min(max(round(value), lowest), highest) for value in scaled]
        error = sum((k - s) ** 2 for k, s in zip(kept, scaled, strict=True))
        best = min(best, math.sqrt(error / sum(s * s for s in scaled)))
    return best


@pytest.mark.parametrize("width", [2, 3, 4, 6, 8])
def test_integers(width):
    high = (1 << width - 1) - 1
    assert error_of(parse(f"int{width}")) == pytest.approx(by_definition(-high - 1, high))


def test_one_more_bit_is_about_half_the_error():
    for family, bits in (("int{}", range(4, 20)), ("e5m{}", range(1, 16))):
        errors = [error_of(parse(family.format(bit))) for bit in bits]
        ratios = [a / b for a, b in zip(errors, errors[1:], strict=False)]
        assert all(1.5 < ratio < 2.5 for ratio in ratios)


def test_more_exponent_is_never_worse():
    errors = [error_of(parse(f"e{bits}m3")) for bits in range(2, 8)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 1.2 * errors[1]


def test_a_scale_does_not_matter():
    assert len({error_of(parse(f"sfix8_en{places}")) for places in (-4, 0, 3, 12)}) == 1
    assert error_of(parse("sfix8_en0")) == error_of(parse("int8"))


def test_magnitudes_alone():
    assert error_of(parse("uint8")) < error_of(parse("int8"))
    assert error_of(parse("binary")) > error_of(parse("ternary")) > error_of(parse("int3"))


def test_what_has_none():
    assert error_of(parse("mxfp4_e2m1")) is None and error_of(parse("int33")) is None
    assert operand_error(find("mac")(a="int8", b="int33", accumulator="int64")) is None
    assert operand_error(find("huffman-decoder")()) is None


def test_errors_of_operands_add_up():
    one = error_of(parse("int8"))
    assert operand_error(find("mac")(a="int8", b="int8")) == pytest.approx(
        one * math.sqrt(2), rel=1e-3
    )
    assert operand_error(find("multiply")(a="int8", b="fp32")) == pytest.approx(one, rel=1e-3)
