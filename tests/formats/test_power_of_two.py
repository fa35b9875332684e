"""E8M0: every code, every rounding mode against fractions, ml_dtypes and gfloat."""

import math
from fractions import Fraction

import gfloat
import ml_dtypes
import numpy as np
import pytest
from fraction_reference import MODES, STOCHASTIC, grows
from gfloat.formats import format_info_ocp_e8m0

from holigrail_hw.formats import FormatError, parse

SCALE = parse("e8m0")


def nearby():
    """Powers of two, what lies between them and beyond both ends, exactly."""
    fractions = [Fraction(n, 64) for n in (*range(64, 129), 65, 95, 96, 97)]
    exponents = [*range(-131, -123), *range(-3, 4), *range(124, 131)]
    return [f * Fraction(2) ** e for e in exponents for f in fractions]


def code_of(value, mode, word=0, bits=0):
    """The code of a number, by the definition."""
    if value != value or math.isinf(value) or value < 0:
        return 255
    if value == 0:
        return 0
    exponent = math.floor(math.log2(value))
    part = Fraction(value) / Fraction(2) ** exponent - 1
    assert 0 <= part < 1
    code = exponent + 127
    code += grows(mode, part, code % 2 == 1, False, word, bits)
    return min(max(code, 0), 254)


def test_every_code():
    codes = np.arange(256)
    values = SCALE.decode(codes)
    assert values[:255].tolist() == [math.ldexp(1, c - 127) for c in range(255)]
    assert np.isnan(values[255])
    np.testing.assert_array_equal(values, gfloat.decode_ndarray(format_info_ocp_e8m0, codes))
    found = codes.astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
    np.testing.assert_array_equal(values, found)
    assert SCALE.encode(values).tolist() == codes.tolist()
    assert SCALE.number_range == (Fraction(1, 2**127), Fraction(2**127))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_against_fractions(mode):
    values = [*nearby(), 0, -0.0, Fraction(-1), -math.inf, math.inf, math.nan]
    assert SCALE.encode(values, rounding=mode).tolist() == [code_of(v, mode) for v in values]


@pytest.mark.parametrize("mode", STOCHASTIC)
def test_every_random_word(mode):
    for word in range(8):
        values = [v for v in nearby() if v > 0]
        found = SCALE.encode(values, rounding=mode, random=word, random_width=3).tolist()
        assert found == [code_of(v, mode, word, 3) for v in values]


def test_ties_of_ml_dtypes_go_up():
    """Below 2^-126 some of its results are one too large: 1.1 * 2^-127 becomes 2^-126."""
    rng = np.random.default_rng(3)
    values = (1 + rng.random(3000)) * 2.0 ** rng.integers(-126, 126, 3000)
    values = np.concatenate([values, 1.5 * 2.0 ** np.arange(-126.0, 127)])
    wanted = values.astype(ml_dtypes.float8_e8m0fnu).view(np.uint8)
    assert (SCALE.encode(values, rounding="nearest_away") == wanted).all()


def test_long_significands_are_rounded_by_all_their_bits():
    above = Fraction(3, 2) + Fraction(1, 1 << 200)
    assert SCALE.encode([2 * Fraction(3, 2), 2 * above]).tolist() == [128, 129]


def test_names():
    assert parse("e8m0") == SCALE and SCALE.name == "e8m0" and SCALE.width == 8
    # The float of that shape has a sign; it is another format and has another name.
    assert parse("e8m0_fn").name == "e8m0_fn" and parse("e8m0_fn").width == 9
    assert parse("e8m0_bias3").name == "e8m0_bias3"
    with pytest.raises(FormatError, match="special values must be given once"):
        parse("e8m0_fn_finite")
