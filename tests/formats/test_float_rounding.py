"""Rounding into floats: every mode, tie and border, against Fractions and other libraries."""

import warnings
from fractions import Fraction
from math import inf, nan

import gfloat
import ml_dtypes
import numpy as np
import pytest
from fraction_reference import MODES, STOCHASTIC, FloatReference, grid_value, largest_code
from test_float_codes import NUMPY_TWINS, SWEEP, gfloat_twin, same

from holigrail_hw.formats import FormatError, Rounding, parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SMALL = [
    "fp8_e4m3",
    "fp8_e4m3_sat",
    "fp8_e5m2",
    "fp8_e5m2_flush",
    "fp8_e5m2_sat",
    "fp6_e3m2",
    "fp6_e2m3_flush",
    "fp4_e2m1",
    "e4m3_fnuz",
    "e3m2_fnuz_flush_sat",
    "e1m4",
    "e2m3_bias5",
    "e1m2_fn_flush",
    "e4m0",
    "e4m0_flush",
    "e5m0_finite",
    "e3m0_fnuz_sat",
    "e2m0_fnuz",
]
EPSILON = Fraction(1, 10**9)
WITHIN = [Fraction(0), EPSILON, Fraction(1, 4), Fraction(1, 3), Fraction(1, 2) - EPSILON]
WITHIN += [Fraction(1, 2), Fraction(1, 2) + EPSILON, Fraction(3, 4), 1 - EPSILON]


def points_between(fmt, codes):
    """Positive Fractions between the grid values of the codes and their upper neighbours."""
    for code in codes:
        low, high = grid_value(fmt, code), grid_value(fmt, code + 1)
        for part in WITHIN:
            yield low + part * (high - low)
    if not fmt.subnormals:
        smallest = grid_value(fmt, 1 << fmt.fraction_width)
        for part in WITHIN:
            yield smallest * (Fraction(1, 2) + part / 2)
            # The last number below the smallest normal one, had the exponent no end.
            yield smallest * (1 - (1 - part) * Fraction(1, 2 ** (fmt.fraction_width + 1)))
            yield smallest * (Fraction(1, 4) + part / 4)


def disagreements(fmt, codes):
    reference = FloatReference(fmt)
    values = [value for value in points_between(fmt, codes) if value]
    located = [reference.locate(value) for value in values]
    for mode in MODES:
        for is_negative in (False, True):
            signed = [-value for value in values] if is_negative else values
            got = fmt.encode(signed, rounding=mode).tolist()
            for value, place, code in zip(signed, located, got, strict=True):
                expected = reference.finish(*place, is_negative, mode)
                if code != expected:
                    yield fmt.name, mode, value, fmt.format_code(code), fmt.format_code(expected)


@pytest.mark.parametrize("name", SMALL)
def test_every_interval_and_tie(name):
    fmt = parse(name)
    codes = range(largest_code(fmt) + 2)
    assert next(disagreements(fmt, codes), None) is None


@pytest.mark.parametrize("exponent_width", range(1, 9))
def test_borders_of_every_shape(exponent_width):
    """Zero, subnormal to normal, binades, largest to overflow, at many shapes of the fields."""
    seen = 0
    for fmt in SWEEP:
        if fmt.exponent_width == exponent_width and fmt.fraction_width in (0, 1, 2, 3, 7, 8, 12):
            normal, top = 1 << fmt.fraction_width, largest_code(fmt)
            codes = {0, 1, normal - 1, normal, 2 * normal - 1, top - 1, top, top + 1, top + normal}
            assert next(disagreements(fmt, sorted(codes)), None) is None
            seen += 1
    assert seen == (46 if exponent_width == 1 else 54)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("mode", MODES)
def test_special_values_and_extreme_sizes(name, mode):
    fmt = parse(name)
    reference = FloatReference(fmt)
    values = [0.0, -0.0, inf, -inf, nan, Fraction(10) ** 60, -(Fraction(10) ** 60)]
    values += [Fraction(1, 10**60), -Fraction(1, 10**60), 2**200 + 1, 5e-324, -1.7e308]
    expected = [reference.encode(value, mode) for value in values]
    assert fmt.encode(values, rounding=mode).tolist() == expected


def test_e4m3_overflow_tie():
    fmt = parse("fp8_e4m3")
    just_above = Fraction(464) + EPSILON
    assert fmt.decode(fmt.encode([464, 448, -464])).tolist() == [448, 448, -448]
    assert np.isnan(fmt.decode(fmt.encode([just_above, 465.0, inf, -inf]))).all()
    assert np.isnan(fmt.decode(fmt.encode(464, rounding="nearest_away")))
    assert fmt.decode(fmt.encode([1e9, -1e9], rounding="down"))[0] == 448
    assert parse("fp8_e4m3_sat").decode(parse("fp8_e4m3_sat").encode([1e9, -inf])).tolist() == [
        448,
        -448,
    ]


