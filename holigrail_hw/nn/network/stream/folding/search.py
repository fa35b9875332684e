"""The folding for an interval, or the shortest interval within a budget."""

from collections.abc import Mapping

from holigrail_hw.models.errors import ModelError

from .greedy import descended, spent
from .problem import Choice, Folding
from .programme import cheapest

__all__ = ["fastest", "folded"]


def folded(
    folding: Folding, interval: int, limits: Mapping[str, int], name: str = "network"
) -> Choice:
    """The cheapest options with at most so many cycles per frame, within limits of resources.

    Raises
    ------
    ModelError
        If there are none.
    """
    found = _choice(folding, interval, limits)
    if found is None:
        raise ModelError(f"{name}: {_reason(folding, interval, limits)}")
    return found


def fastest(folding: Folding, limits: Mapping[str, int], name: str = "network") -> Choice:
    """The options with the fewest cycles per frame within limits of resources.

    Raises
    ------
    ModelError
        If even the cheapest options need more.
    """
    counts = sorted({option.cycles for layer in folding.layers for option in layer.options})
    low, high, best = 0, len(counts) - 1, _choice(folding, counts[-1], limits)
    if best is None:
        raise ModelError(f"{name}: {_reason(folding, counts[-1], limits)}")
    while low < high:
        middle = (low + high) // 2
        found = _choice(folding, counts[middle], limits)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return best


def _choice(folding: Folding, interval: int, limits: Mapping[str, int]) -> Choice | None:
    solved = cheapest(folding, interval, limits)
    options, proved = solved if solved is not None else (None, False)
    if options is None:
        options = descended(folding, interval, limits)
    if options is None:
        return None
    return Choice(tuple(options), interval, spent(folding, options), proved)


def _reason(folding: Folding, interval: int, limits: Mapping[str, int]) -> str:
    for layer in folding.layers:
        least = min(option.cycles for option in layer.options)
        if least > interval:
            return (
                f"layer {layer.name} takes at least {least} cycles per frame, so the interval must"
                f" not be less, not {interval}"
            )
    words = ", ".join(f"{count} {name}" for name, count in limits.items())
    return f"the layers must fit within {interval} cycles per frame{' and ' * bool(words)}{words}"
