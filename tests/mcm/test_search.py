"""The searches: brute force, published optima, limits, interrupts."""

import csv
from itertools import combinations, product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcm_strategies import constants

from holigrail_hw.mcm.graph.adder_graph import odd_targets
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single import solve as solving
from holigrail_hw.mcm.single.closure import Closure
from holigrail_hw.mcm.single.forms import Costs, forms
from holigrail_hw.mcm.single.heuristic import greedy_set, least_depth
from holigrail_hw.mcm.single.one_bit_bound import one_bit_bound
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.mcm.single.relations import members, neighbours
from holigrail_hw.mcm.single.solve import solve

DATA = Path(__file__).parents[2] / "scripts" / "data"
# scripts/bench_mcm has these as well: seconds each, and one that is not proved here.
SLOW = {"DEMPSTER04_E3", "DEMPSTER04_F3", "DEMPSTER04_G4", "DEMPSTER04_H4", "VINOD03_26B"}


def instances():
    lines = (DATA / "mcm_instances.csv").read_text().splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        yield row["name"], tuple(map(int, row["coefficients"].split())), row


def buildable(factors, depth=None):
    """Whether each factor is made from earlier ones, by plain sets."""
    levels, rest = {1: 0}, set(factors) - {1}
    bits = max(factors).bit_length()
    level = 0
    while rest and (depth is None or level < depth):
        level += 1
        pairs = [neighbours(u, v, bits) for u in levels for v in levels]
        new = rest & set().union(*pairs)
        if not new:
            return False
        levels |= dict.fromkeys(new, level)
        rest -= new
    return not rest


def all_sets(targets, extra, depth=None):
    bits = max(targets).bit_length()
    others = [f for f in range(3, 1 << bits, 2) if f not in targets]
    return {
        frozenset((1, *targets, *chosen))
        for chosen in combinations(others, extra)
        if buildable((1, *targets, *chosen), depth)
    }


@pytest.mark.parametrize("depth", [None, 2, 3])
@pytest.mark.parametrize(
    ("targets", "extra"),
    [((45,), 1), ((53, 11), 1), ((89,), 2), ((43, 105), 1), ((107, 21, 51), 1)],
)
def test_the_enumeration_finds_every_set_once(targets, extra, depth):
    closure = Closure(targets, depth=depth)
    found = []
    for common, last in closure.sets(extra, idle=True):
        found += [frozenset((*common, x)) for x in members(last)] if last else [frozenset(common)]
    assert len(found) == len(set(found))
    assert set(found) == all_sets(targets, extra, depth)


@pytest.mark.parametrize("depth", [None, 2, 3])
@pytest.mark.parametrize("targets", [(45,), (53, 11), (43, 105), (107, 21, 51), (89,)])
def test_fewest_one_bit_adders_against_brute_force(targets, depth):
    if least_depth(targets) > (depth or 9):
        with pytest.raises(GraphError, match="depth must be"):
            solve(Problem(targets, depth=depth))
        return
    costs = Costs(8)
    extra = next(e for e in range(4) if all_sets(targets, e, depth))
    best = 1 << 30
    for factors in all_sets(targets, extra, depth):
        names = sorted(factors - {1})
        choices = [
            [(costs.of(w, f), f) for u in factors for v in factors for f in forms(u, v, w)]
            for w in names
        ]
        for choice in product(*(dict.fromkeys(c) for c in choices)):
            cost = sum(c for c, _ in choice)
            if cost < best and within(dict(zip(names, (f for _, f in choice), strict=True)), depth):
                best = cost
    found = solve(Problem(targets, "one-bit-adders", depth=depth, extra=0))
    assert found.proved
    assert (found.adders, found.one_bit_adders) == (len(targets) + extra, best)


def within(chosen, depth):
    """Whether the forms have no cycle and keep the depth."""
    levels = {1: 0}
    for _ in chosen:
        for w, form in chosen.items():
            if form.left in levels and form.right in levels:
                levels[w] = 1 + max(levels[form.left], levels[form.right])
    return len(levels) == len(chosen) + 1 and (depth is None or max(levels.values()) <= depth)


PROVED = [i for i in instances() if i[2]["known_adders"] and i[0] not in SLOW]


@pytest.mark.parametrize(("name", "constants", "row"), PROVED, ids=[i[0] for i in PROVED])
def test_published_optima(name, constants, row):
    found = solve(Problem(constants))
    assert found.proved
    assert found.adders == int(row["known_adders"])


@pytest.mark.parametrize(
    ("name", "constants", "row"),
    [i for i in PROVED if i[2]["known_one_bit_proved"] == "True"][::4],
)
def test_one_bit_optima(name, constants, row):
    found = solve(Problem(constants, "one-bit-adders", extra=0))
    assert found.one_bit_adders == int(row["known_one_bit"])
    assert found.adders == int(row["known_adders"])


@pytest.mark.parametrize(("name", "constants", "row"), [i for i in instances() if i[2]["sat_mcm"]])
def test_sat_mcm_values(name, constants, row):
    found = solve(Problem(constants, "one-bit-adders", rule="sat_mcm", extra=0))
    assert found.proved
    assert found.one_bit_adders - 8 * found.adders == int(row["sat_mcm"])


@pytest.mark.parametrize(
    ("constants", "cost"), [((3832, 3756, 1680), 70), ((17, 21, 23, 205, 497, 527), 72)]
)
def test_one_adder_more_saves_one_bit_adders(constants, cost):
    few = solve(Problem(constants, "one-bit-adders", extra=0))
    more = solve(Problem(constants, "one-bit-adders", extra=1), time_limit=5)
    assert more.one_bit_adders == cost < few.one_bit_adders
    assert more.adders == few.adders + 1


