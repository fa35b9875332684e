"""Constants of sums where they are free: in carry inputs, and in the zeros above narrow operands.

A row that is read only by a rounding or as a result is wanted plus a constant, modulo a power of
two. Without more it takes one more adder, over all bits of the constant but the zeros at its end.
Every adder of the graph can add a few constants for nothing (:mod:`.offsets`), and what it adds
reaches every row with a known factor. Which of them to take is a system of linear congruences in
unknowns that are 0 or 1. It is solved bit by bit from the lowest, each a linear system over GF(2)
in those unknowns that touch no lower bit. Where a row's bit cannot be had, the row gets an adder
from there upwards, and the others go on without it. The best of several random orders is taken,
with fixed seeds.

The last adder of a row that nothing else reads is cut to the bits that are wanted, and has any
constant for nothing above its narrower operand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holigrail_hw.mcm.matrix.graph import MatrixGraph

from .offsets import Node, added_bits, chain_bits, free_from, nodes_of, value_ranges

__all__ = ["Choice", "Folded", "Want", "chosen"]

_TRIES = 8
# Wider sums than NumPy's integers hold keep their adders.
_MOST_BITS = 60


@dataclass(frozen=True)
class Want:
    """sign * row + constant, modulo 2^width."""

    sign: int
    constant: int
    width: int


@dataclass(frozen=True)
class Folded:
    """A wanted row by its last adder alone, which is cut to ``width`` bits.

    ``fill`` stands above the narrower operand; the sum is inverted if ``inverted``, then moves up
    by ``shift`` places, where ``below`` stands.
    """

    root: int
    width: int
    fill: int
    inverted: bool
    shift: int
    below: int


@dataclass(frozen=True)
class Choice:
    """All nodes of a graph, and for every row how its constant is folded, if it is."""

    nodes: tuple[Node, ...]
    folded: tuple[Folded | None, ...]


@dataclass(frozen=True)
class _Goal:
    """The root's offset that is wanted, modulo 2^width; ``alone``: nothing else reads the root."""

    row: int
    root: int
    offset: int
    width: int
    inverted: bool
    shift: int
    below: int
    alone: bool

    def missing(self, nodes: Sequence[Node]) -> int:
        """What is to be added to the root."""
        return (self.offset - nodes[self.root].offset) % (1 << self.width)

    def needed(self, nodes: Sequence[Node]) -> int:
        """The lowest bits that others than the root must bring."""
        node = nodes[self.root]
        if not self.alone:
            return self.width
        free = free_from(nodes[node.left], node.shift, nodes[node.right])
        return min(free, self.width)


@dataclass(frozen=True)
class _Site:
    """A constant that an adder can add: by its carry input if ``fill`` is 0."""

    node: int
    unit: int
    fill: int


def chosen(
    graph: MatrixGraph,
    operands: Sequence[Node],
    ranges: Sequence[tuple[int, int]],
    wants: Sequence[Want | None],
) -> Choice:
    """Nodes whose constants suit the rows that are wanted with constants."""
    values = value_ranges(graph, ranges)
    plain = nodes_of(graph, operands, values)
    assert plain is not None
    goals = [
        goal
        for row, want in enumerate(wants)
        if want is not None and (goal := _goal(graph, plain, row, want)) is not None
    ]
    best, least = plain, _cost(plain, goals)
    sites = _sites(graph, plain, goals)
    effects = _effects(graph, plain, goals, sites)
    for seed in range(_TRIES if goals and sites else 0):
        order = np.random.default_rng(seed).permutation(len(sites))
        taken = [sites[index] for index in _solved(plain, goals, effects, order)]
        fills: dict[int, int] = {}
        for site in taken:
            fills[site.node] = fills.get(site.node, 0) + site.fill
        toggled = {site.node for site in taken if not site.fill}
        trial = nodes_of(graph, operands, values, toggled, fills, plain)
        if trial is not None and (cost := _cost(trial, goals)) < least:
            best, least = trial, cost
    folded: list[Folded | None] = [None] * len(wants)
    for goal in goals:
        folded[goal.row] = _folded(best, goal)
    return Choice(tuple(best), tuple(folded))


def _goal(graph: MatrixGraph, nodes: Sequence[Node], row: int, want: Want) -> _Goal | None:
    """What is wanted of the last adder of a row; None if there is none."""
    target = graph.targets[row]
    root = target.node
    if root is None or root < graph.inputs:
        return None
    node, shift = nodes[root], target.shift
    width = want.width - shift
    alone = graph.readers[root] == 1 and sum(t.node == root for t in graph.targets) == 1
    if not chain_bits(node, nodes) or not node.shift + 1 < width <= _MOST_BITS:
        return None
    sign = -want.sign if target.negative else want.sign
    high, below = want.constant >> shift, want.constant & ((1 << shift) - 1)
    # The row is u + high, or -u + high, which is ~(u - 1 - high).
    inverted = sign * node.sign < 0
    offset = -1 - high if inverted else high
    return _Goal(row, root, offset, width, inverted, shift, below, alone)


