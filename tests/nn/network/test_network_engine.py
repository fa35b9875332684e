"""The style engine: networks as commands of a matrix engine, equal to the graph, to the cycle."""

import itertools
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from graphs import coded, graph, linear, multiplier, thresholds

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.core.views import Table
from holigrail_hw.flow.simulate.byte_link import ByteLink, SimulatedLine
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.simulate.host_link import Link, SimulationLink
from holigrail_hw.models.graph.forms import Multiplier
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Move, Pool, Softmax
from holigrail_hw.models.source.windows import Window
from holigrail_hw.nn.network.engine import items as engine_items
from holigrail_hw.nn.network.engine import jobs as engine_jobs
from holigrail_hw.nn.network.engine import layers as engine_layers
from holigrail_hw.nn.network.engine.facts import plan_facts, step_facts
from holigrail_hw.nn.network.engine.host import NetworkHost
from holigrail_hw.nn.network.engine.planner import plan_of
from holigrail_hw.nn.network.engine.rescale import rescale_of
from holigrail_hw.nn.network.engine.style import refusals
from holigrail_hw.nn.network.operator import TrainedNetwork

FAST = Timing(period_ns=6.0, device="ecp5")


def network(given: IntegerGraph | None = None, **parameters: Any) -> TrainedNetwork:
    """The operator for a graph of a test, as if its file had meant it."""
    spec = TrainedNetwork(style="engine", **{"model": "example", **parameters})
    if given is not None:
        spec.__dict__.pop("border", None)
        spec.__dict__["graph"] = given
    return spec


class GoldenLink:
    """The engine's golden model behind the interface of a link, with a clock that stands still."""

    def __init__(self, spec: Any):
        self.spec = spec

    def exchange(self, items, counts):
        found = self.spec.golden(**items)
        found["status"]["cycles"] = np.zeros(counts["status"], np.uint64)
        assert {
            name: len(fields["last" if name == "result" else "code"])
            for name, fields in found.items()
        } == counts
        return found


class ShortLink(SimulationLink):
    """A link to a design that is compiled already."""

    def __init__(self, design: Compiled):
        Link.__init__(self, design.top.spec)
        self._design, self._quiet = design, 500
        design.reset()


def frames_for(spec: TrainedNetwork, count: int, seed: int = 1) -> np.ndarray:
    port = spec.graph.inputs[0]
    shape = (count, *port.shape)
    return np.random.default_rng(seed).integers(port.low, port.high, shape, endpoint=True)


def wrong_tensors(spec: TrainedNetwork, link: Any, frames: np.ndarray) -> list[str]:
    """The tensors of a run that differ from the graph's."""
    found = NetworkHost(spec, link).run(frames, every=True)
    wanted = spec.graph.evaluate(frames, every=True)
    assert spec.graph.outputs[0].tensor in found
    return [name for name in found if not np.array_equal(found[name], wanted[name])]


def places(spec: TrainedNetwork) -> dict[str, str]:
    """Who does what, and how."""
    return {
        fact.name: f"{fact.place} {fact.remark}".strip()
        for fact in step_facts(plan_of(spec), Timing())
    }


def dense(seed: int, form: Any, low: int = -8, high: int = 7, zero: int = 0, last: Any = None):
    rng = np.random.default_rng(seed)
    nodes = [linear(rng, "a", "x", (5, 3), zero=zero), coded("b", "a", form(rng, 3))]
    nodes.append(linear(rng, "c", "b", (3, 2)))
    return graph((5,), low, high, *nodes, *([coded("d", "c", last(rng, 2))] if last else []))


def image(index: int, **options: Any) -> IntegerGraph:
    """A window over an image, with strides, pads, dilations and groups; then a requantisation."""
    window, group, zero = WINDOWS[index]
    rng = np.random.default_rng(index)
    sums = linear(rng, "a", "x", (6, 6), window=window, group=group, zero=zero, edge=4)
    return graph((5, 4, 6), -2, 5, sums, coded("b", "a", multiplier(rng, 6, 3, **options)))


