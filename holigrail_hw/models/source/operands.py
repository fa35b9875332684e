"""Operands of a node that may be left out."""

from collections.abc import Sequence
from typing import Any

__all__ = ["padded"]


def padded(operands: Sequence[Any], count: int) -> list[Any]:
    """The first ``count`` operands; what is left out is None."""
    return [*operands, *[None] * count][:count]
