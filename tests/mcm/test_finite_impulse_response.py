"""The operator fir: golden against plain sums, hardware against golden, proofs, refusals."""

import numpy as np
import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.flow.verify import workloads
from holigrail_hw.formats import parse
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.mcm.fir import FiniteImpulseResponse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def fir(*coefficients, input="int8", **options):
    return FiniteImpulseResponse(coefficients=coefficients, input=parse(input), **options)


def codes_of(values, format):
    return (np.array(values, dtype=object) & ((1 << format.width) - 1)).astype(np.uint64)


FILTERS = [
    (7, -19, 31, -19, 7),
    (0, 0, 5, 0, -5, 0, 0),
    (-3, -6, -7),
    (-1,),
    (8,),
    (0, 0),
    (-12, 5, 40, -3),
    (1, -1),
    (90, 0, -45, 181),
]


@pytest.mark.parametrize("coefficients", FILTERS, ids=str)
@pytest.mark.parametrize("input", ["int8", "uint5"])
def test_hardware_equals_golden(coefficients, input):
    check([fir(*coefficients, input=input)], count=300)


@pytest.mark.parametrize("input", ["int1", "uint1", "sfix6_en3"])
def test_narrow_and_fixed_point_inputs(input):
    check([fir(*coefficients, input=input) for coefficients in FILTERS[::3]], count=300)


@pytest.mark.parametrize("timing", [Timing(latency=3), Timing(period_ns=2.0)])
@pytest.mark.parametrize("coefficients", FILTERS[:3] + FILTERS[6:], ids=str)
def test_pipelines_do_not_change_the_filter(coefficients, timing):
    spec = fir(*coefficients, metric="one-bit-adders")
    assert spec.plan(timing).interleave == 1
    check([spec], timing, count=300)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(-300, 300), min_size=1, max_size=6).map(tuple),
    st.sampled_from(["int4", "uint3"]),
    st.sampled_from([Timing(), Timing(latency=2)]),
)
def test_any_filter(coefficients, input, timing):
    check([fir(*coefficients, input=input)], timing, count=240)


@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=7).map(tuple),
    st.lists(st.integers(-128, 127), min_size=1, max_size=12),
)
def test_golden_is_the_sum(coefficients, inputs):
    spec = fir(*coefficients)
    format = spec.outputs()["result"]
    found = format.decode(spec.golden(x=codes_of(inputs, spec.input))["result"])
    for now, y in enumerate(found):
        past = (inputs[now - age] if now >= age else 0 for age in range(len(coefficients)))
        assert y == sum(c * x for c, x in zip(coefficients, past, strict=True))


@pytest.mark.parametrize("coefficients", [(7, -19, 31), (-5, -3), (0, 11, 0, -2), (3, 3, 3, 3)])
@pytest.mark.parametrize("input", ["int8", "uint4"])
def test_the_output_is_as_wide_as_its_largest_sum(coefficients, input):
    spec = fir(*coefficients, input=input)
    low, high = spec.input.minimum, spec.input.maximum
    total = sum(map(abs, coefficients))
    most = [high if c > 0 else low for c in reversed(coefficients)]
    least = [low if c > 0 else high for c in reversed(coefficients)]
    found = [spec.golden(x=codes_of(run, spec.input))["result"][-1] for run in (most, least)]
    top, bottom = (int(y) for y in spec.exact_format.decode(np.array(found)))
    assert top - bottom == total * (high - low)
    format = spec.exact_format
    assert format.signed == (bottom < 0)
    assert not (-(1 << (format.width - 2)) <= bottom and top < 1 << (format.width - 2))
    got = Gates(spec).run({"x": codes_of(most + least, spec.input)})["result"]
    assert [got[len(most) - 1], got[-1]] == found


def test_wide_inputs_and_coefficients():
    check([fir(12345, -(1 << 40), 3, input="int64")], Timing(latency=2), count=200)


@pytest.mark.parametrize(
    "options",
    [
        {"result": "int6", "overflow": "saturate"},
        {"result": "int6", "overflow": "wrap", "rounding": "up"},
        {"result": "sfix8_en-5", "rounding": "nearest_away"},
        {"result": "sfix18_en2"},
        {"result": "fp16", "rounding": "to_odd"},
        {"result": "int9", "rounding": "stochastic", "random_width": "4"},
    ],
    ids=lambda options: "-".join(options.values()),
)
def test_rounded_outputs(options):
    spec = fir(7, -19, 31, **parse_parameters(FiniteImpulseResponse, options, who="fir"))
    check([spec], Timing(period_ns=4.0), count=600)