WINDOWS = (
    (Window((3, 3), pads=(1, 1, 1, 1)), 1, 0),
    (Window((2, 3), (2, 1), (1, 2), (0, 2, 1, 1)), 2, 1),
    (Window((1, 1)), 1, -1),
    (Window((4, 2), (1, 3), pads=(2, 0, 0, 1)), 6, 3),
    (Window((5, 4)), 3, 0),
)
SIZES = ({"rows": 1, "columns": 1}, {"rows": 3, "columns": 2}, {"rows": 2, "columns": 5})


def one_bit(rng: np.random.Generator, channels: int) -> Multiplier:
    ones = np.ones(channels, int)
    return Multiplier(ones, rng.integers(-2, 2, channels), 2 * ones, 0, 1)


FORMS = {
    "factors of both signs": multiplier,
    "ties to even": lambda rng, n: multiplier(rng, n, even=1),
    "only shifts": one_bit,
    "even factors": lambda rng, n: Multiplier(
        4 * rng.integers(-3, 4, n), rng.integers(-9, 9, n), rng.integers(0, 5, n), -3, 3
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_lanes_compute_the_form(name):
    """Also where ties to even elsewhere turn rounding down into rounding to even."""
    for seed, (low, high, zero) in enumerate(((-8, 7, 0), (0, 1, 1), (-1, 0, 0), (3, 90, 4))):
        for last in (None, multiplier, FORMS["ties to even"]):
            spec = network(dense(seed, FORMS[name], low, high, zero, last), **SIZES[seed % 3])
            assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 9)) == []
            assert places(spec)["a"].startswith("engine b in the lanes")


def test_a_rescale_to_even_is_the_same_for_every_sum():
    rng = np.random.default_rng(8)
    for _ in range(20):
        form = multiplier(rng, 4)
        sums, offset = np.arange(-300, 300)[:, None], rng.integers(-9, 9, 4)
        given = rescale_of(form, offset)
        assert given is not None
        even = given.to_even()
        total = sums * given.sign * even.scale + even.constant
        codes = Multiplier(np.ones(4, int), np.zeros(4, int), even.shift, form.low, form.high, 1)
        assert np.array_equal(codes.apply(total), form.apply(sums + offset))


@pytest.mark.parametrize("index", range(len(WINDOWS)))
def test_windows(index):
    """Strides, dilations, pads with a zero point, groups, depthwise, one output pixel."""
    for size in SIZES:
        spec = network(image(index), **size)
        assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 3)) == []


@pytest.mark.parametrize("index", range(len(WINDOWS)))
def test_windows_by_the_engine(index):
    """The same, whole images or bands of their rows; where channels fill its rows, say the facts"""
    for size, depth in itertools.product(SIZES, (None, 30, 150)):
        spec = network(image(index), **size, windows="engine", activation_depth=depth)
        assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 3)) == []
        if WINDOWS[index][0].kernel == (1, 1):
            continue
        who = places(spec)["a"].split(",")[0]
        assert who in ("engine windows by the engine", "engine windows by the host")
        if size["rows"] < 3 and depth is None and WINDOWS[index][1] == 1:
            assert who == "engine windows by the engine"


def test_an_image_takes_several_commands():
    """Bands of the result, and blocks of channels whose sums go on, if the buffer is small."""
    sizes = {"rows": 2, "columns": 2, "activation_depth": 18}
    spec = network(image(0), **sizes, windows="engine", sums="engine")
    plan = plan_of(spec)
    jobs = plan.jobs(plan.layers[0], 1)
    rows = [(job.image[1].start, job.image[1].stop) for job in jobs if job.image]
    assert rows == [(0, 2)] * 3 + [(0, 4)] * 3 + [(2, 5)] * 3
    assert [job.command.keep for job in jobs] == [True, True, False] * 3
    assert wrong_tensors(spec, GoldenLink(plan.spec), frames_for(spec, 3)) == []


