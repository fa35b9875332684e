"""The cycle model of SCNN beside published and measured figures."""

import csv
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.sparse.scnn.model import GOOGLENET, Convolution, Grid, crossover, share_of

DATA = Path(__file__).resolve().parents[2] / "scripts/data/scnn_model.csv"


def rows() -> list[dict[str, str]]:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("row", [row for row in rows() if row["density"] in ("1", "0.8", "0.1")])
def test_the_published_grid(row):
    """Dense layers leave nothing to chance; sparse ones differ by the drawn zeros only."""
    density = float(row["density"])
    share = share_of(GOOGLENET, Grid(), density, density)
    assert share.dense_cycles == int(row["dense_cycles"])
    if density == 1:
        assert share.cycles == int(row["cycles"])
    assert share.cycles == pytest.approx(int(row["cycles"]), rel=0.01)
    assert share.utilization == pytest.approx(float(row["utilization"]), rel=0.02)


def test_the_crossover_is_where_the_table_has_it():
    grid, layers = Grid(), GOOGLENET[-12:-6]
    found = crossover(layers, grid)
    assert share_of(layers, grid, found - 0.02, found - 0.02).speedup > 1
    assert share_of(layers, grid, found + 0.02, found + 0.02).speedup < 1


def test_cycles_by_hand():
    """Two elements, two groups, three channels: each group waits for its slowest element."""
    grid = Grid(side=1, weight_lanes=2, activation_lanes=3)
    activations, weights = np.array([[4, 0, 3], [1, 9, 0]]), np.array([[1, 2, 3], [4, 0, 5]])
    # Vectors: activations [[2, 0, 1], [1, 3, 0]], weights [[1, 1, 2], [2, 0, 3]].
    assert grid.cycles(activations, weights) == max(2 + 2, 1 + 3) + max(4 + 3, 2)


def test_a_layer_by_hand():
    layer, grid = Convolution("one", 6, 20, 5, 3), Grid(side=2, sums=64)
    assert grid.tile(layer) == 3
    assert grid.filters(layer) == 2
    assert grid.dense_cycles(layer) == 9 * 5 * 9 * 2
    assert layer.products == 36 * 20 * 5 * 9
    share = share_of([layer], grid, 1, 1)
    assert share.products == layer.products
    # Three groups of 2, 2 and 1 output channels; 9 inputs are three vectors.
    assert share.cycles == 20 * 3 * (5 + 5 + 3)
