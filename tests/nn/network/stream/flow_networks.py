"""Networks of made-up units, as flows only: for tests of schedules."""

import numpy as np

from holigrail_hw.nn.network.stream.flow import Flow, Side
from holigrail_hw.nn.network.stream.schedule.dataflow import OUTSIDE, Dataflow, Edge

__all__ = ["add", "chain", "conv", "gather", "point", "products", "residual", "window"]


def point(beats, latency=1, capacity=1):
    counts = np.arange(1, beats + 1)
    return Flow((Side(beats, counts, counts, capacity),), beats, latency=latency)


def gather(beats, count):
    """An output for every so many beats."""
    counts = np.arange(count, beats + 1, count)
    return Flow((Side(beats, counts, counts, 0),), len(counts))


def add(beats, capacity=1):
    counts = np.arange(1, beats + 1)
    return Flow((Side(beats, counts, counts, capacity),) * 2, beats)


def window(rows, columns, size, step=1, folds=1, spare=1):
    """A padded window that delivers tap by tap and frees pixel by pixel."""
    pad = size // 2
    down, across = ((n + 2 * pad - size) // step + 1 for n in (rows, columns))
    need, free = [], []
    for y in range(down):
        for x in range(across):
            last = min(y * step - pad + size - 1, rows - 1) * columns
            last += min(x * step - pad + size - 1, columns - 1) + 1
            after = rows * columns if y == down - 1 else max(0, (y + 1) * step - pad) * columns
            here = max(0, y * step - pad) * columns + max(0, x * step - pad)
            following = max(0, y * step - pad) * columns + max(0, (x + 1) * step - pad)
            following = after if x == across - 1 else min(following, after)
            count = size * size * folds
            need += [last * folds] * count
            free += [min(here, after) * folds] * (count - 1) + [following * folds]
    kept = max(step + size - 1, 2 * (size - 1) + 1 - 2 * pad) + spare
    side = Side(
        rows * columns * folds, np.array(need), np.array(free), (kept * columns + size) * folds
    )
    return Flow((side,), len(need))


def products(vectors, beats, passes, latency=3):
    """A matrix-vector unit: so many beats of a vector, read so many times."""
    vector, turn = np.repeat(np.arange(vectors), passes), np.tile(np.arange(passes), vectors)
    free = (vector + (turn == passes - 1)) * beats
    side = Side(vectors * beats, (vector + 1) * beats, free, 2 * beats)
    return Flow((side,), vectors * passes, beats, latency)


def conv(rows, columns, size, latency=3):
    return [window(rows, columns, size), products(rows * columns, size * size, 1, latency)]


def chain(flows, tokens=None):
    edges = [Edge(at - 1, at) for at in range(len(flows))] + [Edge(len(flows) - 1, OUTSIDE)]
    return Dataflow(tuple(flows), tuple(edges), tokens or flows[0].inputs[0].tokens)


def residual(rows, columns, sizes, latency=3, before=True):
    """Convolutions one after the other, and a way around them; returns the edge of that way."""
    flows = conv(rows, columns, 1, latency) if before else [point(rows * columns)]
    fork = len(flows) - 1
    for size in sizes:
        flows += conv(rows, columns, size, latency)
    flows.append(add(rows * columns))
    edges = [Edge(at - 1, at) for at in range(len(flows))]
    edges += [Edge(fork, len(flows) - 1, 1), Edge(len(flows) - 1, OUTSIDE)]
    return Dataflow(tuple(flows), tuple(edges), flows[0].inputs[0].tokens), len(edges) - 2
