"""Pictures of arrays: occupancy is what elements do in a simulation, cycle by cycle."""

import re

import numpy as np
import pytest
from amaranth.sim import Simulator
from hardware import make

from holigrail_hw.arrays.gemm.facts import split
from holigrail_hw.arrays.gemm.host import GemmHost
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.gemm.views import gemm_occupancy
from holigrail_hw.arrays.shared.tiling import Tiling
from holigrail_hw.arrays.systolic_array import accumulating as accumulating_array
from holigrail_hw.arrays.systolic_array import stationary as stationary_array
from holigrail_hw.arrays.systolic_array.operator import DATAFLOWS, SystolicArray
from holigrail_hw.arrays.systolic_array.views import array_occupancy
from holigrail_hw.cli.main import main
from holigrail_hw.core import Target, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.core.views import BlockDiagram, HeatMap, Roofline, Table
from holigrail_hw.flow.explore import report

PIPELINED = Timing(period_ns=7.0, device="ecp5")
ENGINE = make(
    Gemm,
    rows=3,
    columns=2,
    requantiser="none",
    activation_depth=12,
    accumulator_depth=6,
    m=7,
    k=8,
    n=5,
)


class Recorder:
    """A link that keeps what the host sends and lets golden answer."""

    def __init__(self, spec):
        self.spec, self.jobs = spec, []

    def exchange(self, items, counts):
        self.jobs.append(items)
        answer = self.spec.golden(**items)
        answer["status"]["cycles"] = np.zeros(1, np.uint64)
        return answer


def matrices(m, k, n):
    """Without a zero: whatever multiplies by 0 is padding."""
    rng = np.random.default_rng(m + k + n)
    return rng.integers(1, 128, (m, k)), rng.integers(1, 128, (k, n))


def watched(spec, timing, items, monkeypatch):
    """Run the hardware, streams never waiting: products made by every row in every cycle."""
    elements, arrays = [], []
    for module in (stationary_array, accumulating_array):
        kept = [(module._Element, elements)]
        if module is stationary_array:
            kept.append((module.StationaryArray, arrays))
        for cls, into in kept:
            original = cls.__init__

            def init(self, *args, original=original, into=into, **more):
                into.append(self)
                original(self, *args, **more)

            monkeypatch.setattr(cls, "__init__", init)
    component = spec.component(timing)
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    rows, columns = spec.rows, spec.columns
    streams = spec.streams()
    expected = spec.golden(**items)
    left = {
        name: len(next(v for v in fields.values() if v is not None))
        for name, fields in expected.items()
    }
    seen = [element._plan.inputs[name] for element in elements for name in "ab"]
    if arrays:
        (array,) = arrays
        port = getattr(array, array._names[1])
        factors = [port.payload[f"{array._fields[1]}{i}"] for i in range(rows)]
        seen += [port.valid, port.ready, *factors]
    else:
        seen += [element._plan.inputs["enable"] for element in elements]
    log = []

    async def drive(ctx):
        sent = dict.fromkeys(items, 0)
        while any(left.values()) and len(log) < 4000:
            for name, fields in items.items():
                stream, place = getattr(component, name), sent[name]
                there = place < len(next(iter(fields.values())))
                ctx.set(stream.valid, there)
                for field, codes in fields.items():
                    ctx.set(stream.payload[field], int(codes[place]) if there else 0)
            for name in left:
                ctx.set(getattr(component, name).ready, 1)
            moves = [
                part
                for name in streams
                for part in (getattr(component, name).valid, getattr(component, name).ready)
            ]
            _, _, *values = await ctx.tick().sample(*moves, *seen)
            for index, name in enumerate(streams):
                if values[2 * index] and values[2 * index + 1]:
                    if name in sent:
                        sent[name] += 1
                    else:
                        left[name] -= 1
            log.append([int(value) for value in values[2 * len(streams) :]])

    simulator.add_testbench(drive)
    simulator.run()
    assert not any(left.values())
    table = np.array(log)
    count = rows * columns
    a, b = (table[:, k : 2 * count : 2].reshape(-1, rows, columns) for k in (0, 1))
    made = np.zeros((rows, len(table)), np.int64)
    if not arrays:
        enabled = table[:, 2 * count :].reshape(-1, rows, columns)
        return ((a != 0) & (b != 0) & (enabled != 0)).sum(axis=2).T
    taken = np.flatnonzero(table[:, 2 * count] & table[:, 2 * count + 1])
    vectors = table[:, 2 * count + 2 :]
    step = arrays[0].pace.step
    for cycle in taken:
        for i in range(rows):
            for j in range(columns):
                there = cycle + i * step + j
                assert a[there, i, j] == vectors[cycle, i]
                made[i, there] += bool(a[there, i, j] and b[there, i, j])
    return made


