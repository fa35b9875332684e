"""Real scales as integers: what a quantised network's files say, in what hardware multiplies by.

A quantised layer computes y = zero point + round(acc * M) with a real M = s_a * s_w / s_y. Hardware
takes M as ``multiplier / 2^shift``. How M is rounded decides which results differ.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = [
    "IntegerScale",
    "fold_zero_point",
    "onnx_results",
    "onnx_scale",
    "quantise_scale",
    "smallest_scale",
    "tflite_scale",
    "thresholds_of",
]


@dataclass(frozen=True)
class IntegerScale:
    """``multiplier / 2^shift``, and the accumulators for which it does not give the wanted result.

    ``proved``: every accumulator from ``-limit`` to ``limit`` was compared; ``exceptions`` holds
    those that differ, so an empty tuple is a proof. Not proved, both mean nothing.
    """

    multiplier: int
    shift: int
    limit: int = 0
    proved: bool = False
    exceptions: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Bits of the multiplier."""
        return self.multiplier.bit_length()


def quantise_scale(scale: float | Fraction, width: int) -> IntegerScale:
    """The nearest ``multiplier / 2^shift`` with a multiplier of exactly ``width`` bits.

    Ties go to the even multiplier. Raises ValueError unless the scale is positive and finite.

    >>> quantise_scale(0.75, 8)
    IntegerScale(multiplier=192, shift=8, limit=0, proved=False, exceptions=())
    """
    exact = _positive(scale)
    shift = width - 1 - _floor_log2(exact)
    multiplier = round(exact * Fraction(2) ** shift)
    if multiplier >> width:
        multiplier, shift = multiplier >> 1, shift - 1
    return IntegerScale(multiplier, shift)


def tflite_scale(scale: float) -> tuple[int, int]:
    """TensorFlow Lite's QuantizeMultiplier: a Q31 multiplier in [2^30, 2^31) and a right shift.

    scale = multiplier * 2^-31 * 2^-shift; the fraction of ``frexp`` is rounded with ties away from
    zero, as C's ``round``. Scales below 2^-32 become 0. A negative shift goes to the left.
    """
    exact = _positive(scale)
    exponent = _floor_log2(exact) + 1
    multiplier = math.floor(exact / Fraction(2) ** exponent * (1 << 31) + Fraction(1, 2))
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier >> 1, exponent + 1
    if exponent < -31:
        return 0, 0
    return multiplier, -exponent


def onnx_scale(input_scale: float, weight_scale: float, output_scale: float) -> IntegerScale:
    """The float32 factor that ONNX Runtime multiplies by, exactly: fl32(fl32(sa * sw) / sy).

    Its multiplier has at most 24 bits.
    """
    product = np.float32(input_scale) * np.float32(weight_scale)
    exact = _positive(float(np.float32(product) / np.float32(output_scale)))
    shift = exact.denominator.bit_length() - 1
    multiplier = exact.numerator
    while multiplier % 2 == 0 and multiplier:
        multiplier, shift = multiplier >> 1, shift - 1
    return IntegerScale(multiplier, shift)


def onnx_results(accumulators: Any, scale: float) -> np.ndarray:
    """round_even(fl32(fl32(acc) * scale)) as int64: ONNX Runtime, before the zero point."""
    product = np.asarray(accumulators).astype(np.float32) * np.float32(scale)
    return np.rint(product).astype(np.int64)


def smallest_scale(
    scale: float,
    limit: int,
    *,
    wanted: Callable[[np.ndarray], np.ndarray] | None = None,
    bounds: tuple[int, int] | None = None,
    widest: int = 32,
) -> IntegerScale:
    """The multiplier of the fewest bits that gives the wanted results for every |acc| <= limit.

    Parameters
    ----------
    scale : float
        The real scale; a float32 number for ONNX Runtime.
    limit : int
        Largest magnitude of an accumulator; all are compared, up to 2^24.
    wanted : callable or None
        Results for an array of accumulators; those of ONNX Runtime (:func:`onnx_results`) if none.
    bounds : (int, int)
        Results are clamped to these before they are compared.
    widest : int
        Most bits of the multiplier.

    Returns
    -------
    IntegerScale
        Without exceptions if a multiplier matches everywhere. Otherwise the one with the fewest
        exceptions, which are listed: float32 results are rounded twice, and may differ from every
        exact product.
    """
    if not 0 < limit <= 1 << 24:
        raise ValueError(f"limit must be between 1 and 2^24, not {limit}")
    accumulators = np.arange(-limit, limit + 1, dtype=np.int64)
    results = onnx_results(accumulators, scale) if wanted is None else wanted(accumulators)
    expected = _clipped(results, bounds)
    best: IntegerScale | None = None
    for width in range(1, widest + 1):
        candidate = quantise_scale(scale, width)
        found = _clipped(_round_even(accumulators, candidate), bounds)
        wrong = accumulators[found != expected]
        tried = IntegerScale(
            candidate.multiplier, candidate.shift, limit, True, tuple(wrong.tolist())
        )
        if best is None or len(tried.exceptions) < len(best.exceptions):
            best = tried
        if not tried.exceptions:
            break
    assert best is not None
    return best


def fold_zero_point(bias: Any, weights: Any, zero_point: int) -> np.ndarray:
    """bias - zero_point * sum of weights over the last axis, as Python integers.

    With it, sum of (a - zero_point) * w + bias is sum of a * w + the folded bias.
    """
    sums = np.asarray(weights, object).sum(axis=-1)
    return np.asarray(bias, object) - zero_point * sums


def thresholds_of(
    function: Callable[[int], int], low: int, high: int, lowest: int, highest: int
) -> list[int]:
    """Thresholds of a non-decreasing function of integers, found by bisection.

    ``function`` maps accumulators from ``low`` to ``high`` to codes; it may hold a float scale, a
    batch normalisation and an activation. Threshold k is the least accumulator whose code is at
    least ``lowest + k + 1``, and ``high + 1`` if there is none, for codes up to ``highest``.

    >>> thresholds_of(lambda acc: max(0, round(acc * 0.3)), -100, 100, 0, 3)
    [2, 5, 9]
    """
    found = []
    start = low
    for code in range(lowest + 1, highest + 1):
        below, above = start - 1, high + 1
        while above - below > 1:
            middle = (below + above) // 2
            if function(middle) >= code:
                above = middle
            else:
                below = middle
        found.append(above)
        start = above
    return found


def _positive(scale: float | Fraction) -> Fraction:
    if isinstance(scale, float) and not math.isfinite(scale) or scale <= 0:
        raise ValueError(f"scale must be positive and finite, not {scale}")
    return Fraction(scale)


def _floor_log2(value: Fraction) -> int:
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= value else exponent - 1


def _clipped(results: np.ndarray, bounds: tuple[int, int] | None) -> np.ndarray:
    return results if bounds is None else np.clip(results, *bounds)


def _round_even(accumulators: np.ndarray, scale: IntegerScale) -> np.ndarray:
    """round_even(acc * multiplier / 2^shift), exactly; |acc| < 2^25 and 32 bits fit in int64."""
    product = accumulators * scale.multiplier
    if scale.shift <= 0:
        return product << -scale.shift
    # Beyond 62 places only the sign of the product remains, which rounds to 0.
    shift = min(scale.shift, 62)
    floor = product >> shift
    rest, half = product - (floor << shift), 1 << (shift - 1)
    return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))
