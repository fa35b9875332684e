"""Tensor arrays: dot products of every kind of number, structured sparsity, exact cycles."""

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arrays.tensor_array import element as tensor_element
from holigrail_hw.arrays.tensor_array.element import TensorElement
from holigrail_hw.arrays.tensor_array.operator import TensorArray
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.sparse.structured.packing import legalise
from holigrail_hw.sparse.structured.tensor_items import items_of, product_of

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

FAST = Timing(period_ns=6.0, device="ecp5")


def array(**texts) -> TensorArray:
    spec = make(TensorArray, **texts)
    assert isinstance(spec, TensorArray)
    return spec


ELEMENTS = {
    "dense, odd": {"rows": 1, "depth": 3, "columns": 2, "activation": "int5", "weight": "uint3"},
    "one bit": {"activation": "uint1", "weight": "int1", "multiplier": "fused"},
    "one sign bit each": {"activation": "int1", "weight": "int1", "multiplier": "fused"},
    "unsigned": {"activation": "uint3", "weight": "uint4", "multiplier": "fused", "rows": 1},
    "fixed point": {
        "activation": "sfix4_en3",
        "weight": "ufix3_en6",
        "multiplier": "fused",
        "group": 5,
        "kept": 3,
        "depth": 5,
    },
    "binary": {"activation": "binary", "weight": "binary", "multiplier": "fused"},
    "rows of adders": {"activation": "int4", "weight": "int3", "multiplier": "rows"},
    "binary, logic": {"activation": "binary", "weight": "binary", "multiplier": "rows"},
    "binary weights": {"activation": "uint3", "weight": "binary", "multiplier": "fused"},
    "ternary": {"activation": "ternary", "weight": "ternary", "multiplier": "fused"},
    "ternary, binary": {"activation": "ternary", "weight": "binary", "multiplier": "fused"},
    "2 of 4": {"activation": "int4", "weight": "int4", "group": 4, "kept": 2, "depth": 8},
    "2 of 4, binary": {"activation": "binary", "weight": "ternary", "group": 4, "kept": 2},
    "1 of 8": {"activation": "int3", "weight": "int3", "group": 8, "depth": 8, "columns": 1},
    "4 of 8": {
        "activation": "int4",
        "weight": "int3",
        "rows": 1,
        "group": 8,
        "kept": 4,
        "depth": 8,
        "multiplier": "fused",
        "accumulator": "int32",
    },
}


@pytest.mark.parametrize("kind", ELEMENTS)
def test_elements_equal_golden(kind):
    check([make(TensorElement, **ELEMENTS[kind])], None, 240)


def test_a_pipelined_element_equals_golden():
    sparse = {"group": 4, "kept": 2, "rows": 1, "columns": 1}
    for multiplier in ("dsp", "fused"):
        spec = make(TensorElement, multiplier=multiplier, **sparse)
        timing = Timing(period_ns=5.0, device="ecp5")
        assert spec.plan(timing).latency > 1
        check([spec], timing, 240)


def test_widest_integers():
    spec = make(TensorElement, activation="int16", weight="uint16", rows=1, columns=1, depth=2)
    check([spec], None, 240)


ARRAYS = {
    "dense": (array(rows=3, columns=2, block_rows=2, depth=3), Timing()),
    "dense, clocked": (array(rows=2, columns=1, block_columns=3, depth=2), FAST),
    "2 of 4": (array(rows=1, columns=3, depth=4, group=4, kept=2, activation="uint5"), Timing()),
    "2 of 4, clocked": (array(rows=2, columns=1, group=4, kept=2, depth=4), FAST),
    "4 of 8": (
        array(
            rows=2,
            columns=1,
            block_columns=2,
            depth=8,
            group=8,
            kept=4,
            products=60,
            activation="int3",
            weight="int3",
        ),
        Timing(),
    ),
    "3 of 5": (array(rows=2, columns=1, depth=5, group=5, kept=3, weight="ternary"), Timing()),
}


@pytest.fixture(scope="module")
def designs() -> dict[str, Compiled]:
    """All of them in one compilation."""
    return dict(zip(ARRAYS, compile_all(list(ARRAYS.values()), short=True), strict=True))


@pytest.mark.parametrize("name", ARRAYS)
def test_hardware_equals_golden_in_the_cycles_promised(name, designs):
    design, rng = designs[name], np.random.default_rng(3)
    spec = design.top.spec
    for idle, stall in ((0.0, 0.0), (0.4, 0.4)):
        chosen = workloads.choose(spec, 120, seed=7, largest=60)
        pauses = {
            stream.name: rng.random(61) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses)
        assert workloads.differences(chosen, run.results) == []
        if not idle:
            assert run.cycles == spec.cycles(design.top.timing, **chosen.items)


