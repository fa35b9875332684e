"""Posits: every code by its bits, rounding on the bit string, and NaR, against Fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from fraction_reference import MODES, grows

from holigrail_hw import golden
from holigrail_hw.formats import FormatError, Rounding, parse
from holigrail_hw.formats.scalar.posit import PositFormat

SMALL = [(2, 0), (2, 3), (3, 0), (3, 1), (4, 2), (5, 0), (6, 1), (7, 4), (8, 0), (8, 2), (9, 3)]


def number(width, exponent_width, code):
    """The number of a code, read bit by bit; None for NaR."""
    bits = f"{code:0{width}b}"
    if "1" not in bits:
        return Fraction(0)
    if "1" not in bits[1:]:
        return None
    if bits[0] == "1":
        return -number(width, exponent_width, (1 << width) - code)
    run = len(bits[1:]) - len(bits[1:].lstrip(bits[1]))
    regime = run - 1 if bits[1] == "1" else -run
    rest = bits[1 + run + 1 :]
    exponent = int("0" + rest[:exponent_width].ljust(exponent_width, "0"), 2)
    fraction = rest[exponent_width:]
    part = Fraction(int("0" + fraction, 2), 1 << len(fraction))
    return (1 + part) * Fraction(2) ** (regime * 2**exponent_width + exponent)


def rounded(width, exponent_width, value, mode, word=0, bits=0):
    """The code of a number. Posits of one bit more lie halfway between: they are the borders."""
    top = (1 << (width - 1)) - 1
    if value == 0:
        return 0
    magnitude = abs(value)
    # Cut off after so many bits that what is left out lies between 0 and 1 linearly.
    wide = width + 40
    low, high = 0, (1 << (wide - 1)) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if number(wide, exponent_width, middle) <= magnitude:
            low = middle
        else:
            high = middle - 1
    body, rest = divmod(low, 1 << 40)
    below = Fraction(rest, 1 << 40)
    if number(wide, exponent_width, low) != magnitude:
        below += Fraction(1, 1 << 60)
    body += grows(mode, below, body % 2 == 1, value < 0, word, bits)
    body = min(max(body, 1), top)
    return (1 << width) - body if value < 0 else body


@pytest.mark.parametrize(("width", "exponent_width"), [*SMALL, (12, 2), (16, 2)])
def test_every_code(width, exponent_width):
    posit = PositFormat(width, exponent_width)
    codes = np.arange(1 << width)
    exact = posit.unpack(codes)
    nar = 1 << (width - 1)
    assert exact.is_nan.tolist() == [code == nar for code in codes]
    found = exact.to_fractions()
    for code in codes.tolist():
        assert code == nar or found[code] == number(width, exponent_width, code)
    assert posit.project(exact).tolist() == codes.tolist()
    finite = [x for code, x in enumerate(found.tolist()) if code != nar]
    assert posit.number_range == (min(finite), max(finite))
    assert all((x / Fraction(2) ** posit.least_place).denominator == 1 for x in finite)
    assert finite[:nar] == sorted(finite[:nar])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("width", "exponent_width"), SMALL)
def test_rounding(width, exponent_width, mode):
    posit = PositFormat(width, exponent_width)
    rng = np.random.default_rng(width)
    # Numbers, those of one bit more, which lie on the borders, and what lies beside them.
    exact = [number(width + 1, exponent_width, int(c)) for c in rng.integers(0, 2 << width, 60)]
    values = [x * f for x in exact if x for f in (1, Fraction(1025, 1024), Fraction(1023, 1024))]
    largest = posit.number_range[1]
    values += [Fraction(0), largest * 3, -largest * 3, 1 / largest / 3, -1 / largest / 3]
    found = posit.encode(values, rounding=mode).tolist()
    assert found == [rounded(width, exponent_width, value, mode) for value in values]


def test_stochastic_rounding():
    posit, rng = PositFormat(7, 1), np.random.default_rng(5)
    exact = [number(12, 1, int(c)) for c in rng.integers(1, 1 << 11, 200)]
    words = rng.integers(0, 16, 200)
    found = posit.encode(exact, Rounding.STOCHASTIC, words, 4).tolist()
    pairs = zip(exact, words.tolist(), strict=True)
    assert found == [rounded(7, 1, value, "stochastic", word, 4) for value, word in pairs]


def test_wide_posits():
    posit, rng = PositFormat(32, 4), np.random.default_rng(6)
    codes = np.unique(np.concatenate([rng.integers(0, 1 << 32, 500), posit.corner_codes()]))
    exact = posit.unpack(codes)
    assert posit.project(exact).tolist() == codes.tolist()
    numbers = [number(32, 4, int(code)) for code in codes]
    assert [x for x in exact.to_fractions() if x == x] == [x for x in numbers if x is not None]
    thirds = [x / 3 for x in numbers if x]
    assert posit.encode(thirds).tolist() == [rounded(32, 4, x, "nearest_even") for x in thirds]


def test_what_is_no_number():
    posit = parse("posit8_2")
    assert posit.encode([math.nan, math.inf, -math.inf, -0.0]).tolist() == [128, 128, 128, 0]
    assert posit.has_nan and not posit.has_infinity and not posit.is_fixed_like
    assert posit.format_code(0x80) == "0x80 (nan)" and posit.format_code(0x40) == "0x40 (1)"


def test_products():
    posit = parse("posit6_1")
    a, b = np.random.default_rng(7).integers(0, 64, (2, 400))
    found = golden.operate("multiply", (posit, posit), (a, b), golden.Projection(posit))
    for x, y, code in zip(a.tolist(), b.tolist(), found.tolist(), strict=True):
        numbers = number(6, 1, x), number(6, 1, y)
        wanted = 32 if None in numbers else rounded(6, 1, numbers[0] * numbers[1], "nearest_even")
        assert code == wanted


def test_order():
    """Codes are in the order of two's complement integers, NaR first and equal to itself."""
    posit = parse("posit6_1")
    a, b = (codes.ravel() for codes in np.indices((64, 64)))
    found = golden.compare_codes(posit, a, posit, b)
    x, y = (a ^ 32) - 32, (b ^ 32) - 32
    assert found.tolist() == np.sign(x - y).tolist()


def test_names():
    assert parse("posit16_1") == PositFormat(16, 1) and PositFormat(16).name == "posit16_2"
    assert parse("posit8_2").summary == "8-bit posit, 2 exponent bits, largest 2^24"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("posit1_0", "posit1_0: width must be between 2 and 32, not 1"),
        ("posit33_2", "posit33_2: width must be between 2 and 32, not 33"),
        ("posit8_5", "posit8_5: exponent width must be between 0 and 4, not 5"),
        ("posit8", "no format named 'posit8'"),
    ],
)
def test_refusals(name, message):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert str(caught.value) == message