def test_directed_overflow_in_ieee_formats():
    fmt = parse("fp16")
    expected = {
        "nearest_even": [inf, -inf],
        "nearest_away": [inf, -inf],
        "toward_zero": [65504, -65504],
        "up": [inf, -65504],
        "down": [65504, -inf],
        "to_odd": [65504, -65504],
    }
    for mode, values in expected.items():
        assert fmt.decode(fmt.encode([70000, -70000], rounding=mode)).tolist() == values, mode
        assert fmt.decode(fmt.encode([inf, -inf], rounding=mode)).tolist() == [inf, -inf], mode


def test_flush_happens_after_rounding_with_unbounded_exponent():
    fmt = parse("fp8_e5m2_flush")
    smallest = Fraction(1, 2**14)
    below = smallest * Fraction(15, 16)  # half way between 7/8 and 1 in units of 2^-14
    assert fmt.decode(fmt.encode([smallest, below, below - EPSILON * smallest])).tolist() == [
        float(smallest),
        float(smallest),
        0,
    ]
    # Rounding up alone does not lift a tiny number to the smallest normal one.
    tiny = fmt.encode([Fraction(1, 2**20), -Fraction(1, 2**20)], rounding="up")
    assert tiny.tolist() == [0, fmt.sign_code]


def test_without_fraction_bits_ties_go_to_the_even_code():
    fmt = parse("e4m0")
    codes = np.arange(1, fmt.largest_code)
    ties = fmt.decode(codes) * 1.5
    assert fmt.encode(ties).tolist() == (codes + (codes % 2)).tolist()


def gfloat_mode(mode):
    return {
        "nearest_even": gfloat.RoundMode.TiesToEven,
        "nearest_away": gfloat.RoundMode.TiesToAway,
        "toward_zero": gfloat.RoundMode.TowardZero,
        "up": gfloat.RoundMode.TowardPositive,
        "down": gfloat.RoundMode.TowardNegative,
        "stochastic": gfloat.RoundMode.StochasticFastest,
        "stochastic_b": gfloat.RoundMode.StochasticFast,
        "stochastic_c": gfloat.RoundMode.Stochastic,
    }[mode]


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "to_odd"])
@pytest.mark.parametrize(
    "name",
    ["fp8_e4m3", "fp8_e4m3_sat", "fp8_e5m2", "fp6_e2m3", "fp4_e2m1", "e4m3_fnuz", "e5m0", "fp16"],
)
def test_rounding_equals_gfloat(name, mode):
    fmt = parse(name)
    grid = fmt.decode(np.arange(min(fmt.largest_code, 4000) + 1))
    middles = (grid[1:] + grid[:-1]) / 2
    rng = np.random.default_rng(3)
    spread = rng.standard_normal(4000) * 2.0 ** rng.integers(-30, 20, 4000)
    values = np.concatenate([grid, middles, np.nextafter(middles, 0), np.nextafter(middles, inf)])
    values = np.concatenate([values, -values, spread, [1e300, -1e300, 5e-324]])
    saturates = fmt.saturate or fmt.specials == "finite"
    expected = gfloat.round_ndarray(gfloat_twin(fmt), values, gfloat_mode(mode), saturates)
    assert same(fmt.decode(fmt.encode(values, rounding=mode)), expected).all()


