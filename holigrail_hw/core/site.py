"""Where a design is going to be built, as far as its parameters may depend on it."""

from dataclasses import dataclass

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """The surroundings of a request.

    Parameters
    ----------
    clock_hz : float or None
        The clock asked for, else that of the board; ``None`` if neither is known.
    """

    clock_hz: float | None = None