def test_groups_leave_out_what_is_zero():
    """A depthwise layer takes as many tiles as there are groups that fill the columns."""
    spec = network(image(3), rows=2, columns=3)
    (layer,) = plan_of(spec).layers
    assert [len(product.channels) for product in layer.products] == [3, 3]
    assert [len(product.taps) for product in layer.products] == [24, 24]


def test_sums_longer_than_the_buffer_are_made_in_parts():
    """Each part is a command; the host adds them, and requantises what lanes cannot."""
    rng = np.random.default_rng(3)
    nodes = [linear(rng, "a", "x", (23, 4), zero=2), coded("b", "a", multiplier(rng, 4))]
    given = graph((23,), -7, 8, *nodes, linear(rng, "c", "b", (4, 3)))
    spec = network(given, rows=2, columns=2, activation_depth=3)
    assert places(spec) == {
        "a": "engine sums in parts, added by the host",
        "b": "host",
        "c": "engine sums to the host",
    }
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 5)) == []
    (long, _) = plan_of(spec).layers
    assert [len(product.taps) for product in long.products] == [6, 6, 6, 5]
    assert plan_of(spec).lane is None


def test_sums_longer_than_the_buffer_go_on_in_the_engine():
    """Then its lanes make codes of them; the host adds nothing."""
    rng = np.random.default_rng(3)
    nodes = [linear(rng, "a", "x", (23, 4), zero=2), coded("b", "a", multiplier(rng, 4))]
    given = graph((23,), -7, 8, *nodes, linear(rng, "c", "b", (4, 3)))
    spec = network(given, rows=2, columns=2, activation_depth=3, sums="engine")
    assert places(spec)["a"].startswith("engine b in the lanes")
    assert set(places(spec)) == {"a", "c"}
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 5)) == []
    plan = plan_of(spec)
    holds = [(c.resume, c.keep) for c in plan.commands(plan.layers[0], 1)]
    assert holds == [(False, True), (True, True), (True, True), (True, False)]


def test_sums_wider_than_results_are_made_in_parts():
    """Lanes give 16 bits at most, so a wide sum is made of shorter ones."""
    rng = np.random.default_rng(4)
    form = Multiplier(np.ones(3, int), np.zeros(3, int), np.full(3, 9), -4, 4)
    nodes = [linear(rng, "a", "x", (9, 3), edge=100), coded("b", "a", form)]
    weights = np.array([[4000, -3], [-4000, 7000], [3900, 5]])
    wide = Linear(name="c", inputs=("b",), weights=weights, bias=np.array([77, -9]))
    large = Linear(name="e", inputs=("b",), weights=3 * weights, bias=np.array([1, -1]))
    both = Add(name="s", inputs=("c", "e"), factors=(1, 1))
    spec = network(graph((9,), -128, 127, *nodes, wide, large, both), rows=4, columns=2)
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 5)) == []
    assert places(spec)["a"].startswith("engine b")
    assert places(spec)["c"] == "engine sums in parts, added by the host"
    assert places(spec)["e"] == "host"
    assert [len(product.taps) for product in plan_of(spec).layers[1].products] == [2, 1]


