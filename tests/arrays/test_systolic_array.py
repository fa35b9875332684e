"""Systolic arrays: products of whole matrices, every dataflow and kind of number, exact cycles."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hardware import make

from holigrail_hw.arrays.shared.tiling import Tiling
from holigrail_hw.arrays.systolic_array.operator import SystolicArray
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import workloads
from holigrail_hw.flow.verify.levels import Levels

FLOWS = ("weight-stationary", "input-stationary", "output-stationary")
FAST = Timing(period_ns=6.0, device="ecp5")


def array(**texts) -> SystolicArray:
    spec = make(SystolicArray, **texts)
    assert isinstance(spec, SystolicArray)
    return spec


KINDS = {
    "integers": {"activation": "int8", "weight": "int8"},
    "mixed signs": {"activation": "uint5", "weight": "int3"},
    "one bit": {"activation": "int1", "weight": "uint1"},
    "widest": {"activation": "int16", "weight": "uint16", "accumulator": "int45"},
    "binary": {"activation": "binary", "weight": "binary"},
    "ternary": {"activation": "int4", "weight": "ternary"},
    "fixed point": {"activation": "sfix6_en3", "weight": "ufix4_en6"},
    "fp8": {"activation": "fp8_e4m3", "weight": "fp8_e4m3", "accumulator": "fp16"},
    "fp8 cascade": {
        "activation": "fp8_e4m3",
        "weight": "fp8_e5m2",
        "accumulator": "fp16",
        "accumulation": "cascade",
        "product": "fp16",
    },
    "fp8 exact": {
        "activation": "fp8_e4m3",
        "weight": "fp8_e4m3",
        "accumulator": "fp16",
        "accumulation": "exact",
    },
    "fp6 exact, fixed": {
        "activation": "fp6_e2m3",
        "weight": "int4",
        "accumulator": "int16",
        "accumulation": "exact",
    },
    "bf16": {"activation": "bf16", "weight": "bf16", "accumulator": "fp32"},
}
SHAPES = ((3, 2), (2, 4))
# Elements of floats are large: as few of them as show a chain of sums. Input-stationary has the
# elements of weight-stationary.
LARGE = {"fp8": (2, 1), "fp8 cascade": (2, 1), "fp8 exact": (2, 1), "bf16": (2, 1)}


def requests() -> dict[str, tuple[SystolicArray, Timing]]:
    """Every kind with every dataflow, without and with a clock."""
    found = {}
    for flow in FLOWS:
        for place, (kind, formats) in enumerate(KINDS.items()):
            if kind in LARGE and kind != "fp8" and flow == "input-stationary":
                continue
            rows, columns = LARGE.get(kind, SHAPES[place % 2])
            if kind == "bf16" and flow == "output-stationary":
                rows = 1
            spec = array(rows=rows, columns=columns, dataflow=flow, **formats)
            timing = FAST if (place + FLOWS.index(flow)) % 2 else Timing()
            if not spec.is_stationary and spec.mac.plan(timing).interleave > 1:
                timing = Timing()
            found[f"{flow}, {kind}"] = spec, timing
    return found


REQUESTS = requests()
# All compile for long: in one dataflow each, except in the heavy run.
ONLY = {
    "mixed signs": "weight-stationary",
    "one bit": "output-stationary",
    "widest": "output-stationary",
    "binary": "input-stationary",
    "ternary": "output-stationary",
    "fixed point": "input-stationary",
    "fp6 exact, fixed": "weight-stationary",
    "fp8": "weight-stationary",
    "fp8 cascade": "weight-stationary",
    "fp8 exact": "output-stationary",
    "bf16": "weight-stationary",
}
# Kinds that the others cover: no dataflow of them by default.
for kind in ("widest", "ternary", "fp6 exact, fixed", "fp8 cascade", "bf16"):
    ONLY[kind] = ""
HEAVY = [
    name
    for name in REQUESTS
    for flow, kind in [name.split(", ", 1)]
    if ONLY.get(kind, flow) != flow
]


@pytest.fixture(scope="module")
def designs() -> Callable[[str], Compiled]:
    """All of them in one compilation, or two."""
    known: dict[str, Compiled] = {}

    def get(name: str) -> Compiled:
        if name not in known:
            names = [other for other in REQUESTS if (other in HEAVY) == (name in HEAVY)]
            found = compile_all([REQUESTS[other] for other in names], short=True)
            known.update(zip(names, found, strict=True))
        return known[name]

    return get


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.heavy) if n in HEAVY else n for n in REQUESTS]
)
def test_hardware_equals_golden_in_the_cycles_promised(name, designs):
    design, rng = designs(name), np.random.default_rng(3)
    spec = design.top.spec
    for idle, stall in ((0.0, 0.0), (0.4, 0.4)):
        chosen = workloads.choose(spec, 300, seed=7)
        pauses = {
            stream.name: rng.random(61) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses)
        wrong = workloads.differences(chosen, run.results)
        assert not wrong, workloads.report(
            spec,
            chosen,
            wrong[0],
            {n: int(v[wrong[0].index]) for n, v in run.results[wrong[0].stream].items()},
        )
        if not idle:
            assert run.cycles == spec.cycles(design.top.timing, **chosen.items)


def tiles(spec: SystolicArray, a: np.ndarray, b: np.ndarray) -> dict:
    """One tile of a product of integers, as the streams of an array take it."""
    codes = {
        "a": (a & (1 << spec.activation.width) - 1).astype(np.uint64),
        "b": (b & (1 << spec.weight.width) - 1).astype(np.uint64),
    }

    def fields(prefix: str, matrix: np.ndarray, marked: bool) -> dict:
        last = np.zeros(len(matrix), np.uint64)
        last[-1] = 1
        named = {f"{prefix}{i}": matrix[:, i] for i in range(matrix.shape[1])}
        return named | ({"last": last} if marked else {})

    match spec.dataflow:
        case "weight-stationary":
            return {
                "activation": fields("a", codes["a"], True),
                "weight": fields("w", codes["b"], False),
            }
        case "input-stationary":
            return {
                "activation": fields("a", codes["a"].T, False),
                "weight": fields("w", codes["b"].T, True),
            }
    return {
        "activation": fields("a", codes["a"].T, True),
        "weight": fields("w", codes["b"], False),
    }


@pytest.mark.parametrize("flow", FLOWS)
def test_golden_is_numpys_product(flow):
    """What each stream carries, and what comes out, against the product NumPy makes."""
    spec = array(rows=4, columns=3, dataflow=flow)
    rng = np.random.default_rng(1)
    sizes = {"weight-stationary": (9, 4, 3), "input-stationary": (3, 4, 9)}
    m, k, n = sizes.get(flow, (4, 9, 3))
    a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    result = spec.golden(**tiles(spec, a, b))["result"]
    found = np.stack([result[f"sum{j}"] for j in range(3)], axis=1)
    width = spec.streams()["result"].fields["sum0"].width
    wanted = a @ b if flow != "input-stationary" else (a @ b).T
    assert np.array_equal(found, (wanted & (1 << width) - 1).astype(np.uint64))
    assert result["last"].tolist() == [0] * (len(found) - 1) + [1]


@pytest.mark.parametrize("flow", FLOWS[:2])
@pytest.mark.parametrize(("rows", "columns", "vectors", "count"), [(4, 4, 4, 5), (8, 3, 20, 3)])
def test_cycles_are_those_of_the_formula(flow, rows, columns, vectors, count):
    """R + 1 + (F - 1) M + M + R + C - 2 for F tiles of M >= R vectors, without any gap."""
    spec = array(rows=rows, columns=columns, dataflow=flow)
    cycles = spec.tile_cycles(Timing(), [vectors] * count)
    assert cycles == rows + 1 + count * vectors + rows + columns - 2


def test_output_stationary_tiles_follow_without_a_gap():
    spec = array(rows=5, columns=3, dataflow="output-stationary")
    one, many = (spec.tile_cycles(Timing(), [7] * count) for count in (1, 4))
    assert many - one == 3 * 7
    one, many = (spec.tile_cycles(Timing(), [2] * count) for count in (1, 4))
    assert many - one == 3 * 5


def test_a_wrong_promise_and_a_wrong_product_are_caught(monkeypatch):
    spec = array(rows=2, columns=2)
    task = Levels(Top(spec), "verilator", 60, 0, None, lambda text: None)
    assert task.compiled()[1] > 0
    right = SystolicArray.tile_cycles
    monkeypatch.setattr(SystolicArray, "tile_cycles", lambda *given: right(*given) + 1)
    with pytest.raises(Exception, match="as promised"):
        task.compiled()
    monkeypatch.undo()
    golden = SystolicArray.golden

    def wrong(self, **streams):
        answer = golden(self, **streams)
        answer["result"]["sum1"][-1] ^= np.uint64(1)
        return answer

    monkeypatch.setattr(SystolicArray, "golden", wrong)
    with pytest.raises(Exception, match="differs from the golden model"):
        task.compiled()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"accumulator": "int16", "rows": 8},
            "systolic-array: accumulator must hold every sum of 8 products, as int19 does,"
            " not be int16",
        ),
        (
            {"activation": "fp16", "accumulator": "int32"},
            "accumulator must be a float for fused sums, not int32;"
            " with accumulation exact it can be fixed",
        ),
        (
            {"rounding": "stochastic"},
            "rounding must not be stochastic in an array, which has no random words",
        ),
        (
            {"activation": "fp16", "rounding": "stochastic"},
            "rounding must not be stochastic in an array, which has no random words",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        array(**texts)
    assert message in str(caught.value)


def test_a_sum_of_several_cycles_cannot_be_output_stationary():
    spec = array(dataflow="output-stationary", activation="bf16", weight="bf16")
    with pytest.raises(RequestError, match="a sum must take one cycle to add to, not"):
        spec.component(FAST)


@pytest.mark.heavy
def test_two_designs_in_one_process_do_not_share_their_stream_widths():
    """Constants of two loaded libraries have equal names."""
    for flow in FLOWS[:2]:
        spec = array(rows=1, columns=3, dataflow=flow)
        (design,) = compile_all([(spec, Timing())], backend="verilator", short=True)
        chosen = workloads.choose(spec, 40, seed=1)
        run = design.run_streams(chosen.items, chosen.counts)
        assert not workloads.differences(chosen, run.results)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("rows", "columns", "m", "k", "n"), [(4, 3, 3, 90, 7), (3, 5, 40, 2, 50)])
def test_a_whole_product_takes_the_cycles_of_its_tiles(flow, rows, columns, m, k, n):
    """The short way to the cycles of many tiles is the long one."""
    spec = array(rows=rows, columns=columns, dataflow=flow)
    tiling = Tiling(flow, rows, columns, m, k, n)
    for timing in (Timing(), FAST):
        long = spec.tile_cycles(timing, [tiling.length] * tiling.tiles)
        assert spec.product_cycles(timing, tiling) == long


def test_answers_about_a_product():
    """196 x 192 x 384 on 8 x 8: a vector per cycle, 8 activations and 8 sums with each."""
    answers = array(rows=8, columns=8, m=196, k=192, n=384).facts()
    assert answers["cycles"] == 9 + 1151 * 196 + 196 + 14 == 225815
    assert answers["best dataflow"] == "weight-stationary"
    assert answers["activation words"] == answers["result words"] == 196 * 192 * 48
    assert answers["weight words"] == 192 * 384
    assert answers["multipliers"] == 64 and answers["tiles"] == "24 x 48 of 196"
    narrow = array(rows=8, columns=8, m=384, k=192, n=9).facts()
    assert narrow["best dataflow"] == "input-stationary"
    assert set(array().facts()) == {"sums", *ORDERS}


ORDERS = [f"order of {stream}" for stream in ("activations", "weights", "results")]


@pytest.mark.parametrize("flow", FLOWS)
def test_items_come_in_the_order_that_is_said(flow):
    """A product laid out by what ``info`` prints, and by nothing else."""
    spec = array(rows=2, columns=3, dataflow=flow)
    said = [re.search(r"\((.)\); an item has a tile's (.)$", spec.facts()[o]) for o in ORDERS]
    lengths = {"M": 5, "K": 5, "N": 5}
    # What an array holds along an axis is as long as the array.
    lengths |= {
        "weight-stationary": {"K": 2, "N": 3},
        "input-stationary": {"K": 2, "M": 3},
        "output-stationary": {"M": 2, "N": 3},
    }[flow]
    rng = np.random.default_rng(4)
    a = rng.integers(0, 2, (lengths["M"], lengths["K"]))
    b = rng.integers(0, 2, (lengths["K"], lengths["N"]))
    laid_out = []
    for matrix, own, found in zip((a, b, a @ b), ("MK", "KN", "MN"), said, strict=True):
        assert found is not None and {*found.groups()} == {*own}
        laid_out.append(matrix if found.groups() == tuple(own) else matrix.T)
    items = {}
    for name, matrix in zip(("activation", "weight"), laid_out, strict=False):
        last = (np.arange(len(matrix)) == len(matrix) - 1).astype(np.uint64)
        fields = spec.streams()[name].fields
        columns = [*matrix.T.astype(np.uint64), last]
        items[name] = dict(zip(fields, columns, strict=False))
    result = spec.golden(**items)["result"]
    assert [result[f"sum{j}"].tolist() for j in range(3)] == laid_out[2].T.tolist()


def test_sizes_of_a_product_come_together():
    with pytest.raises(RequestError, match="m, k and n must be given together, not only m = 3"):
        array(m=3)


def test_equal_elements_are_one_module_in_verilog():
    """In a row the first element, those in the middle and the last one may differ."""
    counts = []
    for columns in (4, 7):
        text = emit.verilog(Top(array(rows=2, columns=columns)))
        assert len(re.findall(r" element_\d+_\d+ \(", text)) == 2 * columns
        counts.append(text.count("\nmodule "))
    assert counts[0] == counts[1] <= 3 + 2 * 3
