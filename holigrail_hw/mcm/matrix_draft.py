"""A matrix adder graph in the making: rows as sums of terms, and shared patterns of two terms.

A row of the matrix is a sum of terms ±(node << shift). A *pattern* (a, b, d, s) is
a + s * (b << d); wherever a row holds it, shifted and with either sign, one term can take the place
of two. Terms at depths e_i can be added in a tree of depth D if and only if sum 2^(e_i) <= 2^D, so
a pattern is used in a row only while that sum stays within the row's own limit (exact slack).

A row may also be a difference to a parent row, whose result is then one of its terms.
"""

import heapq
from collections.abc import Iterable, Sequence
from random import Random

from .adder_graph import Operand
from .matrix_graph import MatrixAdder, MatrixGraph, RowTarget

__all__ = ["Draft", "Pattern", "Term"]

Term = tuple[int, int]
Pattern = tuple[int, int, int, int]
_Use = tuple[int, int]
_Value = tuple[int, int, int]


class Draft:
    """Rows of terms under transformation.

    Nodes are numbered: inputs, then one per row for its result, then patterns in order.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    rows : sequence of dict
        For each row its terms (node, shift) with their signs 1 or -1.
    limits : sequence of int
        Greatest depth of each row.
    """

    def __init__(self, inputs: int, rows: Sequence[dict[Term, int]], limits: Sequence[int]):
        self.inputs = inputs
        self.rows = [dict(row) for row in rows]
        self.depths = [0] * inputs + list(limits)
        self.first = len(self.depths)
        self.patterns: list[Pattern] = []
        self._slack = [
            (1 << limit) - sum(1 << self.depths[node] for node, _ in row)
            for row, limit in zip(rows, limits, strict=True)
        ]

    @property
    def adders(self) -> int:
        """Adders of the finished graph, unless some of them turn out to be equal."""
        return len(self.patterns) + sum(max(0, len(row) - 1) for row in self.rows)

    def replay(self, patterns: Iterable[tuple[int, Pattern]]) -> None:
        """Use patterns of an earlier draft again, given with their node numbers there.

        Those that depend on a pattern left out, or are not found twice any more, are left out.
        """
        numbers = list(range(self.first))
        for node, (a, b, d, s) in patterns:
            numbers += [-1] * (node + 1 - len(numbers))
            new_a, new_b = numbers[a], numbers[b]
            if new_a < 0 or new_b < 0:
                continue
            # Dropping patterns keeps the order of the others, so a <= b still holds.
            uses = self._find(new_a, new_b, d, s)
            if len(uses) > 1:
                numbers[node] = len(self.depths)
                self._apply((new_a, new_b, d, s), uses)

    def share(self, random: Random | None = None) -> None:
        """Greedily use the pattern that is found most often, until none is found twice.

        Among equals, one that costs no slack comes first, then the first or a random one.
        """
        uses: dict[Pattern, list[_Use]] = {}
        for index, row in enumerate(self.rows):
            terms = list(row.items())
            for position, (term, sign) in enumerate(terms):
                _add_pairs(uses, index, term, sign, terms[:position])
        heap: list[tuple[int, int, float, Pattern]] = []

        def push(pattern: Pattern, count: int) -> None:
            level = int(self.depths[pattern[0]] != self.depths[pattern[1]])
            heapq.heappush(heap, (-count, level, random.random() if random else 0.0, pattern))

        for pattern, found in uses.items():
            if len(found) > 1:
                push(pattern, len(found))
        while heap:
            count, _, _, pattern = heapq.heappop(heap)
            found = self._usable(pattern, uses[pattern])
            # Uses only ever get fewer: rows lose slack and terms, and new terms are of new nodes.
            if len(found) < -count:
                uses[pattern] = found
                if len(found) > 1:
                    push(pattern, len(found))
                continue
            fresh: dict[Pattern, list[_Use]] = {}
            node = len(self.depths)
            for index, shift in self._apply(pattern, found):
                row = self.rows[index]
                others = [item for item in row.items() if item[0] != (node, shift)]
                # A pair of two new terms is met from both sides and taken from the later one.
                others = [item for item in others if item[0][0] != node or item[0][1] < shift]
                _add_pairs(fresh, index, (node, shift), row[node, shift], others)
            uses.update(fresh)
            for new, found in fresh.items():
                if len(found) > 1:
                    push(new, len(found))

    def graph(self) -> MatrixGraph:
        """The finished graph: what is left of every row is added, earliest terms first."""
        return _Builder(self).graph()

    def _find(self, a: int, b: int, d: int, s: int) -> list[_Use]:
        uses = [
            (index, shift)
            for index, row in enumerate(self.rows)
            for (node, shift), sign in row.items()
            if node == a and row.get((b, shift + d)) == sign * s
        ]
        return self._usable((a, b, d, s), uses)

    def _usable(self, pattern: Pattern, uses: list[_Use]) -> list[_Use]:
        """Uses that are still there, do not overlap, and fit the slack."""
        a, b, d, s = pattern
        rise = self._rise(pattern)
        found, spent, taken = [], dict[int, int](), set[tuple[int, int]]()
        for index, shift in sorted(uses) if a == b else uses:
            row = self.rows[index]
            sign = row.get((a, shift))
            if sign is None or row.get((b, shift + d)) != sign * s:
                continue
            if a == b:
                if (index, shift) in taken:
                    continue
                taken.add((index, shift + d))
            spent[index] = spent.get(index, 0) + rise
            if spent[index] <= self._slack[index]:
                found.append((index, shift))
        return found

    def _rise(self, pattern: Pattern) -> int:
        p, q = self.depths[pattern[0]], self.depths[pattern[1]]
        return (2 << max(p, q)) - (1 << p) - (1 << q)

    def _apply(self, pattern: Pattern, uses: list[_Use]) -> list[_Use]:
        """Replace the pattern in all these places; where the new terms stand."""
        a, b, d, _ = pattern
        rise = self._rise(pattern)
        node = len(self.depths)
        self.depths.append(1 + max(self.depths[a], self.depths[b]))
        self.patterns.append(pattern)
        places = []
        for index, shift in uses:
            row = self.rows[index]
            sign = row.pop((a, shift))
            del row[b, shift + d]
            place = min(shift, shift + d)
            row[node, place] = sign
            self._slack[index] -= rise
            places.append((index, place))
        return places


