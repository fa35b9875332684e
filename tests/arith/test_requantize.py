"""Requantisation: golden against the rules of frameworks, hardware against golden, proofs."""

import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hardware import check, make, referred, results

from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.flow.verify import mutants
from holigrail_hw.formats import parse
from holigrail_hw.formats.scales import tflite_scale
from holigrail_hw.golden import ROUNDINGS, divide, qonnx_rounding, rescale_twice

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

INT32 = 1 << 31


def requantize(**texts) -> Requantize:
    return make(Requantize, **texts)


def tflite(acc, multiplier, shift):
    """MultiplyByQuantizedMultiplier of TensorFlow Lite, statement by statement on C integers."""
    x = acc * (1 << max(-shift, 0))
    assert -INT32 <= x < INT32
    product = x * multiplier
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    # C's division truncates.
    quotient = abs(product + nudge) // (1 << 31)
    high = quotient if product + nudge >= 0 else -quotient
    exponent = max(shift, 0)
    mask = (1 << exponent) - 1
    remainder, threshold = high & mask, (mask >> 1) + (1 if high < 0 else 0)
    return (high >> exponent) + (1 if remainder > threshold else 0)


def rounded(value: Fraction, rounding: str) -> int:
    """A rational number to an integer, by the definition of each mode."""
    floor = math.floor(value)
    fraction = value - floor
    if fraction == 0:
        return floor
    toward, away = (floor, floor + 1) if value > 0 else (floor + 1, floor)
    nearest = floor if fraction < Fraction(1, 2) else floor + 1
    is_tie = fraction == Fraction(1, 2)
    return {
        "nearest_even": floor + floor % 2 if is_tie else nearest,
        "nearest_away": away if is_tie else nearest,
        "nearest_zero": toward if is_tie else nearest,
        "nearest_up": floor + 1 if is_tie else nearest,
        "toward_zero": toward,
        "away_from_zero": away,
        "up": floor + 1,
        "down": floor,
        "to_odd": floor if floor % 2 else floor + 1,
    }[rounding]


def test_every_rounding_equals_its_definition():
    values = np.arange(-200, 201)
    for rounding in ROUNDINGS[:-1]:
        for shift in (-2, 0, 1, 2, 5, 9):
            for offset in (0, -3, 4):
                got = divide(values, shift, rounding, offset)
                wanted = [
                    rounded(Fraction(int(v)) / Fraction(2) ** shift + offset, rounding)
                    for v in values
                ]
                assert got.tolist() == wanted


def test_stochastic_rounding_grows_the_magnitude_in_proportion():
    words = np.arange(16)
    for value in range(-40, 41):
        got = divide(np.full(16, value), 3, "stochastic", 0, words, 4)
        truncated, rest = abs(value) >> 3, abs(value) & 7
        assert np.sum(np.abs(got) == truncated + 1) == 2 * rest
        assert set(np.abs(got).tolist()) <= {truncated, truncated + 1}


def test_names_of_qonnx():
    ties = {"ROUND": 2, "half_even": 2, "CEIL": 3, "FLOOR": 2, "UP": 3, "DOWN": 2}
    ties |= {"HALF_UP": 3, "HALF_DOWN": 2}
    for name, value in ties.items():
        assert divide([5], 1, qonnx_rounding(name)).tolist() == [value]
    below = {"ROUND": -2, "CEIL": -2, "FLOOR": -3, "UP": -3, "DOWN": -2, "HALF_UP": -3}
    for name, value in below.items():
        assert divide([-5], 1, qonnx_rounding(name)).tolist() == [value]
    with pytest.raises(ValueError, match="rounding_mode must be one of ROUND, .*, not 'odd'"):
        qonnx_rounding("odd")


