"""Comparison, maximum and minimum: against NumPy, and golden for all kinds of formats."""

import numpy as np
import pytest
from hardware import check, make, results

from holigrail_hw.arith.compare import Compare
from holigrail_hw.arith.extremum import Maximum, Minimum
from holigrail_hw.flow.simulate.gates import Gates

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def test_fp16_comparison_equals_numpy():
    design = Gates(make(Compare, a="fp16"))
    codes, got = results(design, 100_000)
    a, b = (codes[name].astype(np.uint16).view(np.float16) for name in "ab")
    assert np.array_equal(got["less"], a < b)
    assert np.array_equal(got["equal"], a == b)
    assert np.array_equal(got["greater"], a > b)
    assert np.array_equal(got["unordered"], np.isnan(a) | np.isnan(b))


def test_comparison_of_any_formats():
    pairs = [
        ("fp8_e4m3", "fp8_e4m3"), ("fp8_e5m2_flush", "fp8_e5m2_flush"), ("fp8_e4m3", "fp8_e5m2"),
        ("e4m3_fnuz", "e4m3_fnuz"), ("e4m3_fnuz_flush", "fp6_e3m2"), ("int8", "uint8"),
        ("int8", "fp8_e5m2"), ("ternary", "fp8_e4m3_flush"), ("binary", "ternary"),
        ("sfix8_en4", "ufix8_en6"), ("int64", "fp32"), ("e4m0", "e1m3"),
        ("e2m2_bias151", "int8"), ("ufix11_en-20", "e1m2"), ("e2m7_flush", "e1m3_finite_bias-1000"),
    ]  # fmt: skip
    check([make(Compare, a=a, b=b) for a, b in pairs])


@pytest.mark.parametrize("cls", [Maximum, Minimum])
def test_extremum_of_any_format(cls):
    names = ["fp8_e5m2_flush", "e4m3_fnuz_flush", "int8", "ternary", "binary", "fp4_e2m1"]
    specs = [make(cls, format=name) for name in names]
    names = ["fp8_e4m3", "fp8_e5m2_sat", "e4m3_fnuz"]
    check([*specs, *(make(cls, format=name, nan="propagate") for name in names)])


def test_fp16_extremes_equal_numpy():
    kinds = [(Maximum, "number", np.fmax), (Maximum, "propagate", np.maximum)]
    kinds += [(Minimum, "number", np.fmin), (Minimum, "propagate", np.minimum)]
    specs = [make(cls, format="fp16", nan=nan) for cls, nan, _ in kinds]
    designs = [Gates(spec) for spec in specs]
    for design, (cls, _, function) in zip(designs, kinds, strict=True):
        codes, got = results(design, 50_000)
        a, b = (codes[name].astype(np.uint16).view(np.float16) for name in "ab")
        found = got["result"].astype(np.uint16).view(np.float16)
        assert np.array_equal(found, function(a, b), equal_nan=True)
        # NumPy leaves the sign of a zero open, IEEE 754 does not.
        mixed = (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))
        assert mixed.any()
        assert np.all(np.signbit(found[mixed]) == (cls is Minimum))
