"""A matrix engine whose sums go on over commands, and whose vectors are windows over an image."""

from functools import cache

import numpy as np
import pytest
from amaranth import Const
from hardware import make

from holigrail_hw.arrays.gemm import feeders, walk
from holigrail_hw.arrays.gemm.commands import window_items
from holigrail_hw.arrays.gemm.facts import split
from holigrail_hw.arrays.gemm.golden import commands_of
from holigrail_hw.arrays.gemm.host import GemmHost
from holigrail_hw.arrays.gemm.jobs import make_job
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.gemm.windows import Window
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.simulate.host_link import Link, SimulationLink
from holigrail_hw.flow.verify import workloads
from holigrail_hw.models.source.windows import Window as Shape
from holigrail_hw.models.source.windows import patches

SHORT = make(
    Gemm,
    **{"rows": 3, "columns": 2, "requantiser": "none", "accumulator": "int24"},
    **{"activation_depth": 8, "accumulator_depth": 12, "resumable": True},
)
IMAGES = make(Gemm, rows=2, columns=3, requantiser="none", activation_depth=200, windows=True)


class GoldenLink:
    """The golden model behind the interface of a link."""

    def __init__(self, spec: Gemm):
        self.spec, self.sent = spec, []

    def exchange(self, items, counts):
        """Commands go on from each other, so all that came before is computed again."""
        self.sent.append(items)
        before = self.spec.golden(**joined(self.sent[:-1]))["result"] if self.sent[1:] else {}
        found = self.spec.golden(**joined(self.sent))
        start = len(before["last"]) if before else 0
        result = {name: codes[start:] for name, codes in found["result"].items()}
        status = {"code": found["status"]["code"][-1:], "cycles": np.zeros(1, np.uint64)}
        assert counts.get("result", 0) == len(result["last"])
        return {"result": result, "status": status}


class ShortLink(SimulationLink):
    """A link to a design that is compiled already."""

    def __init__(self, design: Compiled):
        Link.__init__(self, design.top.spec)
        self._design, self._quiet = design, 500
        design.reset()


@cache
def design() -> Compiled:
    return compile_all([(SHORT, Timing())], short=True)[0]


PRODUCTS = [(1, 25, 1), (7, 100, 3), (13, 26, 9), (12, 24, 2), (2, 71, 13)]


def test_long_sums_take_several_commands():
    """Longer than the buffer, in the golden model and in hardware; the host knows no limit."""
    rng = np.random.default_rng(1)
    with ShortLink(design()) as link:
        for m, k, n in PRODUCTS:
            a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
            assert np.array_equal(GemmHost(GoldenLink(SHORT)).multiply(a, b), a @ b)
            assert np.array_equal(GemmHost(link).multiply(a, b), a @ b)
            commands = split(SHORT, m, k, n)
            assert sum(command.vectors for command in commands if not command.keep) == m
            assert all(c.vectors * c.k_tiles <= 8 and c.vectors * c.n_tiles <= 12 for c in commands)
            assert any(command.keep for command in commands)


def test_weights_come_once_where_sums_go_on():
    """Blocks of vectors grow, so fewer of them need the weights again."""
    plain = make(Gemm, rows=8, columns=8, activation_depth=256, accumulator_depth=256)
    more = make(
        Gemm,
        **{"rows": 8, "columns": 8, "resumable": True},
        activation_depth=256,
        accumulator_depth=256,
    )
    rows = [sum(c.weights for c in split(spec, 125, 576, 8)) for spec in (plain, more)]
    assert rows == [42 * 576, 576]
    assert split(more, 30, 64, 64) == split(plain, 30, 64, 64)


def ones(name, format, count):
    return np.full(count, int(format.encode(1)), np.uint64)