def _folded(nodes: Sequence[Node], goal: _Goal) -> Folded | None:
    """How the root alone makes the row, if all that it needs from others is there."""
    missing = goal.missing(nodes)
    needed = goal.needed(nodes)
    if not goal.alone or missing & ((1 << needed) - 1):
        return None
    node = nodes[goal.root]
    free = free_from(nodes[node.left], node.shift, nodes[node.right])
    fill = node.fill + (missing >> free)
    return Folded(goal.root, goal.width, fill, goal.inverted, goal.shift, goal.below)


def _cost(nodes: Sequence[Node], goals: Sequence[_Goal]) -> int:
    """Bits of all carry chains, those of constants included, and bits that are really added."""
    bits = sum(chain_bits(node, nodes) + added_bits(node, nodes) for node in nodes)
    for goal in goals:
        missing = goal.missing(nodes)
        if _folded(nodes, goal) is not None:
            root = nodes[goal.root]
            bits += goal.width - root.shift - chain_bits(root, nodes)
        elif missing:
            bits += goal.width - (missing & -missing).bit_length() + 1
    return bits


def _sites(graph: MatrixGraph, nodes: Sequence[Node], goals: Sequence[_Goal]) -> list[_Site]:
    """What adders can add without growing."""
    alone = {goal.root for goal in goals if goal.alone}
    found = []
    for index, node in enumerate(nodes):
        if not chain_bits(node, nodes):
            continue
        found.append(_Site(index, (-1 if node.carry else 1) << node.shift, 0))
        if index in alone:
            continue
        free = free_from(nodes[node.left], node.shift, nodes[node.right])
        while node.high + (1 << free) < 1 << node.width:
            found.append(_Site(index, 1 << free, 1 << free))
            free += 1
    return found


def _effects(
    graph: MatrixGraph, nodes: Sequence[Node], goals: Sequence[_Goal], sites: Sequence[_Site]
) -> np.ndarray:
    """What every site adds to every root, (sites, goals), modulo 2^61."""
    found = np.zeros((len(sites), len(goals)), np.int64)
    for column, goal in enumerate(goals):
        factors = {goal.root: 1}
        for index in range(goal.root, graph.inputs - 1, -1):
            factor = factors.get(index)
            if not factor:
                continue
            node = nodes[index]
            left = -factor if node.form == "-" else factor
            right = -factor if node.form == "r" else factor
            factors[node.left] = factors.get(node.left, 0) + (left << node.shift)
            factors[node.right] = factors.get(node.right, 0) + right
        for row, site in enumerate(sites):
            found[row, column] = factors.get(site.node, 0) * site.unit % (1 << _MOST_BITS + 1)
    return found


def _solved(
    nodes: Sequence[Node], goals: Sequence[_Goal], effects: np.ndarray, order: np.ndarray
) -> list[int]:
    """Sites whose effects make up what is missing, in as many low bits as possible."""
    missing = np.array([goal.missing(nodes) for goal in goals], np.int64)
    needed = np.array([goal.needed(nodes) for goal in goals])
    counts = np.ones(len(goals), bool)
    used = np.zeros(len(effects), bool)
    for bit in range(int(needed.max())):
        active = np.flatnonzero(counts & (needed > bit))
        if not len(active):
            break
        # Bits that are settled, and those that will not be, stay as they are.
        masks = np.where(counts, (np.int64(1) << np.minimum(bit, needed)) - 1, 0)
        clean = ~used & ~(effects & masks).any(axis=1)
        bits = (effects[:, active] >> bit & 1).astype(bool) & clean[:, None]
        touching = order[bits[order].any(axis=1)]
        words = {index: _word(bits[index]) for index in touching.tolist()}
        wanted = _word((missing[active] >> bit & 1).astype(bool))
        taken, left = _eliminated(words, wanted)
        for index in taken:
            used[index] = True
            missing -= effects[index]
        for place, goal in enumerate(active.tolist()):
            if left >> place & 1:
                counts[goal] = False
    return np.flatnonzero(used).tolist()


def _word(bits: np.ndarray) -> int:
    return sum(1 << index for index in np.flatnonzero(bits).tolist())


def _eliminated(words: dict[int, int], wanted: int) -> tuple[list[int], int]:
    """A subset of words whose sum modulo 2 is ``wanted`` but for the bits also returned.

    Gauss and Jordan over GF(2): bits that no pivot stands for are left.
    """
    basis: dict[int, tuple[int, int]] = {}
    names = list(words)
    for place, name in enumerate(names):
        word, made = words[name], 1 << place
        for pivot, (other, how) in basis.items():
            if word >> pivot & 1:
                word, made = word ^ other, made ^ how
        if not word:
            continue
        pivot = (word & -word).bit_length() - 1
        for old, (other, how) in basis.items():
            if other >> pivot & 1:
                basis[old] = other ^ word, how ^ made
        basis[pivot] = word, made
    made = 0
    for pivot, (word, how) in basis.items():
        if wanted >> pivot & 1:
            wanted, made = wanted ^ word, made ^ how
    return [name for place, name in enumerate(names) if made >> place & 1], wanted
