"""Units, queues and borders together, cycle by cycle what the schedule says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core import Engine, Stream, Timing, operator, parameter
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.nn.network.frames import frames_of
from holigrail_hw.nn.network.stream.design import Design, Placed
from holigrail_hw.nn.network.stream.flow import Flow, Side
from holigrail_hw.nn.network.stream.hardware.top import StreamNetwork
from holigrail_hw.nn.network.stream.schedule.dataflow import OUTSIDE, Edge
from holigrail_hw.nn.network.stream.units.unit import Integers, Unit
from holigrail_hw.nn.network.stream.units.ways import Ways

NUMBERS = Integers(-64, 63)


@dataclass(frozen=True)
class Toy(Unit):
    """The sum of so many beats in a row of every operand, plus a constant, modulo 128.

    ``gap`` cycles pass between outputs; a beat waits at the input meanwhile.
    """

    beats: int
    lanes: int
    count: int = 1
    operands: int = 1
    gap: int = 1
    input = output = NUMBERS

    @property
    def lanes_in(self):
        return self.lanes

    lanes_out = lanes_in

    def flow(self):
        needs = np.arange(self.count, self.beats + 1, self.count)
        return Flow((Side(self.beats, needs, needs, 0),) * self.operands, len(needs), self.gap)

    def apply(self, *frames):
        total = sum(frames).reshape(len(frames[0]), -1, self.count, self.lanes).sum(axis=2)
        return ((total + 5 + 64) % 128 - 64).reshape(len(frames[0]), -1)

    def cost(self, device):
        return {"luts": 10, "flip_flops": 10, "dsps": 0, "memory_bits": 0}

    def ways(self):
        return Ways()

    def component(self):
        return _ToyUnit(self)


class _ToyUnit(wiring.Component):
    def __init__(self, toy):
        self._toy = toy
        beats = stream.Signature(data.StructLayout({"data": data.ArrayLayout(7, toy.lanes)}))
        names = ["i"] if toy.operands == 1 else [f"i{n}" for n in range(toy.operands)]
        self._names = names
        super().__init__({name: In(beats) for name in names} | {"o": Out(beats)})

    def elaborate(self, platform: Any):
        m, toy = Module(), self._toy
        inputs = [getattr(self, name) for name in self._names]
        place, wait = Signal(range(max(toy.count, 2))), Signal(range(max(toy.gap, 2)))
        sums = [Signal(7, name=f"sum{lane}") for lane in range(toy.lanes)]
        whole, able, go = Signal(), Signal(), Signal()
        valid = Cat(*(one.valid for one in inputs)).all()
        m.d.comb += [
            whole.eq(place == toy.count - 1),
            able.eq((~self.o.valid | self.o.ready) & (~whole | (wait == 0))),
            go.eq(valid & able),
            *(one.ready.eq(go) for one in inputs),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(go):
            m.d.sync += place.eq(place + 1)
            for lane, total in enumerate(sums):
                found = sum((one.payload.data[lane] for one in inputs), start=total)
                m.d.sync += [total.eq(found)]
                with m.If(whole):
                    m.d.sync += [total.eq(0), self.o.payload.data[lane].eq(found + 5)]
            with m.If(whole):
                m.d.sync += [place.eq(0), self.o.valid.eq(1), wait.eq(toy.gap - 1)]
        return m


def placed(*units):
    return tuple(Placed(f"unit{n}", f"layer{n}", unit) for n, unit in enumerate(units))


def around(beats, count):
    """A long way and a short one to the same sum; the long one starts late."""
    units = placed(
        Toy(beats, 2),
        Toy(beats, 2, count=count),
        Toy(beats // count, 2, gap=2),
        Toy(beats, 2, count=count),
        Toy(beats // count, 2, operands=2),
        Toy(beats // count, 2, count=beats // count),
    )
    edges = [(-1, 0), (0, 1), (1, 2), (0, 3), (2, 4, 0), (3, 4, 1), (4, 5), (5, -1)]
    return units, tuple(Edge(*edge) for edge in edges)


def row(*units):
    edges = [Edge(at - 1, at) for at in range(len(units))]
    return placed(*units), (*edges, Edge(len(units) - 1, OUTSIDE))


def both_ways(beats):
    """Frames that are read by two units at once; results come out before a frame is whole."""
    units = placed(Toy(beats, 3, gap=2), Toy(beats, 3), Toy(beats, 3, operands=2))
    return units, tuple(Edge(*e) for e in [(-1, 0), (-1, 1), (0, 2, 0), (1, 2, 1), (2, -1)])


NETWORKS = {
    "around": around(12, 3),
    "row": row(Toy(8, 1), Toy(8, 1, gap=3), Toy(8, 1, count=2), Toy(4, 1)),
    "short": row(Toy(1, 4), Toy(1, 4)),
    "both": both_ways(6),
    "gather": row(Toy(9, 2, count=9), Toy(1, 2)),
}


@operator("test-toys", summary="a network of toys")
@dataclass(frozen=True, kw_only=True)
class Toys(Engine):
    network: str = parameter("row", "which", choices=tuple(NETWORKS))

    @property
    def design(self):
        return Design("toys", *NETWORKS[self.network], "generic")

    @property
    def frames(self):
        flow, ends = (
            self.design.dataflow,
            np.array([-64]),
        )
        lanes = self.design.units[0].unit.lanes
        ends = [np.full(count * lanes, NUMBERS.low) for count in (flow.tokens, flow.results)]
        return [frames_of(low, -low - 1, lanes) for low in ends]

    def streams(self):
        entering, leaving = self.frames
        return {
            "x": Stream("in", entering.fields(checked=False)),
            "result": Stream("out", leaving.fields(checked=entering.beats > 1)),
        }

    def golden(self, x):
        entering, leaving = self.frames
        frames = entering.integers(x)
        found = leaving.items(self.design.apply(frames))
        if entering.beats > 1:
            wrong = (np.asarray(x["last"]) != entering.items(frames)["last"]).reshape(
                len(frames), -1
            )
            found["error"] = np.repeat(wrong.any(axis=1).astype(np.uint64), leaving.beats)
        return {"result": found}

    def job(self, rng, size):
        entering, _ = self.frames
        frames = rng.integers(
            -64, 64, (max(1, size // entering.beats), entering.beats, entering.lanes)
        )
        items = entering.items(frames)
        if "last" in items:
            items["last"] ^= (rng.random(len(items["last"])) < 0.03).astype(np.uint64)
        return {"x": items}

    def cost(self, timing=None):
        return self.design.cost()

    def architecture(self, timing):
        streams = self.streams()
        return StreamNetwork(self.design, streams["x"].fields, streams["result"].fields)


PATTERNS = [
    ((0,), (0,)),
    ((0, 1, 1), (0,)),
    ((0,), (1, 0, 1, 0, 1)),
    ((1,) * 9 + (0,) * 8, (0, 1) * 3 + (1,) * 20),
]


@pytest.fixture(scope="module")
def designs():
    specs = [Toys(network=name) for name in NETWORKS]
    return dict(
        zip(NETWORKS, compile_all([(spec, Timing()) for spec in specs], short=True), strict=True)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_toys(name, designs):
    spec = Toys(network=name)
    design, flow = spec.design, spec.design.dataflow
    assert flow.gated == (flow.tokens > 1)
    items = spec.job(np.random.default_rng(1), 40 * flow.tokens)
    wanted = spec.golden(**items)
    errors = wanted["result"].get("error", np.zeros(1))
    assert errors.any() == flow.gated and not errors.all()
    count = len(wanted["result"]["value0"])
    for idle, stall in PATTERNS:
        pauses = {"x": idle, "result": stall}
        found = designs[name].run_streams(items, {"result": count}, pauses=pauses)
        for field, codes in wanted["result"].items():
            assert np.array_equal(found.results["result"][field], codes)
        offers, accepts = (tuple(1 - p for p in pattern) for pattern in (idle, stall))
        predicted = design.run(40, offers=offers, accepts=accepts)
        assert predicted.complete and found.cycles == predicted.cycles


def test_frames_wait_for_their_marks():
    """A result leaves after the last beat of its frame came in, so its error is known."""
    design = Toys(network="both").design
    assert design.run(1).first[0] >= design.dataflow.tokens
    assert design.frames_inside >= 2
