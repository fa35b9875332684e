"""A network that packs scattered items side by side, or spreads packed ones to where they belong.

Items in some of N places, N a power of two, are to go to consecutive places, in order and wrapping
around at the end. Stage by stage an item moves so that one more bit of its place is right, starting
with the lowest; two places either exchange their items or do not. Items never collide, because
those that share their low bits after a stage are at least as far apart as the stage's places (a
reverse banyan network behind a running adder: Lee, "Nonblocking copy networks for multicast packet
switching", IEEE JSAC 6(9), 1988). This takes N log N multiplexers instead of N^2. With the same
settings, items find their way back from the other side.
"""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal

__all__ = ["Settings", "moved", "moved_back", "settings"]

# For each stage and each place whose bit of that stage is 0: whether it exchanges.
Settings = list[dict[int, Any]]


def settings(m: Module, there: Any, places: Sequence[Any]) -> Settings:
    """The settings that move item i, if it is present, to ``places[i]``."""
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
    """The items in their new places; places without an item hold any of the others."""
    found = list(items)
    for stage, crosses in enumerate(crossings):
        found = _stage(m, found, crosses, stage, "moved")
    return found


def moved_back(m: Module, items: Sequence[Any], crossings: Settings) -> list[Any]:
    """The inverse of :func:`moved`: items from the new places back at the original ones."""
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
