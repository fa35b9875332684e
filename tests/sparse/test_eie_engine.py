"""The EIE-like engine: dense products, the cycles of its model, faults, and that all is seen."""

from functools import cache
from unittest import mock

import numpy as np
import pytest
from amaranth.lib import memory
from hardware import make

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.sparse.eie import core as eie_core
from holigrail_hw.sparse.eie import schedule as eie_schedule
from holigrail_hw.sparse.eie.element import EieElement
from holigrail_hw.sparse.eie.encoding import encode
from holigrail_hw.sparse.eie.golden import CODES, commands_of
from holigrail_hw.sparse.eie.host import EieHost
from holigrail_hw.sparse.eie.jobs import load_job, vector_job
from holigrail_hw.sparse.eie.model import queue_cycles
from holigrail_hw.sparse.eie.operator import Eie


class PlainMemory(memory.Memory):
    """A memory whose ports pass nothing on."""

    def read_port(self, *, transparent_for=(), **options):
        return super().read_port(**options)


class NoBypass(EieElement):
    def elaborate(self, platform):
        with mock.patch.object(memory, "Memory", PlainMemory):
            return super().elaborate(platform)


class ForgetfulCore(eie_core.EieCore):
    def elaborate(self, platform):
        with mock.patch.object(eie_core, "EieElement", NoBypass):
            return super().elaborate(platform)


class Forgetful(Eie):
    """An engine that misses the sum it is just writing."""

    def architecture(self, timing):
        return ForgetfulCore(self)


ONE = {"activation": "uint1", "weight": "uint5", "code_width": 1, "index_width": 2, "relu": True}
SPECS = {
    "one element": make(Eie, pes=1, columns=9, rows=7, entries=40, queue=1, **ONE),
    "more elements than rows": make(
        Eie, pes=4, columns=12, rows=1, entries=12, queue=2, activation="int7", weight="int5"
    ),
    "sums wrap": make(
        Eie,
        pes=2,
        columns=40,
        rows=21,
        entries=300,
        queue=16,
        code_width=7,
        index_width=1,
        activation="uint16",
        accumulator="int20",
        relu=True,
    ),
    "smallest": make(
        Eie, pes=1, columns=1, rows=1, entries=1, queue=4, code_width=1, index_width=16
    ),
    "no bypass": make(Forgetful, pes=1, columns=8, rows=5, entries=30, queue=3),
}


@cache
def designs() -> dict[str, Compiled]:
    requests = [(spec, Timing()) for spec in SPECS.values()]
    return dict(zip(SPECS, compile_all(requests, short=True), strict=True))


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name in SPECS if name != "no bypass"])
def test_hardware_equals_golden_in_the_cycles_promised(name):
    design, rng = designs()[name], np.random.default_rng(3)
    spec = design.top.spec
    for idle, stall in ((0.0, 0.0), (0.4, 0.4)):
        chosen = workloads.choose(spec, 300, seed=7)
        pauses = {
            stream.name: rng.random(61) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses, rules=idle > 0)
        # Golden knows the cycles of every product, whatever pauses there are around it.
        assert not workloads.differences(chosen, run.results)
        if not idle:
            assert run.cycles == spec.cycles(design.top.timing, **chosen.items)


def codes_of(values: np.ndarray, width: int) -> np.ndarray:
    return (values & ((1 << width) - 1)).astype(np.uint64)


def operands(spec: Eie, rng: np.random.Generator, shape: tuple[int, int], density: float):
    """A matrix with few values, a vector, and the job that multiplies them."""
    values = rng.integers(int(spec.weight.minimum), int(spec.weight.maximum), 6, endpoint=True)
    matrix = rng.choice(values, shape) * (rng.random(shape) < density)
    matrix[rng.random(shape[0]) < 0.1] = values[0]
    matrix[:, rng.random(shape[1]) < 0.1] = 0
    low, high = int(spec.activation.minimum), int(spec.activation.maximum)
    vector = rng.integers(low, high, shape[1], endpoint=True) * (rng.random(shape[1]) < density)
    load = load_job(spec, shape[1], shape[0], encode(spec.sizes, matrix).words())
    job = joined([load, vector_job(spec, codes_of(vector, spec.activation.width))])
    return matrix, vector, job


FORMATS = (("uint1", "int8"), ("int1", "uint3"), ("int16", "uint16"), ("uint9", "int16"))


@pytest.mark.parametrize("formats", FORMATS)
def test_golden_is_numpys_product(formats):
    rng = np.random.default_rng(8)
    activation, weight = formats
    for pes in (1, 5, 64):
        sizes = {"pes": pes, "columns": 30, "rows": 41, "entries": 1500}
        spec = make(Eie, **sizes, activation=activation, weight=weight)
        for density in (0.0, 0.05, 0.3, 1.0):
            for shape in ((1, 1), (41, 30), (7, 30), (40, 1)):
                matrix, vector, job = operands(spec, rng, shape, density)
                found = spec.golden(**job)
                wanted = codes_of(matrix @ vector, spec.accumulator.width)
                assert np.array_equal(found["result"]["y"], wanted)
                assert found["result"]["last"].tolist() == [0] * (shape[0] - 1) + [1]
                assert found["status"]["code"].tolist() == [0, 0]
                used = encode(spec.sizes, matrix).work[vector != 0]
                product = found["status"]["cycles"][1]
                assert product == (queue_cycles(used, 8) + 8 if len(used) else 1)


