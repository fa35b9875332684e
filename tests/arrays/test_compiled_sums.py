"""Sums that kernels compute for arrays are those of the golden models."""

import itertools

import numpy as np
import pytest

from holigrail_hw.arrays.gemm.sums import RawSums, Totals
from holigrail_hw.arrays.systolic_array import partial_sums
from holigrail_hw.arrays.systolic_array.partial_sums import PartialSums
from holigrail_hw.core import find
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.kernels import is_compiled

FORMATS = (("fp8_e4m3", "fp16"), ("fp8_e5m2", "fp8_e4m3"), ("fp16", "e5m4_flush"), ("int8", "bf16"))
MODES = (Rounding.NEAREST_EVEN, Rounding.DOWN, Rounding.UP)

pytestmark = pytest.mark.skipif(not is_compiled(), reason="there is no C++ compiler")


@pytest.fixture(autouse=True)
def always_compiled(monkeypatch):
    monkeypatch.setattr(partial_sums, "MANY", 0)
    monkeypatch.setattr("holigrail_hw.arrays.gemm.sums.MANY", 0)


def factors(format, shape, seed):
    """Any codes; signed zeros and infinities come often."""
    rng = np.random.default_rng(seed)
    format = parse(format)
    codes = rng.integers(0, 1 << format.width, shape, dtype=np.uint64)
    corners = np.array(format.corner_codes(), np.uint64)
    return np.where(rng.random(shape) < 0.3, rng.choice(corners, shape), codes)


def column(kind, operand, result, accumulation, mode, products):
    return kind(
        a=parse(operand),
        b=parse("fp8_e4m3"),
        products=products,
        result=parse(result),
        accumulation=accumulation,
        product=parse("fp8_e5m2") if accumulation == "cascade" else None,
        rounding=mode,
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("accumulation", partial_sums.ACCUMULATIONS)
def test_a_column_of_an_array(accumulation, mode):
    for seed, (operand, result) in enumerate(FORMATS):
        sums = column(PartialSums, operand, result, accumulation, mode, 12)
        a, b = factors(operand, (9, 12), seed), factors("fp8_e4m3", (12, 7), seed + 50)
        wanted = sums.golden(a, b)
        assert np.array_equal(sums.computed(a, b), wanted), sums
        # Nothing but zeros of both signs.
        a, b = a & np.uint64(1 << (sums.a.width - 1)), np.zeros_like(b)
        assert np.array_equal(sums.computed(a, b), sums.golden(a, b)), sums


@pytest.mark.parametrize("mode", MODES)
def test_sums_of_tiles(mode):
    ways = itertools.product(("fused", "cascade"), (False, True))
    for seed, ((accumulation, continues), (operand, result)) in enumerate(
        itertools.product(ways, FORMATS)
    ):
        plain = column(RawSums, operand, result, accumulation, mode, 5)
        raw = RawSums(**{**vars(plain), "continues": continues})
        totals = Totals(column=raw, format=raw.final, longest=20)
        a, b = factors(operand, (6, 20), seed), factors("fp8_e4m3", (20, 4), seed + 50)
        assert np.array_equal(totals.computed(a, b), totals.golden(a, b)), totals
        a, b = a & np.uint64(1 << (raw.a.width - 1)), np.zeros_like(b)
        assert np.array_equal(totals.computed(a, b), totals.golden(a, b)), totals


def test_an_engine_answers_the_same(monkeypatch):
    """A job of the engine with kernels and without."""
    for accumulation, order in itertools.product(("fused", "exact"), ("tiles", "sequential")):
        if (accumulation, order) == ("exact", "sequential"):
            continue
        spec = find("gemm")(
            rows=4,
            columns=4,
            activation=parse("fp8_e4m3"),
            weight=parse("fp8_e4m3"),
            result=parse("fp16"),
            accumulation=accumulation,
            order=order,
        )
        job = spec.job(np.random.default_rng(1), 40)
        monkeypatch.setattr("holigrail_hw.arrays.gemm.sums.MANY", 0)
        found = spec.golden(**job)["result"]
        monkeypatch.setattr("holigrail_hw.arrays.gemm.sums.MANY", 1 << 60)
        wanted = spec.golden(**job)["result"]
        assert all(np.array_equal(found[name], codes) for name, codes in wanted.items())
