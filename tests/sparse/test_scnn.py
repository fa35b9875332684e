"""The SCNN engine: NumPy's convolution, grids with halos, faults, promised cycles, refusals."""

from functools import cache

import numpy as np
import pytest
from hardware import make

from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import workloads
from holigrail_hw.sparse.scnn.geometry import Sums
from holigrail_hw.sparse.scnn.golden import convolution
from holigrail_hw.sparse.scnn.jobs import layer_items, layer_result, random_layer
from holigrail_hw.sparse.scnn.operator import Scnn

ONE = {"weight_lanes": 1, "activation_lanes": 1}
SPECS = {
    "1x1 filters, odd tiles, three weights a cycle": make(
        Scnn,
        weight_lanes=3,
        activation_lanes=1,
        tile_width=5,
        tile_height=3,
        filter_width=1,
        filter_height=1,
        filters=3,
        index_width=2,
        queue=1,
        channel_depth=5,
        activation_depth=47,
        weight_depth=20,
    ),
    "valid, stride 2, longer runs than the index holds": make(
        Scnn,
        **ONE,
        stride=2,
        tile_width=5,
        tile_height=7,
        filter_height=2,
        padding="valid",
        relu=False,
        activation="uint3",
        weight="int5",
        accumulator="int9",
        index_width=1,
        activation_depth=120,
        queue=4,
    ),
    "2x2 elements, halos as wide as a tile": make(
        Scnn,
        **ONE,
        columns=2,
        rows=2,
        tile_width=2,
        tile_height=3,
        filter_width=4,
        filters=1,
        queue=1,
        activation_depth=20,
    ),
}


class WrongSums(Sums):
    def weight_offset(self, k, r, s):
        return super().weight_offset(k, r, 0)


class WrongScnn(Scnn):
    @property
    def sums(self):
        return WrongSums(self.x, self.y, self.filters, self.weight_lanes, self.activation_lanes)


PLANTED = WrongScnn(**ONE, tile_width=2, tile_height=2, filter_width=1, filter_height=2, filters=1)


@cache
def designs() -> dict[str, Compiled]:
    specs = SPECS | {"planted": PLANTED}
    requests = [(spec, Timing()) for spec in specs.values()]
    return dict(zip(specs, compile_all(requests, short=True), strict=True))


@pytest.mark.heavy
@pytest.mark.parametrize("name", SPECS)
def test_hardware_equals_golden_in_the_cycles_promised(name):
    design, rng = designs()[name], np.random.default_rng(3)
    spec = design.top.spec
    for idle, stall in ((0.0, 0.0), (0.5, 0.5)):
        chosen = workloads.choose(spec, 200, seed=7)
        pauses = {
            stream.name: rng.random(61) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses)
        assert not workloads.differences(chosen, run.results)
        if not idle:
            assert run.cycles == spec.cycles(Timing(), **chosen.items)


@pytest.mark.heavy
@pytest.mark.parametrize("name", SPECS)
def test_layers_of_every_density_are_numpys(name):
    """Whole layers through the host's side: items out of arrays, an array out of the results."""
    design, rng = designs()[name], np.random.default_rng(5)
    spec = design.top.spec
    filters = 2 * spec.filters
    for density in ((0, 0), (0.1, 0.1), (0.1, 1), (0.5, 0.4), (1, 1)):
        x, w = random_layer(spec, rng, 3, filters, density)
        items = layer_items(spec, x, w)
        counts = {n: len(next(iter(f.values()))) for n, f in spec.golden(**items).items()}
        results = design.run_streams(items, counts).results
        assert results["status"]["code"].tolist() == [0]
        found = layer_result(spec, results, 2)
        sums = convolution(x, w, spec.stride, spec.padding == "same")
        if spec.relu:
            assert np.array_equal(found, np.maximum(sums, 0))
        else:
            assert np.array_equal(found, (sums + 256) % 512 - 256)


