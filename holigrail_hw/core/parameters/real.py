"""Parameters that are one real number, where nothing about hardware depends on its last bit."""

import math
from dataclasses import dataclass
from typing import Any

from .kind import Kind, shown

__all__ = ["Real"]


@dataclass(frozen=True)
class Real(Kind):
    """A finite number from ``low`` to ``high``, both included."""

    low: float
    high: float

    type = float

    @property
    def legal(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def parse(self, given: Any) -> float:
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.legal}, not {shown(given)}")
        return value
