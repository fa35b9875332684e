"""Cuts of a graph for registers: legal, and not worse than cutting by levels."""

import numpy as np
import pytest

from holigrail_hw.nn.dense_network.stages import stages


def cost(operands, widths, results, chosen, count, held):
    total = 0
    for node, width in enumerate(widths):
        last = max((chosen[n] for n, o in enumerate(operands) if node in o), default=0)
        if node in results:
            last = max(last, count if held else count - 1)
        total += width * max(0, last - chosen[node])
    return total


def longest(operands, adders, chosen):
    """Adders on the longest path within one stage."""
    paths = []
    for node, sources in enumerate(operands):
        own = adders[node] if sources else 0
        same = [paths[s] for s in sources if chosen[s] == chosen[node]]
        paths.append(own + max(same, default=0))
    return max(paths)


def random_graph(rng):
    operands, adders = [[] for _ in range(5)], [0] * 5
    for node in range(5, 60):
        operands.append([int(rng.integers(max(0, node - 15), node)) for _ in range(2)])
        adders.append(int(rng.random() < 0.9))
    return operands, adders, [int(w) for w in rng.integers(1, 20, 60)]


@pytest.mark.parametrize("most", [1, 3, 50])
@pytest.mark.parametrize("held", [True, False])
def test_random_graphs(most, held):
    rng = np.random.default_rng(7)
    better = 0
    for _ in range(10):
        operands, adders, widths = random_graph(rng)
        results = [58, 59]
        chosen = stages(operands, adders, widths, results, most, held=held)
        assert longest(operands, adders, chosen) <= most
        assert all(chosen[s] <= chosen[n] for n, o in enumerate(operands) for s in o)
        assert not any(chosen[:5])
        depths = []
        for sources, own in zip(operands, adders, strict=True):
            depths.append(own + max((depths[s] for s in sources), default=-own))
        count = max(1, -(-max(depths) // most))
        assert max(chosen) < count
        early = [max(0, depth - 1) // most for depth in depths]
        found = cost(operands, widths, results, chosen, count, held)
        assert found <= cost(operands, widths, results, early, count, held)
        better += found < cost(operands, widths, results, early, count, held)
    assert better > 5 or most == 50


def test_a_wide_sum_is_made_behind_the_cut():
    # Two narrow inputs make one wide value that is read three adders later.
    operands = [[], [], [0, 1], [0, 1], [3, 0], [4, 2]]
    chosen = stages(operands, [0, 0, 1, 1, 1, 1], [1, 1, 9, 2, 2, 9], [5], 2, held=False)
    assert chosen[2] == chosen[5] == 1
