"""Multiply-accumulate: golden against plain arithmetic, hardware against golden, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


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
_E4M3 = {"a": "fp8_e4m3", "b": "fp8_e4m3"}
STEPS = [
    {**_E4M3, "accumulator": "fp16", "accumulation": "window", "window": "11"},
    {"a": "e3m2", "b": "int4", "accumulator": "bf16", "accumulation": "window", "window": "2"},
    {"a": "fp8_e5m2", "b": "e3m2_flush", "accumulator": "e5m3_flush", "accumulation": "window",
     "window": "40", "rounding": "stochastic"},
    {**_E4M3, "accumulator": "fp16", "product": "bf16", "accumulation": "window",
     "rounding": "stochastic", "random_source": "lfsr"},
    {"a": "posit8_1", "b": "posit8_1", "accumulator": "posit16_1", "accumulation": "window"},
    {**_E4M3, "accumulator": "fp16", "accumulation": "chunked", "chunk": "3"},
    {**_E4M3, "accumulator": "e5m3", "accumulation": "chunked", "chunk": "1", "rounding": "down"},
    {"a": "ternary", "b": "e4m3_fnuz", "accumulator": "e4m3_fnuz", "accumulation": "chunked",
     "product": "e4m3_fnuz", "rounding": "up", "restart": "zero"},
    {"a": "posit8_2", "b": "posit8_2", "accumulator": "posit8_2", "accumulation": "chunked"},
    {**_E4M3, "accumulator": "fp16", "accumulation": "kahan"},
    {"a": "fp6_e3m2", "b": "int3", "accumulator": "e4m3_sat", "accumulation": "kahan",
     "product": "e5m2", "rounding": "toward_zero"},
    {"a": "posit6_1", "b": "posit8_2", "accumulator": "posit8_1", "accumulation": "kahan"},
    {"a": "lns8_3", "b": "lns8_3", "accumulator": "lns10_4", "accumulation": "cascade"},
    {"a": "lns6_2", "b": "lns6_2", "accumulator": "lns8_3", "accumulation": "chunked",
     "chunk": "2", "product": "lns6_2"},
    {"a": "lns6_2", "b": "lns6_2", "accumulator": "lns6_2", "accumulation": "kahan"},
]  # fmt: skip


def vectors(spec, count, seed):
    return spec.items(count, np.random.default_rng(seed))


@pytest.mark.parametrize(
    "texts",
    INTEGERS + FLOATS + EXACT + STEPS,
    ids=lambda texts: "-".join(texts.values()) or "default",
)
def test_hardware_equals_golden(texts):
    check([mac(**texts)])


@pytest.mark.parametrize("period_ns", [9.0, 4.0])
@pytest.mark.parametrize("texts", [INTEGERS[0], INTEGERS[12], FLOATS[0], FLOATS[9], EXACT[1]])
def test_pipelined_hardware_equals_golden(texts, period_ns):
    check([mac(**texts)], Timing(period_ns=period_ns))


@pytest.mark.parametrize(
    ("texts", "period_ns"),
    [
        pytest.param(texts, period_ns, marks=() if texts is STEPS[5] else pytest.mark.heavy)
        for texts in STEPS
        for period_ns in (12.0, 5.0)
    ],
)
def test_pipelined_sums_of_many_roundings(texts, period_ns):
    check([mac(**texts)], Timing(period_ns=period_ns))


def test_the_loops_of_chunks_are_as_long_as_that_of_one_sum():
    fast = Timing(period_ns=5.0)
    texts = {**STEPS[5], "accumulation": "fused"}
    del texts["chunk"]
    chunked, kahan = mac(**STEPS[5]).plan(fast), mac(**STEPS[9]).plan(fast)
    assert mac(**texts).plan(fast).interleave <= chunked.interleave < kahan.interleave


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


@pytest.mark.parametrize(
    "texts",
    [
        {"accumulation": "window", "window": "5"},
        {"accumulation": "window", "window": "3", "product": "fp8_e4m3"},
        {"accumulation": "chunked", "chunk": "3"},
        {"accumulation": "chunked", "chunk": "1", "product": "fp8_e4m3"},
        {"accumulation": "kahan"},
        {"accumulation": "kahan", "product": "fp8_e4m3"},
    ],
    ids=lambda texts: "-".join(texts.values()),
)
def test_sums_of_many_roundings_equal_rounded_fractions(texts):
    spec = mac(a="fp6_e3m2", b="fp6_e2m3", accumulator="e6m4", **texts)
    codes = vectors(spec, 1500, seed=4)
    # No clear at first: what a reset leaves counts, too.
    codes["clear"][:30] = 0
    a, b = spec.a.decode(codes["a"]), spec.b.decode(codes["b"])
    state, expected = [Fraction(0), Fraction(0), 0], []

    def rounded(value):
        return nearest_even(value, spec.accumulator)

    for x, y, clear, enable in zip(a, b, codes["clear"], codes["enable"], strict=True):
        if clear:
            state = [Fraction(0), Fraction(0), 0]
        product = Fraction(float(x)) * Fraction(float(y))
        top = sum(map(place_above, (x, y), (spec.a, spec.b)))
        if spec.product is not None:
            product = nearest_even(product, spec.product)
            top = place_above(product, spec.product)
        if enable and spec.accumulation == "window":
            tops = [t for v, t in ((product, top), (state[0], None)) if v]
            tops = [place_above(state[0], spec.accumulator) if t is None else t for t in tops]
            unit = Fraction(2) ** (max(tops, default=0) - spec.window)
            state[0] = rounded(sum(int(v / unit) * unit for v in (product, state[0])))
        elif enable and spec.accumulation == "kahan":
            addend = rounded(product - state[1])
            total = rounded(state[0] + addend)
            state[:2] = total, rounded(rounded(total - state[0]) - addend)
        elif enable:
            state[1] = rounded((state[1] if state[2] else 0) + product)
            state[2] = (state[2] + 1) % spec.chunk
            if not state[2]:
                state[:2] = rounded(state[0] + state[1]), Fraction(0)
        chunked = spec.accumulation == "chunked"
        expected.append(rounded(state[0] + state[1]) if chunked else state[0])
    assert spec.accumulator.decode(spec.golden(**codes)["result"]).tolist() == expected


def place_above(value, format):
    """The exponent of the power of two above a number; above subnormal ones that of the largest."""
    exponent = format.minimum_exponent
    while abs(Fraction(float(value))) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    return exponent + 1


def test_a_compensated_sum_loses_less():
    ones = np.ones(800, dtype=np.uint64)
    codes = {"a": ones * 0x38, "b": ones * 0x20, "clear": ones * 0, "enable": ones}
    ends = {}
    for accumulation in ("fused", "chunked", "kahan"):
        spec = mac(**_E4M3, accumulator="e5m5", accumulation=accumulation)
        ends[accumulation] = float(spec.accumulator.decode(spec.golden(**codes)["result"][-1]))
    exact = 800 / 8
    assert ends["fused"] < ends["chunked"] < exact * 0.7 < exact * 0.9 < ends["kahan"] <= exact


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


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
@pytest.mark.parametrize("rounding", ["nearest_even", "down"])
def test_exact_sums_read_in_fixed_point_with_infinities_and_nan(overflow, rounding):
    """Narrower and coarser than the register, so that sums are rounded and leave the range."""
    formats = {"a": "fp8_e5m2", "b": "fp6_e2m3", "accumulator": "sfix14_en3"}
    how = {"accumulation": "exact", "overflow": overflow, "rounding": rounding}
    check([mac(**formats, **how)])


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
            {"accumulation": "window"},
            "mac: accumulation must be fused for sums that need no rounding, as those in int32,"
            " not window",
        ),
        (
            {**_E4M3, "accumulator": "fp16", "accumulation": "kahan", "rounding": "stochastic"},
            "mac: rounding must be another than stochastic with accumulation kahan, which rounds"
            " many times",
        ),
        (
            {**_E4M3, "accumulator": "fp16", "product": "fp16"},
            "mac: product must be left out with accumulation fused: it is exact",
        ),
        (
            {"a": "lns8_3", "b": "lns8_3", "accumulator": "lns8_3"},
            "mac: accumulation must be cascade, chunked or kahan for sums of logarithmic numbers,"
            " not fused",
        ),
        (
            {"a": "lns8_3", "b": "lns8_3", "accumulator": "fp16", "accumulation": "cascade"},
            "mac: a, b, accumulator must all be logarithmic or none of them, not lns8_3 and fp16;"
            " `convert` goes from one to the other",
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