def test_what_lanes_cannot_do_is_left_to_the_host():
    """Thresholds, rescaling pixel by pixel, sums with two readers, and all other nodes."""
    rng = np.random.default_rng(5)
    window = Window((2, 2))
    pixels = Multiplier(
        rng.integers(1, 9, (3, 3, 1)), rng.integers(0, 9, (3, 3, 1)), np.full((3, 3, 1), 3), -9, 9
    )
    nodes = (
        linear(rng, "a", "x", (2, 2), window=window),
        coded("b", "a", thresholds(rng, 2)),
        linear(rng, "c", "b", (2, 3), window=Window((1, 1))),
        coded("d", "c", pixels),
        linear(rng, "e", "d", (3, 2), window=Window((1, 1))),
        coded("f", "e", multiplier(rng, 2)),
        Pool(name="g", inputs=("e",), how="maximum", window=Window((2, 2))),
        Move(name="h", inputs=("f",), how="reshape", numbers=(18,)),
        linear(rng, "i", "h", (18, 4)),
        coded("j", "i", multiplier(rng, 4)),
        Softmax(name="k", inputs=("j",), mantissa=1 << 30, shift=3),
    )
    spec = network(graph((4, 4, 2), -4, 3, *nodes))
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 4)) == []
    found = places(spec)
    assert {name for name, place in found.items() if place.startswith("host")} == set("bdfghk")
    assert all("sums to the host" in found[name] for name in "ace")
    assert found["i"].startswith("engine j in the lanes")
    facts = plan_facts(plan_of(spec), Timing())
    assert facts["layer g"] == "host, pool, maximum, 32 elements"


def test_a_network_without_requantisations_has_no_lanes():
    rng = np.random.default_rng(6)
    spec = network(graph((7,), 0, 1, linear(rng, "a", "x", (7, 5))), rows=3)
    assert plan_of(spec).lane is None and "parameter" not in spec.streams()
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 20)) == []


def test_lanes_may_be_left_out():
    """The host then makes codes of all sums."""
    spec = network(dense(3, multiplier), rows=2, columns=2, lane_multiplier="host")
    assert plan_of(spec).spec.requantiser is None
    assert places(spec) == dict.fromkeys("ac", "engine sums to the host") | {"b": "host"}
    assert wrong_tensors(spec, GoldenLink(plan_of(spec).spec), frames_for(spec, 9)) == []


def test_formats_are_the_narrowest_for_the_network():
    spec = plan_of(network(model="digits")).spec
    assert (spec.activation.name, spec.weight.name) == ("uint5", "int4")
    bits = graph((4,), 0, 1, linear(np.random.default_rng(1), "a", "x", (4, 2), edge=1))
    spec = plan_of(network(bits)).spec
    assert (spec.activation.name, spec.weight.name) == ("uint1", "int1")


HARDWARE = {
    "windows": (image(1), {"rows": 3, "columns": 2}, Timing()),
    "to even, pipelined": (
        dense(1, FORMS["ties to even"], -8, 7, 1, multiplier),
        {"rows": 2, "columns": 2, "batch": 3, "lane_multiplier": "rows"},
        FAST,
    ),
    "parts": (
        dense(2, multiplier),
        {"rows": 1, "columns": 3, "activation_depth": 2, "multiplier": "rows"},
        Timing(),
    ),
    "windows by the engine": (
        image(0),
        {
            **{"rows": 2, "columns": 3, "activation_depth": 36},
            **{"windows": "engine", "sums": "engine"},
        },
        FAST,
    ),
    "sums by the engine": (
        dense(2, multiplier),
        {"rows": 1, "columns": 3, "activation_depth": 2, "sums": "engine"},
        Timing(),
    ),
    "depthwise, large memory": (image(3), {"rows": 2, "columns": 4, "buffer": "large"}, Timing()),
}


@cache
def specs() -> dict[str, TrainedNetwork]:
    return {name: network(given, **sizes) for name, (given, sizes, _) in HARDWARE.items()}


@cache
def designs() -> dict[str, Compiled]:
    engines = [(plan_of(spec).spec, HARDWARE[name][2]) for name, spec in specs().items()]
    return dict(zip(HARDWARE, compile_all(engines, short=True), strict=True))


