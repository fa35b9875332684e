"""A network that puts scattered items side by side, or side by side ones where they belong.

Items in some of N places, N a power of two, shall go to consecutive places, in their order and
around the end. Stage after stage an item moves to where one more bit of its place is right, from
the lowest bit on; two places exchange their items or do not. Items never meet, for those that
share their low bits after a stage are at least as far apart as the stage's places (a reverse
banyan network behind a running adder: Lee, "Nonblocking copy networks for multicast packet
switching", IEEE JSAC 6(9), 1988). N log N multiplexers do what N^2 did. With the same settings
items on the other side find their way back.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal

__all__ = ["Settings", "moved", "moved_back", "settings"]

# For each stage and each place whose bit of that stage is 0: whether it exchanges.
Settings = list[dict[int, Any]]


def settings(m: Module, there: Any, places: Sequence[Any]) -> Settings:
    """How the network must be set to move item i, if it is there, to ``places[i]``."""
    size = len(there)
    present, wanted = [there[i] for i in range(size)], list(places)
    found: Settings = []
    for stage in range((size - 1).bit_length()):
        crosses = {}
        for low in range(size):
            high = low | 1 << stage
            if low == high:
                continue
            cross = Signal(name=f"cross_{stage}_{low}")
            m.d.comb += cross.eq(
                Mux(present[low], wanted[low][stage], present[high] & ~wanted[high][stage])
            )
            crosses[low] = cross
        found.append(crosses)
        present = _stage(m, present, crosses, stage, "there")
        wanted = _stage(m, wanted, crosses, stage, "place")
    return found


def moved(m: Module, items: Sequence[Any], crossings: Settings) -> list[Any]:
    """The items in their new places; where none was sent there is any of the others."""
    found = list(items)
    for stage, crosses in enumerate(crossings):
        found = _stage(m, found, crosses, stage, "moved")
    return found


def moved_back(m: Module, items: Sequence[Any], crossings: Settings) -> list[Any]:
    """Items of the new places where the network would have taken them from."""
    found = list(items)
    for stage, crosses in reversed(list(enumerate(crossings))):
        found = _stage(m, found, crosses, stage, "back")
    return found


def _stage(m: Module, items: list[Any], crosses: dict[int, Any], stage: int, name: str) -> Any:
    found = list(items)
    for low, cross in crosses.items():
        high = low | 1 << stage
        for here, other in ((low, high), (high, low)):
            found[here] = Signal(len(items[here]), name=f"{name}_{stage}_{here}")
            m.d.comb += found[here].eq(Mux(cross, items[other], items[here]))
    return found
