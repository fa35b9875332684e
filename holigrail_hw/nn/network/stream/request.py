"""What is asked of a folding: cycles per frame, or a rate and a clock, and a budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core.errors import RequestError

__all__ = ["BLOCK_BITS", "LIMITS", "Request", "hint_of", "request_of", "resolved", "violations_of"]

BLOCK_BITS = 18432
"""Bits of the block memories that ``brams`` counts."""

LIMITS = {"luts": "luts", "memories": "brams", "dsps": "dsps"}
"""The parameter that limits a resource of the folding."""


@dataclass(frozen=True)
class Request:
    """A request with numbers in it.

    Parameters
    ----------
    interval : int or None
        Most cycles per frame; ``None`` if it is open.
    limits : mapping of str to int
        Most of some resources.
    """

    interval: int | None
    limits: Mapping[str, int]

    @property
    def fast(self) -> bool:
        """Whether the shortest interval is looked for, and not the cheapest folding.

        DSP blocks alone are no budget: without them everything can still be built.
        """
        return self.interval is None and bool({*self.limits} - {"dsps"})

    @property
    def bounded(self) -> bool:
        """Whether queues count, too: they need no DSP blocks."""
        return bool({*self.limits} - {"dsps"})


def violations_of(network: Any) -> list[str]:
    """What in the parameters contradicts itself."""
    found, rate, clock = [], network.rate, network.clock_hz
    if rate is not None and network.interval is not None:
        found.append("interval must be left out where rate gives it")
    if rate is None and clock is not None:
        found.append("clock_hz must be left out without rate")
    if rate is not None and clock is not None and clock < rate:
        found.append(f"rate must be at most the clock's {clock} Hz, not {rate}")
    return found


def resolved(network: Any) -> bool:
    """Whether all numbers are there; a clock or a device may be said later."""
    clocked = network.rate is None or network.clock_hz is not None
    return clocked and (network.fill is None or network.luts is not None)


def request_of(network: Any) -> Request:
    """The numbers of a network's parameters.

    Raises
    ------
    RequestError
        If there is a rate and no clock, or a share and no device.
    """
    if network.fill is not None and network.luts is None:
        raise RequestError(
            f"network: fill must be given with a device, {network.fill} percent alone say no"
            " number of LUTs",
            hint="--device NAME, --board NAME or --luts N",
        )
    limits = {name: getattr(network, word) for name, word in LIMITS.items()}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    if network.rate is None:
        return Request(network.interval, limits)
    if network.clock_hz is None:
        raise RequestError(
            f"network: rate must be given with a clock, {network.rate} frames per second alone say"
            " no number of cycles",
            hint="--period NS, --board NAME or --clock-hz N",
        )
    return Request(network.clock_hz // network.rate, limits)


def hint_of(network: Any, interval: int | None, limits: Mapping[str, int]) -> str | None:
    """What could be asked for instead of a network's own interval, or of some of its limits."""
    words = []
    if interval is not None and network.rate is not None:
        words.append(f"--rate {network.clock_hz // interval}")
    elif interval is not None and network.interval is not None:
        words.append(f"--interval {interval}")
    words += [f"--{LIMITS[name]} {least}" for name, least in limits.items()]
    return " or ".join(words) or None
