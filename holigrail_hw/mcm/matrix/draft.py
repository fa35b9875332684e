"""A matrix adder graph under construction: rows that are sums of terms, split and merged.

Every node except the inputs is a row: a sum of terms ±(node << shift). The first rows are the
targets, the others are sums that several rows share. A row of L terms costs L - 1 adders.

Two terms of a row can be replaced by one if some node has their value. Values are compared by a
linear hash, the sum of the coefficients times random numbers modulo a prime, without sign and power
of two: 2x + x, 4x - x and 3x are one value, however written. (Two different values match with a
probability of about 2^-61, which the check of the graph would detect.) An index holds every pair of
terms of every row by its value, and is kept up to date. Where rows are too long for that, inputs
are divided into groups, and only pairs within a group count.

Terms at depths e_i can be added in a tree of depth D if and only if their load sum 2^(e_i) is at
most 2^D. Depths and loads are exact at any time; no row may get deeper than the limit.

Every change is logged and can be undone. ``native/matrix_draft.h`` is the same in C++.
"""

import heapq
from collections.abc import Sequence

__all__ = ["Draft", "Node", "Random", "Term", "Use"]

Term = tuple[int, int, int]
Use = tuple[int, int, int, int, int]

_PRIME = (1 << 62) - 57
_HASH_SEED = 0x6D61747269780000
_WORD = (1 << 64) - 1
_ADD, _REMOVE, _LOAD, _CREATE, _REMOVE_NODE = range(5)


