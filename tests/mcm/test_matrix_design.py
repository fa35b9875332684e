"""Truncated matrices and folded constants: exact values, proved bounds, ranges, cost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.mcm.matrix.analysis import GraphAnalysis, is_wiring
from holigrail_hw.mcm.matrix.circuit import Fold, MatrixCircuit, exact_circuit
from holigrail_hw.mcm.matrix.constants import roundest
from holigrail_hw.mcm.matrix.counting import matrix_adder_costs
from holigrail_hw.mcm.matrix.design import MatrixRequest, design_matrix
from holigrail_hw.mcm.matrix.search import solve_matrix
from holigrail_hw.mcm.matrix.truncation import truncate_graph
from holigrail_hw.mcm.problem.errors import GraphError


@st.composite
def requests(draw, most=3, span=4):
    """Matrices with constants, bounds and input ranges, few enough inputs to try them all."""
    columns, rows = draw(st.integers(1, most)), draw(st.integers(1, 4))
    matrix = draw(
        st.lists(
            st.lists(st.integers(-40, 40), min_size=columns, max_size=columns).map(tuple),
            min_size=rows,
            max_size=rows,
        ).map(tuple)
    )
    width = st.integers(1, span)
    ranges = tuple(
        (0, (1 << w) - 1) if unsigned else (-(1 << (w - 1)), (1 << (w - 1)) - 1)
        for w, unsigned in (draw(st.tuples(width, st.booleans())) for _ in range(columns))
    )
    constants = tuple(draw(st.integers(-300, 300)) for _ in range(rows))
    bounds = tuple(draw(st.integers(0, 40)) for _ in range(rows))
    return MatrixRequest(matrix, ranges, constants, bounds, iterations=4)


def every_input(ranges):
    grids = np.meshgrid(*(np.arange(low, high + 1) for low, high in ranges), indexing="ij")
    return [grid.ravel() for grid in grids]


@settings(max_examples=25, deadline=None)
@given(requests())
def test_every_value_is_within_the_proved_errors_and_ranges(request):
    design = design_matrix(request)
    x = every_input(request.ranges)
    found = np.array(design.circuit.evaluate(x))
    exact = np.array(request.matrix) @ np.array(x) + np.array(request.constants)[:, None]
    for row, (low, high) in zip(found - exact, design.errors, strict=True):
        assert low <= row.min() and row.max() <= high
    for row, bound in zip(found - exact, request.bounds, strict=True):
        assert abs(row).max() <= bound
    for row, (low, high) in zip(found, design.analysis.outputs, strict=True):
        assert low <= row.min() and row.max() <= high
    assert design.analysis.one_bit_adders <= design.untruncated
    assert MatrixCircuit.from_json(design.circuit.to_json()) == design.circuit


@settings(max_examples=20, deadline=None)
@given(requests(), st.sampled_from([(-8, 7), (0, 15)]))
def test_exact_circuits_cost_what_their_graphs_cost(request, ends):
    graph = solve_matrix(request.matrix, iterations=2).graph
    analysis = GraphAnalysis(graph, [ends] * graph.inputs).of(exact_circuit(graph))
    costs = matrix_adder_costs(graph, 4, signed=ends[0] < 0)
    assert [adder.cost for adder in analysis.adders] == costs
    assert analysis.errors == [(0, 0)] * len(graph.targets)


def random_matrix(n, seed=0):
    weights = np.random.default_rng(seed).integers(-128, 128, (n, n))
    return tuple(tuple(map(int, row)) for row in weights)


def test_larger_bounds_save_more():
    matrix = random_matrix(4)
    costs = []
    for bound in (0, 16, 64, 256, 1024):
        request = MatrixRequest(matrix, ((-128, 127),) * 4, (0,) * 4, (bound,) * 4, iterations=20)
        design = design_matrix(request)
        assert design.worst_error <= bound
        costs.append(design.analysis.one_bit_adders)
    assert costs == sorted(costs, reverse=True) and costs[-1] < 0.75 * costs[0]


def test_errors_on_both_sides_use_the_bound_twice():
    analysis = GraphAnalysis(solve_matrix(random_matrix(4), iterations=5).graph, [(-128, 127)] * 4)
    saved = []
    for centred in (False, True):
        circuit = truncate_graph(analysis, [64] * 4, centred=centred, iterations=20).circuit
        found = analysis.of(circuit)
        spans = [high - low for low, high in found.errors]
        assert max(spans) <= 128
        saved.append(sum(adder.cost for adder in found.adders))
    assert saved[1] <= saved[0]


def test_programme_and_greedy_agree_nearly():
    from holigrail_hw.mcm.matrix.truncation import _linear_program, _Problem

    analysis = GraphAnalysis(solve_matrix(random_matrix(3), iterations=5).graph, [(-128, 127)] * 3)
    problem = _Problem(analysis, [100] * 3, True)
    exact, finished = _linear_program(problem, 10.0)
    assert exact is not None and finished
    greedy = problem.filled([-1] * len(problem.options), None)
    assert 0.9 * problem.saved(exact) <= problem.saved(greedy) <= problem.saved(exact)


def test_a_planted_fault_is_noticed():
    request = MatrixRequest(random_matrix(3), ((-128, 127),) * 3, (5, 6, 7), (30,) * 3)
    design = design_matrix(replace(request, iterations=5))
    circuit = design.circuit
    cuts = list(circuit.truncations)
    cuts[0] = (cuts[0][0] + 7, cuts[0][1])
    with pytest.raises(GraphError, match="must be off by at most 30, not by"):
        replace(design, circuit=replace(circuit, truncations=tuple(cuts))).check()
    moved = (circuit.addends[0] + 64, *circuit.addends[1:])
    with pytest.raises(GraphError, match="output 0 must be off by at most 30"):
        replace(design, circuit=replace(circuit, addends=moved)).check()
    folds = (Fold(carry=3), *circuit.folds[1:])
    with pytest.raises(GraphError, match="a carry of 3 cannot come in"):
        replace(design, circuit=replace(circuit, folds=folds)).check()


def test_constants_take_no_adder_where_there_is_room():
    for matrix, constant in (((1, 16),), 5), (((4, -32),), 3), (((1, 1),), 1 << 7):
        request = MatrixRequest(matrix, ((-128, 127),) * 2, (constant,), (0,))
        found = design_matrix(request).analysis
        assert sum(found.output_costs) == 0 and found.constants == [constant]


def test_wiring():
    assert is_wiring(7, 3, -64, 56) and not is_wiring(8, 3, -64, 56)
    assert is_wiring(64 + 7, 3, -64, 56) and is_wiring(-64, 3, -64, 56)
    assert is_wiring(128, 0, 0, 127) and not is_wiring(64, 0, 0, 127)


@given(st.integers(-1000, 1000), st.integers(0, 300))
def test_roundest(low, span):
    found = roundest(low, low + span)
    zeros = [1000 if i == 0 else (i & -i).bit_length() for i in range(low, low + span + 1)]
    assert low <= found <= low + span
    assert max(zeros) == (1000 if found == 0 else (found & -found).bit_length())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": ()}, "matrix must have at least one row and one column"),
        ({"matrix": ((1, 2), (3,))}, r"rows of the matrix must be equally long, not \[1, 2\]"),
        ({"ranges": ()}, "ranges must be 1, one per column, not 0"),
        ({"ranges": ((1, 0),)}, "ranges must have a least value no greater than the greatest"),
        ({"constants": (1, 2)}, "constants must be 1, one per row, not 2"),
        ({"bounds": ()}, "bounds must be 1, one per row, not 0"),
        ({"bounds": (-1,)}, "bounds must be 0 or more, not -1"),
        ({"depth": 1}, "depth must be 2 or more for this matrix, not 1"),
    ],
)
def test_wrong_requests(change, message):
    request = MatrixRequest(((11,),), ((0, 15),), (0,), (0,))
    with pytest.raises(GraphError, match=message):
        design_matrix(replace(request, **change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "schema must be"),
        ('{"schema": "holigrail matrix circuit"}', "version must be 1"),
    ],
)
def test_texts_that_hold_no_circuit(text, message):
    with pytest.raises(GraphError, match=message):
        MatrixCircuit.from_json(text)


def test_circuits_with_wrong_lists():
    import json

    circuit = design_matrix(MatrixRequest(((5,),), ((0, 15),), (3,), (0,))).circuit
    data = json.loads(circuit.to_json())
    for name, value, message in (
        ("truncations", [], "must have a list of 1 items"),
        ("truncations", [[-1, 0]], "truncations must be 0 or more"),
        ("folds", [[0, 0, "x"]], "must have 3 integers"),
        ("addends", [0.5], "must have 1 integers"),
    ):
        with pytest.raises(GraphError, match=message):
            MatrixCircuit.from_json(json.dumps({**data, name: value}))


def test_wrong_number_of_inputs():
    circuit = design_matrix(MatrixRequest(((5,),), ((0, 15),), (3,), (0,))).circuit
    with pytest.raises(GraphError, match="takes 1 inputs, not 2"):
        circuit.evaluate([1, 2])
    with pytest.raises(ValueError, match="there must be 1 ranges, not 2"):
        GraphAnalysis(circuit.graph, [(0, 1)] * 2)


def test_ctrl_c_in_the_search_keeps_the_best():
    request = MatrixRequest(random_matrix(6), ((-128, 127),) * 6, (0,) * 6, (0,) * 6)
    design = design_matrix(replace(request, iterations=1 << 30), progress=Interrupt(1))
    assert design.stopped and not design.complete
    assert design.circuit.graph.check(request.matrix)


def test_ctrl_c_between_truncations_keeps_the_best():
    request = MatrixRequest(random_matrix(4), ((-128, 127),) * 4, (0,) * 4, (64,) * 4)
    request = replace(request, iterations=0, cuts=2)
    design = design_matrix(request, progress=Interrupt(1))
    assert design.stopped and not design.complete
    assert design.analysis.one_bit_adders < design.untruncated


def test_a_termination_keeps_the_best_too():
    """SIGTERM and SIGHUP arrive as kinds of KeyboardInterrupt."""

    class Terminated(KeyboardInterrupt):
        pass

    request = MatrixRequest(random_matrix(4), ((-128, 127),) * 4, (0,) * 4, (0,) * 4)
    request = replace(request, iterations=1 << 30)
    design = design_matrix(request, progress=Interrupt(1, Terminated))
    assert design.stopped and not design.complete
    assert design.circuit.graph.check(request.matrix)


def test_a_second_search_finds_no_less():
    request = MatrixRequest(random_matrix(5), ((-128, 127),) * 5, (0,) * 5, (0,) * 5, iterations=30)
    one, two, alone = (
        design_matrix(replace(request, **change)) for change in ({}, {"searches": 2}, {"seed": 1})
    )
    costs = [len(design.circuit.graph.adders) for design in (one, alone)]
    assert len(two.circuit.graph.adders) == min(costs) and two.complete
    assert two.circuit == design_matrix(replace(request, searches=2)).circuit


class Interrupt:
    """Progress in which Ctrl-C comes with the given call."""

    def __init__(self, call, kind=KeyboardInterrupt):
        self.left, self.kind = call, kind

    def __call__(self, text):
        self.left -= 1
        if not self.left:
            raise self.kind
