"""Ruin and recreate of matrix adder graphs.

Ruin: some shared sums are dissolved into the rows that use them, some terms are expanded, or a row
is rewritten in signed digits, possibly as the difference from another row (Schrimpf et al., "Record
Breaking Optimization Results Using the Ruin and Recreate Principle", 2000). Recreate: pairs of
terms that have the same value in several places are shared greedily, the most frequent value
first (Hartley, "Subexpression sharing in filters using canonic signed digit multipliers", 1996),
with some noise. Simulated annealing decides: a result that is no worse is always accepted, a
slightly worse one at random. ``native/matrix_search.cc`` is the same in C++, with the same answers.
"""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from .draft import Draft, Term, Use

__all__ = ["CERTAIN", "PythonSearch", "Settings", "State"]

CERTAIN = 1 << 20
_NOISES = (1, 100, 256, 600)
_DEEP = 1 << 20


class Settings(NamedTuple):
    """How to search: the depth limit, what to minimise, and how to ruin.

    ``dissolve``, ``around`` and ``expand`` are percentages of iterations; the others rewrite rows.
    The number of nodes to ruin is drawn below 2^size. ``deep`` rewards a pair for each level of its
    terms, ``apart`` penalises each level between them, in 1/256 of an adder. ``columns`` is the
    number of inputs per group; pairs of terms are formed within groups. Groups are joined as long
    as that gives at most ``pairs`` pairs.
    """

    limit: int
    metric: str = "adders"
    rule: str = "ours"
    input_width: int = 8
    dissolve: int = 45
    around: int = 10
    expand: int = 35
    size: int = 4
    deep: int = 120
    apart: int = 50
    columns: int | None = None
    pairs: int = 0


class State(NamedTuple):
    """The best so far."""

    adders: int
    bits: int
    iterations: int


