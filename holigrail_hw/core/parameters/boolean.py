"""Parameters that are true or false."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats.plain_values import plain_integer

from .kind import Kind, shown
from .ranges import of_words

__all__ = ["Boolean"]

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Boolean(Kind):
    """True or false; no other object is true because it is not empty."""

    type = bool
    legal = "true or false"  # type: ignore[assignment]

    def between(self, item: str) -> list[str]:
        return of_words(item, ("false", "true"))

    def parse(self, given: Any) -> bool:
        if isinstance(given, bool | np.bool_):
            return bool(given)
        if isinstance(given, str):
            if given.lower() not in _WORDS:
                raise ValueError(f"must be true or false, not {given}")
            return _WORDS[given.lower()]
        try:
            return bool((0, 1).index(plain_integer(given)))
        except (TypeError, ValueError):
            raise ValueError(f"must be true or false, not {shown(given)}") from None