@pytest.mark.heavy
@pytest.mark.parametrize("name", HARDWARE)
def test_the_host_runs_frames_on_the_hardware_in_the_cycles_predicted(name):
    """Several frames, an incomplete batch among them, one run after the other."""
    spec, design = specs()[name], designs()[name]
    host = NetworkHost(spec, ShortLink(design))
    for count in (1, 5):
        frames = frames_for(spec, count, seed=count)
        assert np.array_equal(host.run(frames), spec.graph.evaluate(frames))
        assert host.cycles == plan_of(spec).total(design.top.timing, count) > 0


@pytest.mark.heavy
@pytest.mark.parametrize("name", HARDWARE)
def test_jobs_run_with_and_without_pauses(name):
    """All commands of several frames in a row: results are the layers' of the graph."""
    spec, design = specs()[name], designs()[name]
    frames, rng = frames_for(spec, 4), np.random.default_rng(2)
    sent = spec.border.items(frames)
    wanted = spec.golden(**sent)
    counts = {"result": len(wanted["result"]["last"]), "status": len(wanted["status"]["code"])}
    for pause in (0.0, 0.5):
        pauses = {stream.name: rng.random(61) < pause for stream in design.top.handshakes()}
        run = design.run_streams(sent, counts, pauses=pauses)
        results, facts = spec.border.outcome(frames, run.results)
        assert not run.results["status"]["code"].any()
        assert np.array_equal(results, spec.graph.evaluate(frames))
        layers = len(plan_of(spec).layers)
        assert facts == {"layers equal to the graph": f"{layers} of {layers}"}
        if not pause:
            assert run.cycles == spec.cycles(design.top.timing, **sent)


def test_corner_jobs_are_frames_and_jobs_are_commands_of_one():
    spec = specs()["windows"]
    port = spec.graph.inputs[0]
    low, high = (spec.border.items(np.full((1, *port.shape), end)) for end in (port.low, port.high))
    for job, wanted in zip(spec.corner_jobs(), (low, high), strict=True):
        assert all(np.array_equal(job["activation"][n], c) for n, c in wanted["activation"].items())
    lengths = []
    for size in (1, 100_000):
        for seed in range(30):
            job = spec.job(np.random.default_rng(seed), size)
            assert not spec.golden(**job)["status"]["code"].any()
            lengths.append(len(job["command"]["vectors"]))
    assert {*lengths[:30]} == {1}
    assert max(lengths) == len(low["command"]["vectors"]) > 1


@pytest.mark.parametrize("fault", ["sign", "offset", "pad", "tie", "part"])
def test_a_planted_fault_is_noticed(fault, monkeypatch):
    if fault == "part":
        spec = network(dense(2, multiplier, zero=1), rows=1, columns=3, activation_depth=2)
    else:
        even = fault == "tie"
        spec = network(image(3, even=int(even)), rows=2, columns=3)
    link, frames = GoldenLink(plan_of(spec).spec), frames_for(spec, 8)
    assert wrong_tensors(spec, link, frames) == []
    if fault == "sign":
        weights = engine_layers.Layer.weights
        monkeypatch.setattr(engine_layers.Layer, "weights", lambda self, p: abs(weights(self, p)))
    elif fault == "offset":
        (layer,) = plan_of(spec).layers
        monkeypatch.setitem(layer.rescale.__dict__, "constant", layer.rescale.constant + 4)
    elif fault == "pad":
        plain = engine_items.vectors_of
        monkeypatch.setattr(
            engine_items, "vectors_of", lambda node, x: plain(node.changed(zero=node.zero + 1), x)
        )
    elif fault == "tie":
        (layer,) = plan_of(spec).layers
        monkeypatch.setitem(layer.rescale.__dict__, "constant", layer.rescale.constant - 1)
    else:
        (long, _) = plan_of(spec).layers
        products = tuple(product for product in long.products if product.first)
        monkeypatch.setitem(long.__dict__, "products", products)
        engine_jobs.jobs_of.cache_clear()
    assert wrong_tensors(spec, link, frames) != []


