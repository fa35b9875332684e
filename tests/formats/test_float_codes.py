"""Every code of floats up to 16 bits: independent decoders, order, neighbours, round trip."""

import warnings

import gfloat
import ml_dtypes
import numpy as np
import pytest
from fraction_reference import decode_float, grid_value

from holigrail_hw.formats import FloatFormat, named, parse

NUMPY_TWINS = {
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e4m3": ml_dtypes.float8_e4m3,
    "e3m4": ml_dtypes.float8_e3m4,
    "e4m3_fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
    "e4m3_fnuz_bias11": ml_dtypes.float8_e4m3b11fnuz,
    "fp6_e3m2": ml_dtypes.float6_e3m2fn,
    "fp6_e2m3": ml_dtypes.float6_e2m3fn,
    "fp4_e2m1": ml_dtypes.float4_e2m1fn,
}

SWEEP = [
    FloatFormat(exponent_width, fraction_width, specials=specials, subnormals=subnormals)
    for exponent_width in range(1, 9)
    for fraction_width in range(13)
    for specials in ("ieee", "fn", "finite", "fnuz")
    for subnormals in (True, False)
    if fraction_width or specials != "ieee"
    # With one exponent bit and its upper half reserved there is nothing but zero left.
    if exponent_width > 1 or subnormals or specials not in ("ieee",)
    if (exponent_width, fraction_width, specials) != (1, 0, "fn")
]


def same(left, right):
    """Equal with NaN equal to NaN and -0 different from +0."""
    both_nan = np.isnan(left) & np.isnan(right)
    return both_nan | ((left == right) & (np.signbit(left) == np.signbit(right)))


def twin_values(dtype, codes, width):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a signalling NaN may raise the invalid flag
        return codes.astype(np.uint16 if width > 8 else np.uint8).view(dtype).astype(np.float64)


@pytest.mark.parametrize("name", NUMPY_TWINS)
def test_decode_equals_the_numpy_type(name):
    fmt = parse(name)
    codes = np.arange(1 << fmt.width)
    assert same(fmt.decode(codes), twin_values(NUMPY_TWINS[name], codes, fmt.width)).all()


