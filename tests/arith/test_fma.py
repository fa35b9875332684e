"""Fused multiply-add: against Fractions and golden in every mode and mix of formats."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arith.fma import Fma
from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import parse
from holigrail_hw.hdl.number import float_sum

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def same(name: str, **more) -> Fma:
    return make(Fma, a=name, b=name, c=name, result=name, **more)


def test_every_mode_at_8_bits():
    modes = ["nearest_even", "down", "to_odd", "stochastic"]
    check([same("fp8_e5m2", rounding=r, random_width=3) for r in modes], count=100_000)
    modes = ["nearest_away", "up", "toward_zero"]
    check([same("e4m3", rounding=r, multiplier="tree") for r in modes], count=100_000)


def test_fp16_and_bf16():
    check([same("fp16")], count=300_000)
    check([same("bf16", multiplier="tree")], count=200_000)


def test_significand_widths():
    check([same(f"e3m{width - 1}") for width in (1, 2, 3, 4, 5, 9)], count=20_000)


WIDTHS = [
    ("e1m6", "nearest_even"), ("e2m3_fnuz", "nearest_even"), ("e5m0_fn", "up"),
    ("e6m2_flush", "nearest_even"), ("e4m1_fn_bias-2_sat", "down"), ("e7m1_finite", "to_odd"),
]  # fmt: skip


def test_exponent_widths_and_encodings():
    check([same(name, rounding=rounding) for name, rounding in WIDTHS], count=20_000)


MIXED = [
    ("fp8_e4m3", "fp8_e5m2", "fp16", "fp16", "nearest_even"),
    ("fp8_e5m2", "fp8_e5m2", "e4m3", "e4m3_flush", "nearest_even"),
    ("int8", "fp4_e2m1", "fp8_e5m2", "bf16", "down"),
    ("ternary", "fp8_e4m3", "int8", "fp8_e4m3", "nearest_even"),
    ("binary", "fp8_e4m3", "fp16", "fp16", "nearest_away"),
    ("e3m2_bias30", "e3m2", "e4m3_bias-9", "e5m3_fnuz", "nearest_even"),
    ("fp4_e2m1", "fp4_e2m1", "int6", "int6", "nearest_even"),
]


def test_formats_are_independent():
    overflow = ["wrap", "saturate"] * len(MIXED)
    check(
        [
            make(Fma, a=a, b=b, c=c, result=d, rounding=r, overflow=o)
            for (a, b, c, d, r), o in zip(MIXED, overflow, strict=False)
        ]
    )


def test_fixed_point():
    formats = [("int4", "int4", "int8", "int9"), ("uint3", "int5", "sfix6_en2", "sfix8_en1")]
    formats += [("binary", "int5", "int8", "uint6"), ("ternary", "binary", "ternary", "ternary")]
    check(
        [
            make(Fma, a=a, b=b, c=c, result=d, overflow=o, multiplier=m)
            for a, b, c, d in formats
            for o, m in (("wrap", "rows"), ("saturate", "tree"))
        ]
    )


INF, NAN = float("inf"), float("nan")
TINY = 2.0**-24

# What other implementations get wrong, and the borders of fp16.
SPOTS = [
    (0.0, 1.0, 1.5, 1.5),
    (0.0, 2.0**15, 3 * TINY, 3 * TINY),
    (0.0, INF, 1.0, NAN),
    (INF, 2.0, -INF, NAN),
    (INF, -2.0, 65504.0, -INF),
    (0.0, -1.0, 0.0, 0.0),
    (0.0, -1.0, -0.0, -0.0),
    (1.0, 1.0, -1.0, 0.0),
    (1.0 + 2.0**-10, 1.0 + 2.0**-10, -(1.0 + 2.0**-9), 2.0**-20),
    (TINY, 2.0**10, -(2.0**-14), 0.0),
    (TINY, TINY, 1.0, 1.0),
    (TINY, TINY, TINY, TINY),
    (TINY, 0.5, 0.0, 0.0),
    (TINY, 0.75, 0.0, TINY),
    (TINY, 0.5, TINY, 2 * TINY),
    (-TINY, TINY, 1023 * TINY, 1023 * TINY),
    (TINY, 0.5, 2.0**-14 - TINY, 2.0**-14),
    (255.875, 256.0, 0.0, 65504.0),
    (256.0, 256.0, -16.0, INF),
    (256.0, 256.0, -32.0, 65504.0),
    (65504.0, 65504.0, -INF, -INF),
    (2048.0, 1.0, 1.0, 2048.0),
    (2048.0, 1.0 + 2.0**-10, 1.0, 2052.0),
]


def test_borders():
    format = parse("fp16")
    design = Gates(same("fp16"))
    a, b, c, expected = (format.encode(column) for column in zip(*SPOTS, strict=True))
    got = design.run({"a": a, "b": b, "c": c})["result"]
    for row, wanted, found in zip(SPOTS, expected, got, strict=True):
        assert wanted == found, (row, format.format_code(int(found)))


def test_golden_equals_fractions():
    spec = make(Fma, a="fp8_e4m3", b="fp8_e5m2", c="e3m4", result="e5m3", rounding="nearest_even")
    codes = spec.items(4000, np.random.default_rng(5))
    got = spec.golden(**codes)["result"]
    values = [spec.inputs()[name].unpack(codes[name]).to_fractions() for name in "abc"]
    checked = 0
    for a, b, c, code in zip(*values, got, strict=True):
        if not all(isinstance(value, Fraction) for value in (a, b, c)) or a * b + c == 0:
            continue
        checked += 1
        assert code == spec.result.encode([a * b + c])[0], (a, b, c)
    assert checked > 2000


def test_pipelined_results_are_the_same():
    specs = [same("fp8_e5m2")]
    check(specs, Timing(period_ns=4.0), count=50_000)
    assert specs[0].plan(Timing(period_ns=4.0)).latency > 3


def test_default_results():
    for a, b, c, result in [
        ("int8", "int8", "int16", "int17"),
        ("uint4", "uint4", "uint8", "uint9"),
        ("fp8_e4m3", "fp8_e5m2", "fp16", "fp16"),
        ("fp8_e4m3", "bf16", "int8", "bf16"),
        ("ternary", "int8", "int8", "int9"),
    ]:
        assert make(Fma, a=a, b=b, c=c).result.name == result


def test_planted_faults_are_seen(monkeypatch):
    window = float_sum.window

    def lower(*operands):
        found = window(*operands)
        return replace(found, limit=found.limit - 2, above=found.above - 2)

    for fault in (lambda *o: replace(window(*o), lossy=False), lower):
        monkeypatch.setattr(float_sum, "window", fault)
        with pytest.raises(AssertionError, match="wrong"):
            check([same("fp8_e5m2")], count=50_000)
        monkeypatch.undo()
