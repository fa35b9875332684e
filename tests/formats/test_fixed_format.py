"""Integers, fixed point, binary and ternary: every code, every rounding mode, saturate and wrap."""

from fractions import Fraction
from math import inf, nan

import ml_dtypes
import numpy as np
import pytest
from fraction_reference import MODES, round_fraction

from holigrail_hw.formats import BinaryFormat, FixedFormat, FormatError, TernaryFormat, parse

WIDTHS = [*range(1, 17)]


def expected_fixed(fmt, value, mode, overflow, word=0, bits=0):
    integer = round_fraction(value * Fraction(2) ** fmt.fraction_width, mode, word, bits)
    low = -(2 ** (fmt.width - 1)) if fmt.signed else 0
    high = low + 2**fmt.width - 1
    if overflow == "saturate":
        integer = min(max(integer, low), high)
    return integer % 2**fmt.width


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_code_decodes_and_comes_back(width, signed):
    for fraction_width in (0, 3, -2, width + 5):
        fmt = FixedFormat(width, signed, fraction_width)
        codes = np.arange(1 << width)
        integers = np.where(signed & (codes >= 1 << (width - 1)), codes - (1 << width), codes)
        values = fmt.decode(codes)
        assert (values == integers * 2.0**-fraction_width).all()
        assert not np.signbit(values[integers == 0]).any()
        for overflow in ("saturate", "wrap"):
            assert (fmt.encode(values, overflow=overflow) == codes).all()
        assert values.min() == float(Fraction(fmt.minimum) / Fraction(2) ** fraction_width)
        assert values.max() == float(Fraction(fmt.maximum) / Fraction(2) ** fraction_width)


@pytest.mark.parametrize("width", [8, 16, 32])
def test_integers_equal_numpy(width):
    codes = np.array(parse(f"int{width}").corner_codes())
    for name in (f"int{width}", f"uint{width}"):
        bits = codes.astype(f"uint{width}").view(name)
        assert (parse(name).decode(codes) == bits).all()
    if width == 8:
        assert (parse("int4").decode(range(16))[8:] == range(-8, 0)).all()
        four = np.arange(16, dtype=np.uint8).view(ml_dtypes.uint4)
        assert (parse("uint4").decode(range(16)) == four.astype(int)).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["int1", "uint1", "int4", "uint4", "sfix4_en2", "ufix4_en6", "sfix5_en-2", "ufix3_en-1"]
)
def test_every_rounding_mode_and_tie(name, mode):
    fmt = parse(name)
    ulp = Fraction(2) ** -fmt.fraction_width
    eighths = np.array([Fraction(k, 8) for k in range(-320, 321)], object)
    thirds = np.array([Fraction(k, 3) for k in range(-60, 61)], object)
    huge = np.array([Fraction(10) ** 30, -(Fraction(10) ** 30)], object)
    values = np.concatenate([eighths, thirds, huge]) * ulp
    for overflow in ("saturate", "wrap"):
        got = fmt.encode(values, rounding=mode, overflow=overflow).tolist()
        assert got == [expected_fixed(fmt, value, mode, overflow) for value in values]


@pytest.mark.parametrize("name", ["int5", "ufix4_en2"])
@pytest.mark.parametrize("bits", [1, 3])
def test_stochastic_with_every_random_word(name, bits):
    fmt = parse(name)
    words = np.arange(1 << bits)
    values = np.array([Fraction(k, 32) for k in range(-64, 65)] + [Fraction(1, 3)])
    got = fmt.encode(values[:, None], "stochastic", words, bits)
    expected = [
        [expected_fixed(fmt, value, "stochastic", "saturate", int(word), bits) for word in words]
        for value in values
    ]
    assert got.tolist() == expected


@pytest.mark.parametrize("width", [53, 54, 60, 61, 62, 63, 64, 65, 100, 600])
@pytest.mark.parametrize("signed", [True, False])
def test_wide_formats(width, signed):
    fmt = FixedFormat(width, signed)
    codes = fmt.encode([fmt.minimum, fmt.maximum, fmt.maximum + 1, fmt.minimum - 1, Fraction(5, 2)])
    low, high = fmt.minimum % 2**width, fmt.maximum
    assert codes.tolist() == [low, high, high, low, 2]
    assert codes.dtype == (np.uint64 if width <= 64 else object)
    wrapped = fmt.encode([fmt.maximum + 1, fmt.minimum - 1, -1, 2**700 + 7], overflow="wrap")
    assert wrapped.tolist() == [low, high, 2**width - 1, 7]
    assert fmt.unpack(codes).to_fractions().tolist()[:2] == [fmt.minimum, fmt.maximum]
    assert (fmt.encode(fmt.unpack(fmt.corner_codes()).to_fractions()) == fmt.corner_codes()).all()


