"""Real scales as integers: widths, proofs by enumeration, folded zero points, thresholds."""

import doctest
from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import scales
from holigrail_hw.formats.scales import (
    fold_zero_point,
    onnx_results,
    onnx_scale,
    quantise_scale,
    smallest_scale,
    thresholds_of,
)


def test_quantised_scales_are_nearest():
    rng = np.random.default_rng(1)
    for scale in [*rng.random(30).tolist(), 1.0, 255.0, 2.0**-30, Fraction(1, 3)]:
        for width in (1, 2, 8, 17, 32):
            found = quantise_scale(scale, width)
            assert found.width == width
            unit = Fraction(2) ** -found.shift
            assert abs(found.multiplier * unit - Fraction(scale)) <= unit / 2


def test_onnx_scale_is_the_float32_factor():
    found = onnx_scale(0.013, 0.0071, 0.052)
    wanted = np.float32(np.float32(0.013) * np.float32(0.0071)) / np.float32(0.052)
    assert Fraction(found.multiplier) / 2**found.shift == Fraction(float(wanted))
    assert found.width <= 24 and found.multiplier % 2


@pytest.mark.parametrize("scale", [0.0123, 0.375, 23 / 1024, 2.0**-5])
def test_the_smallest_scale_is_proved(scale):
    """With ties, too: scales of few bits have many."""
    scale = float(np.float32(scale))
    found = smallest_scale(scale, 1 << 10)
    assert found.proved and not found.exceptions
    acc = range(-(1 << 10), (1 << 10) + 1)
    exact = [round(Fraction(a * found.multiplier, 2**found.shift)) for a in acc]
    assert exact == onnx_results(np.array(acc), scale).tolist()
    if found.width == 1:
        return
    narrower = quantise_scale(scale, found.width - 1)
    exact = [round(Fraction(a * narrower.multiplier, 2**narrower.shift)) for a in acc]
    assert exact != onnx_results(np.array(acc), scale).tolist()


def test_exceptional_accumulators_are_reported():
    """float32 rounds 24 bits first, so some scales have no multiplier; the list is complete."""
    rng = np.random.default_rng(2)
    seen = False
    for scale in rng.random(3).astype(np.float32).tolist():
        found = smallest_scale(scale, 1 << 16)
        acc = np.arange(-(1 << 16), (1 << 16) + 1)
        wrong = (
            [
                a
                for a, wanted in zip(acc.tolist(), onnx_results(acc, scale).tolist(), strict=True)
                if round(Fraction(a * found.multiplier, 2**found.shift)) != wanted
            ]
            if found.exceptions
            else []
        )
        assert tuple(wrong) == found.exceptions
        seen |= bool(wrong)
        bounded = smallest_scale(scale, 1 << 16, bounds=(-128, 127))
        assert len(bounded.exceptions) <= len(found.exceptions)
    assert seen


def test_own_results():
    found = smallest_scale(0.29, 40, wanted=lambda acc: np.rint(acc * 0.29).astype(np.int64))
    assert found.exceptions == ()
    with pytest.raises(ValueError, match=r"limit must be between 1 and 2\^24, not 0"):
        smallest_scale(0.3, 0)
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="scale must be positive and finite"):
            quantise_scale(wrong, 8)


def test_zero_points_fold_into_the_bias():
    rng = np.random.default_rng(3)
    weights, bias = rng.integers(-127, 128, (5, 30)), rng.integers(-1000, 1000, 5)
    a = rng.integers(0, 256, 30)
    direct = weights @ (a - 77) + bias
    assert (weights @ a + fold_zero_point(bias, weights, 77)).tolist() == direct.tolist()


def test_thresholds_of_a_batch_normalisation():
    """Every accumulator: scale, shift, activation and rounding in float become a staircase."""

    def function(acc: int) -> int:
        return int(np.clip(np.rint(7.5 * np.tanh(acc * 0.011 - 0.4)), -8, 7))

    found = thresholds_of(function, -1000, 1000, -8, 7)
    for acc in range(-1000, 1001):
        assert -8 + sum(t <= acc for t in found) == function(acc)
    assert found == sorted(found) and len(found) == 15
    assert thresholds_of(lambda acc: 0, -5, 5, 0, 2) == [6, 6]


def test_docstring_examples():
    results = doctest.testmod(scales)
    assert results.failed == 0 and results.attempted >= 2
