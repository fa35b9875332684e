"""Multiplication: against NumPy and ml_dtypes, and golden in every mode and mix of formats."""

import ml_dtypes
import numpy as np
import pytest
from amaranth import Cat
from hardware import check, make, results

from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding
from holigrail_hw.hdl.integer import bit_heap
from holigrail_hw.hdl.number import float_round

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

REFERENCES = {
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "e4m3": ml_dtypes.float8_e4m3,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e4m3_fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
    "fp6_e3m2": ml_dtypes.float6_e3m2fn,
    "fp4_e2m1": ml_dtypes.float4_e2m1fn,
}


def same(name: str, **more) -> Multiply:
    return make(Multiply, a=name, b=name, result=name, **more)


def test_products_equal_those_of_numpy_and_ml_dtypes():
    designs = [Gates(same(name)) for name in REFERENCES]
    for (name, dtype), design in zip(REFERENCES.items(), designs, strict=True):
        codes, got = results(design, 200_000)
        container = np.uint16 if np.dtype(dtype).itemsize == 2 else np.uint8
        a, b = (codes[k].astype(container).view(dtype) for k in "ab")
        with np.errstate(all="ignore"):
            product = a * b
        expected = product.view(container).astype(np.uint64)
        nan = np.isnan(product.astype(np.float32))
        found = got["result"]
        assert np.array_equal(found[~nan], expected[~nan]), name
        assert nan.any() == bool(design.top.spec.result.nan_code), name
        assert np.all(found[nan] == design.top.spec.result.nan_code), name


def test_every_mode():
    check([same("fp8_e4m3", rounding=r, random_width=3) for r in Rounding], count=20_000)


def test_integers_of_all_widths_and_signs():
    pairs = [("int1", "int1"), ("uint1", "int1"), ("int1", "uint8"), ("int8", "int8")]
    pairs += [("uint7", "int9"), ("uint8", "uint8"), ("int33", "uint5"), ("uint64", "int4")]
    check([make(Multiply, a=a, b=b) for a, b in pairs])


def test_trees_of_full_adders():
    pairs = [("int1", "int1"), ("int2", "uint3"), ("int8", "int8"), ("uint5", "int7")]
    check([make(Multiply, a=a, b=b, multiplier="tree") for a, b in [*pairs, ("e3m4", "e3m4")]])


def test_fixed_point_rounds_and_limits():
    formats = {"a": "sfix7_en4", "b": "ufix6_en6", "result": "sfix6_en3", "random_width": 3}
    overflow = dict(zip(Rounding, 5 * ["wrap", "saturate"], strict=False))
    check([make(Multiply, **formats, rounding=r, overflow=overflow[r]) for r in Rounding])


MIXED = [
    ("fp8_e4m3", "fp8_e5m2", "fp16", "nearest_even"),
    ("fp8_e4m3", "fp8_e4m3", "bf16", "nearest_even"),
    ("int8", "fp8_e4m3", "fp16", "up"),
    ("binary", "fp8_e5m2", "fp8_e4m3_sat", "nearest_even"),
    ("ternary", "int8", "fp8_e4m3", "down"),
    ("binary", "ternary", "fp4_e2m1", "nearest_even"),
    ("fp8_e4m3", "fp8_e5m2", "int6", "nearest_away"),
    ("fp8_e5m2", "fp8_e5m2", "ternary", "stochastic"),
    ("fp8_e4m3", "fp8_e5m2", "binary", "nearest_even"),
    ("int5", "uint4", "e3m2_flush", "nearest_even"),
    ("fp16", "fp16", "e4m0", "nearest_even"),
    ("fp16", "bf16", "fp32", "to_odd"),
    ("bf16", "bf16", "e5m2_flush", "up"),
    ("e3m3_bias100", "e3m3_bias-100", "e3m2_fnuz", "to_odd"),
    ("e3m3_bias200", "e3m3", "e4m2", "up"),
]


def test_formats_are_independent():
    check([make(Multiply, a=a, b=b, result=p, rounding=r) for a, b, p, r in MIXED])


def test_significand_widths():
    check([same(f"e4m{width - 1}") for width in (1, 2, 3, 8, 12)])


def test_exponent_widths():
    check([same(f"e{width}m1") for width in (1, 2, 3, 8)])


OPTIONS = {
    "fn": "down", "finite": "up", "fnuz": "down", "flush": "up", "fn_flush": "nearest_even",
    "fnuz_flush": "to_odd", "sat": "nearest_away", "fn_bias-2_sat": "nearest_even",
}  # fmt: skip


def test_encodings():
    check([same(f"e3m2_{options}", rounding=r) for options, r in OPTIONS.items()])


def test_pipelined_products_are_the_same():
    for spec, period in ((same("fp8_e4m3"), 3.0), (make(Multiply, a="int8", b="int8"), 4.0)):
        timing = Timing(period_ns=period)
        assert spec.plan(timing).latency >= 2
        check([spec], timing)


def test_default_results():
    for a, b, result in [
        ("int8", "int8", "int16"),
        ("uint4", "uint4", "uint8"),
        ("int1", "int1", "uint1"),
        ("ternary", "int8", "int9"),
        ("binary", "binary", "int2"),
        ("sfix8_en4", "ufix4_en-2", "sfix12_en2"),
        ("fp16", "int8", "fp16"),
        ("fp8_e4m3", "bf16", "bf16"),
    ]:
        assert make(Multiply, a=a, b=b).result.name == result


def test_products_of_several_blocks_have_registers_between_these_and_their_sum():
    pairs = [("int28", "uint16"), ("uint16", "int28"), ("int36", "int9"), ("int35", "int35")]
    pairs += [("uint37", "uint18"), ("uint36", "uint36"), ("uint19", "int18"), ("int2", "uint33")]
    specs = [make(Multiply, a=a, b=b, multiplier="dsp") for a, b in pairs]
    for period in (7.0, 30.0):
        timing = Timing(period_ns=period, device="ecp5")
        check(specs, timing, count=400)
    # With a fast clock the wires to and from a block have cycles of their own, two each.
    for period, part, total in ((10.5, 0, 0), (7.5, 2, 4)):
        plan = specs[0].plan(Timing(period_ns=period, device="ecp5"))
        cycles = {name: cycle for name, _, cycle in plan.resources}
        assert (cycles["product_part"], cycles["product_sum"]) == (part, total)
        assert sum(primitive.dsps(plan.device) for _, primitive, _ in plan.resources) == 2
        assert plan.latency == total and plan.promise_ns < period


def test_planted_faults_are_seen(monkeypatch):
    real = float_round.leading_zeros
    monkeypatch.setattr(float_round, "leading_zeros", lambda v: Cat(0, real(v)[1:]))
    with pytest.raises(AssertionError, match="wrong"):
        check([same("fp8_e5m2")])
    monkeypatch.undo()
    monkeypatch.setattr(bit_heap, "_full_adder", lambda a, b, c=0: (a ^ b ^ c, a & b))
    with pytest.raises(AssertionError, match="wrong"):
        check([make(Multiply, a="int4", b="int4", multiplier="tree")])


def test_unknown_multiplier_is_refused():
    with pytest.raises(RequestError, match="multiplier must be one of rows, tree, dsp, not magic"):
        make(Multiply, multiplier="magic")