def operands(spec: TensorArray, m: int, k: int, n: int, density: float) -> list[np.ndarray]:
    rng = np.random.default_rng(k)
    found = []
    for format, shape in ((spec.activation, (m, k)), (spec.weight, (k, n))):
        low, high = (-1, 1) if format.kind == "ternary" else (format.minimum, format.maximum)
        matrix = rng.integers(low, high, shape, endpoint=True)
        found.append(np.where(rng.random(shape) < density, matrix, 0))
    if spec.element.is_sparse:
        found[1] = legalise(found[1], spec.kept, spec.group)
        # A block without any weight, beside some that are full.
        found[1][: spec.group] = 0
    return found


@pytest.mark.parametrize("name", ARRAYS)
def test_whole_products_are_numpys(name, designs):
    """Sizes that are no multiples of the array's; empty and full blocks; cycles of all tiles."""
    design = designs[name]
    spec, timing = design.top.spec, design.top.timing
    for m, k, n, density in ((1, 1, 1, 1.0), (5, 2 * spec.depth + 1, 7, 1.0), (9, 40, 3, 0.3)):
        a, b = operands(spec, m, k, n, density)
        items = items_of(spec, a, b)
        tiles = int(items["activation"]["last"].sum())
        run = design.run_streams(items, {"result": tiles * spec.rows})
        assert np.array_equal(product_of(spec, m, n, run.results["result"]), a @ b)
        length = -(-k // spec.depth)
        assert run.cycles == spec.product_cycles(timing, tiles, length)


def test_a_dense_model_runs_on_a_sparse_array_in_passes(designs):
    for name in ("2 of 4", "4 of 8", "3 of 5"):
        design = designs[name]
        spec = design.top.spec
        a, b = operands(spec, 5, 17, 4, 1.0)
        b[b == 0] = 1
        with pytest.raises(RequestError, match="must have at most"):
            items_of(spec, a, b)
        items = items_of(spec, a, b, dense=True)
        tiles = int(items["activation"]["last"].sum())
        run = design.run_streams(items, {"result": tiles * spec.rows})
        assert np.array_equal(product_of(spec, 5, 4, run.results["result"]), a @ b)


@pytest.mark.parametrize("name", ["dense", "2 of 4"])
def test_steps_without_any_weight_are_left_out(name, designs):
    """Rows and blocks of zeros, and a tile that has nothing else."""
    design = designs[name]
    spec, depth = design.top.spec, design.top.spec.depth
    a, b = operands(spec, 7, 6 * depth, 5, 1.0)
    wide = spec.columns * spec.block_columns
    b[2 * depth : 4 * depth] = 0
    b[4 * depth :, wide:] = 0
    b[:, 2 * wide :] = 0
    whole, short = items_of(spec, a, b), items_of(spec, a, b, drop=True)
    pairs = [len(items["activation"]["last"]) for items in (whole, short)]
    assert pairs[1] < 0.7 * pairs[0]
    tiles = int(short["activation"]["last"].sum())
    assert tiles == int(whole["activation"]["last"].sum())
    run = design.run_streams(short, {"result": tiles * spec.rows})
    assert np.array_equal(product_of(spec, 7, 5, run.results["result"]), a @ b)
    assert run.cycles == spec.cycles(design.top.timing, **short)


def test_a_reset_in_the_middle_leaves_no_trace(designs):
    design = designs["2 of 4"]
    first, second = (workloads.choose(design.top.spec, 60, seed=seed) for seed in (5, 6))
    for cycles in (3, 17, 61):
        design.run_streams(first.items, first.counts, cycles=cycles)
        run = design.run_streams(second.items, second.counts)
        assert workloads.differences(second, run.results) == []


def test_planted_faults_are_seen(monkeypatch):
    """An entry that looks one place too far; a sum that is not cleared."""
    right = tensor_element.choose
    monkeypatch.setattr(
        tensor_element, "choose", lambda plan, places, v: right(plan, places, [*v[1:], v[0]])
    )
    with pytest.raises(AssertionError, match="wrong"):
        check([make(TensorElement, **ELEMENTS["2 of 4"])], None, 240)
    monkeypatch.undo()
    add_up = tensor_element.add_up
    monkeypatch.setattr(
        tensor_element, "add_up", lambda plan, name, heap, word: add_up(plan, name, heap)
    )
    with pytest.raises(AssertionError, match="wrong"):
        check([make(TensorElement, **ELEMENTS["one bit"])], None, 240)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"activation": "fp16"},
            "tensor-array: activation must be a fixed-point, binary or ternary format, not fp16:"
            " the products of a dot product are added without an order; systolic-array takes"
            " floats",
        ),
        ({"kept": 3, "group": 2}, "tensor-array: kept must be at most group, 2, not 3"),
        (
            {"depth": 6, "group": 4, "kept": 2},
            "tensor-array: depth must be a multiple of group, 4, not 6",
        ),
        (
            {"accumulator": "int16"},
            "tensor-array: accumulator must hold every sum of 1024 products, as int26 does,"
            " not be int16",
        ),
        ({"m": 3}, "tensor-array: m, k and n must be given together, not only m = 3"),
        (
            {"weight": "binary", "group": 4, "kept": 2, "depth": 4},
            "tensor-array: weight must be a format with a zero if some weights are left out,"
            " not binary",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        array(**texts)
    assert str(caught.value) == message


def test_binary_matrices_cannot_be_filled_up():
    spec = array(depth=4, activation="binary", weight="binary")
    with pytest.raises(RequestError, match="must be multiples of the array's, 2 x 4, not 1 x 4"):
        items_of(spec, np.ones((1, 4), int), np.ones((4, 2), int))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([[1, 300]], [[1], [1]], "a must be between -128 and 127, not 300 at 0, 1"),
        ([[1, 1]], [[1], [0.5]], "b must be -1, 0 or 1, not 0.5 at 1, 0"),
        ([[1, 1]], [[2], [1]], "b must be -1, 0 or 1, not 2 at 0, 0"),
        ([[1, 0.5]], [[1], [1]], "a must be a whole number, not 0.5 at 0, 1"),
        ([[1]], [[1], [1]], "a and b must be M x K and K x N, not of shapes (1, 1) and (2, 1)"),
        ([[1], [1, 1]], [[1]], "a: rows must have one length, not several"),
        (np.zeros((2, 0)), np.zeros((0, 2)), "a and b must be M x K and K x N, not of shapes"),
    ],
)
def test_numbers_that_formats_do_not_hold_are_refused(a, b, message):
    with pytest.raises(RequestError) as caught:
        items_of(array(weight="ternary"), a, b)
    assert str(caught.value).startswith(f"tensor-array: {message}")