@pytest.mark.parametrize("name", NUMPY_TWINS)
def test_nearest_even_equals_casts_of_the_numpy_type(name):
    fmt, dtype = parse(name), NUMPY_TWINS[name]
    rng = np.random.default_rng(4)
    singles = rng.integers(0, 1 << 32, 60_000, dtype=np.uint32).view(np.float32)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    near = (rng.standard_normal(20_000) * 2.0 ** rng.integers(-20, 17, 20_000)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.concatenate([singles, halves.astype(np.float32), near])
        cast = values.astype(dtype).astype(np.float64)
    if fmt.specials == "finite":
        keep = ~np.isnan(values)
        values, cast = values[keep], cast[keep]
    assert same(fmt.decode(fmt.encode(values)), cast).all()


def test_nearest_even_to_fp32_equals_numpy():
    rng = np.random.default_rng(5)
    values = rng.standard_normal(100_000) * 2.0 ** rng.integers(-160, 135, 100_000)
    with np.errstate(over="ignore", under="ignore"):
        expected = values.astype(np.float32)
    assert (parse("fp32").encode(values) == expected.view(np.uint32)).all()


def stochastic_values(fmt, bits):
    parts = [Fraction(k, 2 ** (bits + 1)) for k in range(2 ** (bits + 1))]
    parts += [Fraction(1, 3), Fraction(2, 7), EPSILON, 1 - EPSILON]
    normal, top = 1 << fmt.fraction_width, fmt.largest_code
    for code in sorted({0, 1, normal - 1, normal, normal + 1, top - 1, top}):
        low, high = grid_value(fmt, code), grid_value(fmt, code + 1)
        yield from (low + part * (high - low) for part in parts)
    yield grid_value(fmt, top + normal)


@pytest.mark.parametrize("mode", STOCHASTIC)
@pytest.mark.parametrize("bits", [1, 2, 5])
@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2_flush", "fp4_e2m1", "e3m0", "e4m3_fnuz"])
def test_stochastic_with_every_random_word(name, bits, mode):
    fmt = parse(name)
    reference = FloatReference(fmt)
    values = [value for value in stochastic_values(fmt, bits) if value]
    words = np.arange(1 << bits)
    for is_negative in (False, True):
        signed = np.array([-value if is_negative else value for value in values])
        got = fmt.encode(signed[:, None], mode, words, bits)
        for value, row in zip(values, got, strict=True):
            place = reference.locate(value)
            expected = [reference.finish(*place, is_negative, mode, word, bits) for word in words]
            assert row.tolist() == expected, (fmt, value)


@pytest.mark.parametrize("bits", [3, 20, 60, 61, 90])
def test_stochastic_word_width_and_array_type_do_not_matter(bits):
    """Two units of 2^-bits above 1, about: grows from a known word on."""
    fmt = parse("fp16")
    step = Fraction(1, 2 ** (10 + bits))
    words = [0, 1, 2, 2**bits - 3, 2**bits - 2, 2**bits - 1]
    values = np.array([[1 + 2 * step], [1 + 2 * step + step / 3], [1 + 2 * step - step / 3]])
    got = fmt.encode(values, "stochastic", words, bits) - fmt.encode(1)
    grow_two, grow_one = [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1]
    assert got.tolist() == [grow_two, grow_two, grow_one]
    values = np.array([[1 + 2 * step], [1 + 2 * step - step / 3], [1 + step * Fraction(5, 2)]])
    got = fmt.encode(values, "stochastic_b", words, bits) - fmt.encode(1)
    assert got.tolist() == [grow_two, grow_two, [0, 0, 0, 1, 1, 1]]
    got = fmt.encode(values, "stochastic_c", words, bits) - fmt.encode(1)
    assert got.tolist() == [grow_two, grow_two, grow_two]


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "e3m0"])
@pytest.mark.parametrize("stochastic", STOCHASTIC)
def test_stochastic_equals_gfloat(name, stochastic):
    fmt = parse(name)
    rng = np.random.default_rng(6)
    values = rng.standard_normal(20_000) * 2.0 ** rng.integers(-20, 10, 20_000)
    words = rng.integers(0, 1 << 7, 20_000)
    mode = gfloat_mode(stochastic)
    expected = gfloat.round_ndarray(gfloat_twin(fmt), values, mode, False, words, 7)
    assert same(fmt.decode(fmt.encode(values, stochastic, words, 7)), expected).all()


@pytest.mark.parametrize(("mode", "error"), list(zip(STOCHASTIC, (-3, 1, 0), strict=True)))
def test_mean_of_all_random_words(mode, error):
    """Variant A loses what it does not look at, B has ties that go up; C is right on average."""
    fmt, bits = parse("fp16"), 4
    parts = np.array([Fraction(k, 64) for k in range(64)])
    values = np.array([1 + part * Fraction(1, 1024) for part in parts])
    words = np.arange(1 << bits)
    ups = (fmt.encode(values[:, None], mode, words, bits) - fmt.encode(1)).sum(1)
    mean = sum(Fraction(int(up), 16) - part for up, part in zip(ups, parts, strict=True)) / 64
    assert mean == Fraction(error, 128)


def test_stochastic_needs_fitting_random_words():
    fmt = parse("fp8_e4m3")
    for arguments, text in [
        ({}, "random_width must be at least 1, not 0"),
        ({"random_width": 4}, "random words must be given, not left out"),
        (
            {"random_width": 2, "random": [4]},
            "random words must be between 0 and 2^2 - 1, not 4 to 4",
        ),
        ({"random_width": 2, "random": [0.5]}, "random words must be integers, not float64"),
    ]:
        with pytest.raises(FormatError) as caught:
            fmt.encode([1.0], rounding="stochastic", **arguments)
        assert str(caught.value) == f"stochastic rounding: {text}"


def test_rounding_names_and_aliases():
    aliases = {"rne": "nearest_even", "rna": "nearest_away", "rtz": "toward_zero"}
    aliases |= {"rup": "up", "rdn": "down", "stochastic_a": "stochastic"}
    for short, full in aliases.items():
        assert Rounding(short) is Rounding(full)
        assert Rounding(full) == full == str(Rounding(full))
    with pytest.raises(FormatError) as caught:
        parse("fp16").encode(1.0, rounding="nearest")
    assert str(caught.value) == (
        "rounding must be one of nearest_even, nearest_away, toward_zero, up, down, to_odd, "
        "stochastic, stochastic_b, stochastic_c, not 'nearest'"
    )
    assert caught.value.hint == "other names: rne, rna, rtz, rup, rdn, stochastic_a"


def test_ml_dtypes_is_the_one_with_saturating_finite_formats():
    """The comparison above relies on this property of the reference."""
    assert float(np.float32(1e9).astype(ml_dtypes.float4_e2m1fn)) == 6
