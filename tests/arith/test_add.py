"""Addition: against NumPy and ml_dtypes, and golden in every mode and mix of formats."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from hardware import check, make, results

from holigrail_hw.arith.add import Add
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.hdl.number import float_add, float_sum

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

REFERENCES = {
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "e4m3": ml_dtypes.float8_e4m3,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
}


def same(name: str, **more) -> Add:
    return make(Add, a=name, b=name, result=name, **more)


def test_sums_equal_those_of_numpy_and_ml_dtypes():
    specs = [same(name) for name in REFERENCES]
    specs += [same(name, operation="subtract") for name in ("fp16", "fp8_e4m3", "fp8_e5m2")]
    designs = [Gates(spec) for spec in specs]
    for spec, design in zip(specs, designs, strict=True):
        name, dtype = spec.a.name, REFERENCES[spec.a.name]
        codes, got = results(design, 300_000)
        container = np.uint16 if np.dtype(dtype).itemsize == 2 else np.uint8
        a, b = (codes[k].astype(container).view(dtype) for k in "ab")
        with np.errstate(all="ignore"):
            total = a + b if spec.operation == "add" else a - b
        nan = np.isnan(total.astype(np.float32))
        assert np.array_equal(got["result"][~nan], total.view(container).astype(np.uint64)[~nan]), (
            name
        )
        assert np.all(got["result"][nan] == spec.result.nan_code), name


def test_every_mode_at_8_bits():
    modes = [mode for mode in Rounding if mode is not Rounding.NEAREST_EVEN]
    check([same("fp8_e5m2", rounding=r, random_width=3) for r in modes], count=30_000)


# All significand widths, exponent widths and encodings, each with one of the modes.
WIDTHS = [
    ("e1m11", "nearest_even"), ("e2m10", "down"), ("e3m9_flush", "to_odd"),
    ("e4m8_fnuz", "nearest_even"), ("e5m7_fn", "nearest_away"), ("e6m6_flush_sat", "up"),
    ("e7m5_finite", "nearest_even"), ("e8m4_bias-2", "toward_zero"), ("e3m3_fnuz_flush", "down"),
    ("e2m2_fn_flush", "nearest_even"), ("e3m1_sat", "nearest_even"), ("e4m0_fn", "nearest_even"),
]  # fmt: skip


def test_widths_and_encodings():
    check([same(name, rounding=rounding) for name, rounding in WIDTHS])


MIXED = [
    ("fp8_e4m3", "fp8_e5m2", "fp16", "nearest_even"),
    ("bf16", "bf16", "fp8_e4m3", "nearest_even"),
    ("fp16", "bf16", "e6m4_flush", "to_odd"),
    ("int8", "fp8_e5m2", "fp16", "up"),
    ("sfix12_en20", "e3m3", "e4m5_fnuz", "down"),
    ("ternary", "e3m0_fn", "e3m4", "nearest_away"),
    ("binary", "uint6", "fp8_e4m3", "nearest_even"),
    ("int16", "int16", "fp16", "down"),
    ("e4m3_bias40", "e4m3", "e5m3", "stochastic"),
    ("fp8_e5m2", "int8", "int8", "nearest_even"),
    ("fp8_e4m3", "fp8_e5m2", "sfix8_en2", "toward_zero"),
    ("fp8_e5m2", "fp8_e5m2", "binary", "nearest_even"),
]


def test_formats_are_independent():
    overflow = ["wrap", "saturate"] * len(MIXED)
    operation = ["add", "add", "subtract"] * len(MIXED)
    check(
        [
            make(Add, a=a, b=b, result=s, rounding=r, overflow=o, operation=p)
            for (a, b, s, r), o, p in zip(MIXED, overflow, operation, strict=False)
        ]
    )


def test_fixed_point():
    formats = [("int8", "int8", "int8"), ("uint4", "int6", "uint5"), ("int1", "uint1", "int2")]
    formats += [("sfix7_en4", "ufix6_en6", "sfix6_en3"), ("int64", "uint64", "int64")]
    formats += [("binary", "ternary", "int2")]
    check(
        [
            make(Add, a=a, b=b, result=s, overflow=o, operation=p)
            for a, b, s in formats
            for o, p in (("wrap", "subtract"), ("saturate", "add"))
        ]
    )


INF, NAN = float("inf"), float("nan")

# Sums that other implementations get wrong, and the borders of the formats.
SPOTS = [
    ("bf16", "nearest_even", 1.0, 2.0**-25, 1.0),
    ("bf16", "nearest_even", 1.0, -(2.0**-9), 1.0),
    ("bf16", "nearest_even", 1.0, -(2.0**-8), 1.0 - 2.0**-8),
    ("fp8_e4m3", "nearest_even", 448.0, 16.0, 448.0),
    ("fp8_e4m3", "nearest_even", 448.0, 18.0, NAN),
    ("fp16", "down", 65504.0, 65504.0, 65504.0),
    ("fp16", "down", INF, -INF, NAN),
    ("fp16", "nearest_even", 65504.0, 16.0, INF),
    ("fp16", "nearest_even", 2.0**-24, 2.0**-24, 2.0**-23),
    ("fp16", "nearest_even", 2.0**-14, -(2.0**-24), 1023 * 2.0**-24),
    ("fp16", "nearest_even", 1023 * 2.0**-24, 2.0**-24, 2.0**-14),
    ("fp16", "nearest_even", 2048.0, 1.0, 2048.0),
    ("fp16", "nearest_even", 0.0, -0.0, 0.0),
    ("fp16", "nearest_even", -0.0, -0.0, -0.0),
    ("fp16", "down", 0.0, -0.0, -0.0),
    ("fp16", "down", 1.0, -1.0, -0.0),
]


def test_borders():
    requests = list(dict.fromkeys((name, rounding) for name, rounding, *_ in SPOTS))
    designs = [Gates(same(n, rounding=r)) for n, r in requests]
    found = dict(zip(requests, designs, strict=True))
    for name, rounding, a, b, expected in SPOTS:
        format = parse(name)
        codes = {"a": format.encode([a]), "b": format.encode([b])}
        got = found[name, rounding].run(codes)["result"]
        assert got[0] == format.encode([expected])[0], (name, rounding, a, b)


def test_pipelined_sums_are_the_same():
    specs = [same("fp16"), make(Add, a="fp8_e5m2", b="int8", result="bf16")]
    check(specs, Timing(period_ns=3.0))
    assert all(spec.plan(Timing(period_ns=3.0)).latency > 2 for spec in specs)


def test_default_results():
    for a, b, operation, result in [
        ("int8", "int8", "add", "int9"),
        ("uint4", "uint4", "add", "uint5"),
        ("uint4", "uint4", "subtract", "int5"),
        ("ternary", "binary", "add", "int3"),
        ("sfix8_en4", "ufix4_en-2", "add", "sfix12_en4"),
        ("fp16", "int8", "add", "fp16"),
        ("fp8_e4m3", "bf16", "subtract", "bf16"),
    ]:
        assert make(Add, a=a, b=b, operation=operation).result.name == result


def test_planted_faults_are_seen(monkeypatch):
    real = float_add._shift_down

    def without_sticky(plan, *rest):
        word, _ = real(plan, *rest)
        return word, plan.constant(0, 1)

    monkeypatch.setattr(float_add, "_shift_down", without_sticky)
    with pytest.raises(AssertionError, match="wrong"):
        check([same("fp8_e5m2")])
    monkeypatch.undo()
    window = float_sum.window
    monkeypatch.setattr(float_sum, "window", lambda *o: replace(window(*o), below=0, lossy=False))
    with pytest.raises(AssertionError, match="wrong"):
        check([make(Add, a="fp8_e5m2", b="fp8_e4m3", result="fp8_e4m3")])


def test_other_kinds_of_format_are_refused():
    with pytest.raises(RequestError, match="operation must be one of add, subtract, not times"):
        make(Add, operation="times")
