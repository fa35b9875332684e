"""From the numbers people write to exact numbers: every input type, nothing rounded on the way."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from holigrail_hw.formats import FINITE, INFINITE, NAN, parse
from holigrail_hw.formats.integers import bit_length, jam, narrow
from holigrail_hw.formats.numbers import exact_from_numbers


def exact(values):
    return exact_from_numbers(values, precision=40, finest=None)


def test_float64_bits_are_taken_apart_exactly():
    rng = np.random.default_rng(7)
    values = rng.integers(0, 1 << 64, 20_000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([values, [0.0, -0.0, 5e-324, -5e-324, 1.8e308, np.inf, -np.inf]])
    taken = exact(values)
    finite = np.isfinite(values)
    assert (
        taken.category == np.where(finite, FINITE, np.where(np.isnan(values), NAN, INFINITE))
    ).all()
    assert (taken.sign == np.signbit(values)).all()
    ours, theirs = taken[finite].to_fractions(), values[finite]
    assert all(Fraction(a) == Fraction(b) for a, b in zip(ours, theirs.tolist(), strict=True))
    back = taken.to_float64()
    assert (back[finite] == theirs).all() and np.isnan(back[np.isnan(values)]).all()


@pytest.mark.parametrize(
    "dtype",
    [np.float16, np.float32, np.longdouble, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.int8]
    + [np.uint64, np.int64, ml_dtypes.int4, object],
)
def test_arrays_of_any_number_type(dtype):
    values = (
        np.array([-3, 0, 1, 7, 2]) if np.dtype(dtype) != np.uint64 else np.array([3, 0, 1, 7, 2])
    )
    assert exact(values.astype(dtype)).to_fractions().tolist() == values.tolist()


def test_large_integers_are_not_rounded():
    integers = [2**63, -1, 2**63 + 1, -(2**63), 2**64 - 1, 2**61, 2**61 - 1, -(2**61), 3**100]
    assert exact(integers).to_fractions().tolist() == integers
    assert exact(integers).significand.dtype == object
    assert exact([2**61 - 1, -(2**61 - 1)]).significand.dtype == np.int64
    assert exact(np.array([-(2**63)])).to_fractions().tolist() == [-(2**63)]
    assert parse("uint64").encode([2**64 - 1, 0.5]).tolist() == [2**64 - 1, 0]
    assert exact([True, np.int8(-128), np.float32(0.5)]).to_fractions().tolist() == [
        1,
        -128,
        Fraction(1, 2),
    ]


def test_long_double_keeps_its_digits():
    value = np.longdouble(1) + np.longdouble(2) ** -60
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("this machine's long double has no more digits than float64")
    for given in (np.array([value]), [value]):
        assert exact(given).to_fractions().tolist() == [1 + Fraction(1, 2**60)]


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(-(10**30), 7), Fraction(2, 3 * 2**200)])
def test_endless_fractions_get_a_sticky_bit(value):
    taken = exact_from_numbers([value], precision=40, finest=-50)
    below = Fraction(int(taken.significand[0]) - 1) * Fraction(2) ** int(taken.exponent[0])
    above = below + 2 * Fraction(2) ** int(taken.exponent[0])
    assert taken.significand[0] % 2 == 1
    assert below < abs(value) < above
    assert int(taken.significand[0]).bit_length() >= 40 and taken.exponent[0] <= -50


def test_bit_length_and_jam_of_both_array_types():
    numbers = [0, 1, 2, 3, 4, 255, 256, 2**31, 2**32, 2**53 + 1, 2**60 + 1, 2**61 - 1]
    expected = [number.bit_length() for number in numbers]
    assert bit_length(np.array(numbers)).tolist() == expected
    assert bit_length(np.array(numbers, object)).tolist() == expected
    small, counts = np.array([0, 8, 9, 15, 1]), np.array([3, 3, 3, 2, 5])
    assert jam(small, counts).tolist() == [0, 1, 1, 3, 1]
    assert jam(small.astype(object), counts).tolist() == [0, 1, 1, 3, 1]
    assert narrow(np.array([2**61], object)).dtype == object
    assert narrow(np.array([2**61 - 1], object)).dtype == np.int64
