"""Where a design is going to be built, as far as its parameters may depend on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """The surroundings of a request.

    Parameters
    ----------
    clock_hz : float or None
        The clock asked for, else that of the board; ``None`` if neither is known.
    room : mapping of str to int
        What the device has, if it is known: ``luts`` of four inputs, ``memory_bits`` in blocks,
        ``dsps``.
    """

    clock_hz: float | None = None
    room: Mapping[str, int] = field(default_factory=dict)
