"""Whole networks in the style stream: values of the integer graph, in the predicted cycles."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from random_graphs import grouped_graph, random_graph

from holigrail_hw.core import DesignError, Engine, RequestError, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Port
from holigrail_hw.nn.network.operator import TrainedNetwork
from holigrail_hw.nn.network.stream.lowering.linear import LinearLayer
from holigrail_hw.nn.network.stream.style import design_of
from holigrail_hw.nn.network.stream.units.serial_graph.shape import SerialGraph

PATTERNS = [((0,), (0,)), ((0, 1, 1), (0,)), ((0,), (1, 0, 1)), ((1,) * 9 + (0,) * 8, (0, 0, 1))]


def network(folder: Path, seed: int, graph=random_graph, **others: object) -> TrainedNetwork:
    file = folder / f"random{seed}.json"
    file.write_text(graph(seed).to_json(), encoding="utf-8")
    texts = {"model": str(file), "style": "stream", **others}
    return TrainedNetwork(**parse_parameters(TrainedNetwork, texts, who="network"))


def least_interval(spec: TrainedNetwork) -> int:
    """Halved until no options are left."""
    interval = design_of(spec, Timing()).interval
    return max(1, interval // 3)


@pytest.mark.parametrize(
    ("graph", "seed"),
    [*((random_graph, n) for n in range(40)), *((grouped_graph, n) for n in range(12))],
)
def test_units_compute_the_graph(graph, seed, tmp_path):
    """What the units say of themselves, one after the other, is the graph; at two foldings."""
    spec = network(tmp_path, seed, graph, dsps=0)
    rng = np.random.default_rng(seed)
    port = spec.graph.inputs[0]
    frames = rng.integers(port.low, port.high, (6, *port.shape), endpoint=True)
    wanted = spec.graph.evaluate(frames).reshape(6, -1)
    slow = design_of(spec, Timing())
    designs = [slow]
    try:
        fast = network(tmp_path, seed, graph, interval=least_interval(spec))
        designs.append(design_of(fast, Timing()))
    except RequestError as error:
        assert "takes at least" in str(error) or "must fit within" in str(error)
    for design in designs:
        assert np.array_equal(design.apply(frames.reshape(6, -1)), wanted)
        run = design.run(6)
        assert run.complete and all(a <= design.interval for a in run.intervals)
        assert design.run(3, accepts=(0, 0, 1), offers=(1, 0)).complete


def check(specs: list[TrainedNetwork], frames: int) -> None:
    """The hardware beside golden and the schedule, with several patterns of pauses."""
    designs = compile_all([(spec, Timing()) for spec in specs], short=True)
    for spec, compiled in zip(specs, designs, strict=True):
        rng = np.random.default_rng(1)
        items = spec.job(rng, frames * spec.frames[0].beats)
        if "last" in items["x"]:
            items["x"]["last"] ^= (rng.random(len(items["x"]["last"])) < 0.01).astype(np.uint64)
        wanted = spec.golden(**items)["result"]
        count = len(wanted["value0"])
        for number, (idle, stall) in enumerate(PATTERNS):
            pauses = {"x": idle, "result": stall}
            quiet = 8 * design_of(spec, Timing()).interval + 1000
            found = compiled.run_streams(items, {"result": count}, pauses=pauses, quiet=quiet)
            for name, codes in wanted.items():
                assert np.array_equal(found.results["result"][name], codes), (spec.graph.name, name)
            if number == 0:
                assert found.cycles == spec.cycles(Timing(), **items)


@pytest.mark.heavy
def test_the_example_in_hardware():
    texts = {"model": "example", "style": "stream"}
    specs = [
        TrainedNetwork(**parse_parameters(TrainedNetwork, texts | more, who="network"))
        for more in ({}, {"interval": 40, "dsps": 0})
    ]
    check(specs, 6)


def test_groups_pads_and_cuts_in_hardware(tmp_path):
    check([network(tmp_path, 2, grouped_graph, dsps=0)], 5)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("graph", "first"),
    [*((random_graph, n) for n in range(0, 24, 4)), *((grouped_graph, n) for n in range(0, 12, 4))],
)
def test_random_networks_in_hardware(graph, first, tmp_path):
    specs = []
    for seed in range(first, first + 4):
        spec = network(tmp_path, seed, graph, dsps=0)
        specs.append(spec)
        try:
            fast = network(tmp_path, seed, graph, interval=least_interval(spec), dsps=0)
        except RequestError:
            continue
        specs.append(fast)
    check(specs, 5)


def bit_by_bit(monkeypatch):
    """Matrices take vectors bit by bit wherever they can."""
    keys = LinearLayer.keys

    def serial(self):
        found = [*keys(self)]
        return iter([key for key in found if key[0] == "serial"] or found)

    monkeypatch.setattr(LinearLayer, "keys", serial)


@pytest.mark.parametrize("seed", range(100, 105))
def test_matrices_bit_by_bit(seed, tmp_path, monkeypatch):
    bit_by_bit(monkeypatch)
    test_units_compute_the_graph(random_graph, seed, tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("first", range(106, 118, 4))
def test_matrices_bit_by_bit_in_hardware(first, tmp_path, monkeypatch):
    bit_by_bit(monkeypatch)
    specs = [network(tmp_path, seed, dsps=0) for seed in range(first, first + 4)]
    units = [placed.unit for spec in specs for placed in design_of(spec, Timing()).units]
    assert any(isinstance(unit, SerialGraph) for unit in units)
    check(specs, 5)


@pytest.mark.heavy
def test_digits_in_hardware():
    texts = {"model": "digits", "style": "stream", "interval": 64, "dsps": 0}
    spec = TrainedNetwork(**parse_parameters(TrainedNetwork, texts, who="network"))
    assert design_of(spec, Timing()).interval == 64
    check([spec], 12)


def test_too_short_an_interval_is_refused(tmp_path):
    with pytest.raises(RequestError, match="layer conv0 takes at least .* cycles per frame"):
        network(tmp_path, 0, interval=1)


def test_long_runs_follow_at_the_interval():
    texts = {"model": "example", "style": "stream"}
    spec = TrainedNetwork(**parse_parameters(TrainedNetwork, texts, who="network"))
    design = design_of(spec, Timing())
    items = spec.job(np.random.default_rng(0), 30 * spec.frames[0].beats)
    assert spec.cycles(Timing(), **items) == design.run(30).cycles


def test_facts_name_layers_and_queues():
    texts = {"model": "example", "style": "stream"}
    facts = TrainedNetwork(**parse_parameters(TrainedNetwork, texts, who="network")).facts(Timing())
    assert facts["interval (cycles)"] == 288 and "layer conv1" in facts and "queues" in facts


def slow_graph(seed: int) -> IntegerGraph:
    """A product at a time in its second layer, then a third one that waits for all of them."""
    rng = np.random.default_rng(seed)
    sizes = (2, 130, 130, 1)
    nodes = [
        Linear(
            name=f"y{index}",
            inputs=(f"y{index - 1}" if index else "x",),
            weights=rng.integers(-100, 101, (inputs, outputs)),
            bias=np.zeros(outputs, np.int64),
        )
        for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
    ]
    x = Port(name="x", tensor="x", file_shape=(1, 2), shape=(2,), low=0, high=1)
    y = Port(name="y2", tensor="y2", file_shape=(1, 1), shape=(1,))
    return IntegerGraph(name="slow", inputs=(x,), outputs=(y,), nodes=tuple(nodes))


def test_slow_networks_are_waited_for(tmp_path):
    """Behind the last element nothing moves for longer than an engine may be quiet else."""
    spec = network(tmp_path, 1, slow_graph, dsps=0)
    assert design_of(spec, Timing()).interval > Engine.quiet_cycles
    (compiled,) = compile_all([(spec, Timing())], short=True)
    items = spec.job(np.random.default_rng(1), 2)
    wanted = spec.golden(**items)["result"]
    with pytest.raises(DesignError, match="stream result must deliver 1 results, not stop at 0"):
        compiled.run_streams(items, {"result": 1}, quiet=Engine.quiet_cycles)
    found = compiled.run_streams(items, {"result": 1}, quiet=spec.quiet_cycles)
    assert np.array_equal(found.results["result"]["value0"], wanted["value0"])
    assert found.cycles == spec.cycles(Timing(), **items)
    fast = TrainedNetwork(model="digits", interval=64)
    assert fast.quiet_cycles == Engine.quiet_cycles == 10_000
