"""Constants of a matrix circuit, put where they need no extra adder.

Every output may have any constant of an interval: its bias and rounding constant, shifted by as
much as its truncation error leaves. Adders that serve only one output may take a share of it, as
wires in the known zeros of an operand or above its sign bit, or as a carry (:mod:`.analysis`).
Such a share costs the low positions that no longer pass straight through. The result of a short
search over shares, lowest bit first, is compared with one more adder after the graph, and the
cheaper one is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from .analysis import Analysis, GraphAnalysis, output_site, trailing_zeros
from .circuit import MatrixCircuit
from .counting import width_of_range

__all__ = ["fold_constants", "roundest"]

Interval = tuple[int, int]

_SHARES = 5
_BRANCHES = 5
_SITES = 40


class _Site(NamedTuple):
    """A place for a constant: ``index`` of the adder, or -1 after the graph; ``part`` of its fold.

    A constant c there adds sign * c * 2^place to the output. ``low``, ``high`` and ``zeros``
    describe the value it is added to; ``passed`` low positions pass through because of its zeros. A
    carry has one constant, ``low``, and adds sign * 2^place. ``below`` are the adders that feed it.
    """

    index: int
    part: str
    sign: int
    place: int
    low: int
    high: int
    zeros: int
    passed: int
    below: frozenset[int]


class _Share(NamedTuple):
    index: int
    part: str
    constant: int


def fold_constants(
    analysis: GraphAnalysis, circuit: MatrixCircuit, intervals: Sequence[Interval]
) -> MatrixCircuit:
    """The circuit with constants that add up, for each output, to a value in its interval.

    The circuit must have no constants yet. Constants change known zeros, and with them errors; an
    output takes shares only if its proved errors stay the same.
    """
    graph = circuit.graph
    before = analysis.of(circuit)
    uses = [0] * len(before.nodes)
    for adder in graph.adders:
        for operand in adder.operands:
            uses[operand.node] += 1
    for target in graph.targets:
        if target.node is not None:
            uses[target.node] += 1
    plain = replace(
        circuit, addends=tuple(_behind(before, graph, j, ends) for j, ends in enumerate(intervals))
    )
    costs = analysis.of(plain)
    chosen, least = plain, costs.one_bit_adders
    for j, ends in enumerate(intervals):
        if not costs.output_costs[j]:
            continue
        shares = _Search(before, circuit, j, uses).run(ends, costs.output_costs[j])
        if shares is None:
            continue
        new = _with(chosen, j, shares, circuit)
        try:
            found = analysis.of(new)
        except ValueError:
            continue
        low, high = ends
        cheaper = found.one_bit_adders < least
        if cheaper and found.errors == before.errors and low <= found.constants[j] <= high:
            chosen, least = new, found.one_bit_adders
    return chosen


def roundest(low: int, high: int) -> int:
    """The number from low to high with the most trailing zeros."""
    if low <= 0 <= high:
        return 0
    if high < 0:
        return -roundest(-high, -low)
    place = high.bit_length()
    while (high >> place << place) < low:
        place -= 1
    return high >> place << place


def _behind(before: Analysis, graph, index: int, ends: Interval) -> int:
    """The cheapest constant of the interval for an adder after the graph, if it needs one."""
    target = graph.targets[index]
    low, high = ends
    if target.node is None:
        return (low + high) // 2
    node = before.nodes[target.node]
    site = output_site(node, target.shift, target.negative)
    found = _wire_in(low + site[3], high + site[3], *site[:3])
    if found is not None:
        return found - site[3]
    return roundest(low, high)


def _wire_in(low: int, high: int, least: int, most: int, zeros: int) -> int | None:
    """A constant from low to high that wiring adds to a value from least to most."""
    fill = (1 << zeros) - 1
    if max(low, 0) <= min(high, fill):
        return roundest(max(low, 0), min(high, fill))
    width = width_of_range(least, most)
    base = (least < 0) << (width - 1)
    top = base + (-(-(low - base - fill) >> width) << width)
    constant = max(low, top)
    if low <= constant <= min(high, top + fill):
        return roundest(constant, min(high, top + fill)) if not base else constant
    return None


def _with(
    circuit: MatrixCircuit, output: int, shares: list[_Share], plain: MatrixCircuit
) -> MatrixCircuit:
    folds, addends = list(circuit.folds), list(circuit.addends)
    target = plain.graph.targets[output]
    addends[output] = -(1 << target.shift) if target.negative else 0
    for share in shares:
        if share.index < 0:
            addends[output] += share.constant
        else:
            folds[share.index] = folds[share.index]._replace(**{share.part: share.constant})
    return replace(circuit, folds=tuple(folds), addends=tuple(addends))


class _Search:
    """A few search steps for the cheapest shares of one output's constant."""

    def __init__(self, before: Analysis, circuit: MatrixCircuit, output: int, uses: list[int]):
        graph = circuit.graph
        target = graph.targets[output]
        assert target.node is not None
        low, high, zeros, self.start = output_site(
            before.nodes[target.node], target.shift, target.negative
        )
        self.sites: list[_Site] = []
        below = self._collect(
            before,
            circuit,
            target.node,
            -1 if target.negative else 1,
            target.shift,
            uses,
        )
        self.sites.append(_Site(-1, "left", 1, 0, low, high, zeros, 0, below))
        self.best: tuple[int, list[_Share]] | None = None

    def _collect(
        self,
        before: Analysis,
        circuit: MatrixCircuit,
        node: int,
        sign: int,
        place: int,
        uses: list[int],
    ) -> frozenset[int]:
        """Sites of a node that serves only this output; returns the adders found below it."""
        graph = circuit.graph
        index = node - graph.inputs
        if index < 0 or uses[node] > 1 or len(self.sites) > _SITES:
            return frozenset()
        adder, facts = graph.adders[index], before.adders[index]
        minus = (adder.left.negative, adder.right.negative)
        found = frozenset((index,))
        for side, operand in enumerate(adder.operands):
            turned = -sign if minus[side] else sign
            below = self._collect(
                before, circuit, operand.node, turned, place + operand.shift, uses
            )
            found |= below
            ends, zeros = (facts.left, facts.right)[side], facts.zeros[side]
            kept = 0 if minus[side] else facts.zeros[1 - side]
            passed = 0 if minus[1 - side] or kept >= zeros else zeros
            self.sites.append(
                _Site(index, ("left", "right")[side], turned, place, *ends, zeros, passed, below)
            )
        if facts.cost:
            carry = (-1 if any(minus) else 1) << facts.passed
            sign = -sign if any(minus) else sign
            place += facts.passed
            self.sites.append(_Site(index, "carry", sign, place, carry, carry, 0, 0, frozenset()))
        return found

    def run(self, ends: Interval, limit: int) -> list[_Share] | None:
        """Shares that cost less than ``limit`` one-bit adders, or None."""
        self.best = None
        self.limit = limit
        low, high = ends[0] + self.start, ends[1] + self.start
        self._visit(low, high, [], 0)
        return None if self.best is None else self.best[1]

    def _visit(self, low: int, high: int, shares: list[_Share], cost: int) -> None:
        if cost >= self.limit:
            return
        if low <= 0 <= high:
            self.best, self.limit = (cost, shares), cost
            return
        used = {share.index for share in shares}
        for site in self.sites:
            if site.index in used or site.part == "carry" or site.below & used:
                continue
            ends = (low, high) if site.sign > 0 else (-high, -low)
            constant = _wire_in(
                -(-ends[0] >> site.place), ends[1] >> site.place, site.low, site.high, site.zeros
            )
            if constant:
                total = cost + _lost(site, constant)
                if total < self.limit:
                    self.limit = total
                    self.best = total, [*shares, _Share(site.index, site.part, constant)]
        if len(shares) >= _SHARES:
            return
        steps = sorted(self._steps(low, high, used), key=lambda step: step[:2])
        for extra, _, value, share in steps[:_BRANCHES]:
            self._visit(low - value, high - value, [*shares, share], cost + extra)

    def _steps(self, low: int, high: int, used: set[int]) -> Iterator[tuple[int, int, int, _Share]]:
        """Shares that clear the lowest bit of what is left, or bring it close to zero."""
        wanted = roundest(low, high)
        bit = trailing_zeros(wanted)
        for site in self.sites:
            if site.index in used:
                continue
            if site.part == "carry":
                value = site.sign << site.place
                nearer = abs(low + high - 2 * value) < abs(low + high)
                if site.place == bit or (nearer and 4 * abs(value) > abs(low + high)):
                    yield 0, -site.place, value, _Share(site.index, "carry", site.low)
            elif site.place <= bit < site.place + site.zeros:
                fill = (site.sign * wanted >> site.place) & ((1 << site.zeros) - 1)
                value = site.sign * fill << site.place
                top = site.place + site.zeros
                yield _lost(site, fill), -top, value, _Share(site.index, site.part, fill)


def _lost(site: _Site, constant: int) -> int:
    """Positions that no longer pass through once a constant occupies an operand's zeros."""
    return max(0, site.passed - trailing_zeros(constant)) if constant else 0
