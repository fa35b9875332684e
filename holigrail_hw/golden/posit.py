"""How posits compare: NaR equals itself and is less than every number (Posit Standard 2022, 5.3).

Codes of one format are then in the order of two's complement integers.
"""

from typing import Any

import numpy as np

from holigrail_hw.formats.scalar.posit import PositFormat

from .arithmetic import EQUAL, GREATER, LESS, compare
from .rules import COMPARE

__all__: list[str] = []


@COMPARE.rule(PositFormat, PositFormat)
def _compare(a_format: PositFormat, a: Any, b_format: PositFormat, b: Any) -> np.ndarray:
    x, y = a_format.unpack(a), b_format.unpack(b)
    order = np.where(x.is_nan, LESS, np.where(y.is_nan, GREATER, compare(x, y)))
    return np.where(x.is_nan & y.is_nan, EQUAL, order).astype(np.int8)
