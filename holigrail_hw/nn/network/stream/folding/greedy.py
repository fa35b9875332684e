"""Options without a solver: descent from the cheapest ones, two neighbouring layers at a time.

A converter that takes too long costs more than anything else. Limits of resources raise their price
until they are met. What is found is good, not proved.
"""

from collections.abc import Mapping, Sequence

from .problem import PRICES, RESOURCES, Folding, Join, Layer, Option, converter

__all__ = ["descended", "spent"]

_ROUNDS = 12
_FORBIDDEN = 1 << 40


def spent(folding: Folding, options: Sequence[Option]) -> dict[str, int]:
    """What options and the converters between them cost."""
    found = {name: sum(getattr(option, name) for option in options) for name in RESOURCES}
    for join in folding.joins:
        given, wanted = options[join.producer].lanes_out, options[join.consumer].lanes_in
        found["luts"] += converter(join, given, wanted[join.operand])[0]
    return found


def descended(
    folding: Folding,
    interval: int,
    limits: Mapping[str, int],
    prices: Mapping[str, int] = PRICES,
) -> list[Option] | None:
    """An option for every layer within the interval and the limits; ``None`` if none is found."""
    layers = [layer.within(interval) for layer in folding.layers]
    if not all(layer.options for layer in layers):
        return None
    prices = dict(prices)
    for _ in range(_ROUNDS):
        options = _Descent(folding, layers, interval, prices).run()
        if options is None:
            return None
        use = spent(folding, options)
        above = [name for name, limit in limits.items() if use[name] > limit]
        if not above:
            return options
        for name in above:
            prices[name] *= 4
    return None


class _Descent:
    def __init__(
        self, folding: Folding, layers: list[Layer], interval: int, prices: Mapping[str, int]
    ):
        self.folding, self.layers, self.interval, self.prices = folding, layers, interval, prices
        self.chosen = [min(layer.options, key=self.price) for layer in layers]
        self.joins = [
            [join for join in folding.joins if at in (join.producer, join.consumer)]
            for at in range(len(layers))
        ]

    def price(self, option: Option) -> int:
        return sum(self.prices[name] * getattr(option, name) for name in RESOURCES)

    def run(self) -> list[Option] | None:
        """Pairs of neighbours until nothing gets cheaper."""
        pairs = [(join.producer, join.consumer) for join in self.folding.joins]
        pairs = pairs or [(at, at) for at in range(len(self.layers))]
        moved = True
        while moved:
            moved = False
            for pair in pairs:
                best, before = self._best(pair), self._around(pair)
                if best is not None and best[0] < before:
                    moved = True
                    for at, option in zip(pair, best[1], strict=True):
                        self.chosen[at] = option
        wrong = any(self._join(join) >= _FORBIDDEN for join in self.folding.joins)
        return None if wrong else self.chosen

    def _best(self, pair: tuple[int, int]) -> tuple[int, tuple[Option, Option]] | None:
        before, best = (self.chosen[pair[0]], self.chosen[pair[1]]), None
        for one in self.layers[pair[0]].options:
            for two in self.layers[pair[1]].options:
                self.chosen[pair[0]], self.chosen[pair[1]] = one, two
                cost = self._around(pair)
                if best is None or cost < best[0]:
                    best = cost, (one, two)
        self.chosen[pair[0]], self.chosen[pair[1]] = before
        return best

    def _around(self, pair: tuple[int, int]) -> int:
        joins = dict.fromkeys([*self.joins[pair[0]], *self.joins[pair[1]]])
        ends = sum(self.price(self.chosen[at]) for at in {*pair})
        return ends + sum(map(self._join, joins))

    def _join(self, join: Join) -> int:
        given = self.chosen[join.producer].lanes_out
        wanted = self.chosen[join.consumer].lanes_in[join.operand]
        luts, cycles = converter(join, given, wanted)
        return luts * self.prices["luts"] if cycles <= self.interval else _FORBIDDEN