def test_equal_and_opposite_coefficients_share_products():
    shared, facts = fir(7, -14, 31, 28, 7), fir(7, -14, 31, 28, 7).facts()
    assert shared.factors == (7, 31)
    assert facts["adders of the products"] == 2
    assert facts["structural adders"] == 4
    assert facts["sum of magnitudes"] == 87
    assert shared.cost()["adders"] == 6


@pytest.mark.parametrize(
    ("coefficients", "adders"),
    [
        ((-1, 1), 1),
        ((1, -1), 1),
        ((-1, -1), 2),
        ((4, 0, 2), 1),
        ((0, 0), 0),
        ((16,), 0),
        ((-2,), 1),
    ],
)
def test_adders_of_small_filters(coefficients, adders):
    """Subtracting is free but for a filter without any positive coefficient."""
    assert fir(*coefficients).cost()["adders"] == adders


def test_a_filter_without_memory_has_no_state():
    assert fir(5, 3).stateful
    assert not fir(5).stateful and not fir(5, 0, 0).stateful
    assert fir(5, 0).plan().flip_flops() == 0


def test_streams_count_items_and_not_cycles():
    """Pauses, stalls, and a reset in mid-stream, with and without pipeline registers."""
    spec = fir(-12, 5, 0, 40, -3)
    designs = compile_all([(spec, Timing(shell="stream", latency=n)) for n in (0, 3)])
    rng = np.random.default_rng(3)
    for design in designs:
        chosen = workloads.choose(spec, 120, seed=4)
        idle, stall = rng.random(31) < 0.5, rng.random(37) < 0.5
        design.run_stream(chosen.items["i"], cycles=20)
        run = design.run_stream(chosen.items["i"], idle=idle, stall=stall)
        assert not workloads.differences(chosen, {"o": run.results})


def test_proofs():
    for spec, timing in (
        (fir(3, -4, 0, 1, input="int3"), Timing()),
        (fir(-1, -5, input="uint4"), Timing(latency=2)),
    ):
        assert prove.run(spec, timing).proved


def test_planted_faults_in_the_chain_are_noticed(monkeypatch):
    """Taps in the wrong order, and a delay that runs on while no item comes."""
    spec = fir(7, -19, 31)
    backwards = Gates(fir(31, -19, 7))
    codes = spec.items(60, np.random.default_rng(1))
    assert np.any(backwards.run(codes)["result"] != spec.golden(**codes)["result"])

    def free_running(plan, name, wire):
        return plan.step(name, wire.shape, lambda v: v, plan_register(plan, wire))

    def plan_register(plan, wire):
        from amaranth import Signal

        from holigrail_hw.hdl.plan.plan import Wire

        register = Signal.like(wire.value, name=plan._unique("late"), init=0)
        plan._sync.append(register.eq(wire.value))
        return Wire(register, wire.cycle)

    monkeypatch.setattr(Plan, "previous", free_running)
    (design,) = compile_all([(spec, Timing(shell="stream"))])
    chosen = workloads.choose(spec, 80, seed=4)
    without = design.run_stream(chosen.items["i"])
    assert not workloads.differences(chosen, {"o": without.results})
    paused = design.run_stream(chosen.items["i"], idle=[0, 1, 1])
    assert workloads.differences(chosen, {"o": paused.results})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": "7,x"}, "fir: coefficients must be numbers separated by commas"),
        ({"coefficients": str(1 << 70)}, "fir: coefficients must have at most 64 bits"),
        ({"coefficients": "815", "depth": "2"}, "fir: depth must be 3 or more, not 2"),
        ({"input": "fp16"}, "fir: input must be an integer or fixed point, not fp16"),
        ({"metric": "luts"}, "fir: metric must be one of adders, one-bit-adders, not luts"),
        ({"search-time": "0"}, "fir: search_time must be between 1 and 1048576, not 0"),
    ],
)
def test_wrong_requests(options, message):
    with pytest.raises(RequestError) as caught:
        FiniteImpulseResponse(**parse_parameters(FiniteImpulseResponse, options, who="fir"))
    assert str(caught.value).startswith(message)


def test_no_coefficients():
    with pytest.raises(RequestError, match="fir: coefficients must hold at least one integer"):
        FiniteImpulseResponse(coefficients=())
