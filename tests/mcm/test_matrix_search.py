"""The search for matrix adder graphs: compiled and plain twin, limits, metrics, starts."""

import threading
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.mcm.matrix import search as matrix_search
from holigrail_hw.mcm.matrix.counting import matrix_one_bit_adders
from holigrail_hw.mcm.matrix.ruin import CERTAIN, PythonSearch, Settings
from holigrail_hw.mcm.matrix.search import default_iterations, least_matrix_depth, solve_matrix
from holigrail_hw.mcm.matrix.start import alone, distinct_rows, signed_digits, spanning_tree
from holigrail_hw.mcm.native import library as native_library
from holigrail_hw.mcm.native import matrix as matrix_native
from holigrail_hw.mcm.native.matrix import NativeSearch, search_class
from holigrail_hw.mcm.problem.errors import GraphError

SQUARE = [[(17 * i * j + 5 * i + 3 * j) % 61 - 30 for j in range(8)] for i in range(8)]

compiled = pytest.mark.skipif(
    native_library.load("matrix_search") is None,
    reason=str(native_library.why_not("matrix_search")),
)


@st.composite
def matrices(draw):
    columns = draw(st.integers(1, 6))
    largest = draw(st.sampled_from([1, 3, 255, 1 << 30, (1 << 40) - 1]))
    row = st.lists(st.integers(-largest, largest), min_size=columns, max_size=columns).map(tuple)
    rows = draw(st.lists(row, min_size=1, max_size=6).filter(lambda rows: any(map(any, rows))))
    return tuple(rows)


def values(rows, inputs):
    """Vectors of all nodes, from nothing but the terms."""
    found = {i: [int(i == j) for j in range(inputs)] for i in range(inputs)}

    def value(node):
        if node not in found:
            total = [0] * inputs
            for part, shift, sign in rows[node]:
                total = [a + sign * (b << shift) for a, b in zip(total, value(part), strict=True)]
            found[node] = total
        return found[node]

    return {node: value(node) for node in rows}