@pytest.mark.parametrize("same", (False, True))
@pytest.mark.parametrize("stride", (1, 2))
def test_convolution_by_its_definition(stride, same):
    rng = np.random.default_rng(11)
    x, w = rng.integers(-9, 9, (2, 5, 6)), rng.integers(-9, 9, (3, 2, 2, 3))
    found = convolution(x, w, stride, same)
    pad_y, pad_x = (0, 1) if same else (0, 0)
    size = (-(-5 // stride), -(-6 // stride)) if same else (3 // stride + 1, 3 // stride + 1)
    assert found.shape == (3, *size)
    for (k, oy, ox), value in np.ndenumerate(found):
        total = 0
        for (c, s, r), weight in np.ndenumerate(w[k]):
            y, u = stride * oy + s - pad_y, stride * ox + r - pad_x
            if 0 <= y < 5 and 0 <= u < 6:
                total += weight * x[c, y, u]
        assert value == total


def status_of(spec: Scnn, change) -> int:
    """The status of a layer that was changed."""
    rng = np.random.default_rng(1)
    items = layer_items(spec, *random_layer(spec, rng, 2, spec.filters, (1, 1)))
    change(items)
    return int(spec.golden(**items)["status"]["code"][0])


def _cut(stream: str):
    def change(items) -> None:
        items[stream] = {name: codes[:1].copy() for name, codes in items[stream].items()}
        items[stream]["final"][:] = 1

    return change


def _announce(channels: int):
    def change(items) -> None:
        items["command"]["channels"][:] = channels

    return change


def _merge(items) -> None:
    items["activation0"]["last"][:] = 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda items: None, 0),
        (_cut("activation0"), 1),
        (_cut("weight"), 2),
        (_announce(1), 1 + 2),
        (_announce(100), 1 + 2 + 8),
        (_merge, 1 + 4),
    ],
)
def test_statuses(change, code):
    assert status_of(Scnn(), change) == code


def test_too_many_vectors_are_reported():
    assert status_of(Scnn(activation_depth=15), lambda items: None) == 8
    assert status_of(Scnn(weight_depth=17), lambda items: None) == 8


@pytest.mark.heavy
def test_a_wrong_address_is_found():
    """Planted: the second row of a filter adds to the sums of the first."""
    design = designs()["planted"]
    chosen = workloads.choose(design.top.spec, 60, seed=1)
    with pytest.raises(DesignError, match="stream result0 must deliver 44 results, not stop at 43"):
        design.run_streams(chosen.items, chosen.counts)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "fp16"}, "activation must be an integer format of at most 16 bits"),
        ({"weight": "int17"}, "weight must be an integer format of at most 16 bits, not int17"),
        ({"accumulator": "int10"}, "accumulator must hold every product, as int16 does, not int10"),
        ({"accumulator": "int50"}, "accumulator must have at most 48 bits, not 50"),
        ({"accumulator": "bf16"}, "accumulator must be an integer format, not bf16"),
        (
            {"filter_width": 11, "filters": 64},
            "filter_width * filter_height * filters must be at most 1024, not 2112",
        ),
        (
            {"tile_width": 64, "tile_height": 32},
            "tile_width * tile_height must be at most 1024, not 2048",
        ),
        (
            {"padding": "valid", "filter_width": 5},
            "filter_width must be at most tile_width * columns, 4, with valid padding, not 5",
        ),
        (
            {"columns": 2, "stride": 2, "tile_width": 3},
            "tile_width must be a multiple of the stride with several columns, not 3",
        ),
        (
            {"rows": 2, "padding": "valid", "filter_height": 5},
            "filter_height must leave outputs to every element, not be 5",
        ),
    ],
)
def test_refused_parameters(parameters, message):
    with pytest.raises(RequestError) as caught:
        make(Scnn, **parameters)
    assert f"scnn: {message}" in "\n".join(caught.value.violations)


@pytest.mark.parametrize(
    ("x", "w", "message"),
    [
        ((2, 4, 5), (1, 2, 3, 3), "activations must be channels x 4 x 4, not 2 x 4 x 5"),
        ((2, 4, 4), (1, 2, 3, 2), "weights must be filters x channels x 3 x 3, not 1 x 2 x 3 x 2"),
        ((2, 4, 4), (1, 3, 3, 3), "weights must be for 2 channels, not 3"),
    ],
)
def test_refused_shapes(x, w, message):
    with pytest.raises(RequestError) as caught:
        layer_items(Scnn(), np.ones(x, int), np.ones(w, int))
    assert caught.value.violations == (f"scnn layer: {message}",)


def test_refused_numbers():
    with pytest.raises(RequestError) as caught:
        layer_items(Scnn(), np.full((1, 4, 4), 200), np.full((1, 1, 3, 3), 0.7))
    assert caught.value.violations == (
        "scnn layer: activations must be between -128 and 127, not 200 at 0, 0, 0",
        "scnn layer: weights must be a whole number, not 0.7 at 0, 0, 0, 0",
    )
