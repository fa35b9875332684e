"""Addition: against NumPy and ml_dtypes, and golden in every mode and mix of formats."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from hardware_check import check, make, results

from holigrail_hw.arith.add import Add
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.compiled import Compiled, compile_all
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.hdl import float_add, float_sum

REFERENCES = {
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "e4m3": ml_dtypes.float8_e4m3,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
    "fp6_e3m2": ml_dtypes.float6_e3m2fn,
}


def same(name: str, **more) -> Add:
    return make(Add, a=name, b=name, result=name, **more)


@pytest.mark.parametrize("operation", ["add", "subtract"])
def test_sums_equal_those_of_numpy_and_ml_dtypes(operation):
    specs = [same(name, operation=operation) for name in REFERENCES]
    designs = compile_all([(spec, Timing()) for spec in specs])
    for (name, dtype), design in zip(REFERENCES.items(), designs, strict=True):
        codes, got = results(design, 300_000)
        container = np.uint16 if np.dtype(dtype).itemsize == 2 else np.uint8
        a, b = (codes[k].astype(container).view(dtype) for k in "ab")
        with np.errstate(all="ignore"):
            total = a + b if operation == "add" else a - b
        nan = np.isnan(total.astype(np.float32))
        assert np.array_equal(got["sum"][~nan], total.view(container).astype(np.uint64)[~nan]), name
        assert np.all(got["sum"][nan] == design.top.spec.result.nan_code), name


def test_every_mode_at_8_bits():
    check([same("fp8_e5m2", rounding=r, random_width=3) for r in Rounding], count=30_000)


def test_significand_widths():
    check([same(f"e4m{width - 1}") for width in range(1, 13)])


def test_exponent_widths():
    modes = ["nearest_even", "down"] * 4
    check([same(f"e{e}m2", rounding=r) for e, r in zip(range(1, 9), modes, strict=True)])


def test_encodings():
    names = ["fn", "finite", "fnuz", "flush", "fnuz_flush", "fn_bias-2_sat", "flush_sat"]
    modes = ["nearest_even", "to_odd", "nearest_away", "down", "up", "toward_zero", "nearest_even"]
    check([same(f"e3m2_{n}", rounding=r) for n, r in zip(names, modes, strict=True)])


MIXED = [
    ("fp8_e4m3", "fp8_e5m2", "fp16", "nearest_even"),
    ("fp8_e4m3", "fp8_e4m3", "bf16", "nearest_even"),
    ("bf16", "bf16", "fp8_e4m3", "nearest_even"),
    ("bf16", "fp32", "fp32", "nearest_even"),
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
    ("fp8_e4m3", "binary", "ternary", "nearest_even"),
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
    formats += [("binary", "ternary", "int2"), ("sfix8_en-2", "int5", "uint16")]
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
    ("fp8_e5m2", "nearest_even", 57344.0, 4096.0, INF),
    ("fp8_e5m2", "toward_zero", 57344.0, 57344.0, 57344.0),
    ("fp8_e5m2", "down", INF, -INF, NAN),
    ("fp16", "nearest_even", 2.0**-24, 2.0**-24, 2.0**-23),
    ("fp16", "nearest_even", 2.0**-14, -(2.0**-24), 1023 * 2.0**-24),
    ("fp16", "nearest_even", 1023 * 2.0**-24, 2.0**-24, 2.0**-14),
    ("fp16", "nearest_even", 2048.0, 1.0, 2048.0),
    ("fp16", "nearest_even", 0.0, -0.0, 0.0),
    ("fp16", "nearest_even", -0.0, -0.0, -0.0),
    ("fp16", "down", 0.0, -0.0, -0.0),
    ("fp16", "down", 1.0, -1.0, -0.0),
    ("fp16", "up", 65504.0, 2.0**-24, INF),
]


def test_borders():
    requests = list(dict.fromkeys((name, rounding) for name, rounding, *_ in SPOTS))
    designs = compile_all([(same(n, rounding=r), Timing()) for n, r in requests])
    found = dict(zip(requests, designs, strict=True))
    for name, rounding, a, b, expected in SPOTS:
        format = parse(name)
        codes = {"a": format.encode([a]), "b": format.encode([b])}
        got = found[name, rounding].run(codes)["sum"]
        assert got[0] == format.encode([expected])[0], (name, rounding, a, b)


def test_pipelined_sums_are_the_same():
    specs = [same("fp8_e4m3"), same("fp16"), make(Add, a="fp8_e5m2", b="int8", result="bf16")]
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


def test_all_infinities_and_nan_of_fp16():
    design = Compiled(same("fp16"))
    special = np.array([0x7C00, 0xFC00, 0x7C01, 0xFE00, 0x7BFF, 0xFBFF, 0, 0x8000, 1], np.uint64)
    codes = {"a": np.repeat(special, len(special)), "b": np.tile(special, len(special))}
    got = design.run(codes)["sum"]
    assert np.array_equal(got, design.top.spec.golden(**codes)["sum"])
    assert got[codes["a"] == 0x7C01].tolist() == [0x7E00] * len(special)
