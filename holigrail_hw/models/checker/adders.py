"""A graph of adders read anew: the matrix that it computes, and all that lost bits take away.

Clearing t bits of a node with z zeros at its end takes away 0 to 2^t - 2^z of it, the same for all
adders that clear as many bits of that node. Behind that everything is linear, so a result is off by
the sum of these, each times what one unit there adds to the result over all paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.models.graph.nodes import Adders

__all__ = ["AdderSums", "adder_sums_of"]

Pair = tuple[int, int]


@dataclass(frozen=True)
class AdderSums:
    """For every result: its weights, its constant, and the ends of what lost bits change."""

    weights: tuple[tuple[int, ...], ...]
    bias: tuple[int, ...]
    lost: tuple[Pair, ...]


def adder_sums_of(node: Adders) -> AdderSums:
    """What the adders of a node compute."""
    rows: list[Sequence[int]] = []
    for column in range(node.features):
        rows.append([int(column == other) for other in range(node.features)] + [0])
    zeros = [0] * node.features
    # Of every cleared node: the adders that read it, by what one unit of it is there.
    cleared: dict[Pair, list[Pair]] = {}
    edges: list[list[Pair]] = [[] for _ in range(node.features)]
    for index, (u, p, s, t, c, v, other, cut, d, k) in enumerate(node.adders.tolist()):
        at, constant = node.features + index, s * c + other * d + k
        total = [(s * a << p) + other * b for a, b in zip(rows[u], rows[v], strict=True)]
        total[-1] += constant
        rows.append(total)
        edges.append([(u, s << p), (v, other)])
        for source, lost, unit in ((u, t, s << p), (v, cut, other)):
            if lost > zeros[source]:
                cleared.setdefault((source, lost), []).append((at, unit))
        ends = (max(t, zeros[u]) + p, max(cut, zeros[v]))
        zeros.append(min(*ends, *(_low_zeros(value) for value in (c, d, k) if value)))
    weights, bias, lost = [], [], []
    for u, p, s, c in node.targets.tolist():
        row = [s * w << p for w in rows[u]] if u >= 0 else [0] * (node.features + 1)
        weights.append(tuple(row[:-1]))
        bias.append(row[-1] + c)
        reach = _reach(edges, u, s << p)
        low = high = 0
        for (source, bits), places in cleared.items():
            size = (1 << bits) - (1 << zeros[source])
            change = -size * sum(reach.get(at, 0) * unit for at, unit in places)
            low, high = low + min(change, 0), high + max(change, 0)
        lost.append((low, high))
    return AdderSums(tuple(weights), tuple(bias), tuple(lost))


def _low_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def _reach(edges: Sequence[Sequence[Pair]], last: int, unit: int) -> dict[int, int]:
    """What one unit of every node adds to a result that is ``unit`` times the node ``last``."""
    found = {last: unit} if last >= 0 else {}
    for at in range(last, -1, -1):
        for source, factor in edges[at] if at in found else ():
            found[source] = found.get(source, 0) + found[at] * factor
    return found
