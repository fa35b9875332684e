"""A parameter's value as text, the inverse of parsing."""

import enum
from typing import Any

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
        return ",".join(str(item) for item in value)
    return "none" if value is None else str(value)