def test_units_of_fixed_point_and_the_length_of_sums():
    spec = array(activation="sfix8_en4", weight="ufix4_en2", products=4)
    items = items_of(spec, [[-128, 127]], [[15], [1]])
    assert [int(items["activation"][f"a0_{d}"][0]) for d in (0, 1)] == [128, 127]
    result = spec.golden(**items)["result"]
    assert product_of(spec, 1, 1, result).tolist() == [[127 - 128 * 15]]
    assert spec.facts()["sums"] == (
        "any 4 products fit into sfix14_en6; longer sums may wrap modulo 2^14"
    )


def test_answers_about_a_product():
    """196 x 192 x 384 on 4 x 4 elements of 2 x 8 x 2: 24 steps of K, tiles without a gap."""
    shape = {"rows": 4, "columns": 4, "block_rows": 2, "block_columns": 2, "depth": 8}
    product = {"m": 196, "k": 192, "n": 384}
    dense = array(**shape, **product).facts()
    sparse = array(**shape, **product, group=8, kept=4).facts()
    assert dense["multipliers"] == 2 * sparse["multipliers"] == 512
    assert dense["cycles"] == sparse["cycles"] == 25 * 48 * 24 + 11
    assert sparse["cycles dense model"] == 25 * 48 * 48 + 11
    assert dense["activation words"] == sparse["activation words"] == 196 * 192 * 48
    assert dense["weight words"] == 2 * sparse["weight words"] == 192 * 384 * 25
    assert sparse["metadata bits"] == 24 * 384 * 25 * 12
    assert sparse["metadata per kept weight (%)"] == 37.5
    two = array(**shape, **product, group=4, kept=2).facts()
    assert two["metadata per kept weight (%)"] == 25.0
    assert set(array().facts()) == {
        "sums",
        *(f"order of {stream}" for stream in ("activations", "weights", "results")),
    }


def test_items_come_in_the_order_that_is_said():
    """A product of 2 x 2 elements of 1 x 3 x 1, laid out by what ``info`` prints."""
    spec = array(rows=2, columns=2, block_rows=1, block_columns=1, depth=3)
    facts = spec.facts()
    assert facts["order of activations"].endswith("steps (K), 3 in an item; an item has a tile's M")
    assert facts["order of weights"].endswith("steps (K), 3 in an item; an item has a tile's N")
    assert facts["order of results"].endswith("rows (M), 1 in an item; an item has a tile's N")
    a, b = np.arange(12).reshape(2, 6), np.arange(12)[::-1].reshape(6, 2)
    last = {"last": np.array([0, 1], np.uint64)}
    streams = spec.streams()

    def fields(name, steps):
        values = steps.reshape(2, 3, 2).transpose(0, 2, 1).reshape(2, 6).T.astype(np.uint64)
        return dict(zip((f for f in streams[name].fields if f != "last"), values, strict=True))

    items = {"activation": fields("activation", a.T) | last, "weight": fields("weight", b)}
    result = spec.golden(**items)["result"]
    assert np.array_equal([result["sum0_0"], result["sum0_1"]], (a @ b).T)