def test_decode_is_exact_or_gives_fractions():
    for width in range(50, 60):
        for signed in (True, False):
            fmt = FixedFormat(width, signed)
            is_exact = all(int(float(number)) == number for number in (fmt.maximum, fmt.minimum))
            assert fmt.is_exact_in_float64 == is_exact
            assert fmt.decode(fmt.maximum)[()] == fmt.maximum
    assert parse("int54").decode([2**53 - 1, 2**53]).tolist() == [2.0**53 - 1, -(2.0**53)]
    values = parse("int64").decode([2**63 - 1, 2**63, 0])
    assert values.dtype == object
    assert values.tolist() == [2**63 - 1, -(2**63), 0]
    assert FixedFormat(8, True, 1200).decode([1]).tolist() == [Fraction(1, 2**1200)]


def test_infinities_and_nan():
    fmt = parse("int8")
    assert fmt.encode([inf, -inf, nan, -0.0]).tolist() == [127, 128, 0, 0]
    assert fmt.encode([inf, -inf, nan], overflow="wrap").tolist() == [0, 0, 0]
    assert parse("uint8").encode([inf, -inf, nan]).tolist() == [255, 0, 0]
    assert FixedFormat(80).encode([inf, -inf]).tolist() == [2**79 - 1, 2**79]


def test_int1_is_minus_one_and_zero():
    assert parse("int1").decode([0, 1]).tolist() == [0, -1]


def test_binary():
    fmt = parse("binary")
    assert fmt == BinaryFormat()
    assert fmt.decode([0, 1]).tolist() == [-1, 1]
    values = [-inf, -2, -Fraction(1, 10**40), -0.0, 0, 5e-324, inf, nan, -nan]
    assert fmt.encode(values).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_ternary():
    fmt = parse("ternary")
    assert fmt == TernaryFormat()
    assert fmt.decode([0, 1, 2, 3]).tolist() == [0, 1, 0, -1]
    assert fmt.encode([-7, -1, -0.0, 0, 1, 2**80, inf, -inf, nan]).tolist() == [
        3, 3, 0, 0, 1, 1, 1, 3, 0,
    ]  # fmt: skip
    values = [Fraction(k, 16) for k in range(-32, 33)]
    for mode in MODES:
        got = fmt.encode(values, rounding=mode)
        expected = [min(max(round_fraction(value, mode), -1), 1) % 4 for value in values]
        assert got.tolist() == expected
    assert fmt.encode([0.25] * 4, "stochastic", [0, 1, 2, 3], 2).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedFormat(0), "fixed point: width must be between 1 and 4096, not 0"),
        (lambda: FixedFormat(4097), "fixed point: width must be between 1 and 4096, not 4097"),
        (
            lambda: FixedFormat(8, True, 9000),
            "sfix8_en9000: fraction width must be between -8192 and 8192, not 9000",
        ),
        (
            lambda: parse("int8").encode(1, overflow="clip"),
            "int8: overflow must be 'saturate' or 'wrap', not 'clip'",
        ),
        (
            lambda: parse("binary").encode(1, overflow="wrap"),
            "binary: overflow must be 'saturate', not 'wrap'",
        ),
        (
            lambda: parse("fp16").encode(1, overflow="saturate"),
            "fp16: overflow must be left out, not 'saturate'",
        ),
        (lambda: parse("int8").decode([1, 256]), "int8: codes must be between 0 and 255, not 256"),
        (lambda: parse("int8").decode([-1, 1]), "int8: codes must be between 0 and 255, not -1"),
        (lambda: parse("int8").decode([1.0]), "int8: codes must be integers, not float"),
        (
            lambda: parse("int8").decode(np.array([1.0])),
            "int8: codes must be integers, not float64",
        ),
        (lambda: parse("int8").encode("12"), "values must be real numbers, not str"),
        (lambda: parse("int8").encode([1j]), "values must be real numbers, not complex"),
        (
            lambda: parse("int8").encode(np.array([1j])),
            "values must be real numbers, not complex128",
        ),
        (
            lambda: parse("int8").encode(np.zeros(2, "i4,i4")),
            "values must be real numbers, not [('f0', '<i4'), ('f1', '<i4')]",
        ),
    ],
)
def test_wrong_requests(make, message):
    with pytest.raises(FormatError) as caught:
        make()
    assert str(caught.value) == message
