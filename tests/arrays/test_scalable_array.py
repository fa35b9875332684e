"""Precision-scalable arrays: matrix products in every mode, streams, exact cycles, refusals."""

import numpy as np
import pytest
from engine_gates import check_engine

from holigrail_hw.arith.scalable_mac.structures import Mode
from holigrail_hw.arrays.scalable_array.operator import ScalableArray
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.core.target import Target
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

ARRAYS = [
    {"placing": "column", "width": 4, "levels": 1, "rows": 3, "columns": 1, "depth": 1},
    {"width": 8, "placing": "column", "levels": 2, "depth": 2},
    {"width": 8, "placing": "element", "levels": 2, "depth": 2},
    {"width": 8, "placing": "serial", "digit": 2, "depth": 3, "levels": 2},
    {"placing": "serial", "width": 4, "levels": 2, "signed_activations": True, "depth": 2},
    {"placing": "element", "width": 4, "levels": 2, "signed_activations": True, "depth": 3},
    {
        "width": 8,
        "placing": "column",
        "signed_activations": True,
        "modes": "8x8,2x8,4x2,2x2",
        "levels": 2,
        "depth": 2,
    },
    {"width": 8, "placing": "column", "signed_weights": False, "levels": 1, "depth": 3},
    {"width": 8, "placing": "column", "levels": 1, "depth": 2},
    {
        "width": 8,
        "placing": "serial",
        "digit": 4,
        "depth": 16,
        "signed_weights": False,
        "levels": 2,
    },
    {
        "width": 8,
        "placing": "element",
        "modes": "2x4",
        "rows": 1,
        "columns": 1,
        "depth": 1,
        "levels": 2,
    },
]


def name(parameters) -> str:
    return "-".join(map(str, parameters.values()))


def matrices(spec: ScalableArray, mode: Mode, k: int, rng: np.random.Generator):
    """Random and extreme factors that fit a mode."""
    found = []
    for bits, signed, shape in (
        (mode.activation, spec.signed_activations, (spec.rows, k)),
        (mode.weight, spec.signed_weights, (k, spec.columns)),
    ):
        low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
        values = rng.integers(low, high, shape)
        values[rng.random(shape) < 0.3] = low if rng.random() < 0.5 else high - 1
        found.append(values)
    return found


@pytest.mark.parametrize("parameters", ARRAYS, ids=name)
def test_golden_is_the_plain_matrix_product_in_every_mode(parameters):
    spec = ScalableArray(**parameters)
    rng = np.random.default_rng(5)
    width = spec.element.accumulator.width
    for mode in spec.mode_list:
        # The next tile may have another mode.
        jobs, expected = [], []
        for k in (1, spec.products(mode), 3 * spec.products(mode) + 1):
            left, right = matrices(spec, mode, k, rng)
            jobs.append(spec.tile_of(mode, left, right))
            assert len(jobs[-1]["activation"]["last"]) == spec.length(mode, k)
            expected.append((left @ right << spec.shift(mode)) % (1 << width))
        result = spec.golden(**joined(jobs))["result"]
        found = np.stack([result[f"sum{j}"].astype(object) for j in range(spec.columns)], -1)
        assert (found == np.concatenate(expected)).all(), str(mode)


@pytest.mark.parametrize("parameters", ARRAYS, ids=name)
def test_streams_equal_golden(parameters):
    assert check_engine(ScalableArray(**parameters), seed=3, count=40) >= 40


SMALL = [
    ScalableArray(width=4, levels=1, depth=depth, placing=placing, rows=rows, columns=2)
    for placing, depth, rows in (("column", 1, 3), ("element", 2, 1), ("serial", 2, 2))
]


@pytest.fixture(scope="module")
def designs() -> list[Compiled]:
    """All of them in one compilation."""
    return compile_all([(spec, Timing()) for spec in SMALL], short=True)


