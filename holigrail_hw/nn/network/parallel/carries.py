"""Constants of sums where they are free: carry inputs, and the zeros above narrow operands.

A row of a matrix that is read only once, by a rounding or as a result, is wanted plus a constant,
modulo a power of two. Above its narrower operand the last adder adds zeros; a constant may stand
there. Below, units come from the carry inputs of the adders that only this row uses: which of them
to toggle is a problem of subset sums, solved with sets of residues. What remains, or a row that
others read too, gets an adder of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.mcm.matrix.graph import MatrixGraph

from .offsets import Node, chain_bits, nodes_of, value_ranges

__all__ = ["Choice", "Folded", "Want", "chosen"]

# Sets of residues have at most 2^16 members; wider sums get an adder for their constant.
_MOST_PLACES = 16


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
    """The root's offset that is wanted, modulo 2^width, and how many of its units come for free."""

    row: int
    root: int
    offset: int
    width: int
    inverted: bool
    shift: int
    below: int


def chosen(
    graph: MatrixGraph,
    operands: Sequence[Node],
    ranges: Sequence[tuple[int, int]],
    wants: Sequence[Want | None],
) -> Choice:
    """Nodes whose constants suit the rows that are wanted with constants."""
    values = value_ranges(graph, ranges)
    plain = nodes_of(graph, operands, values)
    nodes, toggled = plain, frozenset()
    folded: list[Folded | None] = [None] * len(wants)
    for row, want in enumerate(wants):
        goal = None if want is None else _goal(graph, plain, row, want)
        if goal is None:
            continue
        for more in (0, 1):
            found = _toggles(graph, plain, goal, more)
            if found is None:
                continue
            trial = nodes_of(graph, operands, values, toggled | found, plain)
            fill = _fill(trial, goal)
            grown = sum(chain_bits(n, trial) for n in trial) - sum(
                chain_bits(n, nodes) for n in nodes
            )
            if fill is not None and grown < goal.width // 2:
                nodes, toggled = trial, toggled | found
                folded[row] = Folded(
                    goal.root, goal.width, fill, goal.inverted, goal.shift, goal.below
                )
                break
    return Choice(tuple(nodes), tuple(folded))


def _goal(graph: MatrixGraph, nodes: Sequence[Node], row: int, want: Want) -> _Goal | None:
    """What is wanted of the last adder of a row; None if others read it, or there is none."""
    target = graph.targets[row]
    root = target.node
    if root is None or root < graph.inputs or graph.readers[root] != 1:
        return None
    if sum(other.node == root for other in graph.targets) != 1:
        return None
    node, shift = nodes[root], target.shift
    width = want.width - shift
    if not chain_bits(node, nodes) or width <= node.shift + 1:
        return None
    sign = -want.sign if target.negative else want.sign
    high, below = want.constant >> shift, want.constant & ((1 << shift) - 1)
    # t = u + high, or t = ~u: then -1 - high.
    inverted = sign * node.sign < 0
    return _Goal(row, root, -1 - high if inverted else high, width, inverted, shift, below)


def _free_from(nodes: Sequence[Node], root: int) -> int:
    """The place from which one operand of an adder is zero."""
    node = nodes[root]
    return min(nodes[node.left].width + node.shift, nodes[node.right].width)


def _toggles(
    graph: MatrixGraph, nodes: Sequence[Node], goal: _Goal, more: int
) -> frozenset[int] | None:
    """Adders to toggle so that what is missing is a multiple of the root's free places."""
    places = min(_free_from(nodes, goal.root) + more, goal.width)
    if places > _MOST_PLACES:
        return None
    size = 1 << places
    wanted = (goal.offset - nodes[goal.root].offset) % size
    sites = _sites(graph, nodes, goal.root, size)
    reached = [1]
    for _, unit in sites:
        if reached[-1] >> wanted & 1:
            break
        turned = reached[-1] << (unit % size)
        reached.append(reached[-1] | (turned | turned >> size) & ((1 << size) - 1))
    if not reached[-1] >> wanted & 1:
        return None
    found = set()
    for index in reversed(range(len(reached) - 1)):
        if not reached[index] >> wanted & 1:
            found.add(sites[index][0])
            wanted = (wanted - sites[index][1]) % size
    return frozenset(found)


def _sites(
    graph: MatrixGraph, nodes: Sequence[Node], root: int, size: int
) -> list[tuple[int, int]]:
    """Adders that only the root uses, and what toggling one adds to the root, modulo ``size``."""
    found = []
    waiting = [(root, 0, 1)]
    for index, place, sign in waiting:
        node = nodes[index]
        if not chain_bits(node, nodes):
            continue
        unit = sign * (-1 if node.carry else 1) << (place + node.shift)
        if unit % size:
            found.append((index, unit))
        for operand, up, inverts in (
            (node.left, node.shift, node.form == "-"),
            (node.right, 0, node.form == "r"),
        ):
            if operand >= graph.inputs and graph.readers[operand] == 1:
                waiting.append((operand, place + up, -sign if inverts else sign))
    return found


def _fill(nodes: Sequence[Node], goal: _Goal) -> int | None:
    """The constant above the root's narrower operand, if that is all that is missing."""
    missing = (goal.offset - nodes[goal.root].offset) % (1 << goal.width)
    free = _free_from(nodes, goal.root)
    if missing & ((1 << min(free, goal.width)) - 1):
        return None
    return missing >> free
