"""Division: against Python integers, NumPy and ml_dtypes, and golden in every mode and mix."""

import ml_dtypes
import numpy as np
import pytest
from hardware import check, make, results

from holigrail_hw.arith.divide import Divide
from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding
from holigrail_hw.hdl.integer import quotient
from holigrail_hw.hdl.number import digit_places, quotients

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

REFERENCES = {
    "fp16": np.float16,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e4m3_fnuz": ml_dtypes.float8_e4m3fnuz,
    "fp4_e2m1": ml_dtypes.float4_e2m1fn,
}


def same(name: str, **more) -> Divide:
    return make(Divide, a=name, b=name, result=name, **more)


@pytest.mark.parametrize("name", REFERENCES)
def test_quotients_equal_those_of_numpy_and_ml_dtypes(name):
    """Where those round twice, the first time is to more than twice the digits: it is harmless."""
    dtype, design = REFERENCES[name], Gates(same(name))
    codes, got = results(design, 20_000)
    container = np.uint16 if np.dtype(dtype).itemsize == 2 else np.uint8
    a, b = (codes[k].astype(container).view(dtype) for k in "ab")
    with np.errstate(all="ignore"):
        quotient = a / b
    nan = np.isnan(quotient.astype(np.float32)) | (np.isinf(quotient.astype(np.float32)))
    expected, found = quotient.view(container).astype(np.uint64), got["result"]
    # Infinities of formats without any become NaN or, in fp4, the largest number: golden decides.
    kept = ~nan if name in ("fp8_e4m3", "e4m3_fnuz") else ~np.isnan(quotient.astype(np.float32))
    kept &= (b.astype(np.float32) != 0) | (name in ("fp16", "bf16", "fp8_e5m2"))
    assert kept.sum() > len(kept) / 2
    assert np.array_equal(found[kept], expected[kept])


MODES = {"down": np.floor_divide, "toward_zero": lambda a, b: np.trunc(a / b)}


@pytest.mark.parametrize("mode", MODES)
def test_integer_division(mode):
    """Floor and truncation; beyond the range the nearest end of it, and 0/0 is 0."""
    design = Gates(make(Divide, a="int8", b="int8", result="int8", rounding=mode))
    codes, got = results(design)
    a, b = (codes[k].astype(np.uint8).view(np.int8).astype(np.int64) for k in "ab")
    found = got["result"].astype(np.uint8).view(np.int8)
    divides = b != 0
    wanted = np.clip(MODES[mode](a[divides], b[divides]), -128, 127)
    assert np.array_equal(found[divides], wanted)
    assert np.array_equal(
        found[~divides], np.select([a[~divides] > 0, a[~divides] < 0], [127, -128], 0)
    )


def test_every_mode_in_fixed_point():
    formats = {"a": "sfix7_en4", "b": "ufix5_en6", "result": "sfix6_en3", "random_width": 3}
    overflow = dict(zip(Rounding, 5 * ["wrap", "saturate"], strict=False))
    check([make(Divide, **formats, rounding=r, overflow=overflow[r]) for r in Rounding], count=3000)


WIDTHS = [
    ("int1", "int1"), ("uint1", "int1"), ("int1", "uint8"), ("uint7", "int9"), ("int33", "uint5"),
    ("uint24", "int4"),
]  # fmt: skip


def test_integers_of_all_widths_and_signs():
    check([make(Divide, a=a, b=b) for a, b in WIDTHS], count=3000)


@pytest.mark.heavy
def test_widest_integers_and_every_small_pair():
    check([make(Divide, a="int64", b="int64"), make(Divide, a="uint64", b="int3")])
    names = ("fp8_e5m2", "e3m4", "e2m5_flush", "e4m2_fnuz", "e3m2_sat", "e4m0", "e1m3_finite")
    check([same(name, rounding=r, random_width=1) for name in names for r in Rounding])
    pairs = [("int6", "uint7"), ("uint8", "uint8"), ("sfix5_en9", "ufix6_en-2")]
    check([make(Divide, a=a, b=b, rounding=r, random_width=2) for a, b in pairs for r in Rounding])


