"""What an array or an engine moves for a job, by the level of memory it is moved to or from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Accesses", "Moved"]


@dataclass(frozen=True)
class Moved:
    """Words of one kind that pass a buffer, or the border of the chip.

    Parameters
    ----------
    what : str
        Which words.
    words, bits : int
        How many for the whole job, and the bits of each.
    memory_bytes : float or None
        Size of the buffer they are read from or written to; ``None`` for memory outside the chip.
    """

    what: str
    words: int
    bits: int
    memory_bytes: float | None


@dataclass(frozen=True)
class Accesses:
    """A job: its products, the cycles it takes, what one element computes, and what moves.

    Parameters
    ----------
    job : str
        Which job, in words.
    products : int
        Scalar products of it.
    cycles : int
    element : OperatorSpec
        ``each`` products and their addition, with a plan.
    moved : tuple of Moved
    held : mapping of str to int
        Operands of the element that keep one code.
    each : int
        Products that the element computes in an item.
    """

    job: str
    products: int
    cycles: int
    element: Any
    moved: tuple[Moved, ...]
    held: Mapping[str, int] = field(default_factory=dict)
    each: int = 1