def test_what_is_kept_and_what_is_not():
    """Code 1: other sizes, nothing kept, too much to keep; a refused command forgets nothing."""

    def job(m, n, **hold):
        return make_job(SHORT, m, 1, n, ones, **hold)

    keep, end = job(2, 3, keep=True), job(2, 3, resume=True)
    cases = [
        ([job(2, 3, resume=True)], [1]),
        ([keep, end, end], [0, 0, 1]),
        ([keep, job(3, 2, resume=True), job(1, 3, resume=True, keep=True), end], [0, 1, 1, 0]),
        ([keep, job(4, 1), end], [0, 0, 1]),
        ([job(4, 3, keep=True), job(4, 4, keep=True), job(5, 3, keep=True)], [0, 1, 1]),
        ([job(1, 13, keep=True), job(2, 3)], [1, 0]),
        ([keep, job(2, 3, keep=True), job(2, 3, resume=True, keep=True), end], [0, 0, 0, 0]),
    ]
    for jobs, codes in cases:
        # What one case leaves must not be there for the next.
        jobs, codes = [*jobs, job(1, 1)], [*codes, 0]
        items = joined(jobs)
        assert [command.code for command in commands_of(SHORT, items)] == codes
        wanted = SHORT.golden(**items)
        counts = {"status": len(codes), "result": len(wanted["result"]["last"])}
        run = design().run_streams(items, counts)
        assert run.results["status"]["code"].tolist() == codes
        assert np.array_equal(run.results["result"]["c0"], wanted["result"]["c0"])
    # The last of them: three commands of three products each.
    assert wanted["result"]["c0"][0] == 9


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        (Shape((3, 3), pads=(1, 1, 1, 1)), 5),
        (Shape((2, 3), (2, 1), (1, 2), (0, 2, 1, 1)), 2),
        (Shape((4, 2), (1, 3), pads=(2, 0, 0, 1)), 3),
        (Shape((5, 6)), 1),
    ],
)
def test_windows_are_those_of_a_convolution(shape, channels):
    """Strides, dilations, pads of another code than 0, one output pixel; NumPy's convolution."""
    rng = np.random.default_rng(2)
    image, pad = rng.integers(-128, 128, (5, 6, channels)), -7
    rows, columns = shape.outputs(5, 6)
    blocks = -(-channels // 2)
    weights = rng.integers(-128, 128, (*shape.kernel, channels, 4))
    spare = -channels % 2
    deep = np.pad(weights, ((0, 0), (0, 0), (0, spare), (0, 2))).reshape(-1, 6)
    left = np.pad(image, ((0, 0), (0, 0), (0, spare))).reshape(-1, 2)
    place = Window(
        5, 6, blocks, shape.kernel[1], columns, *shape.strides, *shape.dilations, *shape.pads[:2],
        pad & 255,
    )  # fmt: skip
    codes = [np.array(numbers & 255, np.uint64) for numbers in (left, deep)]
    items = window_items(IMAGES, place, rows * columns, *codes, {})
    found = IMAGES.golden(**items)
    assert found["status"]["code"].tolist() == [0]
    sums = np.stack([found["result"][f"c{j}"] for j in range(3)], 1).astype(np.int64)
    half = 1 << IMAGES.final.width - 1
    sums = (sums + half) % (2 * half) - half
    sums = sums.reshape(2, rows * columns, 3).transpose(1, 0, 2).reshape(rows * columns, 6)
    taps = patches(image[None], shape, pad, "test")[0]
    wanted = np.einsum("yxijc,ijcn->yxn", taps, weights).reshape(-1, 4)
    assert np.array_equal(sums[:, :4], wanted)


def random_spec(rng: np.random.Generator) -> tuple[Gemm, Timing]:
    lanes = [
        "none",
        {"mode": "either", "scale_width": 9, "shift": 0, "shift_width": 4, "zero_point": None},
        {"mode": "shift", "bias": "accumulator", "shift_width": 0, "shift": 3},
        {"mode": "shift", "bias": "none", "shift_width": 0, "shift": 3},
    ]
    floats = rng.random() < 0.25
    formats = {"activation": str(rng.choice(["int8", "uint1", "uint3", "int5"]))}
    if floats:
        order = str(rng.choice(["tiles", "sequential"]))
        formats = {"activation": "fp8_e4m3", "weight": "fp8_e4m3", "order": order}
    which = int(rng.integers(1, 4))
    spec = make(
        Gemm,
        rows=int(rng.integers(1, 5)),
        columns=int(rng.integers(1, 4)),
        requantiser="none" if floats else lanes[int(rng.integers(len(lanes)))],
        activation_depth=int(rng.integers(2, 70)),
        accumulator_depth=int(rng.integers(1, 40)),
        buffer=str(rng.choice(["block", "large"])),
        resumable=bool(which & 1),
        windows=bool(which & 2),
        **formats,
    )
    return spec, Timing(period_ns=6.0, device="ecp5") if rng.random() < 0.5 else Timing()


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(4))
def test_random_engines_equal_golden_in_the_cycles_promised(seed):
    """Any sizes, lanes and formats, with and without pauses, floats in both orders among them."""
    rng = np.random.default_rng(seed)
    for made in compile_all([random_spec(rng) for _ in range(8)], short=True):
        spec = made.top.spec
        for pause in (0.0, 0.4):
            chosen = workloads.choose(spec, 1500, seed=seed)
            pauses = {stream.name: rng.random(61) < pause for stream in made.top.handshakes()}
            run = made.run_streams(chosen.items, chosen.counts, pauses=pauses)
            assert not workloads.differences(chosen, run.results)
            if not pause:
                assert run.cycles == spec.cycles(made.top.timing, **chosen.items)


def test_a_window_that_comes_back_is_noticed(monkeypatch):
    """A planted fault: a window comes back from outside an image."""
    monkeypatch.setattr(walk, "_further", lambda at, step, end: at + step + (at == end - 1))
    made = compile_all([(IMAGES, Timing())], short=True)[0]
    chosen = workloads.choose(IMAGES, 300, seed=5)
    run = made.run_streams(chosen.items, chosen.counts, quiet=2000)
    assert workloads.differences(chosen, run.results)


@pytest.mark.heavy
def test_sums_of_other_sizes_are_noticed(monkeypatch):
    """A planted fault: a command goes on from sums that nobody kept, and gives results."""
    monkeypatch.setattr(feeders.Loader, "_misfit", lambda self, m: Const(0))
    made = compile_all([(SHORT, Timing())], short=True)[0]
    items = make_job(SHORT, 2, 1, 3, ones, resume=True)
    assert SHORT.golden(**items)["status"]["code"].tolist() == [1]
    run = made.run_streams(items, {"status": 1, "result": 6}, quiet=2000)
    assert run.results["status"]["code"].tolist() == [0]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"windows": True, "guard": True},
            "gemm: guard must be false with windows, whose taps may be outside an image",
        ),
        (
            {
                **{"activation": "fp8_e4m3", "weight": "fp8_e4m3", "accumulation": "exact"},
                **{"resumable": True, "requantiser": "none"},
            },
            "gemm: resumable must be false for exact sums, whose registers hold a command's",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        make(Gemm, **texts)
    assert message in str(caught.value)
