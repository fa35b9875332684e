"""Unsigned sums: every node is what it says for all inputs, and never negative."""

import itertools

import numpy as np
import pytest

from holigrail_hw.mcm.matrix.search import solve_matrix
from holigrail_hw.nn.dense_network.offset_sums import offset_nodes, sum_bits

RANGES = [(-8, 7), (0, 5), (-3, 0), (0, 15), (2, 6)]


def matrices():
    rng = np.random.default_rng(5)
    for columns in (1, 2, 3, 5):
        for _ in range(6):
            rows = int(rng.integers(1, 5))
            yield rng.integers(-60, 60, (rows, columns)).tolist()
    yield [[1, -1]], [[0, 0]], [[-1, -1], [-7, 8], [64, 1], [1, -64]]


def flat():
    for item in matrices():
        yield from item if isinstance(item, tuple) else [item]


@pytest.mark.parametrize("matrix", list(flat()), ids=str)
def test_every_node(matrix):
    graph = solve_matrix(matrix, iterations=5).graph
    ranges = RANGES[: graph.inputs]
    nodes = offset_nodes(graph, ranges)
    ends = [sorted({low, low + 1, (low + high) // 2, high}) for low, high in ranges]
    x = np.array(list(itertools.product(*ends))).T
    for vector, node in zip(graph.vectors, nodes, strict=True):
        u = node.sign * (np.array(vector) @ x) + node.offset
        assert 0 <= node.low == u.min() and u.max() == node.high
    for node in nodes[graph.inputs :]:
        assert node.sum is not None
        left, right = nodes[node.sum.left], nodes[node.sum.right]
        overlap, chain = sum_bits(node, nodes)
        assert overlap <= chain
        assert bool(chain) == (right.width > node.sum.shift and left.width > 0)
