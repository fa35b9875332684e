"""Matrix adder graphs: search against the matrix, depth limits, costs, JSON."""

import json
import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.mcm.graph.adder_graph import Operand
from holigrail_hw.mcm.graph.counting import one_bit_adders
from holigrail_hw.mcm.matrix.counting import (
    matrix_adder_costs,
    matrix_one_bit_adders,
    range_of,
    width_of_range,
)
from holigrail_hw.mcm.matrix.graph import MatrixAdder, MatrixGraph, RowTarget
from holigrail_hw.mcm.matrix.search import least_matrix_depth, solve_matrix
from holigrail_hw.mcm.matrix.start import signed_digits
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.solve import solve

# x0 - 4 x1 and twice its negative, and 5 x0.
TOY = MatrixGraph(
    2,
    (
        MatrixAdder(Operand(1, 2, True), Operand(0)),
        MatrixAdder(Operand(0, 2), Operand(0)),
    ),
    (RowTarget(2), RowTarget(2, 1, True), RowTarget(3), RowTarget(None)),
)


@st.composite
def matrices(draw, most=5, largest=255):
    columns = draw(st.integers(1, most))
    item = st.integers(-largest, largest)
    row = st.lists(item, min_size=columns, max_size=columns).map(tuple)
    rows = draw(st.lists(row, min_size=1, max_size=most))
    if draw(st.booleans()):
        rows += [tuple(-2 * item for item in rows[0]), rows[-1]]
    return tuple(rows)


def test_the_toy():
    assert TOY.matrix == ((1, -4), (-2, 8), (5, 0), (0, 0))
    assert TOY.check(((1, -4), (-2, 8), (5, 0), (0, 0))) is TOY
    assert TOY.evaluate([3, 5]) == [-17, 34, 15, 0]
    assert (TOY.depth, TOY.negations) == (1, 1)


@settings(max_examples=150, deadline=None)
@given(matrices(), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 3)), st.data())
def test_a_graph_evaluates_to_its_matrix(matrix, iterations, extra, data):
    depth = None if extra is None else least_matrix_depth(matrix) + extra
    found = solve_matrix(matrix, depth=depth, iterations=iterations)
    assert found.graph.matrix == matrix
    x = data.draw(st.lists(st.integers(), min_size=len(matrix[0]), max_size=len(matrix[0])))
    expected = [sum(a * b for a, b in zip(row, x, strict=True)) for row in matrix]
    assert found.graph.evaluate(x) == expected
    if depth is not None:
        assert found.graph.depth <= depth
    alone = [sum(len(signed_digits(item)) for item in row) for row in matrix]
    assert found.adders <= sum(max(0, digits - 1) for digits in alone)


@settings(max_examples=40, deadline=None)
@given(matrices())
def test_json_gives_the_graph_back(matrix):
    graph = solve_matrix(matrix, iterations=2).graph
    assert MatrixGraph.from_json(graph.to_json()) == graph


@settings(max_examples=40, deadline=None)
@given(matrices(3, 31), st.integers(1, 4), st.booleans())
def test_costs_counted_again(matrix, width, signed):
    """Ranges by trying every input, and both rules in their authors' words."""
    graph = solve_matrix(matrix, iterations=2).graph
    low = -(1 << (width - 1)) if signed else 0
    inputs = list(product((low, low + (1 << width) - 1), repeat=graph.inputs))
    ranges = []
    for vector in graph.vectors:
        values = [sum(c * x for c, x in zip(vector, row, strict=True)) for row in inputs]
        ranges.append((min(values), max(values)))
        assert range_of(vector, width, signed) == ranges[-1]
    ours = matrix_adder_costs(graph, width, signed=signed)
    theirs = matrix_adder_costs(graph, width, signed=signed, rule="da4ml")
    for index, adder in enumerate(graph.adders):
        s = adder.left.shift
        low, high = ranges[graph.inputs + index]
        total = next(w for w in range(1, 99) if _fits(low, high, w))
        passed = 0 if adder.right.negative else s
        assert 0 <= total - passed - ours[index] <= 1 or ours[index] == 0
        ends = [ranges[o.node] for o in adder.operands]
        sign = min(ends[0][0], ends[1][0]) < 0
        tops = [
            (max(high, -low - 1).bit_length() + more)
            for (low, high), more in zip(ends, (s, 0), strict=True)
        ]
        assert theirs[index] == max(0, max(tops) + sign - s)


def _fits(low, high, width):
    if low < 0:
        return -(1 << (width - 1)) <= low and high < 1 << (width - 1)
    return high < 1 << width