@pytest.mark.parametrize(
    "constants", [(53, 173, 157, 251), (1951, 2073), (1447,), (9, 17, 45), (1969, 627, 155)]
)
def test_an_open_number_of_adders(constants):
    """What is proved is proved up to ``searched`` adders: one more than the fewest, or two."""
    few = solve(Problem(constants, "one-bit-adders", extra=0))
    found = solve(Problem(constants, "one-bit-adders"))
    beyond = found.searched - few.adders
    assert found.proved and beyond in (1, 2)
    same = solve(Problem(constants, "one-bit-adders", extra=beyond), time_limit=60)
    assert same.proved and same.searched == found.searched
    assert found.one_bit_adders == same.one_bit_adders <= few.one_bit_adders
    assert f"proved among graphs of at most {found.searched} adders" in found.summary()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 127), min_size=1, max_size=4),
    st.sampled_from(("ours", "sat_mcm", "da4ml")),
    st.sampled_from(((1, False), (1, True), (4, True), (8, False), (8, True))),
)
def test_the_bound_of_one_bit_adders(values, rule, input):
    width, signed = input
    targets = odd_targets(values)
    costs = Costs(width, signed, rule)
    bound = one_bit_bound(targets, costs)
    problem = Problem(tuple(values), "one-bit-adders", width, signed, rule, extra=1)
    assert bound <= solve(problem).one_bit_adders
    for t in targets:
        least = min(
            costs.of(t, form)
            for u in range(1, 1 << t.bit_length(), 2)
            for v in range(1, u + 1, 2)
            if t not in (u, v)
            for form in forms(u, v, t)
        )
        # Alone, a target is the first adder or there is one before it.
        assert one_bit_bound((t,), costs) <= least + costs.width(1)
    assert bound >= (costs.width(1) if targets and rule != "sat_mcm" else 0)


def test_without_a_proof_there_is_a_bound():
    constants = next(c for name, c, _ in instances() if name == "VINOD03_26B")
    found = solve(Problem(constants, "one-bit-adders"), time_limit=0.5)
    assert not found.proved and not found.searched
    assert 0 < found.bound < found.one_bit_adders
    assert f"at least {found.bound}, gap " in found.summary()


@settings(max_examples=40, deadline=None)
@given(constants, st.booleans())
def test_any_constants(constants, signed):
    found = solve(Problem(constants, "one-bit-adders", signed=signed, extra=0))
    few = solve(Problem(constants, signed=signed))
    assert found.proved and few.proved
    assert found.adders == few.adders
    assert found.one_bit_adders <= few.one_bit_adders
    for x in (-3, 1, 200):
        assert found.graph.evaluate(x) == [c * x for c in constants]


@settings(max_examples=25, deadline=None)
@given(constants, st.integers(0, 2))
def test_depth_limit(constants, slack):
    depth = max(1, least_depth(odd_targets(constants))) + slack
    found = solve(Problem(constants, depth=depth), time_limit=10)
    assert found.graph.depth <= depth
    assert found.adders >= solve(Problem(constants)).adders
    bits = solve(Problem(constants, "one-bit-adders", depth=depth, extra=0), time_limit=10)
    assert bits.graph.depth <= depth
    assert bits.adders == found.adders


@given(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=6), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_heuristic_at_any_size(values, shallow):
    targets = odd_targets(values)
    depth = least_depth(targets) if shallow else None
    factors = greedy_set(targets, depth)
    assert set(targets) <= set(factors)
    if targets:
        assert buildable(factors)


def test_wide_constants_are_answered_without_a_proof():
    found = solve(Problem((123456789012, 987654321)))
    assert not found.proved and found.bound < found.adders


def test_time_limit_keeps_the_best_and_the_bound():
    constants = next(c for name, c, _ in instances() if name == "VINOD03_26B")
    found = solve(Problem(constants), time_limit=0.5)
    assert not found.proved
    assert 13 <= found.bound < 18 <= found.adders


def test_an_interrupt_keeps_the_best():
    def stop(solution):
        raise KeyboardInterrupt

    constants = next(c for name, c, _ in instances() if name == "JOHANSSON08_30")
    found = solve(Problem(constants, "one-bit-adders", extra=1), report=stop)
    assert not found.proved and found.graph.constants == constants


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Problem(()), "at least one integer"),
        (Problem((1 << 70,)), "at most 64 bits"),
        (Problem((3,), "luts"), "metric must be one of adders, one-bit-adders, not luts"),
        (Problem((815,), depth=2), "depth must be 3 or more, not 2"),
        (Problem((3,), rule="x"), "counting rule must be one of"),
        (Problem((3,), error=4), "an error bound needs metric one-bit-adders"),
        (Problem((3,), "one-bit-adders", error=-1), "error must be 0 or more, not -1"),
    ],
)
def test_wrong_problems(problem, message):
    with pytest.raises(GraphError, match=message):
        solve(problem)


def test_an_unknown_engine():
    with pytest.raises(
        GraphError, match="engine must be one of auto, search, ilp, cp-sat, not sat"
    ):
        solve(Problem((3,)), engine="sat")


@pytest.mark.parametrize("shallow", [False, True])
def test_many_constants_need_no_enumeration(shallow, monkeypatch):
    """Its preparation alone takes time with the third power of their number."""
    monkeypatch.setattr(solving, "enumeration", None)
    monkeypatch.setattr(solving, "cheaper_set", None)
    random = Random(1)
    constants = tuple(random.randrange(3, 1 << 11, 2) for _ in range(400))
    depth = least_depth(odd_targets(constants)) if shallow else None
    found = solve(Problem(constants, depth=depth), time_limit=None)
    assert found.adders >= len(odd_targets(constants)) and found.proved != shallow
    assert depth is None or found.graph.depth <= depth
    assert found.graph.constants == constants
