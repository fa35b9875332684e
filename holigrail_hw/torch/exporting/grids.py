"""Numbers on a grid: integer codes times a scale, found from a quantiser or from the numbers."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat, Format, Rounding
from holigrail_hw.golden.requantization import qonnx_rounding
from holigrail_hw.models.errors import ModelError

__all__ = ["Grid", "grid_of_format", "grid_of_numbers", "last_place"]

_WIDEST = 16
_MODES = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
_QONNX = {qonnx_rounding(mode): mode for mode in _MODES}


@dataclass(frozen=True)
class Grid:
    """What QONNX's Quant says: codes of ``bits``, times ``scale``, rounded by ``rounding``."""

    bits: int
    signed: bool
    scale: np.ndarray
    rounding: str = "ROUND"

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of a node Quant."""
        return {"signed": int(self.signed), "narrow": 0, "rounding_mode": self.rounding}


def grid_of_format(format: Format, scale: Any, rounding: Rounding | str, who: str) -> Grid:
    """The grid of a fixed-point format times a scale.

    Raises
    ------
    ModelError
        If the format is no integer or fixed point, or the rounding is none of QONNX's.
    """
    if not isinstance(format, FixedFormat):
        raise ModelError(f"{who}: the format must be an integer or fixed point, not {format}")
    if format.signed and format.width == 1:
        raise ModelError(f"{who}: a signed format must have 2 bits or more, not {format}")
    mode = _QONNX.get(str(Rounding(rounding)))
    if mode is None:
        raise ModelError(f"{who}: the rounding must be {', '.join(_QONNX)}, not {rounding}")
    unit = np.asarray(scale, np.float64) * 2.0**-format.fraction_width
    return Grid(format.width, format.signed, unit, mode)


def grid_of_numbers(numbers: np.ndarray, who: str) -> Grid:
    """The coarsest grid of a power of two that holds numbers.

    Raises
    ------
    ModelError
        If codes would have more than 16 bits: the numbers are not quantised.
    """
    place = last_place(numbers)
    codes = numbers / 2.0**place
    most = int(np.abs(codes).max(initial=0))
    bits = most.bit_length() + 1
    if bits > _WIDEST:
        raise ModelError(
            f"{who}: weights must be quantised, not numbers of {bits} bits",
            hint="holigrail_hw.torch.quantizers.attach(layer, Quantize('int8', PowerOfTwo()))",
        )
    return Grid(max(bits, 2), True, np.asarray(2.0**place))


def last_place(numbers: Any) -> int:
    """The exponent of the greatest power of two that divides all numbers; 0 for zeros."""
    flat = np.unique(np.asarray(numbers, np.float64).reshape(-1))
    flat = flat[flat != 0]
    if not len(flat):
        return 0
    exact = [Fraction(value) for value in flat.tolist()]
    places = []
    for value in exact:
        if value.denominator > 1:
            places.append(1 - value.denominator.bit_length())
        else:
            places.append((value.numerator & -value.numerator).bit_length() - 1)
    return min(places)