def test_samples_give_classes():
    spec = network(model="digits", rows=8, columns=8, batch=4)
    data = np.load(spec.shipped_data()["digits"])
    arrays = {"x": data["x"][:10], "y": data["y"][:10]}
    sent = spec.data_job(arrays)
    facts, (confusion,) = spec.data_outcome(arrays, spec.golden(**sent))
    classes = spec.graph.evaluate(spec.graph.codes(arrays["x"])).reshape(10, -1).argmax(axis=1)
    assert facts["right"] == int((classes == arrays["y"]).sum()) > 7
    assert facts["layers equal to the graph"] == "3 of 3"
    assert confusion.title == "Confusion"
    results = spec.golden(**sent)
    results["result"]["c0"] = results["result"]["c0"] ^ 1
    facts, _ = spec.data_outcome(arrays, results)
    assert facts["layers equal to the graph"] == "0 of 3"


def test_requests_are_refused():
    for given, message in (
        ({"style": "stream", "rows": 3}, "rows must be left out in style stream"),
        ({"style": "parallel", "batch": 3}, "batch must be left out in style parallel"),
        ({"interval": 64}, "interval must be left out in style engine"),
        (
            {"requantiser": "thresholds"},
            "requantiser must be auto or multiplier in style engine, not thresholds",
        ),
        ({"rows": 0}, "rows must be between 1 and 256, not 0"),
        ({"buffer": "huge"}, "buffer must be one of block, large, not huge"),
    ):
        with pytest.raises(RequestError) as caught:
            TrainedNetwork(**{"style": "engine", **given})
        assert f"network: {message}" in str(caught.value)
    wide = Linear(name="a", inputs=("x",), weights=np.array([[1 << 20]]), bias=np.zeros(1, int))
    assert refusals(graph((1,), 0, 1, wide)) == [
        "style engine must have a layer of products of at most 16 bits, not none"
    ]
    with pytest.raises(RequestError) as caught:
        assert network(model="digits").frames
    assert str(caught.value) == (
        "network: frames must be sent by a NetworkHost in style engine, not as beats"
    )


def test_a_host_refuses_what_does_not_fit():
    spec = specs()["windows"]
    link = GoldenLink(plan_of(spec).spec)
    other = Gemm(rows=3, columns=2)
    for given, behind, message in (
        (TrainedNetwork(style="parallel"), link, "network must have style engine, not parallel"),
        (
            spec,
            GoldenLink(other),
            "link's engine must have the streams of this network's, not those of"
            f" {other.top_name()}",
        ),
    ):
        with pytest.raises(RequestError) as caught:
            NetworkHost(given, behind)
        assert str(caught.value) == f"network host: the {message}"
    host = NetworkHost(spec, link)
    for frames, message in (
        (np.zeros((5, 4, 6), int), "the shape (frames, 5, 4, 6), not (5, 4, 6)"),
        (np.zeros((0, 5, 4, 6), int), "the shape (frames, 5, 4, 6), not (0, 5, 4, 6)"),
    ):
        with pytest.raises(RequestError) as caught:
            host.run(frames)
        assert str(caught.value) == f"network host: frames must have {message}"
    with pytest.raises(RequestError, match="network host: frames must be integers, not float64"):
        host.run(np.zeros((1, 5, 4, 6)))
    with pytest.raises(RequestError, match="frames must be codes from -2 to 5, not 6 to 6"):
        host.run(np.full((1, 5, 4, 6), 6))


def test_an_error_of_the_engine_names_the_layer():
    spec = specs()["windows"]

    class Faulty(GoldenLink):
        def exchange(self, items, counts):
            found = super().exchange(items, counts)
            found["status"]["code"][-1] = 5
            return found

    class Silent(GoldenLink):
        def exchange(self, items, counts):
            raise DesignError("nothing comes")

    for link, message in (
        (
            Faulty,
            "the engine must report no error, not this one: the last row of weights came late",
        ),
        (Silent, "nothing comes"),
    ):
        with pytest.raises(DesignError) as caught:
            NetworkHost(spec, link(plan_of(spec).spec)).run(frames_for(spec, 1))
        assert str(caught.value) == f"network host: layer a: {message}"


