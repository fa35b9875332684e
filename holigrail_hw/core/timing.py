"""How a core is clocked and wrapped: what ``--period``, ``--latency`` and ``--shell`` ask for."""

import math
from dataclasses import dataclass

from .errors import RequestError

__all__ = ["SHELLS", "Timing"]

SHELLS = ("plain", "stream", "axi-stream", "wishbone")
"""Kinds of ports that a design may have."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """A timing request.

    Parameters
    ----------
    period_ns : float or None
        Clock period the schedule aims at, in ns; ``None`` places no register for speed.
    latency : int or None
        Wanted latency in cycles instead of a period; the schedule balances the steps over it.
    device : str
        Name of the device model that predicts delays.
    shell : str
        ``plain`` (ports with fixed latency), ``stream`` (valid and ready on both sides),
        ``axi-stream`` (every stream as AXI4-Stream) or ``wishbone`` (streams as registers of a
        Wishbone slave). An engine has streams in any case.

    Raises
    ------
    RequestError
        If a value is out of range, or both a period and a latency are given.
    """

    period_ns: float | None = None
    latency: int | None = None
    device: str = "generic"
    shell: str = "plain"

    def __post_init__(self) -> None:
        wrong = []
        if self.period_ns is not None and not 0 < self.period_ns < math.inf:
            wrong.append(f"timing: period must be a positive number of ns, not {self.period_ns:g}")
        if self.latency is not None and not 0 <= self.latency <= 64:
            wrong.append(f"timing: latency must be between 0 and 64 cycles, not {self.latency}")
        if self.period_ns is not None and self.latency is not None:
            wrong.append("timing: period and latency must not be given together")
        if self.shell not in SHELLS:
            wrong.append(f"timing: shell must be one of {', '.join(SHELLS)}, not {self.shell!r}")
        if wrong:
            raise RequestError(wrong)