@pytest.mark.parametrize("index", range(len(SMALL)))
def test_cycles_are_those_promised_and_results_right_under_stalls(index, designs):
    design, rng = designs[index], np.random.default_rng(3)
    spec = design.top.spec
    for idle, stall in ((0.0, 0.0), (0.4, 0.4)):
        chosen = workloads.choose(spec, 100, seed=7, largest=40)
        pauses = {
            stream.name: rng.random(61) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses)
        assert workloads.differences(chosen, run.results) == []
        if not idle:
            assert run.cycles == spec.cycles(design.top.timing, **chosen.items)


def test_a_finer_mode_takes_fewer_cycles_and_bits():
    spec = ScalableArray(width=8, levels=2, depth=4, rows=4, columns=4, m=16, k=256, n=16)
    table = spec.views()[0]
    cycles = {row[0]: int(str(row[6])) for row in table.rows}
    assert cycles == {
        str(mode): spec.product_cycles(Timing(), mode, 16, 256, 16) for mode in spec.mode_list
    }
    assert cycles["8x8"] > cycles["8x4"] > cycles["8x2"] == cycles["4x4"] > cycles["2x2"]
    # 256 products are 64 items of four 8-bit pairs, or 4 of sixteen times as many.
    assert [spec.length(mode, 256) for mode in spec.mode_list] == [64, 32, 16, 16, 4]
    assert spec.facts()["products per cycle"] == "8x8: 64, 8x4: 128, 8x2: 256, 4x4: 256, 2x2: 1024"


def test_a_serial_array_takes_a_pair_of_digits_per_cycle():
    spec = ScalableArray(width=8, levels=2, placing="serial", depth=16, digit=1)
    for mode in spec.mode_list:
        assert spec.length(mode, 40) == 3 * mode.activation * mode.weight


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"width": 8, "levels": 2, "modes": "8x3"},
            "scalable-array: modes must be among 8x8, 8x4, 8x2, 4x8, 4x4, 4x2, 2x8, 2x4, 2x2 for"
            " divide-2d-together of width 8 with 2 levels, not 8x3",
        ),
        (
            {"width": 6, "levels": 2},
            "scalable-array: width must be a multiple of 4 to be halved twice, not 6",
        ),
        ({"m": 3}, "scalable-array: m, k and n must be given together, not only m = 3"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as error:
        ScalableArray(**given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("given", "mode", "left", "right", "message"),
    [
        ({}, Mode(3, 4), [[1], [2]], [[1, 2]], "the mode must be one of 4x4, 4x2, 2x2, not 3x4"),
        (
            {"placing": "serial"},
            Mode(3, 5),
            [[1], [2]],
            [[1, 2]],
            "the operands of a mode must have 1 to 4 bits, not 3x5",
        ),
        (
            {},
            Mode(4, 4),
            [[1, 2]],
            [[1, 2], [3, 4]],
            "the matrices of a tile must be 2 x K and K x 2, not of shapes (1, 2) and (2, 2)",
        ),
        (
            {},
            Mode(4, 4),
            [[1, 2], [1, 2]],
            [[1, 2]],
            "the matrices of a tile must be 2 x K and K x 2, not of shapes (2, 2) and (1, 2)",
        ),
        (
            {},
            Mode(4, 4),
            [[1, 2], [3, 16]],
            [[1, 2], [3, 4]],
            "activations 1 of mode 4x4 must be between 0 and 15, not 16 at 1",
        ),
        (
            {"placing": "serial"},
            Mode(4, 2),
            [[1], [2]],
            [[1, -3]],
            "weights 1 of mode 4x2 must be between -2 and 1, not -3 at 0",
        ),
    ],
)
def test_tiles_hold_what_was_given(given, mode, left, right, message):
    with pytest.raises(RequestError) as error:
        ScalableArray(**given).tile_of(mode, left, right)
    assert str(error.value) == f"scalable-array: {message}"


def test_views_follow_the_clock_asked_for():
    spec = ScalableArray(width=8, levels=2, depth=4, m=16, k=16, n=16)
    timing = Timing(period_ns=4.0)
    table = spec.views(Target(timing))[0]
    cycles = spec.product_cycles(timing, spec.mode_list[0], 16, 16, 16)
    assert table.rows[0][6] == cycles
    assert spec.product_cycles(Timing(), spec.mode_list[0], 16, 16, 16) < cycles