class Random:
    """Splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014)."""

    def __init__(self, seed: int):
        self.state = seed & _WORD

    def next(self) -> int:
        """64 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _WORD
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
        return z ^ (z >> 31)

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        return (self.next() >> 33) % bound


class Node:
    """A row, or an input, which has no terms.

    ``vector`` holds its coefficients divided by 2^even, ``key`` and ``sign`` the hash of that and
    its sign; ``users`` names a row once for each of its terms that is this node. ``group`` is the
    group of the inputs it is made of.
    """

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.users: list[int] = []
        self.vector: list[int] = []
        self.hash = self.key = self.parity = 0
        self.sign = 1
        self.even = self.weight = self.depth = self.bits = 0
        self.load = 1
        self.alive = False
        self.group = -1


class _Entry:
    """Pairs with one value, the newest last, and the node with this value."""

    __slots__ = ("node", "uses")

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.node: int | None = None


class Draft:
    """Rows being transformed; nodes are inputs, then targets, then sums.

    Parameters
    ----------
    matrix : rows of integers
        Odd-normalised, none of them zero or equal to another one or its negative.
    limit : int
        Greatest depth.
    rule : str
        ``ours`` or ``da4ml``: how one-bit adders are estimated.
    input_width : int
        Bits of the inputs, for that estimate.
    seed : int
        Seed of the random numbers.
    columns : int or None
        Inputs per group; None: all inputs are one group.
    """

    def __init__(
        self,
        matrix: Sequence[Sequence[int]],
        limit: int,
        rule: str,
        input_width: int,
        seed: int,
        columns: int | None = None,
    ):
        self.random = Random(seed)
        self.inputs, self.outputs = len(matrix[0]), len(matrix)
        self.limit, self.rule, self.input_width = limit, rule, input_width
        self.adders = self.bits = 0
        self.sharing = False
        self.noise, self.deep, self.apart = 1, 0, 0
        self.heap: list[tuple[int, int, int, int]] = []
        self.entries: dict[int, _Entry] = {}
        self.trail: list[tuple[int, int, int, Term]] = []
        self.lonely: list[int] = []
        self._free: list[int] = []
        self._stale: set[int] = set()
        fixed = Random(_HASH_SEED)
        self._hashes, self._parities = [], []
        for _ in range(self.inputs):
            self._hashes.append(fixed.next() % _PRIME)
            self._parities.append(fixed.next())
        self.nodes = [Node() for _ in range(self.inputs + self.outputs)]
        self.begin()
        units = [[int(i == j) for j in range(self.inputs)] for i in range(self.inputs)]
        for index, vector in enumerate([*units, *matrix]):
            self._describe(index, vector)
            if columns is None or columns >= self.inputs:
                self.nodes[index].group = 0
            elif index < self.inputs:
                self.nodes[index].group = index // columns
            self._wake(index)

    def begin(self) -> None:
        """Start a transaction: forget the rows touched and the keys offered or given up."""
        self.touched: dict[int, None] = {}
        self.pushed: set[int] = set()
        self.banned: set[int] = set()
        self.lonely.clear()

    def commit(self) -> None:
        """Keep all changes."""
        self._free += [row for kind, row, _, _ in self.trail if kind == _REMOVE_NODE]
        self.trail.clear()

    def back(self, mark: int) -> None:
        """Undo all changes but the first ``mark``."""
        while len(self.trail) > mark:
            kind, row, number, term = self.trail.pop()
            node = self.nodes[row]
            if kind == _ADD:
                self.drop(row, len(node.terms) - 1, log=False)
            elif kind == _REMOVE:
                self.add(row, term, log=False)
                node.terms[number], node.terms[-1] = node.terms[-1], node.terms[number]
            elif kind == _LOAD:
                node.load, node.depth = number, _bits_above(number)
                self._stale.add(row)
            elif kind == _CREATE:
                self._sleep(row)
                self._free.append(row)
            else:
                self._wake(row)

    def regroup(self, most: int) -> bool:
        """Join groups in twos and rebuild the index, if that gives at most ``most`` pairs."""
        groups = 1 + max(node.group for node in self.nodes[: self.inputs])
        if groups < 2:
            return False
        count = 0
        for node in self.nodes:
            sizes: dict[int, int] = {}
            for term in node.terms if node.alive else ():
                group = (self.nodes[term[0]].group + 2) // 2
                count += sizes.get(group, 0)
                sizes[group] = sizes.get(group, 0) + 1
        if count > most:
            return False
        for node in self.nodes:
            if node.group >= 0:
                node.group //= 2
            elif groups < 3:
                node.group = 0
        self.entries.clear()
        self.begin()
        for index, node in enumerate(self.nodes):
            if node.alive:
                self.entries.setdefault(node.key, _Entry()).node = index
        for row, node in enumerate(self.nodes):
            if row < self.inputs or not node.alive:
                continue
            for index, one in enumerate(node.terms):
                for other in node.terms[:index]:
                    if self.pairs(other, one):
                        self._note(row, other, one)
            self._touch(row)
        return True

    def value(self, a: Term, b: Term) -> tuple[int, int, int]:
        """What two terms add up to: key, power of two, and sign; the key 0 means zero."""
        one, two = self.nodes[a[0]], self.nodes[b[0]]
        left, right = a[1] + one.even, b[1] + two.even
        place = min(left, right)
        hashed = a[2] * (one.hash << (left - place)) + b[2] * (two.hash << (right - place))
        hashed %= _PRIME
        if left == right and one.parity == two.parity:
            same, bits = a[2] * b[2], 0
            for c, d in zip(one.vector, two.vector, strict=True):
                bits |= c + same * d
            more = (bits & -bits).bit_length() - 1 if bits else 0
            place += more
            for _ in range(more):
                hashed = (hashed + _PRIME if hashed & 1 else hashed) >> 1
        opposite = -hashed % _PRIME
        return (hashed, place, 1) if hashed <= opposite else (opposite, place, -1)

    def pairs(self, a: Term, b: Term) -> bool:
        """Whether two terms of a row count as a pair."""
        return self.nodes[a[0]].group == self.nodes[b[0]].group

    def find(self, row: int, node: int, shift: int) -> int | None:
        """The position of a term in a row, or None."""
        for index, term in enumerate(self.nodes[row].terms):
            if term[0] == node and term[1] == shift:
                return index
        return None

    def depends(self, node: int, row: int) -> bool:
        """Whether a node depends on a row, or is this row."""
        if node == row:
            return True
        if node < self.inputs or self.nodes[node].depth < self.nodes[row].depth:
            return False
        return any(self.depends(term[0], row) for term in self.nodes[node].terms)

    def sum_of_loads(self, row: int) -> int:
        """The load of a row, from its terms."""
        return sum(1 << self.nodes[term[0]].depth for term in self.nodes[row].terms)

    def reload(self, row: int, load: int) -> bool:
        """Change the load of a row and of those that use it; False if one gets too deep."""
        node = self.nodes[row]
        if load == node.load:
            return True
        self.trail.append((_LOAD, row, node.load, (0, 0, 0)))
        before = node.depth
        node.load, node.depth = load, _bits_above(load)
        self._stale.add(row)
        if node.depth > self.limit:
            return False
        rise = (1 << node.depth) - (1 << before)
        return not rise or all(
            self.reload(user, self.nodes[user].load + rise) for user in node.users
        )

    def add(self, row: int, term: Term, log: bool = True) -> None:
        """Add a term whose node and shift the row does not have yet."""
        node = self.nodes[row]
        for other in node.terms:
            if self.pairs(other, term):
                self._note(row, other, term)
        self.adders += bool(node.terms)
        node.terms.append(term)
        if term[0] >= self.inputs:
            self.nodes[term[0]].users.append(row)
        self._touch(row)
        if log:
            self.trail.append((_ADD, row, 0, term))

    def drop(self, row: int, index: int, log: bool = True) -> None:
        """Remove a term; the last one takes its place."""
        node = self.nodes[row]
        term = node.terms[index]
        if log:
            self.trail.append((_REMOVE, row, index, term))
        _swap_out(node.terms, index)
        for other in node.terms:
            if self.pairs(other, term):
                self._forget(row, other, term)
        self.adders -= bool(node.terms)
        if term[0] >= self.inputs:
            users = self.nodes[term[0]].users
            _swap_out(users, len(users) - 1 - users[::-1].index(row))
            if len(users) < 2 and term[0] >= self.inputs + self.outputs and log:
                self.lonely.append(term[0])
        self._touch(row)

    def merge(self, row: int, term: Term) -> None:
        """Add a term, with carry or cancellation if the row already has it."""
        node, shift, sign = term
        while (index := self.find(row, node, shift)) is not None:
            before = self.nodes[row].terms[index][2]
            self.drop(row, index)
            if before != sign:
                return
            shift += 1
        self.add(row, (node, shift, sign))

    def clear(self, row: int) -> None:
        """Drop all terms."""
        while self.nodes[row].terms:
            self.drop(row, len(self.nodes[row].terms) - 1)

    def expand(self, row: int, index: int) -> None:
        """Replace a term by the terms of its node, in this row only."""
        node, shift, sign = self.nodes[row].terms[index]
        self.drop(row, index)
        for part, more, other in list(self.nodes[node].terms):
            self.merge(row, (part, more + shift, other * sign))
        self.reload(row, self.sum_of_loads(row))

    def dissolve(self, index: int) -> None:
        """Expand a node wherever it is used, and remove it."""
        while self.nodes[index].users:
            row = self.nodes[index].users[-1]
            places = [term[0] for term in self.nodes[row].terms]
            self.expand(row, places.index(index))
        self.clear(index)
        self.trail.append((_REMOVE_NODE, index, 0, (0, 0, 0)))
        self._sleep(index)

    def dissolve_lonely(self) -> None:
        """Dissolve sums that are used once: this is free and exposes more pairs."""
        while self.lonely:
            node = self.nodes[index := self.lonely.pop()]
            if node.alive and len(node.users) < 2:
                self.dissolve(index)

    def fresh(self, vector: Sequence[int]) -> int:
        """A new node of this value, without terms."""
        if not self._free:
            self._free.append(len(self.nodes))
            self.nodes.append(Node())
        index = self._free.pop()
        self._describe(index, vector)
        self.nodes[index].load, self.nodes[index].depth = 1, 0
        self.trail.append((_CREATE, index, 0, (0, 0, 0)))
        self._wake(index)
        return index

    def offer(self, key: int, a: Term, b: Term) -> None:
        """Remember a pair that may be worth sharing. Among roughly equal gains, sums of many
        inputs and of terms of equal depth come first, with some randomness."""
        entry = self.entries[key]
        gain = len(entry.uses) - (entry.node is None)
        if gain < 1 or key in self.banned:
            return
        draw = self.random.next()
        p, q = self.nodes[a[0]].depth, self.nodes[b[0]].depth
        levels = self.deep * max(p, q) - self.apart * abs(p - q)
        priority = gain * 256 + levels + (draw >> 32) % self.noise
        heapq.heappush(self.heap, (-priority, -draw, -key, gain))

    def one_bit_adders(self) -> int:
        """An estimate from widths (sums of magnitudes), in the order of the finished graph."""
        for row in self._stale:
            node = self.nodes[row]
            now = self._row_bits(node) if node.alive else 0
            self.bits += now - node.bits
            node.bits = now
        self._stale.clear()
        return self.bits

    def _row_bits(self, row: Node) -> int:
        parts = [
            (self.nodes[node].depth, shift, order, sign, self.nodes[node].weight)
            for order, (node, shift, sign) in enumerate(row.terms)
        ]
        heapq.heapify(parts)
        order, total = len(parts), 0
        while len(parts) > 1:
            a, b = heapq.heappop(parts), heapq.heappop(parts)
            high, low = (a, b) if a[1] > b[1] else (b, a)
            shift = high[1] - low[1]
            weight = (high[4] << shift) + low[4]
            wide = max(_bits_above(high[4]) + shift, _bits_above(low[4]))
            if self.rule == "da4ml":
                total += self.input_width + wide - shift
            else:
                passed = 0 if high[3] > low[3] else shift
                total += self.input_width + _bits_above(weight) - passed
            sign = a[3] if a[3] == b[3] else 1
            heapq.heappush(parts, (1 + max(a[0], b[0]), low[1], order, sign, weight))
            order += 1
        return total

    def _describe(self, index: int, vector: Sequence[int]) -> None:
        node = self.nodes[index]
        bits = 0
        for c in vector:
            bits |= c
        node.even = (bits & -bits).bit_length() - 1 if bits else 0
        node.vector = [c >> node.even for c in vector]
        node.weight = sum(map(abs, vector))
        node.parity = node.hash = 0
        for c, hashed, parity in zip(node.vector, self._hashes, self._parities, strict=True):
            node.hash += c * hashed
            if c & 1:
                node.parity ^= parity
        node.hash %= _PRIME
        opposite = -node.hash % _PRIME
        node.key, node.sign = (node.hash, 1) if node.hash <= opposite else (opposite, -1)

    def _wake(self, index: int) -> None:
        node = self.nodes[index]
        node.alive = True
        self.entries.setdefault(node.key, _Entry()).node = index
        self._stale.add(index)

    def _sleep(self, index: int) -> None:
        node = self.nodes[index]
        node.alive = False
        self.entries[node.key].node = None
        self._stale.add(index)

    def _touch(self, row: int) -> None:
        self._stale.add(row)
        if not self.sharing:
            self.touched[row] = None

    def _note(self, row: int, a: Term, b: Term) -> None:
        key = self.value(a, b)[0]
        if key:
            entry = self.entries.setdefault(key, _Entry())
            entry.uses.append((row, a[0], a[1], b[0], b[1]))
            if self.sharing:
                self.offer(key, a, b)

    def _forget(self, row: int, a: Term, b: Term) -> None:
        key = self.value(a, b)[0]
        if not key:
            return
        same = {(row, *a[:2], *b[:2]), (row, *b[:2], *a[:2])}
        entry = self.entries[key]
        index = next(i for i in reversed(range(len(entry.uses))) if entry.uses[i] in same)
        del entry.uses[index]
        if not entry.uses and entry.node is None:
            del self.entries[key]


def _bits_above(value: int) -> int:
    """The exponent of the least power of two that is not below the value."""
    return (value - 1).bit_length() if value > 1 else 0


def _swap_out(items: list, index: int) -> None:
    items[index] = items[-1]
    items.pop()
