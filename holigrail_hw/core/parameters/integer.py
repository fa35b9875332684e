"""Parameters that are one integer."""

from dataclasses import dataclass
from typing import Any

from holigrail_hw.formats.plain_values import plain_integer

from .kind import Kind, shown
from .ranges import of_integers

__all__ = ["Integer", "integer_of"]


@dataclass(frozen=True)
class Integer(Kind):
    """An integer from ``low`` to ``high``, both included; ``meaning`` is told when it is not."""

    low: int | None = None
    high: int | None = None
    meaning: str = ""

    type = int

    @property
    def legal(self) -> str:
        return "an integer" if self.low is None else f"{self.low} to {self.high}"

    def between(self, item: str) -> list[str]:
        return of_integers(item, self.low, self.high)

    def parse(self, given: Any) -> int:
        value = integer_of(given)
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            meaning = f" ({self.meaning})" if self.meaning else ""
            raise ValueError(f"must be between {self.low} and {self.high}, not {value}{meaning}")
        return value


def integer_of(given: Any) -> int:
    """A Python integer from an integer or its digits; raises ValueError."""
    try:
        return int(given, 0) if isinstance(given, str) else plain_integer(given)
    except (TypeError, ValueError):
        raise ValueError(f"must be an integer, not {shown(given)}") from None