def tiles_of(tiling, a, b):
    """The items of a product, tile after tile down the array, then across."""
    rows, columns = tiling.rows, tiling.columns
    down, across = tiling.shape
    moving, held = {
        "weight-stationary": (a, b),
        "input-stationary": (b.T, a.T),
        "output-stationary": (a.T, b),
    }[tiling.dataflow]
    padded = np.zeros((moving.shape[0], down * rows), np.uint64)
    padded[:, : moving.shape[1]] = moving
    stays = np.zeros((held.shape[0], across * columns), np.uint64)
    stays[:, : held.shape[1]] = held
    if tiling.dataflow != "output-stationary":
        stays = np.vstack([stays, np.zeros((down * rows - len(stays), stays.shape[1]), np.uint64)])
    vectors, kept = [], []
    for j in range(across):
        for i in range(down):
            vectors.append(padded[:, i * rows : (i + 1) * rows])
            part = stays[:, j * columns : (j + 1) * columns]
            is_output = tiling.dataflow == "output-stationary"
            kept.append(part if is_output else part[i * rows : (i + 1) * rows])
    last = np.zeros(len(vectors) * tiling.length, np.uint64)
    last[tiling.length - 1 :: tiling.length] = 1
    first, second = ("weight", "activation"), ("w", "a")
    if tiling.dataflow != "input-stationary":
        first, second = first[::-1], second[::-1]
    moved, kept = np.vstack(vectors), np.vstack(kept)
    return {
        first[0]: {f"{second[0]}{i}": moved[:, i] for i in range(rows)} | {"last": last},
        first[1]: {f"{second[1]}{j}": kept[:, j] for j in range(columns)},
    }


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize(
    ("sizes", "product"), [((3, 2), (5, 7, 5)), ((2, 4), (1, 3, 6)), ((1, 1), (2, 2, 1))]
)
def test_occupancy_of_an_array_is_what_its_elements_do(dataflow, sizes, product, monkeypatch):
    spec = make(SystolicArray, rows=sizes[0], columns=sizes[1], dataflow=dataflow)
    timing = Timing() if dataflow == "output-stationary" else PIPELINED
    tiling = Tiling(dataflow, *sizes, *product)
    occupancy = array_occupancy(spec, timing, tiling)
    made = watched(spec, timing, tiles_of(tiling, *matrices(*product)), monkeypatch)
    assert made.shape[1] == occupancy.cycles == spec.product_cycles(timing, tiling)
    every = np.diff(occupancy.until(range(occupancy.cycles + 1)), axis=1)
    assert np.array_equal(every, made)
    assert made.sum() == tiling.products


@pytest.mark.parametrize("timing", [Timing(), PIPELINED], ids=["free", "pipelined"])
def test_occupancy_of_an_engine_is_what_its_elements_do(timing, monkeypatch):
    link = Recorder(ENGINE)
    a, b = matrices(ENGINE.m, ENGINE.k, ENGINE.n)
    assert np.array_equal(GemmHost(link).multiply(a, b), a @ b)
    # The host first asks for the time, by a command that is refused.
    jobs = [job for job in link.jobs if job["command"]["vectors"][0]]
    items = joined(jobs)
    commands = split(ENGINE, ENGINE.m, ENGINE.k, ENGINE.n)
    assert len(link.jobs) - 1 == len(jobs) == len(commands) > 1
    occupancy = gemm_occupancy(ENGINE, timing, commands)
    made = watched(ENGINE, timing, items, monkeypatch)
    assert made.shape[1] == occupancy.cycles == ENGINE.cycles(timing, **items)
    assert np.array_equal(np.diff(occupancy.until(range(occupancy.cycles + 1)), axis=1), made)
    assert made.sum() == ENGINE.m * ENGINE.k * ENGINE.n
    shifted = np.roll(made, 1, axis=1)
    assert not np.array_equal(shifted, made)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("product", [(196, 192, 384), (1, 512, 1000), (40, 7, 3)])
