"""Multiply-accumulate: golden against plain arithmetic, hardware against golden, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arith.mac import Mac
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates

# The heavy run takes all cases.
pytestmark = pytest.mark.halved


def mac(**texts) -> Mac:
    return make(Mac, **texts)


INTEGERS = [
    {},
    {"multiplier": "dsp"},
    {"a": "binary", "b": "binary", "accumulator": "int16"},
    {"a": "ternary", "b": "int8", "accumulator": "int16"},
    {"a": "uint5", "b": "ternary", "accumulator": "int9", "overflow": "saturate"},
    {"a": "uint3", "b": "int5", "accumulator": "int9", "overflow": "saturate"},
    {"a": "int1", "b": "int1", "accumulator": "uint5", "overflow": "saturate"},
    {"a": "uint1", "b": "int1", "accumulator": "int1"},
    {"a": "int8", "b": "int4", "accumulator": "int7"},
    {"a": "int13", "b": "uint11", "accumulator": "int37", "restart": "zero"},
    {"a": "uint7", "b": "uint9", "accumulator": "uint20", "restart": "zero", "multiplier": "dsp"},
    {"a": "int32", "b": "uint32", "accumulator": "int64", "multiplier": "dsp"},
    {"a": "sfix8_en4", "b": "ufix5_en2", "accumulator": "sfix20_en8", "overflow": "saturate"},
]
FLOATS = [
    {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16"},
    {"a": "fp8_e4m3", "b": "fp8_e5m2", "accumulator": "fp16", "rounding": "to_odd"},
    {"a": "fp8_e5m2", "b": "fp8_e5m2", "accumulator": "fp8_e5m2", "rounding": "down"},
    {"a": "bf16", "b": "bf16", "accumulator": "fp32"},
    {"a": "int4", "b": "fp8_e5m2", "accumulator": "bf16", "rounding": "up"},
    {"a": "ternary", "b": "fp6_e3m2", "accumulator": "e4m3_fnuz", "rounding": "nearest_away"},
    {"a": "fp4_e2m1", "b": "fp4_e2m1", "accumulator": "fp6_e2m3", "rounding": "toward_zero"},
    {"a": "e3m1_flush", "b": "e2m0", "accumulator": "e5m3_flush"},
    {"a": "fp8_e5m2", "b": "fp8_e4m3", "accumulator": "e5m7", "rounding": "stochastic"},
    {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16", "accumulation": "cascade"},
    {
        **{"a": "fp8_e5m2", "b": "fp8_e5m2", "accumulator": "bf16", "accumulation": "cascade"},
        **{"product": "fp8_e4m3_sat", "rounding": "stochastic", "random_width": "3"},
    },
]
EXACT = [
    {"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16", "products": "7"},
    {"a": "fp8_e5m2", "b": "fp8_e4m3", "accumulator": "fp32", "rounding": "down"},
    {"a": "fp6_e3m2", "b": "ternary", "accumulator": "fp8_e4m3", "rounding": "stochastic"},
    {"a": "e3m2_flush", "b": "int4", "accumulator": "bf16"},
    {"a": "int8", "b": "int8", "accumulator": "fp16", "products": "100000"},
    {"a": "fp4_e2m1", "b": "fp8_e5m2", "accumulator": "sfix12_en3", "overflow": "saturate"},
    {"a": "fp4_e2m1", "b": "fp4_e2m1", "accumulator": "int5", "rounding": "nearest_away"},
]
for texts in EXACT:
    texts["accumulation"] = "exact"


def vectors(spec, count, seed):
    return spec.items(count, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "texts", INTEGERS + FLOATS + EXACT, ids=lambda texts: "-".join(texts.values()) or "default"
)
def test_hardware_equals_golden(texts):
    check([mac(**texts)])


@pytest.mark.parametrize("period_ns", [9.0, 4.0])
@pytest.mark.parametrize("texts", [INTEGERS[0], INTEGERS[12], FLOATS[0], FLOATS[9], EXACT[1]])
def test_pipelined_hardware_equals_golden(texts, period_ns):
    check([mac(**texts)], Timing(period_ns=period_ns))


def test_a_pipelined_float_sum_interleaves_and_an_integer_sum_does_not():
    fast = Timing(period_ns=5.0)
    assert mac(**FLOATS[0]).plan(fast).interleave > 1
    assert mac().plan(fast).interleave == 1
    assert mac(**FLOATS[0]).plan(Timing()).interleave == 1


@pytest.mark.parametrize("texts", INTEGERS[:6], ids=lambda texts: "-".join(texts.values()))
def test_integer_golden_equals_plain_python(texts):
    spec = mac(**texts)
    codes = vectors(spec, 2000, seed=5)
    a, b = spec.a.decode(codes["a"]), spec.b.decode(codes["b"])
    low, high = spec.accumulator.minimum, spec.accumulator.maximum
    total, expected = 0, []
    for x, y, clear, enable in zip(a, b, codes["clear"], codes["enable"], strict=True):
        total = (0 if clear else total) + (int(x) * int(y) if enable else 0)
        if spec.overflow == "saturate":
            total = min(max(total, low), high)
        else:
            total = (total - low) % (high - low + 1) + low
        expected.append(total)
    assert spec.accumulator.decode(spec.golden(**codes)["result"]).tolist() == expected


@pytest.mark.parametrize("accumulation", ["fused", "cascade", "exact"])
def test_float_golden_equals_rounded_fractions(accumulation):
    """Finite sums, one step at a time in rational arithmetic."""
    spec = mac(a="fp6_e3m2", b="fp6_e2m3", accumulator="e6m4", accumulation=accumulation)
    codes = vectors(spec, 1500, seed=3)
    a, b = spec.a.decode(codes["a"]), spec.b.decode(codes["b"])
    total, expected = Fraction(0), []
    for x, y, clear, enable in zip(a, b, codes["clear"], codes["enable"], strict=True):
        product = Fraction(float(x)) * Fraction(float(y))
        if accumulation == "cascade":
            product = nearest_even(product, spec.accumulator)
        total = (Fraction(0) if clear else total) + (product if enable else 0)
        if accumulation != "exact" and enable:
            total = nearest_even(total, spec.accumulator)
        expected.append(nearest_even(total, spec.accumulator))
    assert spec.accumulator.decode(spec.golden(**codes)["result"]).tolist() == expected


def nearest_even(value, format):
    """A rational number rounded to a format that it does not overflow."""
    if value == 0:
        return value
    exponent, magnitude = format.minimum_exponent, abs(value)
    while magnitude >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - format.fraction_width)
    return round(value / unit) * unit


@pytest.mark.parametrize("texts", EXACT, ids=lambda texts: f"{texts['a']}-{texts['b']}")
def test_the_exact_register_just_fits(texts):
    """It holds the wanted number of largest products and the smallest product, no bit to spare."""
    spec = mac(**texts)
    largest, smallest = [], []
    for format in (spec.a, spec.b):
        codes = np.arange(1 << format.width, dtype=np.uint64)
        values = np.abs(format.decode(codes))
        values = values[np.isfinite(values) & (values > 0)]
        largest.append(Fraction(float(values.max())))
        smallest.append(Fraction(float(values.min())))
    unit = Fraction(2) ** -spec.register.fraction_width
    total = largest[0] * largest[1] * spec.products
    assert smallest[0] * smallest[1] / unit % 1 == 0
    assert -total >= spec.register.minimum * unit and total <= spec.register.maximum * unit
    assert total > spec.register.maximum * unit / 2


def test_infinities_and_nan_stay_in_an_exact_sum_until_cleared():
    spec = mac(a="fp8_e5m2", b="int4", accumulator="fp16", accumulation="exact")
    infinity, one, nan = 0x7C, 0x3C, 0x7E
    a = np.array([one, infinity, one, infinity, one, one, nan, one, infinity], dtype=np.uint64)
    b = np.array([1, 1, 1, 15, 1, 1, 1, 1, 0], dtype=np.uint64)
    clear = np.array([1, 0, 0, 0, 0, 1, 0, 1, 0], dtype=np.uint64)
    codes = {"a": a, "b": b, "clear": clear, "enable": np.ones(9, dtype=np.uint64)}
    sums = spec.accumulator.decode(spec.golden(**codes)["result"])
    expected = [1, np.inf, np.inf, np.nan, np.nan, 1, np.nan, 1, np.nan]
    np.testing.assert_array_equal(sums, expected)
    np.testing.assert_array_equal(Gates(spec).run(codes)["result"], spec.golden(**codes)["result"])


def test_restart_zero_drops_the_product():
    spec = mac(restart="zero")
    codes = {
        "a": np.array([3, 5, 7], dtype=np.uint64),
        "b": np.array([1, 1, 1], dtype=np.uint64),
        "clear": np.array([0, 1, 0], dtype=np.uint64),
        "enable": np.array([1, 1, 1], dtype=np.uint64),
    }
    assert spec.golden(**codes)["result"].tolist() == [3, 0, 7]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"accumulator": "int8", "overflow": "saturate"},
            "mac: accumulator must hold every product of int8 x int8 to saturate, -16256 to 16384 "
            "in units of 2^0, not 8-bit signed integer, -128 to 127",
        ),
        (
            {"a": "fp16", "b": "fp16"},
            "mac: accumulator must be a float for fused and cascaded sums of fp16 x fp16, not "
            "int32; with accumulation exact it can be fixed",
        ),
        (
            {"a": "sfix8_en4"},
            "mac: accumulator must have at least 4 fraction bits to hold every product of "
            "sfix8_en4 x int8, not 0; with accumulation exact it is rounded once when read",
        ),
        (
            {"accumulator": "ternary"},
            "mac: accumulator must be a format that holds sums, not ternary",
        ),
        (
            {"products": "0"},
            "mac: products must be between 1 and 4294967296, not 0"
            " (how many products an exact sum must hold)",
        ),
    ],
)
def test_impossible_requests_are_refused(texts, message):
    with pytest.raises(RequestError) as caught:
        mac(**texts)
    assert str(caught.value) == message