def test_two_roundings_equal_tensorflow_lite():
    """Random and extreme accumulators and scales; ties of both roundings among them."""
    rng = np.random.default_rng(1)
    accumulators = [0, 1, -1, INT32 - 1, -INT32, 3 << 20, -(3 << 20), 1 << 30]
    accumulators += rng.integers(-INT32, INT32, 400).tolist()
    accumulators += rng.integers(-5000, 5000, 400).tolist()
    for multiplier in (1 << 30, (1 << 31) - 1, 3 << 29, *rng.integers(1 << 30, 1 << 31, 5)):
        for shift in (0, 1, 2, 7, 18, 31):
            got = rescale_twice(accumulators, int(multiplier), shift, 31)
            assert got.tolist() == [tflite(x, int(multiplier), shift) for x in accumulators]
        small = [x for x in accumulators if abs(x) < 1 << 27]
        got = rescale_twice(small, int(multiplier), -3, 31)
        assert got.tolist() == [tflite(x, int(multiplier), -3) for x in small]


def test_scales_of_tensorflow_lite():
    """QuantizeMultiplier: value = multiplier * 2^-31 * 2^-shift, to half a unit."""
    for scale in (0.0003, 0.75, 1.0, 3.7, 2.0**-20, 0.5 - 2.0**-40, 1 - 2.0**-54):
        multiplier, shift = tflite_scale(scale)
        assert 1 << 30 <= multiplier < 1 << 31
        error = abs(Fraction(multiplier) / (1 << 31) / Fraction(2) ** shift - Fraction(scale))
        assert error <= Fraction(2) ** (-shift - 32)
    assert tflite_scale(2.0**-40) == (0, 0)


def test_single_rounding_equals_onnx():
    """QLinearMatMul with exact scales: saturate(round_half_even(acc * M) + zero point)."""
    spec = requantize(
        accumulator="int18", scale="23", shift="10", shift_width="0", bias="none", zero_point="-5"
    )
    acc = np.arange(-(1 << 17), 1 << 17)
    got = spec.result.decode(spec.golden(x=(acc & 0x3FFFF).astype(np.uint64))["result"])
    wanted = np.clip(np.rint(acc * (23 / 1024)) - 5, -128, 127)
    assert np.array_equal(got, wanted)
    before = requantize(
        **{"accumulator": "int18", "scale": "23", "shift": "10", "shift_width": "0"},
        **{"bias": "none", "zero_point": "-5", "zero_point_added": "before"},
    )
    got = before.result.decode(before.golden(x=(acc & 0x3FFFF).astype(np.uint64))["result"])
    assert np.array_equal(got, np.clip(np.rint(acc * (23 / 1024) - 5), -128, 127))
    assert np.any(np.clip(np.rint(acc * (23 / 1024)) - 5, -128, 127) != got)


def test_bias_in_the_product_equals_requantshift():
    """Deeploy: clamp(floor((x * mul + add + div/2) / div))."""
    spec = requantize(
        **{"accumulator": "int16", "scale_width": "12", "shift": "9", "shift_width": "0"},
        **{"rounding": "nearest_up", "bias": "product", "result": "uint8"},
    )
    codes = spec.items(3000, np.random.default_rng(2))
    x = spec.accumulator.decode(codes["x"]).astype(np.int64)
    add = spec.inputs()["bias"].decode(codes["bias"]).astype(np.int64)
    wanted = np.clip((x * codes["scale"].astype(np.int64) + add + 256) >> 9, 0, 255)
    assert np.array_equal(spec.golden(**codes)["result"].astype(np.int64), wanted)


def test_rounding_twice_or_once_is_chosen_by_a_port():
    """As gemmlowp, or floor(x * scale / 2^(31 + shift) + 1/2), item by item."""
    spec = requantize(
        **{"mode": "either", "accumulator": "int32", "scale_width": "31", "shift": "0"},
        **{"shift_width": "5", "bias": "none", "result": "int16"},
    )
    codes = spec.items(4000, np.random.default_rng(9))
    got = parse("int16").decode(spec.golden(**codes)["result"]).astype(np.int64).tolist()
    x = parse("int32").decode(codes["x"]).astype(np.int64).tolist()
    kinds, rest = set(), zip(codes["scale"].tolist(), codes["shift"].tolist(), strict=True)
    for value, once, found, (scale, shift) in zip(
        x, codes["once"].tolist(), got, rest, strict=True
    ):
        twice = tflite(value, scale, shift)
        single = rounded(Fraction(value * scale, 1 << (31 + shift)), "nearest_up")
        kinds |= {once} if twice != single else set()
        assert found == max(-32768, min(32767, single if once else twice))
    assert kinds == {0, 1}