def test_heat_maps_hold_every_product_once(dataflow, product):
    spec = make(
        SystolicArray,
        rows=80,
        columns=7,
        dataflow=dataflow,
        **dict(zip("mkn", product, strict=True)),
    )
    answers = spec.facts()
    blocks, over_time, elements, roofline = spec.views(Target(clock_hz=1e8))
    assert isinstance(blocks, BlockDiagram) and isinstance(roofline, Roofline)
    assert isinstance(over_time, HeatMap) and isinstance(elements, HeatMap)
    assert over_time.x_edges[-1] == answers["cycles"] and len(over_time.values) <= 64
    room = np.diff(over_time.y_edges)[:, np.newaxis] * spec.columns * np.diff(over_time.x_edges)
    assert (np.array(over_time.values) * room).sum() == pytest.approx(np.prod(product))
    each = np.array(elements.values) * answers["cycles"]
    assert each.sum() == pytest.approx(np.prod(product))
    used = 100 * np.mean(elements.values)
    assert used == pytest.approx(answers["utilisation (%)"], abs=0.006)
    point = roofline.points[0]
    assert point.rate / roofline.peak == pytest.approx(used / 100)
    words = sum(answers[f"{name} words"] for name in ("activation", "weight"))
    width = spec.streams()["result"].fields["sum0"].width
    moved = words + answers["result words"] * width / 8
    assert point.intensity == pytest.approx(np.prod(product) / moved)


def test_a_link_bounds_the_speed():
    spec = make(Gemm, rows=8, columns=8, m=64, k=64, n=64, activation_depth=512)
    target = report.target_of(spec, Timing(), "ulx3s")
    roofline = next(view for view in spec.views(target) if isinstance(view, Roofline))
    streams, link = roofline.bandwidths
    free, linked = roofline.points
    assert (roofline.peak, link.rate, roofline.work) == (64 * 25e6, 11520.0, "MAC")
    assert free.rate < roofline.attainable(free.intensity, streams) == roofline.peak
    assert linked.rate == roofline.attainable(linked.intensity, link) < free.rate / 1000


def test_parts_cost_what_the_whole_does():
    spec = make(Gemm, rows=3, columns=5)
    table = spec.views()[-1]
    assert isinstance(table, Table)
    assert dict(zip(table.header[1:], table.rows[-1][1:], strict=True)) == {
        name.replace("_", " "): value for name, value in spec.cost().items()
    }


def test_the_page_of_an_engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["gemm", "--rows", "2", "--requantiser", "none", "--board", "icebreaker", "-o", "here"]
    assert main(["report", *words, "-q"]) == 0
    page = (tmp_path / "here/report.html").read_text()
    for title in ("Block diagram", "Occupancy over time", "Use of every element", "Roofline"):
        assert f"<h2>{title}</h2>" in page
    assert "serial link, 115200 baud" in page and "the clock of icebreaker" in page
    assert "best dataflow" in page and "<h2>Schedule</h2>" not in page
    assert page.count("<svg") == 4 and len(page) < 150_000
    assert not re.search(r"https?://|<script|<link|src=", page)


@pytest.mark.parametrize(
    "spec",
    [make(Gemm), make(Gemm, requantiser="none"), ENGINE]
    + [make(SystolicArray, dataflow=flow) for flow in DATAFLOWS],
    ids=lambda spec: spec.top_name(),
)
def test_every_stream_is_in_the_block_diagram(spec):
    diagram = spec.views()[0]
    shown = {block.name: block.kind for block in diagram.blocks if block.name in spec.streams()}
    assert shown == {n: f"{s.direction}put" for n, s in spec.streams().items()}
    rows = {node.name: node.row for node in diagram.layered().nodes}
    assert all(rows[wire.source] < rows[wire.target] for wire in diagram.wires)
