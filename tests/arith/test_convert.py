"""Conversion: against NumPy and ml_dtypes, and golden between all kinds of formats."""

import ml_dtypes
import numpy as np
from hardware import check, make, results

from holigrail_hw.arith.convert import Convert
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding


def convert(source: str, result: str, **more) -> Convert:
    return make(Convert, source=source, result=result, **more)


def test_fp16_to_small_floats_equals_ml_dtypes():
    targets = {
        "bf16": ml_dtypes.bfloat16,
        "fp8_e4m3": ml_dtypes.float8_e4m3fn,
        "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
    }
    designs = [Gates(convert("fp16", name)) for name in targets]
    for dtype, design in zip(targets.values(), designs, strict=True):
        codes, got = results(design)
        values = codes["x"].astype(np.uint16).view(np.float16)
        with np.errstate(all="ignore"):
            expected = values.astype(dtype)
        nan = np.isnan(expected.astype(np.float32))
        bits = expected.view(np.uint16 if expected.itemsize == 2 else np.uint8)
        assert np.array_equal(got["result"][~nan], bits[~nan].astype(np.uint64)), dtype
        assert np.all(got["result"][nan] == design.top.spec.result.nan_code), dtype


def test_every_mode():
    pairs = [("fp8_e5m2", "e3m1"), ("fp8_e5m2", "int6"), ("sfix10_en6", "sfix6_en3")]
    check([convert(a, b, rounding=r, random_width=3) for a, b in pairs for r in Rounding])


def test_kinds_of_formats():
    pairs = [
        ("fp8_e4m3", "fp16"), ("fp16", "uint8"), ("int8", "fp4_e2m1"), ("int8", "ternary"),
        ("uint8", "int8"), ("int8", "binary"), ("ternary", "e4m3_fnuz"), ("bf16", "binary"),
        ("sfix8_en12", "int8"), ("sfix8_en-2", "uint8"),
        ("bf16", "fp16_flush"), ("fp32", "fp16"), ("fp32", "int32"), ("int64", "fp32"),
    ]  # fmt: skip
    check([convert(*pair) for pair in pairs])


def test_fixed_point_wraps():
    pairs = [("fp8_e5m2", "uint5"), ("sfix8_en4", "int3"), ("uint8", "sfix8_en4")]
    check([convert(*pair, overflow="wrap", rounding="nearest_away") for pair in pairs])
    # Large numbers and tiny ones alike leave nothing between the bits that are looked at.
    check([convert("bf16", "sfix5_en3", overflow="wrap", rounding=r) for r in ("down", "to_odd")])