class PythonSearch:
    """A search that starts from given rows; same interface as the compiled one.

    Raises
    ------
    ValueError
        If a row is too deep.
    """

    def __init__(
        self,
        matrix: Sequence[Sequence[int]],
        rows: Sequence[Sequence[Term]],
        settings: Settings,
        seed: int,
    ):
        self.settings = settings
        draft = Draft(
            matrix,
            settings.limit,
            settings.rule,
            settings.input_width,
            seed,
            settings.columns,
        )
        self.draft = draft
        draft.deep, draft.apart = settings.deep, settings.apart
        self.iterations = 0
        for row, terms in enumerate(rows, start=draft.inputs):
            for term in terms:
                draft.add(row, term)
        targets = range(draft.inputs, draft.inputs + draft.outputs)
        for _ in range(draft.outputs + 1):
            loads = [draft.nodes[row].load for row in targets]
            if not all(draft.reload(row, draft.sum_of_loads(row)) for row in targets):
                raise ValueError(f"a row is deeper than {settings.limit}")
            if loads == [draft.nodes[row].load for row in targets]:
                break
        self._share()
        draft.commit()
        while draft.regroup(settings.pairs):
            self._share()
            draft.commit()
        self._keep()

    @property
    def state(self) -> State:
        """The best so far."""
        return State(self._adders, self._bits, self.iterations)

    def best(self) -> dict[int, list[Term]]:
        """The rows of the best so far, by node."""
        return self._best

    def run(self, heats: Sequence[int]) -> None:
        """One iteration per heat: the chance, in 2^-20, of accepting the loss of one adder."""
        for heat in heats:
            self._step(heat)

    def close(self) -> None:
        """Nothing to release; the compiled search has memory to free."""

    def _step(self, heat: int) -> None:
        draft, bitwise = self.draft, self.settings.metric != "adders"
        self.iterations += 1
        draft.begin()
        before = draft.one_bit_adders() if bitwise else draft.adders
        draft.noise = _NOISES[draft.random.below(4)]
        fits = self._ruin()
        if fits:
            self._share()
        more = 0
        while more < 4 and draft.random.below(CERTAIN) < heat:
            more += 1
        now = draft.one_bit_adders() if bitwise else draft.adders
        if not fits or now > before + more * (draft.input_width if bitwise else 1):
            draft.back(0)
            return
        draft.commit()
        if now <= (self._bits if bitwise else self._adders):
            bits = draft.one_bit_adders()
            if bits < self._bits or (not bitwise and draft.adders < self._adders):
                self._keep()

    def _keep(self) -> None:
        draft = self.draft
        self._adders, self._bits = draft.adders, draft.one_bit_adders()
        self._best = {
            index: list(node.terms)
            for index, node in enumerate(draft.nodes)
            if node.alive and index >= draft.inputs
        }

    def _share(self) -> None:
        """Share pairs of touched rows until none is worth it."""
        draft = self.draft
        draft.sharing = True
        draft.heap.clear()
        for row in draft.touched:
            if not draft.nodes[row].alive:
                continue
            terms = draft.nodes[row].terms
            for index, one in enumerate(terms):
                for other in terms[:index]:
                    if not draft.pairs(other, one):
                        continue
                    key = draft.value(other, one)[0]
                    if key and key not in draft.pushed:
                        draft.pushed.add(key)
                        draft.offer(key, other, one)
        while draft.heap:
            priority, draw, key, promised = heapq.heappop(draft.heap)
            entry = draft.entries.get(-key)
            if entry is None or -key in draft.banned or len(entry.uses) <= (entry.node is None):
                continue
            gain = self._usable(entry.uses, entry.node) - (entry.node is None)
            if gain < 1:
                continue
            # The number of uses shrinks as rows lose terms and slack.
            if gain < promised:
                lower = priority + 256 * (promised - gain)
                heapq.heappush(draft.heap, (lower, draw, key, gain))
                continue
            self._apply(-key)
        draft.sharing = False

    def _usable(self, uses: list[Use], node: int | None) -> int:
        """How many uses fit together, not counting rows that are used themselves."""
        nodes, limit = self.draft.nodes, 1 << self.draft.limit
        if node is None:
            depth = min(1 + max(nodes[use[1]].depth, nodes[use[3]].depth) for use in uses)
        else:
            depth = nodes[node].depth
        taken: list[tuple[Use, int]] = []
        for use in reversed(uses):
            row, a, a_shift, b, b_shift = use
            if row == node:
                continue
            own = (1 << depth) - (1 << nodes[a].depth) - (1 << nodes[b].depth)
            rise, clear = own, True
            for other, spent in taken:
                if other[0] == row:
                    rise += spent
                    ends = (other[1:3], other[3:5])
                    clear = clear and (a, a_shift) not in ends and (b, b_shift) not in ends
            if clear and not (own > 0 and nodes[row].load + rise > limit):
                taken.append((use, own))
        return len(taken)

    def _terms_of(self, use: Use) -> tuple[Term, Term] | None:
        row, a, a_shift, b, b_shift = use
        one, two = self.draft.find(row, a, a_shift), self.draft.find(row, b, b_shift)
        if one is None or two is None:
            return None
        return self.draft.nodes[row].terms[one], self.draft.nodes[row].terms[two]

    def _made_from(self, uses: list[Use]) -> int:
        """A new node, made from one pair: an odd one if possible, then the shallowest."""
        draft = self.draft
        choices = []
        for order, use in enumerate(uses):
            a, b = self._terms_of(use) or ((0, 0, 1), (0, 0, 1))
            low = min(a[1], b[1])
            even = draft.value(a, b)[1] - low
            depth = max(draft.nodes[a[0]].depth, draft.nodes[b[0]].depth)
            one, two = (a[0], a[1] - low, 1), (b[0], b[1] - low, b[2] * a[2])
            choices.append((even, depth, order, one, two))
        _, _, _, a, b = min(choices)
        one, two = draft.nodes[a[0]], draft.nodes[b[0]]
        node = draft.fresh(
            [
                (c << (one.even + a[1])) + b[2] * (d << (two.even + b[1]))
                for c, d in zip(one.vector, two.vector, strict=True)
            ]
        )
        draft.nodes[node].group = draft.nodes[a[0]].group
        draft.add(node, a)
        draft.add(node, b)
        draft.reload(node, draft.sum_of_loads(node))
        return node

    def _apply(self, key: int) -> None:
        """Share a value wherever it occurs and fits the depth limit."""
        draft = self.draft
        entry = draft.entries[key]
        uses = entry.uses[::-1]
        is_new = entry.node is None
        node = self._made_from(uses) if entry.node is None else entry.node
        done = sum(use[0] != node and self._replace(use, key, node) for use in uses)
        if done < 1 + is_new:
            draft.banned.add(key)
            if is_new:
                draft.lonely.append(node)
        draft.dissolve_lonely()

    def _replace(self, use: Use, key: int, index: int) -> bool:
        draft, row = self.draft, use[0]
        terms = self._terms_of(use)
        if terms is None:
            return False
        a, b = terms
        node = draft.nodes[index]
        found, place, sign = draft.value(a, b)
        term = index, place - node.even, sign * node.sign
        # A merge may have put a term of the opposite sign in this place.
        if found != key or term[1] < 0 or draft.depends(index, row):
            return False
        less = (1 << draft.nodes[a[0]].depth) + (1 << draft.nodes[b[0]].depth)
        mark = len(draft.trail)
        if not draft.reload(row, draft.nodes[row].load + (1 << node.depth) - less):
            draft.back(mark)
            return False
        for gone in terms:
            draft.drop(row, draft.nodes[row].terms.index(gone))
        draft.merge(row, term)
        draft.reload(row, draft.sum_of_loads(row))
        return True

    def _ruin(self) -> bool:
        """Ruin part of the graph; returns whether rewritten rows fit the depth limit."""
        kind, fits = self.draft.random.below(100), True
        settings = self.settings
        if kind < settings.dissolve:
            self._dissolve_some()
        elif kind < settings.dissolve + settings.around:
            self._dissolve_around()
        elif kind < settings.dissolve + settings.around + settings.expand:
            self._expand_some()
        else:
            fits = self._redraw_some()
        self.draft.dissolve_lonely()
        return fits

    def _some_node(self, first: int) -> int | None:
        draft = self.draft
        for _ in range(20):
            if first >= len(draft.nodes):
                return None
            index = first + draft.random.below(len(draft.nodes) - first)
            if draft.nodes[index].alive:
                return index
        return None

    def _some(self) -> range:
        random = self.draft.random
        return range(1 + random.below(1 << random.below(self.settings.size)))

    def _dissolve_some(self) -> None:
        for _ in self._some():
            index = self._some_node(self.draft.inputs + self.draft.outputs)
            if index is not None:
                self.draft.dissolve(index)

    def _dissolve_around(self) -> None:
        """Dissolve sums that one row is made of."""
        draft = self.draft
        row = self._some_node(draft.inputs)
        for _ in range(1 + draft.random.below(8)):
            if row is None or not draft.nodes[row].alive:
                return
            terms = draft.nodes[row].terms
            index = terms[draft.random.below(len(terms))][0]
            if index >= draft.inputs + draft.outputs:
                draft.dissolve(index)

    def _expand_some(self) -> None:
        draft = self.draft
        for _ in self._some():
            row = self._some_node(draft.inputs)
            if row is None:
                continue
            index = draft.random.below(len(draft.nodes[row].terms))
            if draft.nodes[row].terms[index][0] >= draft.inputs:
                draft.expand(row, index)

    def _redraw_some(self) -> bool:
        draft = self.draft
        for _ in range(1 + (draft.random.below(3) == 0)):
            if draft.random.below(3):
                row = draft.inputs + draft.random.below(draft.outputs)
            else:
                row = self._some_node(draft.inputs)
            if row is not None and not self._redraw(row):
                return False
        return True

    def _redraw(self, row: int) -> bool:
        """Rewrite a row in signed digits, or as its difference from a similar row."""
        draft, random = self.draft, self.draft.random
        draft.clear(row)
        rest = [c << draft.nodes[row].even for c in draft.nodes[row].vector]
        parent, sign = None, 1
        if random.below(2):
            parent, sign = self._near(row, rest, 4 if random.below(2) else 24)
        if parent is not None:
            rest = self._difference(rest, parent, sign)
        rewritten = random.below(60) if random.below(3) else 0
        for index, c in enumerate(rest):
            self._digits(row, index, c, rewritten)
        if parent is not None:
            draft.merge(row, (parent, 0, sign))
        return draft.reload(row, draft.sum_of_loads(row))

    def _near(self, row: int, target: list[int], tries: int) -> tuple[int | None, int]:
        draft = self.draft
        found, least = (None, 1), _weight(target)
        for _ in range(tries):
            other = draft.inputs + draft.random.below(len(draft.nodes) - draft.inputs)
            node = draft.nodes[other]
            if not node.alive or not node.terms or draft.depends(other, row):
                continue
            for sign in (1, -1):
                now = 1 + _weight(self._difference(target, other, sign))
                if now < least:
                    found, least = (other, sign), now
        return found

    def _difference(self, vector: list[int], other: int, sign: int) -> list[int]:
        node = self.draft.nodes[other]
        return [c - sign * (d << node.even) for c, d in zip(vector, node.vector, strict=True)]

    def _digits(self, row: int, index: int, c: int, rewritten: int) -> None:
        place = 0
        while c:
            if c & 1:
                digit = 2 - (c & 3)
                above = (c - digit) >> 2
                # 4 - 1 as 2 + 1, and its negative
                drawn = rewritten and self.draft.random.below(100) < rewritten
                if drawn and above & 1 and 2 - (above & 3) == -digit:
                    digit = -digit
                self.draft.merge(row, (index, place, digit))
                c -= digit
            c >>= 1
            place += 1


def _weight(vector: list[int]) -> int:
    """Non-zero canonic signed digits: the one bits of c xor 3c."""
    return sum((c ^ (3 * c)).bit_count() for c in vector)
