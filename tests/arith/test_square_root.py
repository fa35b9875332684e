"""Square roots and reciprocals, also of square roots: against integers and NumPy, and golden."""

from math import isqrt

import numpy as np
import pytest
from hardware import check, make, results

from holigrail_hw.arith.reciprocal import Reciprocal
from holigrail_hw.arith.square_root import ReciprocalSquareRoot, SquareRoot
from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding
from holigrail_hw.hdl.integer import inverse_root
from holigrail_hw.hdl.number import roots

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

CLASSES = (SquareRoot, Reciprocal, ReciprocalSquareRoot)

# In double precision, roots of halves and their quotients round twice without harm: no half has a
# root or reciprocal that is closer to a tie than 2^-40 and not one.
HALVES = {
    SquareRoot: np.sqrt,
    Reciprocal: lambda x: 1 / x,
    ReciprocalSquareRoot: lambda x: 1 / np.sqrt(x),
}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_half(cls):
    codes, got = results(Gates(make(cls, x="fp16")))
    values = codes["x"].astype(np.uint16).view(np.float16).astype(np.float64)
    with np.errstate(all="ignore"):
        expected = HALVES[cls](values).astype(np.float16)
    nan = np.isnan(expected)
    assert np.array_equal(got["result"][~nan], expected[~nan].view(np.uint16).astype(np.uint64))
    assert nan.any() and np.all(got["result"][nan] == 0x7E00)


def test_integer_roots():
    """Rounded down they are those of Python; those of negative numbers are 0."""
    codes, got = results(Gates(make(SquareRoot, x="int12", rounding="down")))
    signed = [code - 4096 if code >= 2048 else code for code in codes["x"].tolist()]
    assert got["result"].tolist() == [isqrt(x) if x > 0 else 0 for x in signed]


def test_integer_reciprocals():
    """In units of 2^-8, towards zero; that of 0 is the largest number."""
    spec = make(Reciprocal, x="uint8", result="ufix10_en8", rounding="toward_zero")
    codes, got = results(Gates(spec))
    assert got["result"].tolist() == [256 // x if x else 1023 for x in codes["x"].tolist()]
    spec = make(ReciprocalSquareRoot, x="uint8", result="ufix10_en8", rounding="toward_zero")
    codes, got = results(Gates(spec))
    assert got["result"].tolist() == [isqrt(2**16 // x) if x else 1023 for x in codes["x"].tolist()]


@pytest.mark.heavy
@pytest.mark.parametrize("cls", CLASSES)
def test_every_mode(cls):
    names = ("fp8_e4m3", "sfix7_en3", "int6")
    check([make(cls, x=n, rounding=r, random_width=3) for r in Rounding for n in names], count=1500)


WIDTHS = ("int1", "uint1", "uint5", "int8", "ufix7_en-3", "sfix6_en9", "binary", "ternary")
FLOATS = ("fp8_e5m2", "e4m0", "e3m4_flush", "e4m3_fnuz", "e3m2_sat", "e2m1_finite", "e1m3")


@pytest.mark.parametrize("cls", CLASSES)
def test_widths(cls):
    check([make(cls, x=name) for name in WIDTHS])


@pytest.mark.heavy
@pytest.mark.parametrize("cls", CLASSES)
def test_encodings(cls):
    check([make(cls, x=name, rounding=r) for name in FLOATS for r in ("nearest_even", "up")])


MIXED = [
    ("int8", "fp16", "up"),
    ("fp16", "sfix9_en4", "nearest_away"),
    ("fp8_e4m3", "binary", "nearest_even"),
    ("int5", "ternary", "down"),
    ("bf16", "e4m0", "to_odd"),
    ("e4m3", "ufix3_en-3", "up"),
    ("ufix6_en2", "ufix12_en9", "nearest_even"),
    ("uint16", "ufix4_en-4", "down"),
    ("bf16", "fp32", "nearest_even"),
]


@pytest.mark.parametrize("cls", CLASSES)
def test_formats_are_independent(cls):
    # The others are drawn at random in tests/test_odd_formats.py.
    check([make(cls, x=x, result=q, rounding=r) for x, q, r in MIXED[:4]], count=800)


@pytest.mark.heavy
@pytest.mark.parametrize("cls", CLASSES)
def test_more_formats_are_independent(cls):
    check([make(cls, x=x, result=q, rounding=r) for x, q, r in MIXED[4:]])


@pytest.mark.heavy
@pytest.mark.parametrize("cls", CLASSES)
def test_wide_operands(cls):
    check([make(cls, x=name) for name in ("fp32", "uint33", "int64", "e8m12")])
    check([make(cls, x="fp16", rounding=r, random_width=4) for r in Rounding], count=60_000)
    check([make(cls, x="fp8_e5m2", result="sfix9_en4", overflow="wrap")])


@pytest.mark.parametrize("cls", CLASSES)
def test_pipelined(cls):
    spec = make(cls, x="fp8_e4m3")
    assert spec.plan(Timing(period_ns=5.0)).latency >= 5
    check([spec], Timing(period_ns=5.0), count=600)


def test_default_results():
    for cls, x, result in [
        (SquareRoot, "uint8", "uint5"), (SquareRoot, "int8", "uint4"),
        (SquareRoot, "ufix8_en3", "ufix5_en2"), (SquareRoot, "int1", "uint1"),
        (SquareRoot, "uint1", "uint1"), (ReciprocalSquareRoot, "ufix8_en3", "ufix9_en7"),
        (SquareRoot, "ufix8_en-3", "ufix5_en-1"), (SquareRoot, "bf16", "bf16"),
        (Reciprocal, "int8", "sfix10_en8"), (Reciprocal, "ufix8_en4", "ufix9_en4"),
        (ReciprocalSquareRoot, "uint8", "ufix9_en8"),
    ]:  # fmt: skip
        assert make(cls, x=x).result.name == result


def test_planted_faults_are_seen(monkeypatch):
    monkeypatch.setattr(inverse_root, "_sizes", lambda *given: (12, 9))
    with pytest.raises(AssertionError, match="wrong"):
        check([make(ReciprocalSquareRoot, x="e4m6")])
    monkeypatch.undo()
    monkeypatch.setattr(roots, "zero_of", lambda plan, number: plan.constant(0, 1))
    with pytest.raises(AssertionError, match="wrong"):
        check([make(SquareRoot, x="fp8_e5m2")])