class _Builder:
    """Turns a draft into a graph: a value is (node, shift, sign) of the graph, or None for 0."""

    def __init__(self, draft: Draft):
        self.draft = draft
        self.adders: list[MatrixAdder] = []
        self.depths = [0] * draft.inputs
        self.known: dict[MatrixAdder, int] = {}
        self.values: dict[int, _Value | None] = {node: (node, 0, 1) for node in range(draft.inputs)}

    def graph(self) -> MatrixGraph:
        draft = self.draft
        found = [self.value(draft.inputs + index) for index in range(len(draft.rows))]
        targets = [RowTarget(None) if v is None else RowTarget(v[0], v[1], v[2] < 0) for v in found]
        return _without_negations(MatrixGraph(draft.inputs, tuple(self.adders), tuple(targets)))

    def value(self, node: int) -> _Value | None:
        """What a node of the draft became; its operands come first."""
        draft = self.draft
        if node not in self.values:
            if node >= draft.first:
                a, b, d, s = draft.patterns[node - draft.first]
                low = min(0, d)
                terms = [(a, -low, 1), (b, d - low, s)]
            else:
                row = draft.rows[node - draft.inputs]
                terms = [(term, shift, sign) for (term, shift), sign in row.items()]
            self.values[node] = self.total(terms)
        return self.values[node]

    def total(self, terms: list[_Value]) -> _Value | None:
        """Terms added two by two, earliest and lowest first: narrow adders, least depth."""
        heap = []
        for order, (node, shift, sign) in enumerate(sorted(terms)):
            value = self.value(node)
            if value is not None:
                found, more, negative = value
                term = found, shift + more, sign * negative
                heap.append((self.depths[found], shift + more, order, term))
        heapq.heapify(heap)
        order = len(terms)
        while len(heap) > 1:
            both = self.adder(heapq.heappop(heap)[-1], heapq.heappop(heap)[-1])
            heapq.heappush(heap, (self.depths[both[0]], both[1], order, both))
            order += 1
        return heap[0][-1] if heap else None

    def adder(self, one: _Value, two: _Value) -> _Value:
        """The sum of two values, by an adder that is there or a new one."""
        low = min(one[1], two[1])
        left, right = sorted((one, two), key=lambda value: (-value[1], value[0], value[2]))
        # A difference can be made with either sign, and is made once.
        both_negative = left[2] < 0 and right[2] < 0
        signs = (1, -1) if left[2] != right[2] else (-1 if both_negative else 1,)
        made = {
            sign: MatrixAdder(
                Operand(left[0], left[1] - low, left[2] * sign < 0),
                Operand(right[0], 0, right[2] * sign < 0),
            )
            for sign in signs
        }
        for sign, adder in made.items():
            if adder in self.known:
                return self.known[adder], low, sign
        sign, adder = next(iter(made.items()))
        node = self.draft.inputs + len(self.adders)
        self.known[adder] = node
        self.adders.append(adder)
        self.depths.append(1 + max(self.depths[left[0]], self.depths[right[0]]))
        return node, low, sign


def _add_pairs(
    uses: dict[Pattern, list[_Use]],
    index: int,
    term: Term,
    sign: int,
    others: Iterable[tuple[Term, int]],
) -> None:
    """Note every pattern of a term with others of its row, by the place of the pattern's a."""
    node, shift = term
    for (other, other_shift), other_sign in others:
        if other < node or (other == node and other_shift < shift):
            pattern = other, node, shift - other_shift, sign * other_sign
            uses.setdefault(pattern, []).append((index, other_shift))
        else:
            pattern = node, other, other_shift - shift, sign * other_sign
            uses.setdefault(pattern, []).append((index, shift))


def _without_negations(graph: MatrixGraph) -> MatrixGraph:
    """Negate nodes that serve one negative target only, where this costs nothing."""
    adders = list(graph.adders)
    uses = [0] * (graph.inputs + len(adders))
    for adder in adders:
        for operand in adder.operands:
            uses[operand.node] += 1
    for target in graph.targets:
        if target.node is not None:
            uses[target.node] += 1

    def negated(node: int) -> dict[int, MatrixAdder] | None:
        """The changes that negate a node used once, or None."""
        if node < graph.inputs or uses[node] != 1:
            return None
        left, right = adders[node - graph.inputs].operands
        if left.negative != right.negative:
            return {node: MatrixAdder(_flip(left), _flip(right))}
        for one, adder in (
            (left, MatrixAdder(left, _flip(right))),
            (right, MatrixAdder(_flip(left), right)),
        ):
            deeper = negated(one.node)
            if deeper is not None:
                return {**deeper, node: adder}
        return None

    targets = []
    for target in graph.targets:
        changes = negated(target.node) if target.negative and target.node is not None else None
        for node, adder in (changes or {}).items():
            adders[node - graph.inputs] = adder
        negative = target.negative and changes is None
        targets.append(RowTarget(target.node, target.shift, negative))
    return MatrixGraph(graph.inputs, tuple(adders), tuple(targets))


def _flip(operand: Operand) -> Operand:
    return Operand(operand.node, operand.shift, not operand.negative)
