"""From an accumulator to a small integer: division by powers of two, rounded in every known way.

The value is an integer v over 2^s. With |v| = q * 2^s + r, the magnitude q grows by one when

==============  ===========================================================================
nearest_even    r is more than half of 2^s, or half and q is odd (ONNX; QONNX ROUND, HALF_EVEN)
nearest_away    r is half of 2^s or more (gemmlowp's RoundingDivideByPOT; QONNX HALF_UP)
nearest_zero    r is more than half (QONNX HALF_DOWN)
nearest_up      r is more than half, or half and v > 0: floor(v / 2^s + 1/2), the single rounding
                of TFLite and of Deeploy's RequantShift
toward_zero     never (QONNX DOWN)
away_from_zero  r > 0 (QONNX UP)
up, down        r > 0 and v > 0; r > 0 and v < 0 (QONNX CEIL, FLOOR)
to_odd          r > 0 and q is even
stochastic      floor(r * 2^N / 2^s) + R reaches 2^N, with the random word R of N bits
==============  ===========================================================================

Sources: the TensorFlow Lite 8-bit quantization specification and gemmlowp (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018); the ONNX operator specification; QONNX (Pappalardo et al., 2022).
"""

from typing import Any

import numpy as np

__all__ = [
    "ROUNDINGS",
    "count_thresholds",
    "divide",
    "integers",
    "qonnx_rounding",
    "rescale_twice",
]

ROUNDINGS = (
    "nearest_even",
    "nearest_away",
    "nearest_zero",
    "nearest_up",
    "toward_zero",
    "away_from_zero",
    "up",
    "down",
    "to_odd",
    "stochastic",
)

_QONNX = {
    "ROUND": "nearest_even",
    "HALF_EVEN": "nearest_even",
    "CEIL": "up",
    "FLOOR": "down",
    "UP": "away_from_zero",
    "DOWN": "toward_zero",
    "HALF_UP": "nearest_away",
    "HALF_DOWN": "nearest_zero",
}


def qonnx_rounding(name: str) -> str:
    """Our name of a QONNX ``rounding_mode``, in any case; ValueError if there is none.

    >>> qonnx_rounding("half_up")
    'nearest_away'
    """
    if name.upper() not in _QONNX:
        known = ", ".join(_QONNX)
        raise ValueError(f"rounding_mode must be one of {known}, not {name!r}")
    return _QONNX[name.upper()]


def integers(codes: Any, width: int, *, signed: bool) -> np.ndarray:
    """Codes as integers, in int64 up to 62 bits and as Python integers above."""
    values = np.asarray(codes)
    values = values.astype(object if width > 62 or values.dtype == object else np.int64)
    if signed:
        values = values - ((values >> (width - 1)) << width)
    return values


def divide(
    values: Any,
    shift: Any,
    rounding: str,
    offset: Any = 0,
    random: Any = None,
    random_width: int = 0,
) -> np.ndarray:
    """round(values / 2^shift + offset) as Python integers; a negative shift multiplies.

    All arguments but ``rounding`` broadcast. ``random``: words of ``random_width`` bits.
    """
    values, shift, offset = (np.asarray(a).astype(object) for a in (values, shift, offset))
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    total = (values << left) + (offset << right)
    negative = (total < 0).astype(bool)
    magnitude = abs(total)
    quotient = magnitude >> right
    rest = magnitude - (quotient << right)
    unit = np.asarray(1, object) << right
    above, tie = (rest + rest > unit).astype(bool), (rest + rest == unit).astype(bool)
    inexact, odd = (rest > 0).astype(bool), (quotient % 2 == 1).astype(bool)
    match rounding:
        case "nearest_even":
            grows = above | (tie & odd)
        case "nearest_away":
            grows = above | tie
        case "nearest_zero":
            grows = above
        case "nearest_up":
            grows = above | (tie & ~negative)
        case "toward_zero":
            grows = np.zeros_like(above)
        case "away_from_zero":
            grows = inexact
        case "up":
            grows = inexact & ~negative
        case "down":
            grows = inexact & negative
        case "to_odd":
            grows = inexact & ~odd
        case "stochastic":
            words = np.asarray(random).astype(object)
            drawn = (rest << random_width) >> right
            grows = (drawn + words >= (1 << random_width)).astype(bool)
        case _:
            raise ValueError(f"rounding must be one of {', '.join(ROUNDINGS)}, not {rounding!r}")
    result = quotient + grows.astype(object)
    return np.asarray(np.where(negative, -result, result), object)


def rescale_twice(values: Any, scale: Any, shift: Any, scale_width: int) -> np.ndarray:
    """gemmlowp's two roundings, as Python integers.

    First the saturating rounding doubling high multiply: value * scale / 2^scale_width, to which
    half a unit is added (to a negative product, half a unit less one), and the fraction cut off.
    Then the rounding division by 2^shift, ties away from zero. A negative shift multiplies the
    value before. TFLite has ``scale_width`` 31 and scales of 2^30 up to 2^31 - 1; its saturation
    needs a negative scale, which does not exist here.
    """
    values, scale, shift = (np.asarray(a).astype(object) for a in (values, scale, shift))
    product = (values << np.maximum(-shift, 0)) * scale
    half = 1 << (scale_width - 1)
    nudged = product + np.where(product >= 0, half, 1 - half)
    high = np.where(nudged >= 0, nudged >> scale_width, -(-nudged >> scale_width))
    places = np.maximum(shift, 0)
    mask = (np.asarray(1, object) << places) - 1
    rest, limit = high & mask, (mask >> 1) + (high < 0).astype(object)
    return np.asarray((high >> places) + (rest > limit).astype(object), object)


def count_thresholds(values: Any, thresholds: Any) -> np.ndarray:
    """How many thresholds (last axis) each value reaches, as int64 (QONNX MultiThreshold)."""
    reached = np.asarray(thresholds) <= np.asarray(values)[..., None]
    return reached.astype(bool).sum(axis=-1, dtype=np.int64)
