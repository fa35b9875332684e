"""Placing the boxes of a layered graph, after Sugiyama, Tagawa and Toda (1981).

A box whose value is used more than one row below gets a *trunk*: a point in every row in between,
which all its lines share. Boxes and points of a row are sorted by the mean place of their
neighbours, downwards and upwards in turn, and the order with the fewest crossings wins. Then each
row moves as close to its neighbours (least squares) as the widths allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Layers", "arrange"]

_SWEEPS = 24


@dataclass(frozen=True)
class Layers:
    """Names in every row from left to right, the middle of every name, and the links.

    A trunk point is called ``(name, row)``; every link leads to the next row.
    """

    rows: tuple[tuple[object, ...], ...]
    x: Mapping[object, float]
    links: tuple[tuple[object, object], ...]


def arrange(
    rows: Mapping[str, int],
    edges: Sequence[tuple[str, str]],
    widths: Mapping[str, float],
    trunk_width: float,
) -> Layers:
    """Order and places of boxes.

    Parameters
    ----------
    rows : row of every box, from 0
    edges : pairs of boxes, the second in a lower row
    widths : width of every box including the space around it
    trunk_width : the same for a trunk point
    """
    import networkx

    height = max(rows.values()) + 1
    order: list[list[object]] = [[n for n in rows if rows[n] == r] for r in range(height)]
    graph = networkx.DiGraph()
    graph.add_nodes_from(rows)
    for source, target in edges:
        above: object = source
        for row in range(rows[source] + 1, rows[target]):
            point = (source, row)
            if point not in order[row]:
                order[row].append(point)
            graph.add_edge(above, point)
            above = point
        graph.add_edge(above, target)
    order = _uncrossed(order, graph)
    size = {name: widths[name] if isinstance(name, str) else trunk_width for name in graph}
    return Layers(tuple(map(tuple, order)), _places(order, graph, size), tuple(graph.edges))


def _uncrossed(order, graph) -> list[list[object]]:
    best, fewest = [list(row) for row in order], _crossings(order, graph)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = graph.pred if downwards else graph.succ
        rows = range(1, len(order)) if downwards else range(len(order) - 2, -1, -1)
        place = {name: i for row in order for i, name in enumerate(row)}
        for index in rows:
            row = order[index]
            means = {
                name: sum(place[n] for n in neighbours[name]) / len(neighbours[name])
                if neighbours[name]
                else place[name]
                for name in row
            }
            row.sort(key=lambda name, means=means: means[name])
            place.update({name: i for i, name in enumerate(row)})
        crossings = _crossings(order, graph)
        if crossings < fewest:
            best, fewest = [list(row) for row in order], crossings
    return best


def _crossings(order, graph) -> int:
    count = 0
    for upper, lower in zip(order, order[1:], strict=False):
        place = {name: i for i, name in enumerate(lower)}
        ends = [place[n] for name in upper for n in sorted(graph[name], key=place.__getitem__)]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def _places(order, graph, size) -> dict[object, float]:
    x: dict[object, float] = {}
    for row in order:
        total = sum(size[name] for name in row)
        at = -total / 2
        for name in row:
            x[name] = at + size[name] / 2
            at += size[name]
    for sweep in range(_SWEEPS):
        rows = range(len(order)) if sweep % 2 == 0 else range(len(order) - 1, -1, -1)
        for index in rows:
            row = order[index]
            wanted = []
            for name in row:
                near = [*graph.pred[name], *graph.succ[name]]
                wanted.append(sum(x[n] for n in near) / len(near) if near else x[name])
            gaps = [(size[a] + size[b]) / 2 for a, b in zip(row, row[1:], strict=False)]
            x.update(zip(row, _separated(wanted, gaps), strict=True))
    return x


def _separated(wanted: list[float], gaps: list[float]) -> list[float]:
    """The places closest to the wanted ones (least squares), at least ``gaps`` apart, in order.

    With the gaps subtracted this is isotonic regression: neighbours in each other's way are pooled
    and share their mean.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        pool = (value - offset, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, count = pools.pop()
            total = count + pool[1]
            pool = ((mean * count + pool[0] * pool[1]) / total, total)
        pools.append(pool)
    flat = [mean for mean, count in pools for _ in range(count)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]
