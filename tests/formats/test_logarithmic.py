"""Logarithmic numbers: codes, and rounding of logarithms, against decimal arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from fraction_reference import MODES
from logarithm_reference import code_of, log2, number_of, power_of_two

from holigrail_hw.formats import FormatError, named, parse, powers
from holigrail_hw.formats.powers import root_powers

NAMES = ["lns3_0", "lns4_1", "lns8_4", "lns11_0", "lns9_6", "lns12_2"]


@pytest.mark.parametrize("name", NAMES)
def test_every_code(name):
    fmt = parse(name)
    codes = np.arange(1 << fmt.width)
    values = fmt.decode(codes)
    step = 1 + (len(codes) >> 9)
    for code, value in list(zip(codes.tolist(), values.tolist(), strict=True))[::step]:
        number = number_of(fmt, code)
        if number is None:
            assert math.isnan(value) and code == fmt.nan_code
            continue
        sign, log = number
        wanted = 0.0 if log is None else float(power_of_two(log))
        assert value == pytest.approx(-wanted if sign else wanted, rel=1e-15)
        assert code_of(fmt, number) == code
    corners = [number_of(fmt, code) for code in fmt.corner_codes()]
    assert [code_of(fmt, number) for number in corners] == fmt.corner_codes()
    # Only zero has a second code, that of NaN.
    assert fmt.encode(values[~np.isnan(values)]).tolist() == codes[~np.isnan(values)].tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_encoding_rounds_logarithms(name, mode):
    fmt, rng = parse(name), np.random.default_rng(5)
    values = [Fraction(int(n), int(d)) for n, d in rng.integers(1, 1 << 40, (60, 2))]
    values += [Fraction(float(v)) for v in rng.normal(size=60)]
    values += [Fraction(2) ** e for e in range(-40, 41)]
    values += [fmt.number_range[1] * f for f in (Fraction(9, 10), 1, 2, -3)]
    found = fmt.encode(values, rounding=mode).tolist()
    for value, code in zip(values, found, strict=True):
        assert code == code_of(fmt, (value < 0, log2(abs(value))), mode), value
    assert fmt.encode([0, -0.0, math.inf, -math.inf, math.nan]).tolist() == [
        *[1 << (fmt.width - 2)] * 2,
        *[fmt.nan_code] * 3,
    ]


def test_borders_between_neighbours():
    """Integers of 70 bits on both sides of every border, of the odd multiples of half a place."""
    fmt = parse("lns8_4")
    for k in range(32):
        border = math.floor(power_of_two(Fraction(2 * k + 1, 32) + 70))
        below, above = fmt.encode([Fraction(n, 1 << 70) for n in (border, border + 1)]).tolist()
        assert (below, above) == (k, k + 1)


@pytest.mark.parametrize(("width", "places"), [(0, 3), (1, 10), (5, 64), (9, 40), (12, 70)])
def test_powers(width, places):
    found = root_powers(width, places)
    assert found[0] == 1 << places
    steps = range(1, 1 << width, 1 + (1 << width) // 200)
    for k in steps:
        assert found[k] == math.floor(power_of_two(places + Fraction(k, 1 << width)))


def test_a_power_too_near_to_an_integer_is_refused(monkeypatch):
    monkeypatch.setattr(powers, "_SAFE", powers._GUARD - 1)
    with pytest.raises(ArithmeticError, match="too near to an integer"):
        root_powers.__wrapped__(3, 10)


def test_stochastic_rounding_by_every_word():
    fmt = parse("lns8_4")
    values = [Fraction(n, 97) for n in range(1, 300, 7)]
    for word in range(8):
        found = fmt.encode(values, rounding="stochastic", random=word, random_width=3).tolist()
        for value, code in zip(values, found, strict=True):
            scaled = log2(value) * 16
            below = math.floor(scaled)
            up = math.floor((scaled - below) * 8) + word >= 8
            assert code == code_of(fmt, (False, type(scaled)(below + up) / 16))


def test_names():
    assert parse("lns8_4").name == "lns8_4" and "lns8_4" in named()
    assert parse("lns8_4").summary == (
        "8-bit logarithmic, 4 fraction bits, neighbours differ by a factor of 1.044, largest 15.32"
    )
    assert parse("lns8_4").format_code(0x35) == "0x35 (9.93486)"
    with pytest.raises(TypeError, match="lns8_4: its numbers are no binary fractions"):
        parse("lns8_4").unpack([1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lns8_13", "lns8_13: fraction width must be between 0 and 12, not 13"),
        ("lns8_6", "lns8_6: width must be between 9 and 17 with 6 fraction bits, not 8"),
        ("lns16_3", "lns16_3: width must be between 6 and 14 with 3 fraction bits, not 16"),
        ("lns8", "no format named 'lns8'"),
    ],
)
def test_no_such_format(name, message):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert str(caught.value).startswith(message)