def test_decode_fp32_equals_numpy():
    fmt = parse("fp32")
    rng = np.random.default_rng(1)
    codes = np.concatenate([rng.integers(0, 1 << 32, 200_000), fmt.corner_codes()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = codes.astype(np.uint32).view(np.float32).astype(np.float64)
    assert same(fmt.decode(codes), expected).all()


@pytest.mark.parametrize("name", ["e3m2", "e2m3_flush", "e3m0", "e4m2_fnuz_flush", "e1m3_bias-2"])
def test_decode_equals_the_definition(name):
    fmt = parse(name)
    for code, value in enumerate(fmt.decode(np.arange(1 << fmt.width))):
        expected = float(decode_float(fmt, code))
        assert same(value, expected), fmt.format_code(code)


def test_decode_beyond_float64_gives_fractions():
    fmt = parse("e8m7_bias-900")
    assert not fmt.is_exact_in_float64
    values = fmt.decode(np.arange(1 << 16))
    assert values.dtype == object
    for code in [*fmt.corner_codes(), 0x1234, 0x8765]:
        expected = decode_float(fmt, code)
        assert values[code] == expected or expected != expected


@pytest.mark.parametrize("exponent_width", range(1, 9))
def test_sweep_round_trip_order_and_neighbours(exponent_width):
    seen = 0
    for fmt in SWEEP:
        if fmt.exponent_width != exponent_width:
            continue
        half = 1 << (fmt.width - 1)
        codes = np.arange(half) if fmt.width <= 16 else sampled_magnitudes(fmt)
        values = fmt.decode(codes)
        negative = fmt.decode(codes + half)
        is_number = codes <= fmt.largest_code
        assert (np.isnan(values) | np.isinf(values))[~is_number].all()
        assert np.isfinite(values[is_number]).all()
        if fmt.subnormals or fmt.width > 16:
            nonzero = values[is_number & (values != 0)]
            assert (np.diff(nonzero) > 0).all(), fmt
        else:
            first = 1 << fmt.fraction_width
            assert (values[:first] == 0).all()
            assert (np.diff(values[first : fmt.largest_code + 1]) > 0).all(), fmt
        # The neighbours of a normal number differ by one unit in the last place.
        for code in {
            1,
            2,
            1 << fmt.fraction_width,
            (1 << fmt.fraction_width) + 1,
            fmt.largest_code,
        }:
            if (fmt.subnormals or code >= 1 << fmt.fraction_width) and code <= fmt.largest_code:
                assert float(fmt.decode(code)) == float(grid_value(fmt, code)), (fmt, code)
        mirrored = same(negative[1:], -values[1:]) | np.isnan(values[1:])
        if not fmt.subnormals and fmt.specials == "fnuz":
            mirrored |= values[1:] == 0
        assert mirrored.all(), fmt
        keeps = is_number & ((values != 0) | (codes == 0))
        assert (fmt.encode(values[keeps]) == codes[keeps]).all(), fmt
        expected = np.where(codes[keeps] == 0, half * fmt.has_negative_zero, codes[keeps] + half)
        assert (fmt.encode(-values[keeps]) == expected).all(), fmt
        seen += len(codes)
    assert seen > 10_000 or exponent_width == 1


def sampled_magnitudes(fmt):
    rng = np.random.default_rng(fmt.width)
    corners = [code for code in fmt.corner_codes() if code < fmt.sign_code]
    return np.unique(np.concatenate([rng.integers(0, fmt.sign_code, 4096), corners]))


def gfloat_twin(fmt):
    return gfloat.FormatInfo(
        fmt.name,
        fmt.width,
        fmt.fraction_width + 1,
        bias=fmt.bias,
        is_signed=True,
        domain=gfloat.Domain.Extended if fmt.specials == "ieee" else gfloat.Domain.Finite,
        has_nz=fmt.specials != "fnuz",
        num_high_nans={"ieee": 2**fmt.fraction_width - 1, "fn": 1}.get(fmt.specials, 0),
        has_subnormals=fmt.subnormals,
        is_twos_complement=False,
    )


@pytest.mark.parametrize(
    "fmt",
    [fmt for fmt in SWEEP if fmt.subnormals and fmt.width <= 11 and fmt.exponent_width > 1],
    ids=str,
)
def test_decode_equals_gfloat(fmt):
    codes = np.arange(1 << fmt.width)
    expected = gfloat.decode_ndarray(gfloat_twin(fmt), codes)
    assert same(fmt.decode(codes), expected).all()


@pytest.mark.parametrize("name", [name for name in named() if parse(name).kind == "float"])
def test_special_codes(name):
    fmt = parse(name)
    if fmt.infinity_code is not None:
        assert fmt.decode(fmt.infinity_code) == np.inf
        assert fmt.decode(fmt.infinity_code | fmt.sign_code) == -np.inf
        assert fmt.encode(np.inf) == fmt.infinity_code
    if fmt.nan_code is not None:
        assert np.isnan(fmt.decode(fmt.nan_code))
        assert fmt.encode(np.nan) == fmt.nan_code
        assert fmt.encode(-np.nan) == fmt.nan_code
    else:
        assert fmt.encode(np.nan) == fmt.largest_code
    assert fmt.encode([0.0, -0.0]).tolist() == [0, fmt.sign_code]


def test_published_extremes():
    extremes = {
        "fp8_e4m3": (448, 2.0**-6, 2.0**-9),
        "fp8_e5m2": (57344, 2.0**-14, 2.0**-16),
        "fp6_e3m2": (28, 0.25, 2.0**-4),
        "fp6_e2m3": (7.5, 1, 2.0**-3),
        "fp4_e2m1": (6, 1, 0.5),
        "fp16": (65504, 2.0**-14, 2.0**-24),
        "bf16": (float(ml_dtypes.finfo(ml_dtypes.bfloat16).max), 2.0**-126, 2.0**-133),
        "fp32": (float(np.finfo(np.float32).max), 2.0**-126, 2.0**-149),
        "tf32": ((2 - 2.0**-10) * 2.0**127, 2.0**-126, 2.0**-136),
    }
    for name, expected in extremes.items():
        fmt = parse(name)
        codes = [fmt.largest_code, fmt.smallest_normal_code, 1]
        assert tuple(fmt.decode(codes)) == expected, name


@pytest.mark.parametrize("name", [*named(), "e5m0", "sfix8_en12", "int1", "int64", "e4m3_fnuz"])
def test_corner_codes_are_distinct_valid_and_hold_the_extremes(name):
    fmt = parse(name)
    codes = fmt.corner_codes()
    assert codes == sorted(set(codes)) and codes[0] >= 0 and codes[-1] < 1 << fmt.width
    if not fmt.has_binary_fractions:
        assert set(fmt.encode(fmt.number_range).tolist()) | {fmt.nan_code} <= set(codes)
        return
    numbers = fmt.unpack(codes).to_fractions().ravel()
    values = [value for value in numbers if abs(value) < np.inf]
    if fmt.kind == "float":
        assert max(values) == grid_value(fmt, fmt.largest_code)
        assert {0, 1, fmt.sign_code, fmt.sign_code + fmt.largest_code} <= set(codes)
        assert {fmt.infinity_code, fmt.nan_code} - {None} <= set(codes)
    if fmt.kind == "fixed":
        assert {0, 1, fmt.maximum} <= set(codes) or fmt.width == 1
        assert fmt.minimum & ((1 << fmt.width) - 1) in codes
