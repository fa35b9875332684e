"""Quires: every code as a whole number, rounding, range and NaR, against Fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import FormatError, parse
from holigrail_hw.formats.scalar.posit import PositFormat
from holigrail_hw.formats.scalar.quire import QuireFormat

KINDS = [(2, 0), (3, 4), (4, 0), (5, 1), (8, 2), (16, 2), (32, 4)]


@pytest.mark.parametrize(("width", "exponent_width"), KINDS)
def test_codes(width, exponent_width):
    quire, posit = QuireFormat(width, exponent_width), PositFormat(width, exponent_width)
    smallest = 1 / posit.number_range[1]
    bits, rng = quire.width, np.random.default_rng(width)
    codes = {int.from_bytes(rng.bytes(300), "big") % (1 << bits) for _ in range(200)}
    codes = sorted(codes | set(quire.corner_codes()))
    assert 1 << (bits - 1) in codes
    found = quire.unpack(np.array(codes, object)).to_fractions().tolist()
    for code, value in zip(codes, found, strict=True):
        if code == 1 << (bits - 1):
            assert math.isnan(value)
        else:
            assert value == (code - (code >> (bits - 1) << bits)) * smallest**2
    assert quire.project(quire.unpack(np.array(codes, object))).tolist() == codes
    # Room for 2^31 - 1 of the largest products.
    largest = posit.number_range[1] ** 2
    assert quire.number_range[1] // largest == 2**31 - 1
    assert bits == 16 * width or exponent_width != 2


def test_rounding_and_range():
    quire = parse("quire4_0")
    unit = Fraction(1, 16)
    found = quire.encode([unit / 2, unit * 3 / 2, -unit * 3 / 4, math.inf, -math.inf, math.nan])
    nar = 1 << 39
    assert found.tolist() == [0, 2, 2**40 - 1, nar, nar, nar]
    beyond = [Fraction(2) ** 40, -(Fraction(2) ** 40), -(Fraction(2) ** 35)]
    assert quire.encode(beyond).tolist() == [nar - 1, nar + 1, nar + 1]
    assert quire.encode(beyond, overflow="wrap").tolist() == [0, 0, nar]
    assert quire.encode([unit / 2], rounding="up").tolist() == [1]


def test_names():
    assert parse("quire16") == QuireFormat(16, 2) == parse("quire16_2")
    assert parse("quire8").name == "quire8" and parse("quire8_1").name == "quire8_1"
    assert parse("quire8").summary == "128-bit quire of posit8_2, in units of 2^-48"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quire1", "quire1: the posit's width must be between 2 and 32, not 1"),
        ("quire8_9", "quire8_9: the posit's exponent width must be between 0 and 4, not 9"),
        ("quire", "no format named 'quire'"),
    ],
)
def test_no_such_quire(name, message):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert str(caught.value).startswith(message)