@pytest.mark.parametrize("rule", ["ours", "da4ml"])
@pytest.mark.parametrize("constants", [(13, 33), (21, 85), (5, -45, 90)])
def test_one_input_costs_what_an_adder_graph_costs(constants, rule):
    graph = solve(Problem(constants)).graph
    assert not any(adder.right_shift for adder in graph.adders)
    same = MatrixGraph(
        1,
        tuple(MatrixAdder(adder.left, adder.right) for adder in graph.adders),
        tuple(RowTarget(t.node, t.shift, t.negative) for t in graph.targets),
    )
    assert same.check([[c] for c in constants])
    assert matrix_one_bit_adders(same, 8, rule=rule) == one_bit_adders(graph, 8, rule=rule)


def test_widths():
    assert [width_of_range(*r) for r in ((0, 0), (0, 255), (-128, 127), (-1, 0))] == [1, 8, 8, 1]


def test_sat_mcm_counts_one_input_only():
    with pytest.raises(GraphError, match="must be ours or da4ml"):
        matrix_one_bit_adders(TOY, 8, rule="sat_mcm")


def test_equal_rows_are_made_once():
    row = (7, -3, 45, 12)
    one = solve_matrix([row], iterations=20).adders
    assert solve_matrix([row, row, tuple(4 * c for c in row)], iterations=20).adders <= one


def test_a_small_optimum():
    """x0 + x1 + x2 and x0 + x1 - x2 share one adder; every answer needs three."""
    assert solve_matrix([(1, 1, 1), (1, 1, -1)], iterations=5).adders == 3


def test_seeds_and_iterations_decide():
    matrix = [[(17 * i * j + 5 * i + 3 * j) % 61 - 30 for j in range(6)] for i in range(6)]
    one, two = (solve_matrix(matrix, iterations=60, time_limit=60, seed=4) for _ in range(2))
    assert one.graph == two.graph and one.iterations == 60


def test_progress_is_told_and_an_interrupt_keeps_the_best():
    matrix = [[(17 * i * j + 5 * i + 3 * j) % 61 - 30 for j in range(8)] for i in range(8)]
    said = []

    def interrupt(text):
        said.append(text)
        if len(said) == 2:
            raise KeyboardInterrupt

    found = solve_matrix(matrix, time_limit=20, progress=interrupt)
    assert "adders after" in said[0] and "interrupted" in said[-1]
    assert found.seconds < 10
    assert found.graph.check(matrix)


@pytest.mark.parametrize(
    ("matrix", "depth", "message"),
    [
        ([], None, "at least one row"),
        ([[]], None, "at least one row and one column"),
        ([[1, 2], [3]], None, "rows must be equally long"),
        ([[1.5]], None, "must hold integers, not 1.5"),
        ([[7, 7, 7]], 2, "depth must be 3 or more for this matrix, not 2"),
    ],
)
def test_wrong_requests(matrix, depth, message):
    with pytest.raises(GraphError, match=message):
        solve_matrix(matrix, depth=depth)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(schema="x"),
        lambda d: d.update(version=9),
        lambda d: d.update(inputs=0),
        lambda d: d.update(inputs="2"),
        lambda d: d["matrix"][0].__setitem__(0, 9),
        lambda d: d["matrix"].pop(),
        lambda d: d["adders"][0].pop(),
        lambda d: d["adders"][0][0].__setitem__(0, 7),
        lambda d: d["adders"][0][0].__setitem__(1, -1),
        lambda d: d["adders"][0][1].__setitem__(1, 1),
        lambda d: d["adders"][0][1].__setitem__(2, True),
        lambda d: d["targets"][0].__setitem__(0, 4),
        lambda d: d["targets"][0].__setitem__(1, "1"),
        lambda d: d.pop("adders"),
    ],
)
def test_damaged_json_is_refused(damage):
    data = json.loads(TOY.to_json())
    damage(data)
    with pytest.raises(GraphError, match="matrix graph"):
        MatrixGraph.from_json(json.dumps(data))
    with pytest.raises(GraphError, match="must be JSON"):
        MatrixGraph.from_json("{")


def test_files(tmp_path):
    TOY.save(tmp_path / "graph.json")
    assert MatrixGraph.load(tmp_path / "graph.json") == TOY


def test_the_search_loads_neither_amaranth_nor_numpy():
    program = (
        "from holigrail_hw.mcm.matrix import counting, search\n"
        "import sys; print([m for m in ('amaranth', 'numpy', 'pulp') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