@pytest.mark.heavy
def test_hardware_makes_numpys_product():
    """Sums of 20 bits that wrap, and what is negative then leaves as 0."""
    design, rng = designs()["sums wrap"], np.random.default_rng(9)
    spec = design.top.spec
    for density in (0.4, 0.9):
        matrix, vector, job = operands(spec, rng, (41, 12), density)
        found = design.run_streams(job, {"result": 41, "status": 2}).results
        sums = codes_of(matrix @ vector, 20)
        assert (sums >= 1 << 19).any()
        assert np.array_equal(found["result"]["y"], np.where(sums >= 1 << 19, 0, sums))


def test_every_status_is_met_and_followed_by_right_ones():
    spec = SPECS["more elements than rows"]
    codes = [[c.code for c in commands_of(spec, job)] for job in spec.corner_jobs()]
    assert {code for job in codes for code in job} == set(CODES)
    assert [2, 5] in codes and [0, 2, 0] in codes and [0, 3, 0] in codes and [4, 5] in codes


@pytest.mark.heavy
def test_nothing_is_loaded_after_a_reset():
    design = designs()["more elements than rows"]
    spec = design.top.spec
    _, _, job = operands(spec, np.random.default_rng(1), (4, 12), 0.3)
    design.run_streams(job, {"result": 4, "status": 2})
    vector = vector_job(spec, np.ones(12, np.uint64))
    run = design.run_streams(joined([vector, job]), {"result": 4, "status": 3})
    assert run.results["status"]["code"].tolist() == [5, 0, 0]


@pytest.mark.heavy
def test_planted_faults_are_caught(monkeypatch):
    """Two entries of one row after each other without a bypass, and a promise one cycle off."""
    design = designs()["no bypass"]
    chosen = workloads.choose(design.top.spec, 200, seed=1)
    run = design.run_streams(chosen.items, chosen.counts)
    wrong = workloads.differences(chosen, run.results)
    assert wrong and {place.stream for place in wrong} == {"result"}

    monkeypatch.setattr(eie_schedule, "PIPELINE", 9)
    design = designs()["one element"]
    chosen = workloads.choose(design.top.spec, 60, seed=1)
    run = design.run_streams(chosen.items, chosen.counts)
    assert run.cycles != design.top.spec.cycles(design.top.timing, **chosen.items)
    wrong = workloads.differences(chosen, run.results)
    assert {place.stream for place in wrong} == {"status"}


class DesignLink:
    """A compiled design behind the interface of a link; may spoil what it sends."""

    def __init__(self, design: Compiled, **spoiled):
        self.spec, self._design, self._spoiled = design.top.spec, design, spoiled
        design.reset()

    def exchange(self, items, counts):
        items = items | {"command": items["command"] | self._spoiled}
        return self._design.pump(items, counts).results


@pytest.mark.heavy
def test_the_host_multiplies_on_the_hardware():
    design, rng = designs()["more elements than rows"], np.random.default_rng(11)
    host = EieHost(DesignLink(design))
    for shape in ((4, 12), (3, 3)):
        matrix = rng.integers(-3, 4, shape)
        vectors = rng.integers(-64, 64, (5, shape[1])) * (rng.random((5, shape[1])) < 0.5)
        assert host.load(matrix).rows == shape[0]
        assert np.array_equal(host.multiply(vectors), vectors @ matrix.T)
        assert len(host.cycles) == 5 and min(host.cycles) > 0
        assert host.multiply(vectors[:0]).shape == (0, shape[0])


@pytest.mark.heavy
def test_what_the_host_refuses():
    design = designs()["more elements than rows"]
    host = EieHost(DesignLink(design))
    for vectors, message in (
        ([[1]], "a matrix must be loaded before a product"),
        ([[1, 2]], "vectors must be rows of 3 numbers, not of shape (1, 2)"),
        ([[1, 2, 64]], "activations must be between -64 and 63, not 64 at 0, 2"),
        ([[1, 2, 0.7]], "activations must be a whole number, not 0.7 at 0, 2"),
    ):
        with pytest.raises(RequestError) as caught:
            host.multiply(vectors)
        assert str(caught.value) == f"eie host: {message}"
        host.load(np.ones((2, 3), int))
    host = EieHost(DesignLink(design, rows=np.array([7], np.uint64)))
    with pytest.raises(DesignError) as caught:
        host.load(np.ones((2, 3), int))
    assert str(caught.value) == (
        "eie host: the engine must obey the command, not say that the sizes of the matrix are 0 or"
        " too large"
    )


def test_views_show_what_skipping_is_worth():
    """Between the density squared and somewhat above it; with all there, the queue's share."""
    speed, share, *_ = make(Eie, pes=16, columns=256, rows=64).views()
    faster = dict(zip(speed.x, speed.y, strict=True))
    assert list(speed.y) == sorted(speed.y, reverse=True)
    assert 0.9 < faster[1.0] < 1 and 0.6 < faster[0.5] * 0.5**2 < 1 and 15 < faster[0.1] < 100
    assert list(share.y) == sorted(share.y) and share.y[0] < 70 and 90 < share.y[-1] < 100


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"activation": "fp16"}, "eie: activation must be an integer format, not fp16"),
        ({"weight": "int17"}, "eie: weight must have at most 16 bits, not 17"),
        ({"accumulator": "sfix8_en4"}, "eie: accumulator must be an integer format, not sfix8_en4"),
        ({"accumulator": "int63"}, "eie: accumulator must have at most 62 bits, not 63"),
        ({"pes": 64, "rows": 513}, "eie: pes * rows must be at most 32768, not 32832"),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        make(Eie, **texts)
    assert str(caught.value) == message
