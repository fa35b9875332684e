"""Where int64 ends and Python integers begin, the values must not notice."""

from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import FINITE, Exact, FixedFormat, parse
from holigrail_hw.golden import add, compare, exact_sums, multiply


def integers(*values, exponent=0):
    magnitudes = np.array([abs(value) for value in values], object)
    fits = max(magnitudes.tolist()) < 1 << 61
    return Exact(
        np.array([value < 0 for value in values]),
        magnitudes.astype(np.int64) if fits else magnitudes,
        np.full(len(values), exponent, np.int64),
        np.full(len(values), FINITE, np.uint8),
    )


def keeps_its_promise(exact):
    return exact.significand.dtype == object or int(exact.significand.max()) < 1 << 61


@pytest.mark.parametrize("bits", range(56, 66))
@pytest.mark.parametrize("shift", range(6))
def test_sums_and_order(bits, shift):
    top = 2**bits - 1
    x, y = integers(top, -top, top, 1), integers(top, -top, -top, top, exponent=shift)
    total = add(x, y)
    scaled = top << shift
    expected = [top + scaled, -top - scaled, top - scaled, 1 + scaled]
    assert total.to_fractions().tolist() == expected
    assert keeps_its_promise(total)
    pairs = zip(x.to_fractions(), y.to_fractions(), strict=True)
    assert compare(x, y).tolist() == [(a > b) - (a < b) for a, b in pairs]


@pytest.mark.parametrize("bits", range(26, 36))
def test_products(bits):
    top = 2**bits - 1
    product = multiply(integers(top, 1), integers(-top, 2 * top))
    assert product.to_fractions().tolist() == [-top * top, 2 * top]
    assert keeps_its_promise(product)


@pytest.mark.parametrize("bits", range(50, 64))
def test_exact_sums_over_a_long_time(bits):
    value = 2**bits - 1
    sums = exact_sums(integers(*[value] * 5000), integers(1))
    assert sums[-1].to_fractions()[()] == 5000 * value
    assert keeps_its_promise(sums)


@pytest.mark.parametrize("bits", [59, 60, 61, 62, 63, 64])
@pytest.mark.parametrize("mode", ["nearest_even", "nearest_away", "toward_zero", "up", "to_odd"])
def test_rounding_everything_away(bits, mode):
    """Shifts to the right by as many bits as the number has, and more."""
    top = 2**bits - 1
    exact = integers(top, -top, 1, 2 ** (bits - 1), -(2 ** (bits - 1)))
    values = exact.to_fractions()
    for shift in range(bits - 2, 72):
        fmt = FixedFormat(8, True, -shift)
        got = fmt.unpack(fmt.project(exact, mode)).to_fractions()
        for value, result in zip(values, got, strict=True):
            whole, nu = divmod(abs(value) / 2**shift, 1)
            half = Fraction(1, 2)
            whole += {
                "nearest_even": nu > half or (nu == half and whole % 2 == 1),
                "nearest_away": nu >= half,
                "toward_zero": False,
                "up": nu > 0 and value > 0,
                "to_odd": nu > 0 and whole % 2 == 0,
            }[mode]
            assert result == (-whole if value < 0 else whole) * 2**shift, (value, shift)
        words = np.full(5, 15)
        got = fmt.project(exact, "stochastic", words, 4).tolist()
        wide = fmt.project(exact.widened(), "stochastic", words, 4).tolist()
        expected = []
        for value in values:
            whole, nu = divmod(abs(value) / 2**shift, 1)
            whole += int(nu * 16) + 15 >= 16
            expected.append(int(-whole if value < 0 else whole) % 256)
        assert got == wide == expected


def test_adding_zero_needs_no_wide_numbers():
    fmt = parse("fp32")
    extremes, zero = fmt.unpack([1, fmt.largest_code]), fmt.unpack([0, 0])
    for total in (add(extremes, zero), add(zero, extremes), add(extremes, parse("int8").unpack(0))):
        assert total.significand.dtype == np.int64
        assert (total.to_float64() == extremes.to_float64()).all()
