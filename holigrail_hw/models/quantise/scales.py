"""Scales of tensors: by the greatest magnitude, a percentile, or the least mean square error.

The last tries 81 scales from 0.2 to 1 of the greatest (Choukroun et al., Low-bit quantization of
neural networks for efficient inference, 2019, for the criterion).
"""

import numpy as np

from holigrail_hw.models.errors import ModelError

__all__ = ["METHODS", "scale_of"]

METHODS = ("maximum", "percentile", "error")
_FRACTIONS = np.linspace(0.2, 1.0, 81)
_MOST_VALUES = 1 << 16


def _error(values: np.ndarray, scale: float, low: int, high: int) -> float:
    codes = np.clip(np.floor(values / scale + 0.5), low, high)
    return float(((codes * scale - values) ** 2).mean())


def scale_of(
    values: np.ndarray,
    low: int,
    high: int,
    method: str,
    *,
    percentile: float = 99.9,
    power_of_two: bool = False,
) -> float:
    """The scale with which codes from ``low`` to ``high`` stand for values.

    Raises
    ------
    ModelError
        If the method is not known.
    """
    if method not in METHODS:
        raise ModelError(f"the method must be one of {', '.join(METHODS)}, not {method}")
    values = np.asarray(values, np.float64).reshape(-1)
    largest = max(values.max(initial=0) / high, values.min(initial=0) / low if low else 0)
    if largest <= 0:
        return 1.0
    if len(values) > _MOST_VALUES:
        values = values[:: -(-len(values) // _MOST_VALUES)]
    scale = float(largest)
    if method == "percentile":
        scale = float(np.percentile(np.abs(values), percentile)) / high or scale
    elif method == "error":
        tried = _FRACTIONS * scale
        scale = float(min(tried, key=lambda s: _error(values, s, low, high)))
    if power_of_two:
        exponent = np.floor(np.log2(scale))
        pair = [2.0**exponent, 2.0 ** (exponent + 1)]
        if method == "error":
            return float(min(pair, key=lambda s: _error(values, s, low, high)))
        return float(pair[1] if scale > pair[0] else pair[0])
    return scale
