"""Where a design is to run, as far as an operator needs it to show what it would do there."""

from dataclasses import dataclass, field

from .timing import Timing
from .views import Bandwidth

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """A timing request with the clock it will have and the ways data can take.

    Parameters
    ----------
    timing : Timing
    clock_hz : float or None
        ``None`` if nothing is known of it: time is then counted in cycles.
    clock_from : str
        Whose clock that is, in words.
    links : tuple of Bandwidth
        Ways to the outside beside the design's own ports, in bytes per second.
    """

    timing: Timing = field(default_factory=Timing)
    clock_hz: float | None = None
    clock_from: str = ""
    links: tuple[Bandwidth, ...] = ()
