"""Zero guarding: the same results in the same cycles, and less that moves."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hardware import make

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.shared.activity import activity
from holigrail_hw.arrays.systolic_array.operator import SystolicArray
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all

REQUESTS = {
    "weight-stationary": (make(SystolicArray, rows=3, columns=2, guard=True), Timing()),
    "pipelined": (
        make(SystolicArray, rows=2, columns=3, guard=True),
        Timing(period_ns=7.0, device="ecp5"),
    ),
    "input-stationary": (
        make(
            SystolicArray,
            rows=2,
            columns=2,
            dataflow="input-stationary",
            activation="uint3",
            weight="int1",
            multiplier="rows",
            guard=True,
        ),
        Timing(),
    ),
    "one element": (make(SystolicArray, rows=1, columns=1, guard=True), Timing()),
    "engine": (
        make(
            Gemm,
            rows=2,
            columns=2,
            requantiser="none",
            activation_depth=12,
            accumulator_depth=6,
            guard=True,
        ),
        Timing(),
    ),
}
ARRAY, ENGINE = REQUESTS["weight-stationary"][0], REQUESTS["engine"][0]
DENSITIES = (0.0, 0.5, 1.0)


@cache
def designs() -> dict[str, Compiled]:
    return dict(zip(REQUESTS, compile_all(list(REQUESTS.values()), short=True), strict=True))


def job(spec, density, seed=5, size=40):
    """A random job, so many of whose factors are not zero."""
    rng = np.random.default_rng(seed)
    items = spec.job(rng, size)
    for name in ("activation", "weight"):
        for field, format in spec.streams()[name].fields.items():
            if field != "last":
                codes = rng.integers(1, 1 << format.width, len(items[name][field]))
                items[name][field] = np.where(rng.random(len(codes)) < density, codes, 0).astype(
                    np.uint64
                )
    return items


def check(results, expected):
    assert results["result"].keys() == expected["result"].keys()
    for field, codes in expected["result"].items():
        assert np.array_equal(results["result"][field], codes)


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("name", REQUESTS)
def test_results_are_goldens_in_the_cycles_promised(name, density):
    """With and without pauses, each time after a reset in the middle of the same job."""
    design, rng = designs()[name], np.random.default_rng(3)
    spec, timing = design.top.spec, design.top.timing
    for seed, pause in enumerate((0.0, 0.4, 0.4)):
        items = job(spec, density, seed)
        expected = spec.golden(**items)
        counts = {n: len(next(iter(fields.values()))) for n, fields in expected.items()}
        pauses = {stream.name: rng.random(61) < pause for stream in design.top.handshakes()}
        # Cut off, and begun anew with a reset.
        design.run_streams(items, counts, pauses=pauses, cycles=11 + seed)
        run = design.run_streams(items, counts, pauses=pauses)
        check(run.results, expected)
        if not pause:
            assert run.cycles == spec.cycles(timing, **items)
            if timing == Timing():
                assert run.cycles == replace(spec, guard=False).cycles(timing, **items)


@pytest.mark.parametrize("spec", [ARRAY, ENGINE], ids=["array", "engine"])
def test_less_moves_the_more_zeros_there_are(spec):
    shares = []
    for density in DENSITIES:
        items = job(spec, density, size=60)
        guarded, without = (
            activity(replace(spec, guard=guard), Timing(), items) for guard in (True, False)
        )
        expected = spec.golden(**items)
        check(guarded.results, expected)
        check(without.results, expected)
        assert guarded.cycles == without.cycles == spec.cycles(Timing(), **items)
        shares.append((guarded.toggles, without.toggles))
        if spec is not ENGINE:
            continue
        # Every tile of columns reads all activations; without a guard the zeros too.
        times = int(items["command"]["n_tiles"][0])
        fields = [codes for n, codes in items["activation"].items() if n != "last"]
        assert len(items["command"]["n_tiles"]) == 1
        assert guarded.reads == times * sum(int(np.count_nonzero(codes)) for codes in fields)
        assert without.reads == times * sum(map(len, fields))
    (none, _), (some, half), (all_of_them, dense) = shares
    assert none == 0
    assert 0 < some < 0.6 * half
    assert all_of_them <= dense


@pytest.mark.parametrize(
    ("cls", "texts", "message"),
    [
        (
            SystolicArray,
            {"dataflow": "output-stationary"},
            "guard must be false in an output-stationary array, whose elements hold no factor;"
            " a stationary one can have it",
        ),
        (
            SystolicArray,
            {"activation": "bf16"},
            "guard must be false unless factors are integers or fixed-point: activation is bf16",
        ),
        (
            Gemm,
            {"weight": "ternary"},
            "guard must be false unless factors are integers or fixed-point: weight is ternary",
        ),
        (
            Gemm,
            {"buffer": "large"},
            "guard must be false with a large buffer, whose words are read together;"
            " buffer block can have it",
        ),
    ],
)
def test_what_cannot_be_guarded_is_refused(cls, texts, message):
    with pytest.raises(RequestError) as caught:
        make(cls, guard=True, **texts)
    assert message in str(caught.value)


def test_a_guard_has_its_price():
    for spec in (ARRAY, ENGINE):
        guarded, without = spec.cost(), replace(spec, guard=False).cost()
        assert guarded["flip_flops"] > without["flip_flops"]
        assert guarded["luts"] > without["luts"]
        assert guarded["dsps"] == without["dsps"]
    flags = 2 * ENGINE.activation_depth * ENGINE.rows
    assert (
        ENGINE.cost()["memory_bits"] == replace(ENGINE, guard=False).cost()["memory_bits"] + flags
    )