SMALL = {"accumulator": "int10", "bias": "none", "random_width": "2", "result": "int5"}
MODES = [
    {},
    {"multiplier": "dsp", "accumulator": "int18", "zero_point": "none", "relu": "true"},
    {"mode": "double", "scale_width": "31", "shift": "0", "shift_width": "5", "multiplier": "dsp"},
    {"mode": "double", "accumulator": "int12", "scale_width": "9", "shift": "-3"},
    {
        **{"mode": "double", "accumulator": "uint12", "scale_width": "9", "bias": "none"},
        **{"shift": "-3", "shift_width": "0"},
    },
    {"mode": "double", "accumulator": "int12", "scale": "301", "scale_width": "9", "shift": "3"},
    {"mode": "shift", "accumulator": "int12", "shift": "-3", "shift_width": "3", "clamp": "ports"},
    {"mode": "either", "scale_width": "31", "shift": "0", "shift_width": "5", "multiplier": "dsp"},
    {"mode": "either", "accumulator": "int12", "scale_width": "9", "shift": "-3"},
    {"mode": "either", "accumulator": "uint12", "scale": "301", "scale_width": "9", "shift": "3"},
    {"bias": "product", "rounding": "nearest_up", "accumulator": "uint11", "scale_width": "7"},
    {"scale": "25387", "zero_point": "9", "minimum": "9", "maximum": "100"},
    {"accumulator": "int1", "scale_width": "1", "shift": "0", "result": "int1", "bias": "none"},
    {"accumulator": "int48", "scale": "7", "shift": "64", "shift_width": "6", "result": "uint16"},
    {"mode": "shift", "accumulator": "uint64", "shift": "40", "result": "int16"},
]


@pytest.mark.parametrize("texts", MODES, ids=lambda t: "-".join(t.values()) or "default")
def test_hardware_equals_golden(texts):
    check([requantize(**texts)], count=2000)


