"""The folding for an interval, or the shortest interval within a budget."""

from collections.abc import Mapping

from holigrail_hw.models.errors import ModelError

from .greedy import descended, spent
from .problem import PRICES, RESOURCES, Choice, Folding
from .programme import cheapest

__all__ = ["Infeasible", "fastest", "folded"]


class Infeasible(ModelError):
    """No folding is fast enough within the limits.

    Attributes
    ----------
    nearest : mapping of str to Choice
        For some of the limits, the folding for the same interval and the other limits that takes
        least of this resource.
    """

    def __init__(self, reason: str, nearest: Mapping[str, Choice]):
        super().__init__(reason)
        self.nearest = nearest


def folded(
    folding: Folding, interval: int, limits: Mapping[str, int], name: str = "network"
) -> Choice:
    """The cheapest options with at most so many cycles per frame, within limits of resources.

    Raises
    ------
    Infeasible
        If there are none.
    """
    found = _choice(folding, interval, limits)
    if found is None:
        raise _infeasible(folding, interval, limits, name)
    return found


def fastest(folding: Folding, limits: Mapping[str, int], name: str = "network") -> Choice:
    """The options with the fewest cycles per frame within limits of resources.

    Raises
    ------
    Infeasible
        If even the cheapest options need more.
    """
    counts = _counts(folding)
    low, high = 0, len(counts) - 1
    best = _choice(folding, counts[-1], limits)
    if best is None:
        raise _infeasible(folding, counts[-1], limits, name)
    while low < high:
        middle = (low + high) // 2
        found = _choice(folding, counts[middle], limits)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return best


def _counts(folding: Folding) -> list[int]:
    """Cycles per frame that differ by what can be chosen, from those that no layer exceeds."""
    least = max(min(o.cycles for o in layer.options) for layer in folding.layers)
    counts = {option.cycles for layer in folding.layers for option in layer.options}
    return sorted(count for count in counts if count >= least)


def _choice(
    folding: Folding,
    interval: int,
    limits: Mapping[str, int],
    prices: Mapping[str, int] = PRICES,
) -> Choice | None:
    solved = cheapest(folding, interval, limits, prices)
    options, proved = solved if solved is not None else (None, False)
    if options is None:
        options = descended(folding, interval, limits, prices)
    if options is None:
        return None
    return Choice(tuple(options), interval, spent(folding, options), proved)


def _infeasible(
    folding: Folding, interval: int, limits: Mapping[str, int], name: str
) -> Infeasible:
    nearest = {}
    for limit in limits:
        others = {other: most for other, most in limits.items() if other != limit}
        # Where several cost the same of this resource, little is taken of the others.
        prices = {other: 10_000 if other == limit else 1 for other in RESOURCES}
        found = _choice(folding, interval, others, prices)
        if found is not None:
            nearest[limit] = found
    return Infeasible(f"{name}: {_reason(folding, interval, limits)}", nearest)


def _reason(folding: Folding, interval: int, limits: Mapping[str, int]) -> str:
    for layer in folding.layers:
        least = min(option.cycles for option in layer.options)
        if least > interval:
            return (
                f"layer {layer.name} takes at least {least} cycles per frame, so the interval must"
                f" not be less, not {interval}"
            )
    words = ", ".join(
        f"{count} {'brams' if name == 'memories' else name}" for name, count in limits.items()
    )
    return f"the layers must fit within {interval} cycles per frame{' and ' * bool(words)}{words}"