MIXED = [
    ("fp8_e4m3", "fp8_e5m2", "fp16", "nearest_even"),
    ("int8", "fp8_e4m3", "fp16", "up"),
    ("binary", "fp8_e5m2", "fp8_e4m3_sat", "nearest_even"),
    ("ternary", "int8", "fp8_e4m3", "down"),
    ("binary", "ternary", "fp4_e2m1", "nearest_even"),
    ("fp8_e4m3", "fp8_e5m2", "int6", "nearest_away"),
    ("fp8_e5m2", "fp8_e5m2", "ternary", "stochastic"),
    ("fp8_e4m3", "fp8_e5m2", "binary", "nearest_even"),
    ("int5", "uint4", "e3m2_flush", "nearest_even"),
    ("bf16", "fp16", "e4m0", "nearest_even"),
    ("fp16", "bf16", "fp32", "to_odd"),
    ("bf16", "bf16", "e5m2_flush", "up"),
    ("e3m3_bias100", "e3m3_bias-100", "e3m2_fnuz", "to_odd"),
    ("e3m3_bias200", "e3m3", "e4m2", "up"),
    ("sfix8_en-40", "uint5", "int8", "to_odd"),
    ("sfix8_en40", "uint5", "int8", "up"),
]


def test_formats_are_independent():
    # More are drawn at random in tests/test_odd_formats.py.
    check([make(Divide, a=a, b=b, result=q, rounding=r) for a, b, q, r in MIXED[::3]], count=800)


@pytest.mark.heavy
def test_all_mixed_formats():
    check([make(Divide, a=a, b=b, result=q, rounding=r) for a, b, q, r in MIXED])


def test_a_quotient_that_wraps_has_all_its_digits():
    check([make(Divide, a="fp8_e5m2", b="fp8_e4m3", result="sfix5_en3", overflow="wrap")])


def test_pipelined_quotients_are_the_same():
    for spec, period in ((same("fp8_e4m3"), 5.0), (make(Divide, a="int8", b="uint5"), 4.0)):
        timing = Timing(period_ns=period)
        assert spec.plan(timing).latency >= 5
        check([spec], timing, count=1200)


def test_default_results():
    for a, b, result in [
        ("int8", "int8", "int9"), ("int8", "uint8", "int8"), ("uint8", "int8", "int9"),
        ("uint8", "uint8", "uint8"), ("int1", "int1", "uint1"), ("binary", "binary", "int2"),
        ("sfix8_en4", "ufix4_en-2", "sfix8_en6"), ("fp16", "int8", "fp16"),
    ]:  # fmt: skip
        assert make(Divide, a=a, b=b).result.name == result


def test_proof():
    assert prove.run(make(Divide, a="int4", b="uint4")).proved


def test_planted_faults_are_seen(monkeypatch):
    real = quotient.remains
    monkeypatch.setattr(quotient, "remains", lambda plan, *w: plan.constant(0, 1))
    with pytest.raises(AssertionError, match="wrong"):
        check([same("fp8_e4m3")])
    monkeypatch.setattr(quotient, "remains", real)
    monkeypatch.setattr(quotients, "_both", lambda plan, name, a, b: None)
    with pytest.raises(AssertionError, match="wrong"):
        check([same("fp8_e5m2")])
    monkeypatch.undo()
    digits = digit_places.Wanted.recurrence
    monkeypatch.setattr(
        digit_places.Wanted, "recurrence", lambda self, top, lead, c: digits(self, top - 1, lead, c)
    )
    with pytest.raises(AssertionError, match="wrong"):
        check([make(Divide, a="int8", b="int8")])


@pytest.mark.parametrize("bits", [0, 65])
def test_digits_out_of_range_are_refused(bits):
    with pytest.raises(RequestError, match=f"bits_per_cycle must be between 1 and 64, not {bits}"):
        make(Divide, bits_per_cycle=bits)


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("divide", {"a": "int5", "b": "int4"}),
        ("divide", {"a": "ternary", "b": "binary"}),
        ("reciprocal", {"x": "int4"}),
        ("reciprocal", {"x": "binary"}),
        ("square-root", {"x": "int5"}),
        ("reciprocal-square-root", {"x": "uint5"}),
    ],
)
def test_results_that_are_signs_alone(name, given, rounding):
    cls = operators()[name]
    check([cls(**given, result="binary", rounding=rounding, overflow="wrap")])


def test_quotients_with_too_many_digits_are_refused():
    with pytest.raises(RequestError) as caught:
        operators()["reciprocal"](x="e8m2_bias1000", result="sfix30_en100")
    assert str(caught.value) == (
        "reciprocal: result must have at most 1024 places below the largest quotient, not 1102"
    )
