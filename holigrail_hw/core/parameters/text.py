"""A parameter's value as text, the inverse of parsing."""

import enum
import hashlib
from fractions import Fraction
from typing import Any

from holigrail_hw.formats.exact_numbers import number_text

from .given_file import GivenFile

__all__ = ["brief", "stated", "to_text"]

_LONGEST = 200
_DIGEST = 12


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


def stated(value: Any) -> str:
    """The same in generated files: of a file its name and digest, wherever it was."""
    return value.stated if isinstance(value, GivenFile) else to_text(value)


def brief(value: Any) -> str:
    """The same for a table that people read: of a long list its size and a digest of the text.

    For instance ``64 x 64 numbers, sha256 1f2e3d4c5b6a``; equal values have equal digests.
    """
    text = to_text(value)
    if not isinstance(value, tuple) or len(text) <= _LONGEST:
        return text
    return f"{_size(value)}, sha256 {hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]}"


def _size(value: tuple[Any, ...]) -> str:
    if not isinstance(value[0], tuple):
        return f"{len(value)} numbers"
    if value[0] and isinstance(value[0][0], tuple):
        return f"{len(value)} {'matrices' if len(value) > 1 else 'matrix'}"
    lengths = {len(row) for row in value}
    if len(lengths) == 1:
        return f"{len(value)} x {lengths.pop()} numbers"
    return f"{len(value)} rows of {min(lengths)} to {max(lengths)} numbers"


def _item_text(item: Any) -> str:
    return number_text(item) if isinstance(item, Fraction) else str(item)