def test_parameters_are_read_as_texts():
    texts = {"model": "digits", "style": "engine", "rows": "2", "columns": "3", "batch": "5"}
    spec = TrainedNetwork(**parse_parameters(TrainedNetwork, texts, who="network"))
    engine = plan_of(spec).spec
    assert (engine.rows, engine.columns, plan_of(spec).batch) == (2, 3, 5)
    assert spec.streams() == engine.streams()
    assert spec.cost() == engine.cost()
    steps = spec.views()[-1]
    assert isinstance(steps, Table) and len(steps.rows) == len(plan_of(spec).steps)
    assert sum(row[4] for row in steps.rows) == plan_of(spec).total(Timing(), 5)
    assert "rows_2" in spec.top_name() or spec.top_name() != network(model="digits").top_name()


@pytest.mark.heavy
def test_the_host_runs_frames_through_the_link_of_a_board():
    """The whole design of a board: results are the same, and cycles more than with a fast link."""
    spec = network(model="example", rows=1, columns=2)
    frames = frames_for(spec, 2)
    with ByteLink(spec, SimulatedLine(spec, depth=4)) as link:
        host = NetworkHost(spec, link)
        assert np.array_equal(host.run(frames), spec.graph.evaluate(frames))
        assert host.cycles > plan_of(spec).total(Timing(), 2)


MODELS = Path(__file__).parents[4] / "shared" / "models"
# With the format of an input that the file does not quantise.
FILES = {
    "tiny_ad01_int8.tflite": None,
    "tiny_kws_int8.tflite": None,
    "qonnx_TFC_2W2A.onnx": "uint8",
    "qonnx_jet_qkeras_6b.onnx": "sfix14_en8",
    "qonnx_unsw_nb15_w2a2.onnx": "uint1",
    "qonnx_bnn_fc_1layer.onnx": None,
    "brevitas_digits_mlp_w4a4_pow2.onnx": None,
    "aidge_lenet_shift.onnx": None,
    "deeploy_kws_network.onnx": "uint8",
    "deeploy_cnn1_network.onnx": "int8",
    "ortq_LeNet_qdq_s8s8_perchannel.onnx": None,
    "ortq_mnist_conv_qoperator.onnx": None,
    "ortq_three_layer_qdq_u8s8.onnx": None,
}


def shared(name: str, **parameters: Any) -> TrainedNetwork:
    """A network whose file lies beside the checkout, or not."""
    if not (MODELS / name).exists():
        pytest.skip(f"no {name} in ../shared/models beside the checkout")
    return network(model=str(MODELS / name), input=FILES[name], **parameters)


@pytest.mark.heavy
@pytest.mark.parametrize("name", FILES)
def test_models_of_all_kinds_on_the_golden_engine(name):
    """Every product in the engine, every requantisation behind one in its lanes."""
    spec = shared(name, rows=8, columns=8)
    plan = plan_of(spec)
    assert sum(layer.used for layer in plan.layers) == spec.graph.macs
    assert all(layer.code is not None for layer in plan.layers[:-1])
    assert wrong_tensors(spec, GoldenLink(plan.spec), frames_for(spec, 1)) == []


@pytest.mark.heavy
def test_keyword_spotting_on_8_x_8():
    """One inference on the compiled engine: every tensor, and the cycles."""
    spec = shared("tiny_kws_int8.tflite", rows=8, columns=8)
    with SimulationLink(plan_of(spec).spec) as link:
        assert wrong_tensors(spec, link, frames_for(spec, 1)) == []
        host = NetworkHost(spec, link)
        host.run(frames_for(spec, 1))
        assert host.cycles == plan_of(spec).total(Timing()) < 100_000
