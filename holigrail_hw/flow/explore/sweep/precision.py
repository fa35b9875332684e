"""How exactly the formats of operands hold numbers: the error that a sweep of formats trades.

The operands of networks and filters are nearly normally distributed, and scaled by a power of two
into their format. The error of a format is the root mean square of what rounding and saturation
change of standard normal numbers, with the best such scale: of `int8` 0.9 %. The squares of the
errors of independent operands add up in their product, to first order, so that the error of a
design is the root of their sum. Formats without negative numbers hold the magnitudes of the same
numbers.
"""

import math
from collections.abc import Iterable
from functools import cache
from statistics import NormalDist

import numpy as np

from holigrail_hw.core.parameters import parameters_of
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.formats import Format, FormatError

__all__ = ["error_of", "operand_error"]

# The means of as many equally likely intervals, nearly: no random numbers.
_COUNT = 511
_WIDEST = 32
_BELOW = 7


def operand_error(spec: OperatorSpec) -> float | None:
    """The relative error of the operands together; ``None`` if no operand's format is a parameter.

    Operands are the inputs that have their format from a parameter of the same name.
    """
    known = parameters_of(spec)
    formats = [
        format
        for name, format in spec.inputs().items()
        if name in known and known[name].type is Format
    ]
    errors = [error_of(format) for format in formats]
    if not errors or any(error is None for error in errors):
        return None
    return float(f"{math.hypot(*(error for error in errors if error is not None)):.4g}")


@cache
def error_of(format: Format) -> float | None:
    """The relative error of one format; ``None`` for blocks, and for more than 32 bits."""
    if format.block_size is not None or format.width > _WIDEST:
        return None
    values = np.array([NormalDist().inv_cdf((n + 0.5) / _COUNT) for n in range(_COUNT)])
    values = values if format.signed else np.abs(values)
    found = [_error(format, values, exponent) for exponent in _scales(format)]
    return min((error for error in found if math.isfinite(error)), default=None)


def _scales(format: Format) -> Iterable[int]:
    """Exponents of scales worth trying: the deviation a little below the largest number, or 1."""
    largest = max(abs(end) for end in format.number_range)
    top = math.frexp(float(largest))[1] if largest else 0
    return sorted({*range(top - _BELOW, top + 1), -1, 0, 1})


def _error(format: Format, values: np.ndarray, exponent: int) -> float:
    scaled = np.ldexp(values, exponent)
    try:
        kept = format.decode(format.saturating.encode(scaled)).astype(float)
    except (FormatError, OverflowError, TypeError):
        return math.inf
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.sqrt(np.mean((kept - scaled) ** 2) / np.mean(scaled**2)))
