"""A parameter's value as text, the inverse of parsing."""

import enum
from fractions import Fraction
from typing import Any

from holigrail_hw.formats.exact_numbers import number_text

__all__ = ["to_text"]


def to_text(value: Any) -> str:
    """A parameter value as it is written on the command line and in recipes."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        if value[0] and isinstance(value[0][0], tuple):
            return "|".join(to_text(part) for part in value)
        return ";".join(to_text(row) for row in value)
    if isinstance(value, tuple):
        return ",".join(map(_item_text, value))
    return "none" if value is None else _item_text(value)


def _item_text(item: Any) -> str:
    return number_text(item) if isinstance(item, Fraction) else str(item)