@compiled
@settings(max_examples=40, deadline=None)
@given(matrices(), st.integers(0, 9), st.data())
def test_the_accelerator_and_its_twin_agree_in_every_step(matrix, seed, data):
    rows, _ = distinct_rows(matrix)
    limit = least_matrix_depth(rows) + data.draw(st.sampled_from([0, 1, 20]))
    options = Settings(
        limit,
        data.draw(st.sampled_from(["adders", "one-bit-adders"])),
        data.draw(st.sampled_from(["ours", "da4ml"])),
        dissolve=30,
        around=15,
        expand=25,
        size=data.draw(st.integers(1, 4)),
        columns=data.draw(st.sampled_from([None, 1, 2])),
        pairs=data.draw(st.sampled_from([0, 20, 1000])),
    )
    start = data.draw(st.sampled_from([alone(rows), spanning_tree(rows, limit)]))
    twins = [kind(rows, start, options, seed) for kind in (NativeSearch, PythonSearch)]
    for _ in range(8):
        assert twins[0].state == twins[1].state
        assert twins[0].best() == twins[1].best()
        for twin in twins:
            twin.run([0, CERTAIN // 4, CERTAIN] * 3)
    twins[0].close()


@settings(max_examples=40, deadline=None)
@given(matrices(), st.integers(0, 99))
def test_after_any_iteration_all_is_consistent(matrix, seed):
    """Index, loads, counts and values of the running search, recounted from the rows alone."""
    rows, _ = distinct_rows(matrix)
    search = PythonSearch(
        rows, alone(rows), Settings(least_matrix_depth(rows) + 1, dissolve=30, expand=20), seed
    )
    for _ in range(6):
        search.run([CERTAIN // 2])
        draft = search.draft
        terms = {i: n.terms for i, n in enumerate(draft.nodes) if n.alive and i >= draft.inputs}
        found = values(terms, draft.inputs)
        pairs = 0
        for index, own in terms.items():
            node = draft.nodes[index]
            assert found[index] == [c << node.even for c in node.vector]
            assert node.load == sum(1 << draft.nodes[part].depth for part, _, _ in own)
            assert 1 << node.depth >= node.load and node.depth <= draft.limit
            assert sorted(node.users) == sorted(
                row for row, others in terms.items() for part, _, _ in others if part == index
            )
            pairs += sum(bool(draft.value(a, b)[0]) for i, a in enumerate(own) for b in own[:i])
        assert [tuple(found[draft.inputs + i]) for i in range(len(rows))] == list(rows)
        assert pairs == sum(len(entry.uses) for entry in draft.entries.values())
        assert draft.adders == sum(len(own) - 1 for own in terms.values())
        before = draft.one_bit_adders()
        draft._stale.update(range(len(draft.nodes)))
        assert draft.one_bit_adders() == before


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_starts_have_the_values_of_the_rows(matrix):
    rows, targets = distinct_rows(matrix)
    limit = least_matrix_depth(rows)
    for start in (alone(rows), spanning_tree(rows, limit)):
        found = values(dict(enumerate(start, start=len(rows[0]))), len(rows[0]))
        assert [tuple(vector) for vector in found.values()] == rows
        PythonSearch(rows, start, Settings(limit), 0)
    for row, target in zip(matrix, targets, strict=True):
        if target is None:
            assert not any(row)
        else:
            index, shift, sign = target
            assert row == tuple(sign * c << shift for c in rows[index])


def test_too_deep_a_start_is_refused():
    rows = [(7, 7, 7)]
    kinds = [PythonSearch] + [NativeSearch] * (search_class(rows) is NativeSearch)
    for kind in kinds:
        with pytest.raises(ValueError, match="deeper than 2"):
            kind(rows, alone(rows), Settings(2), 0)


@pytest.mark.parametrize("width", [1, 40, 41, 64, 200])
def test_wide_coefficients(width):
    matrix = [[(1 << width) - 1 - i * j for j in range(3)] for i in range(3)]
    found = solve_matrix(matrix, iterations=20)
    assert found.graph.check(matrix)
    if width > 40:
        assert search_class([tuple(row) for row in matrix]) is PythonSearch


def test_without_a_compiler_the_answer_is_the_same(monkeypatch):
    one = solve_matrix(SQUARE, iterations=40, time_limit=100, seed=3)
    monkeypatch.setattr(matrix_native.native_library, "load", lambda name: None)
    assert solve_matrix(SQUARE, iterations=40, time_limit=100, seed=3).graph == one.graph


def test_one_value_written_in_two_ways_is_shared():
    """3 x0 as 2 + 1 and as 4 - 1; 3 x0 + x1 and 3 x0 - x1 take it once."""
    rows = [(3, 1), (3, -1)]
    start = [[(0, 1, 1), (0, 0, 1), (1, 0, 1)], [(0, 2, 1), (0, 0, -1), (1, 0, -1)]]
    assert PythonSearch(rows, start, Settings(3), 0).state.adders == 3


def test_a_merge_may_change_a_pair_that_is_waiting():
    """Of -4 x0 + 2 x0 - x0, the first two become -2 x0, and 2 x0 - x0 is gone."""
    rows = [(-3, 1)]
    start = [[(0, 0, -1), (0, 1, 1), (0, 2, -1), (1, 0, 1)]]
    search = PythonSearch(rows, start, Settings(3), 0)
    assert values(search.best(), 2)[2] == [-3, 1]
    assert search.state.adders == 2


def test_several_searches_give_the_best_of_their_seeds():
    options = {"iterations": 60, "time_limit": 100.0}
    single = [solve_matrix(SQUARE, seed=seed, **options) for seed in (4, 5, 6)]
    both = solve_matrix(SQUARE, seed=4, searches=3, **options)
    assert both.iterations == 180
    assert both.adders == min(found.adders for found in single)
    assert both.graph in [found.graph for found in single]


@pytest.mark.parametrize("rule", ["ours", "da4ml"])
def test_fewer_one_bit_adders_if_they_are_asked_for(rule):
    graphs = {
        metric: solve_matrix(SQUARE, iterations=400, time_limit=100, metric=metric, rule=rule).graph
        for metric in ("adders", "one-bit-adders")
    }
    bits = {name: matrix_one_bit_adders(graph, 8, rule=rule) for name, graph in graphs.items()}
    assert bits["one-bit-adders"] <= bits["adders"]


def test_time_and_stop_end_the_search():
    before = threading.active_count()
    assert solve_matrix(SQUARE, time_limit=0.3).iterations > 0
    asked = []
    solve_matrix(SQUARE, time_limit=60, stop=lambda: asked.append(0) or len(asked) > 3)
    assert len(asked) == 4
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "area"}, "metric must be adders or one-bit-adders, not 'area'"),
        ({"rule": "sat_mcm"}, "rule must be ours or da4ml, not 'sat_mcm'"),
        ({"searches": 0}, "searches must be 1 or more, not 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(GraphError, match=message):
        solve_matrix(SQUARE, **options)


@pytest.mark.parametrize("constant", [0, 1, -1, 3, -7, 255, -256, 12345678901234567890])
def test_signed_digits(constant):
    digits = signed_digits(constant)
    assert sum(sign << place for place, sign in digits.items()) == constant
    assert not any(place + 1 in digits for place in digits)


def test_iterations_scale_with_the_matrix():
    sizes = [default_iterations([[85] * n] * n) for n in (1, 2, 4, 8, 16, 32, 64)]
    assert sizes[:3] == [400, 1600, 6400]  # four digits a constant
    assert sizes[3:] == sorted(sizes[3:], reverse=True) and sizes[-1] > 100
    assert default_iterations([[0]]) > 0
    # The compiled search does not take such constants.
    assert default_iterations([[1 << 50 | 5]]) <= default_iterations([[1 << 30 | 5]])
    wide = [[0x5555555555555 + i for i in range(8)]] * 8
    assert default_iterations(wide) == 80_000 // sum((c ^ 3 * c).bit_count() for c in wide[0]) // 8


def test_preparation_counts_as_search_time(monkeypatch):
    """A greedy answer comes in any case, and nothing is searched once the time is over."""
    prepared = matrix_search._starts

    def slow(rows, settings):
        time.sleep(0.3)
        return prepared(rows, settings)

    monkeypatch.setattr(matrix_search, "_starts", slow)
    found = solve_matrix(SQUARE, time_limit=0.2, iterations=1000)
    assert (found.iterations, found.complete) == (0, False)
    assert found.graph.check(SQUARE)


def test_long_rows_are_looked_at_in_groups(monkeypatch):
    """As many pairs as are allowed, groups joined as rows get shorter, and the same matrix."""
    random = Random(5)
    matrix = [[random.randrange(-128, 128) for _ in range(100)] for _ in range(6)]
    rows, _ = distinct_rows(tuple(map(tuple, matrix)))
    whole = solve_matrix(matrix, iterations=0)
    monkeypatch.setattr(matrix_search, "_PAIRS", 20_000)
    columns = matrix_search._columns(rows)
    assert columns is not None and 8 <= columns < 40
    pairs = 0
    for row in alone(rows):
        sizes = [0] * 100
        for node, _, _ in row:
            pairs += sizes[node // columns]
            sizes[node // columns] += 1
    assert pairs < 25_000
    found = solve_matrix(matrix, iterations=0)
    assert len(found.graph.adders) <= 1.2 * len(whole.graph.adders)
    assert found.graph.check(matrix)