@pytest.mark.parametrize("added", ["after", "before"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_rounding_in_hardware(rounding, added):
    """Every accumulator, shift and zero point, and scales with ties."""
    options = {**SMALL, "rounding": rounding, "zero_point_added": added}
    shifts = {"mode": "shift", "shift": "2", "shift_width": "1", "zero_point": "none"}
    scaled = {"scale_width": "3", "shift": "5", "shift_width": "1", "zero_point": "3"}
    check([requantize(**options, **shifts), requantize(**options, **scaled)])


@pytest.mark.parametrize("texts", MODES[:4], ids=lambda t: "-".join(t.values()) or "default")
def test_pipelined_hardware_equals_golden(texts):
    spec, timing = requantize(**texts), Timing(period_ns=6.0)
    assert spec.plan(timing).latency > 1
    check([spec], timing, count=1200)


@pytest.mark.parametrize("mode", ["single", "double"])
def test_all_accumulators_of_16_bits(mode):
    """On gates, with many scales and shifts; results against plain Python where it is quick."""
    rng = np.random.default_rng(3)
    spec = requantize(
        **{"mode": mode, "accumulator": "int16", "scale_width": "12", "bias": "none"},
        **{"shift": "0" if mode == "double" else "8", "shift_width": "4", "zero_point": "0"},
    )
    design = Gates(spec)
    acc = np.arange(1 << 16, dtype=np.uint64)
    for scale in (1 << 11, 3 << 10, (1 << 12) - 1, *rng.integers(1 << 11, 1 << 12, 3).tolist()):
        for shift in (1, 4, 15):
            codes = {
                "x": acc,
                "scale": np.full(acc.size, scale, np.uint64),
                "shift": np.full(acc.size, shift, np.uint64),
            }
            assert np.array_equal(design.run(codes)["result"], spec.golden(**codes)["result"])


@pytest.mark.parametrize(
    "texts",
    [
        {"rounding": "nearest_away", "zero_point": "none", "zero_point_added": "before"},
        {"rounding": "nearest_even", "relu": "true", "zero_point": "-3", "shift_width": "0"},
    ],
)
def test_shifts_are_proved(texts):
    spec = requantize(
        mode="shift", accumulator="int14", result="int6", shift="2", **{"shift_width": "2", **texts}
    )
    assert prove.run(spec, time_limit_s=120).proved


NARROW = (
    {"mode": "single", "result": "int5", "shift": "4", "zero_point": "none"},
    {"mode": "single", "result": "uint4", "shift": "-1", "bias": "product", "rounding": "down"},
    {"mode": "single", "accumulator": "uint6", "zero_point_added": "before", "zero_point": "3"},
    {"mode": "double", "result": "int5", "shift": "-1", "clamp": "ports"},
    {"mode": "double", "result": "int8", "shift": "2", "scale": "21", "relu": "true"},
    {"mode": "either", "result": "int5", "shift": "0", "zero_point": "none"},
    {"mode": "either", "result": "int5", "shift": "-1", "shift_width": "2", "clamp": "ports"},
)


@pytest.mark.parametrize("texts", NARROW)
def test_products_are_proved(texts):
    """The reference circuit is also compared with golden, or it might share a fault."""
    given = {"accumulator": "int7", "scale_width": "5", "shift_width": "2", **texts}
    spec = requantize(**given)
    check([referred(spec)], count=3000)
    assert prove.run(spec, time_limit_s=120).proved


def test_a_wrong_tie_is_not_proved():
    given = {"accumulator": "int7", "scale": "5", "shift": "3", "shift_width": "0"}
    given["zero_point"] = "none"  # More operands than a table of golden can hold.
    even, away = (requantize(**given, rounding=f"nearest_{how}") for how in ("even", "away"))
    body = {"reference_circuit": property(lambda self: away.reference_circuit), "name": even.name}
    names = {f.name: getattr(even, f.name) for f in fields(even)}
    with pytest.raises(DesignError, match="refuted: the Verilog differs from the reference"):
        prove.run(type("Wrong", (Requantize,), body)(**names), time_limit_s=120)


def test_without_a_reference_circuit_there_is_no_proof():
    assert requantize(rounding="stochastic").reference_circuit is None
    assert requantize(mode="shift", rounding="stochastic").reference_circuit is None


def test_planted_faults_are_noticed_in_mode_double():
    spec = requantize(mode="double", accumulator="int10", scale_width="8", shift="0", bias="none")
    result = mutants.run(spec, faults=16, seed=4)
    assert result.rate >= 0.9, [str(fault) for fault in result.survived]


def test_the_golden_model_is_no_copy_of_the_datapath():
    """A wrong tie in one place would show: ties and their neighbours do occur among the items."""
    spec = requantize(**SMALL, mode="shift", shift="3", shift_width="0", zero_point="0")
    codes, _ = results(Gates(spec))
    answers = {
        rounding: requantize(
            **SMALL, mode="shift", shift="3", shift_width="0", zero_point="0", rounding=rounding
        ).golden(**codes)["result"]
        for rounding in ROUNDINGS[:-1]
    }
    for one in answers:
        for other in answers:
            assert (one == other) == np.array_equal(answers[one], answers[other])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"accumulator": "fp16"}, "accumulator must be an integer format, not fp16"),
        ({"result": "sfix8_en2"}, "result must be an integer format, not sfix8_en2"),
        ({"result": "int17"}, "result must have at most 16 bits, not 17"),
        (
            {"mode": "double", "rounding": "up"},
            "rounding must be left out in mode double, not up",
        ),
        ({"mode": "shift", "scale": "3"}, "scale must be left out in mode shift, not 3"),
        ({"scale": "256", "scale_width": "8"}, "scale must fit in 8 bits, not 256"),
        (
            {"mode": "double", "bias": "product"},
            "bias must be added to the accumulator in mode double, not the product",
        ),
        ({"zero_point": "200"}, "zero_point must be between -128 and 127, not 200"),
        (
            {"minimum": "5", "maximum": "4"},
            "minimum and maximum must be in order between -128 and 127, not 5 and 4",
        ),
        (
            {"clamp": "ports", "minimum": "5"},
            "minimum and maximum must be left out when they are ports",
        ),
    ],
)
def test_impossible_requests_are_refused(texts, message):
    with pytest.raises(RequestError) as caught:
        requantize(**texts)
    assert str(caught.value) == f"requantize: {message}"
