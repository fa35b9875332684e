"""The style parallel: hardware of small graphs against their evaluation, and its refusals."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from graphs import FORMS, WINDOWS, coded, dense, graph, linear, multiplier, thresholds

from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.forms import Multiplier, Thresholds
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Pool, Requantise, Softmax
from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.parallel import carries, code_steps, rules, sum_steps, unroll
from holigrail_hw.nn.network.parallel.frame import Frame
from holigrail_hw.nn.network.parallel.matrices import Search
from holigrail_hw.nn.network.parallel.operations import Code, Largest, Sums
from holigrail_hw.nn.network.parallel.style import refusals

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

QUICK = Search(iterations=10)
CYCLES = 20


def frame(given, levels=None) -> Frame:
    return Frame(graph=given, search=QUICK, levels=levels)


def wrong(spec: Frame, timing: Timing | None = None, count: int = 400) -> int:
    """How many codes of hardware differ from the graph's."""
    design = Gates(spec, timing)
    lanes = -(-count // CYCLES)
    codes = spec.items(CYCLES * lanes, np.random.default_rng(5))
    if design.top.clocked:
        codes = {name: values.reshape(CYCLES, lanes) for name, values in codes.items()}
    found, wanted = design.run(codes), spec.golden(**codes)
    return sum(int((found[name] != wanted[name]).sum()) for name in wanted)


def check(given, timing: Timing | None = None, count: int = 400, levels: int | None = None):
    assert wrong(frame(given, levels), timing, count) == 0


@pytest.mark.parametrize("name", FORMS)
def test_forms(name):
    for seed, (low, high, zero) in enumerate(((-8, 7, 0), (0, 16, 3), (-1, 0, 1))):
        check(dense(seed, FORMS[name], FORMS[name], low, high, zero))


@pytest.mark.parametrize(
    "index", [3, 0, 1, *(pytest.param(n, marks=pytest.mark.heavy) for n in (2, 4))]
)
def test_windows(index):
    """Strides, dilations, pads, groups, depthwise, one output pixel; shared searches."""
    rng = np.random.default_rng(index)
    window, group, zero = WINDOWS[index]
    operand = linear(rng, "a", "x", (4, 4), window=window, group=group, zero=zero, edge=4)
    given = graph((5, 4, 4), -2, 5, operand, coded("b", "a", multiplier(rng, 4, 3)))
    timing = None if index % 2 else Timing(period_ns=6.0)
    check(given, timing, count=100)
    spec = frame(given)
    positions = np.prod(given.tensors["a"].shape[:2]) * group
    sums = [one for one in spec.unrolled.operations if isinstance(one, Sums)]
    assert len(spec.designs) <= len({one.matrix for one in sums})
    assert sum("product" not in one.name for one in sums) <= positions
    if index == 0:
        assert len({one.matrix for one in sums if "product" not in one.name}) == 9


@pytest.mark.parametrize("how", ["maximum", "sum"])
def test_pools(how):
    for seed, window in enumerate(
        (Window((2, 2), (2, 2)), Window((3, 2), (1, 2), (1, 2), (1,) * 4))
    ):
        rng = np.random.default_rng(seed)
        pool = Pool(name="p", inputs=("b",), how=how, window=window)
        nodes = linear(rng, "a", "x", (1, 2), window=Window((2, 2)), edge=4)
        given = graph((4, 4, 1), 0, 9, nodes, coded("b", "a", thresholds(rng, 2)), pool)
        check(given, count=100)
        raw = Pool(name="p", inputs=("a",), how=how, window=window)
        check(graph((4, 4, 1), -3, 3, nodes, raw, coded("b", "p", multiplier(rng, 2))), count=100)


def test_residual_sums_and_moves():
    rng = np.random.default_rng(4)
    first = linear(rng, "a", "x", (2, 2), window=Window((2, 1)))
    nodes = (
        first,
        coded("b", "a", multiplier(rng, 2)),
        Pool(name="p", inputs=("a",), how="maximum", window=Window((1, 1))),
        coded("e", "p", thresholds(rng, 2)),
        Add(name="s", inputs=("b", "e"), factors=(3, -2)),
        Move(name="t", inputs=("s",), how="transpose", numbers=(1, 0, 2)),
        Move(name="u", inputs=("t",), how="pad", numbers=(0, 0, 1, 0, 0, 1, 5)),
        Move(name="m", inputs=("u", "u"), how="concat", numbers=(2,)),
        Move(name="r", inputs=("m",), how="reshape", numbers=(54,)),
        Move(name="q", inputs=("r",), how="select", numbers=(3, 9, 15, 0, 0, 7, 53, 22)),
    )
    given = graph((3, 3, 2), -2, 1, *nodes)
    check(given)
    check(given, levels=1)
    check(given, Timing(latency=2))
    live = {e for one in frame(given).unrolled.operations for e in one.outputs}
    whole = 2 * np.prod(given.tensors["a"].shape)
    assert 0 < len(live) < whole


def test_a_sum_is_read_by_sums_and_codes():
    """Rows without a rounding behind them keep their offsets; graphs inside graphs."""
    rng = np.random.default_rng(6)
    nodes = (
        linear(rng, "a", "x", (3, 3)),
        linear(rng, "b", "a", (3, 2), zero=2),
        coded("c", "b", multiplier(rng, 2)),
        Add(name="d", inputs=("c", "b"), factors=(-4, 1)),
    )
    check(graph((3,), -5, 6, *nodes))
    check(graph((3,), 2, 3, *nodes), levels=2)


def test_extremes():
    """Identity, constants, all weights zero, a single bit, wide numbers."""
    check(graph((2,), -4, 3, Move(name="m", inputs=("x",), how="select", numbers=(1, 1, 0))))
    nothing = Linear(name="a", inputs=("x",), weights=np.zeros((2, 2), int), bias=np.array([3, -4]))
    check(graph((2,), 0, 1, nothing))
    wide = np.array([[(1 << 40) + 12345, -7], [-(1 << 38), 1 << 30]])
    big = Linear(name="a", inputs=("x",), weights=wide, bias=np.array([1 << 45, -1]))
    given = graph(
        (2,),
        -128,
        127,
        big,
        coded(
            "b",
            "a",
            Multiplier(np.array([3, -1]), np.array([1 << 40, 5]), np.array([41, 20]), -128, 127),
        ),
    )
    check(given)
    check(graph((2,), -128, 127, big))
    half = Multiplier(np.array([0]), np.array([7]), np.array([1]), 0, 9)
    check(graph((2,), 0, 3, coded("a", "x", half)))


def test_a_formula_without_a_form_is_looked_up():
    formula = TwiceRounded(
        np.array([1_500_000_000, 1_200_000_000]), np.array([-1, 0]), 0, -(1 << 20), 1 << 20, 12, -3
    )
    node = Requantise(name="a", inputs=("x",), formula=formula)
    check(graph((2, 1, 2), -128, 127, node, Add(name="b", inputs=("a", "a"), factors=(1, 2))))
    check(graph((2,), -20, 127, node, coded("b", "a", multiplier(np.random.default_rng(1), 2))))


def test_stages_bound_the_adders_of_a_cycle():
    given = dense(3, multiplier)
    latencies = [frame(given, levels).plan().latency for levels in (1, 2, 40)]
    # Two layers with products between them: a register behind each.
    assert latencies[0] > latencies[1] > latencies[2] == 2
    check(given, levels=1)


def test_constants_find_room_in_carries(monkeypatch):
    rng = np.random.default_rng(2)
    shift = Multiplier(np.array([1]), np.array([8]), np.array([4]), 0, 15)
    given = graph((16,), 0, 15, linear(rng, "a", "x", (16, 6)), coded("b", "a", shift))
    assert wrong(frame(given)) == 0
    with_room = frame(given).cost()["one_bit_adders"]
    monkeypatch.setattr(carries, "_TRIES", 0)
    assert wrong(frame(given)) == 0
    assert with_room < frame(given).cost()["one_bit_adders"] - 12


@pytest.mark.parametrize("fault", ["carry", "tie", "limit", "pad", "place", "fill"])
def test_a_planted_fault_is_noticed(fault, monkeypatch):
    rng = np.random.default_rng(5)
    shift = Multiplier(np.array([1]), np.array([0]), np.array([2]), -7, 7, 1)
    window = Window((2, 2), pads=(1, 0, 0, 0))
    nodes = (
        linear(rng, "a", "x", (2, 6), window=window, zero=1, edge=4),
        coded("b", "a", shift),
        coded("c", "b", Thresholds(np.array([[-5], [-1], [6]]), np.array([0]), 1, np.array([1]))),
    )
    given = graph((2, 2, 2), 0, 7, *nodes)
    assert wrong(frame(given)) == 0
    if fault == "carry":
        chain = sum_steps._chain

        def other(node, width, fill):
            return chain(replace(node, carry=1 - node.carry), width, fill)

        monkeypatch.setattr(sum_steps, "_chain", other)
    elif fault == "fill":
        folded = carries._folded

        def more(nodes, goal):
            found = folded(nodes, goal)
            if found is None:
                return None
            return carries.Folded(*(vars(found) | {"fill": found.fill + 1}).values())

        monkeypatch.setattr(carries, "_folded", more)
    elif fault == "tie":
        monkeypatch.setattr(
            rules.Shift, "even", property(lambda self: False, lambda *_: None), raising=False
        )
        limits = code_steps._Limits.__init__

        def half(self, rule, low, high):
            limits(self, rule, low, high)
            self.constant += 1 << rule.places >> 1

        monkeypatch.setattr(code_steps._Limits, "__init__", half)
    elif fault == "limit":
        at_least = code_steps.at_least
        monkeypatch.setattr(code_steps, "at_least", lambda v, place: at_least(v, place + 1))
    elif fault == "pad":
        windows = unroll._windows

        def wrapped(x, window, name):
            taps = windows(x, window, name)
            return np.where(taps < 0, x.reshape(-1)[0], taps)

        monkeypatch.setattr(unroll, "_windows", wrapped)
    else:
        apply = rules.Steps.apply
        monkeypatch.setattr(rules.Steps, "apply", lambda self, x: apply(self, x - 1))
    assert wrong(frame(given)) > 0


def test_refusals():
    rng = np.random.default_rng(0)
    formula = TwiceRounded(np.array([1 << 30]), np.array([0]), 0, -9999, 9999)
    softmax = Softmax(name="s", inputs=("x",), mantissa=1, shift=1)
    wide = Requantise(name="w", inputs=("x",), formula=formula)
    given = graph((4,), -2000, 2000, softmax, wide)
    assert refusals(given) == [
        "node s: softmax must be left to the host in style parallel",
        "node w: requantise without a form must have at most 1024 codes of its operand in style "
        "parallel, not 4001",
    ]
    large = graph((600,), 0, 1, linear(rng, "a", "x", (600, 600)))
    assert refusals(large) == [
        "style parallel must have at most 262144 products per frame, not 360000"
    ]


def test_kinds_of_operations():
    window, weights = Window((1, 1)), np.array([[[[3]]]])
    first = Linear(name="a", inputs=("x",), weights=weights, bias=np.array([1]), window=window)
    code = coded("b", "a", Multiplier(np.array([1]), np.array([0]), np.array([1]), 0, 9))
    pool = Pool(name="p", inputs=("b",), how="maximum", window=Window((2, 2)))
    kinds = [
        type(one) for one in frame(graph((2, 2, 1), 0, 9, first, code, pool)).unrolled.operations
    ]
    assert kinds == [Sums] * 4 + [Code] * 4 + [Largest]


def operator(**texts: Any) -> Any:
    cls = find("network")
    return cls(**parse_parameters(cls, texts | {"style": "parallel"}, who="network"))


def test_the_operator_in_its_streams():
    """The project's example, with pauses, and in as many cycles as promised without."""
    spec, rng = operator(), np.random.default_rng(3)
    (design,) = compile_all([(spec, Timing(period_ns=5.0, device="ecp5"))], short=True)
    job = spec.job(rng, 60)
    wanted = spec.golden(**job)["result"]
    pauses = {name: rng.random(97) < 0.4 for name in ("x", "result")}
    for paused in (None, pauses):
        found = design.run_streams(job, {"result": 60}, pauses=paused)
        assert found.complete
        for field, codes in wanted.items():
            assert np.array_equal(found.results["result"][field], codes)
        if paused is None:
            assert found.cycles == spec.cycles(design.top.timing, **job)


def test_the_operator_says_what_it_costs():
    spec = operator()
    timing = Timing(period_ns=5.0)
    cost = spec.cost(timing)
    assert cost["adders"] > 0 and cost["flip_flops"] > 0 and cost["dsps"] == 0
    assert spec.promise_ns(timing) <= 5.0
    assert spec.facts(timing)["latency (cycles)"] > 1
    assert spec.facts()["distinct matrices"] < spec.facts()["matrices"]
    with pytest.raises(RequestError, match="a period, not a latency"):
        spec.component(Timing(latency=3))
