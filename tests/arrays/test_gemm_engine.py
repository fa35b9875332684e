"""The matrix-product engine: NumPy's answer, faults, promised cycles, and the host's side of it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hardware import make

from holigrail_hw.arrays.gemm import schedule as gemm_schedule
from holigrail_hw.arrays.gemm import timing as gemm_timing
from holigrail_hw.arrays.gemm.facts import split
from holigrail_hw.arrays.gemm.golden import commands_of, gemm_golden
from holigrail_hw.arrays.gemm.host import GemmHost
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.simulate.host_link import Link, SimulationLink
from holigrail_hw.flow.verify import workloads

FAST = Timing(period_ns=6.0, device="ecp5")
RAW = make(Gemm, rows=3, columns=2, requantiser="none", activation_depth=20, accumulator_depth=8)
SCALED = make(Gemm, rows=2, columns=2, activation_depth=12, accumulator_depth=6)
SMALL = {"rows": 2, "columns": 1, "activation_depth": 12, "accumulator_depth": 5}
REQUESTS = {
    "raw": (RAW, Timing()),
    "scaled": (SCALED, FAST),
    "narrow, in logic": (
        make(
            Gemm,
            **SMALL,
            activation="uint3",
            weight="ternary",
            requantiser={"mode": "double", "relu": True, "multiplier": "rows"},
            multiplier="rows",
        ),
        Timing(),
    ),
    "one row of sums": (
        make(Gemm, rows=1, columns=2, requantiser="none", activation_depth=2, accumulator_depth=1),
        Timing(),
    ),
    "set by commands": (
        make(
            Gemm,
            rows=2,
            columns=3,
            requantiser={
                **{"mode": "either", "scale_width": 31, "shift": 0, "shift_width": 5},
                **{"zero_point": None, "clamp": "ports"},
            },
            accumulator="int28",
            activation_depth=12,
            accumulator_depth=6,
        ),
        FAST,
    ),
    "shared lanes": (
        make(
            Gemm,
            rows=2,
            columns=6,
            lane_count=2,
            requantiser={
                **{"mode": "either", "scale_width": 9, "shift": 0, "shift_width": 4},
                **{"zero_point": None},
            },
            activation_depth=12,
            accumulator_depth=6,
        ),
        FAST,
    ),
    "one lane": (
        make(
            Gemm,
            rows=1,
            columns=3,
            lane_count=1,
            requantiser={"mode": "shift", "bias": "none", "shift_width": 0, "shift": 5},
            activation_depth=7,
            accumulator_depth=3,
        ),
        Timing(),
    ),
    "sums go on": (
        make(Gemm, **SMALL | {"columns": 2}, resumable=True),
        FAST,
    ),
    "windows": (
        make(
            Gemm,
            **SMALL | {"activation_depth": 30, "accumulator_depth": 9},
            requantiser="none",
            windows=True,
        ),
        Timing(),
    ),
    "windows whose sums go on": (
        make(
            Gemm,
            rows=1,
            columns=2,
            activation="uint3",
            buffer="large",
            lane_count=1,
            requantiser={"mode": "shift", "bias": "accumulator", "shift_width": 0, "shift": 5},
            activation_depth=19,
            accumulator_depth=12,
            windows=True,
            resumable=True,
        ),
        FAST,
    ),
    "no parameters": (
        make(
            Gemm,
            rows=1,
            columns=3,
            requantiser={
                "mode": "shift",
                "bias": "none",
                "shift_width": 0,
                "shift": 5,
                "rounding": "nearest_up",
            },
            buffer="large",
            activation_depth=7,
            accumulator_depth=3,
        ),
        FAST,
    ),
}


@cache
def designs() -> dict[str, Compiled]:
    return dict(zip(REQUESTS, compile_all(list(REQUESTS.values()), short=True), strict=True))


class ShortLink(SimulationLink):
    """A link to a design that is compiled already."""

    def __init__(self, design: Compiled):
        Link.__init__(self, design.top.spec)
        self._design, self._quiet = design, 500
        design.reset()


def check_against_golden(design: Compiled, count: int) -> None:
    """Corner jobs and random ones without pauses, in the cycles promised, and with pauses."""
    spec, rng = design.top.spec, np.random.default_rng(3)
    for pause in (0.0, 0.4):
        chosen = workloads.choose(spec, count, seed=7)
        pauses = {stream.name: rng.random(61) < pause for stream in design.top.handshakes()}
        run = design.run_streams(chosen.items, chosen.counts, pauses=pauses)
        assert not workloads.differences(chosen, run.results)
        if not pause:
            assert run.cycles == spec.cycles(design.top.timing, **chosen.items)


@pytest.mark.parametrize("name", REQUESTS)
def test_hardware_equals_golden_in_the_cycles_promised(name):
    check_against_golden(designs()[name], 300)


def test_every_fault_is_met_and_followed_by_a_right_command():
    codes = set()
    for job in SCALED.corner_jobs():
        commands = list(commands_of(SCALED, job))
        codes |= {command.code for command in commands}
        if len(commands) == 2:
            assert [command.code == 0 for command in commands] == [False, True]
            status = SCALED.golden(**job)["status"]["code"].tolist()
            assert status == [command.code for command in commands]
    assert codes == set(range(8))


class GoldenLink:
    """The golden model behind the interface of a link."""

    def __init__(self, spec: Gemm):
        self.spec, self.left = spec, {}

    def exchange(self, items, counts):
        if items:
            self.left = self.spec.golden(**items)
            self.left["status"]["cycles"] = np.zeros(1, np.uint64)
        if any(len(next(iter(self.left[n].values()))) < count for n, count in counts.items()):
            raise DesignError("nothing comes")
        return {name: self.left[name] for name in counts}


SHAPES = [(1, 1, 1), (5, 1, 3), (1, 7, 2), (9, 11, 7), (3, 3, 1), (17, 60, 4), (3, 59, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_is_numpys_product(shape):
    (m, k, n), rng = shape, np.random.default_rng(5)
    a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    assert np.array_equal(GemmHost(GoldenLink(RAW)).multiply(a, b), a @ b)


def test_the_host_multiplies_on_the_hardware():
    """Shapes that are no multiple of the array, the smallest, and one beyond all buffers."""
    rng = np.random.default_rng(6)
    with ShortLink(designs()["raw"]) as link:
        host = GemmHost(link)
        for m, k, n in SHAPES:
            a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
            assert np.array_equal(host.multiply(a, b), a @ b), (m, k, n)
            # The array takes a cycle for every vector of a tile, and for every row of weights.
            assert host.cycles >= -(-k // RAW.rows) * -(-n // RAW.columns) * max(m, RAW.rows)


def test_a_requantised_product_on_the_hardware():
    """y = round((x + bias) * scale / 2^shift), in range, from rational numbers."""
    rng = np.random.default_rng(8)
    m, k, n = 13, 10, 6
    a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    bias, scale = rng.integers(-5000, 5000, n), rng.integers(1, 300, n)
    shift = rng.integers(0, 3, n)
    with ShortLink(designs()["scaled"]) as link:
        found = GemmHost(link).multiply(a, b, bias=bias, scale=scale, shift=shift)
    # Quotients of these sizes are exact in float64, and rint takes ties to even.
    wanted = np.rint((a @ b + bias) * scale / 2.0 ** (16 + shift))
    assert np.array_equal(found, np.clip(wanted, -128, 127))


class Spoiled:
    """A link that spoils the first command: one stream ends early or late, or a size is wrong."""

    def __init__(self, link, stream, change):
        self._link, self._stream, self._change, self.spec = link, stream, change, link.spec

    def exchange(self, items, counts):
        if items and items["command"]["vectors"][0] and self._change is not None:
            fields = {n: np.array(codes) for n, codes in items[self._stream].items()}
            if self._change == "size":
                fields["n_tiles"][:] = 0
            elif self._change == "early":
                fields = {n: np.delete(codes, 0) for n, codes in fields.items()}
            else:
                fields = {n: np.insert(codes, 0, 0) for n, codes in fields.items()}
            items, self._change = items | {self._stream: fields}, None
        return self._link.exchange(items, counts)


FAULTS = {
    ("command", "size"): "a size is 0 or larger than the buffers",
    ("activation", "early"): "the last vector came early",
    ("activation", "late"): "the last vector came late",
    ("weight", "early"): "the last row of weights came early",
    ("weight", "late"): "the last row of weights came late",
    ("parameter", "early"): "the last channel's parameters came early",
    ("parameter", "late"): "the last channel's parameters came late",
}


@pytest.mark.parametrize(("stream", "change"), FAULTS)
def test_the_host_reports_a_fault_and_the_next_command_is_obeyed(stream, change):
    a, b = np.arange(12).reshape(3, 4), np.arange(8).reshape(4, 2)
    channel = {"bias": 0, "scale": 1 << 14, "shift": 0}
    with ShortLink(designs()["scaled"]) as link:
        host = GemmHost(Spoiled(link, stream, change))
        with pytest.raises(DesignError) as caught:
            host.multiply(a, b, **channel)
        assert str(caught.value) == (
            f"gemm host: the engine must report no error, not this one: {FAULTS[stream, change]}"
        )
        assert np.array_equal(host.multiply(a, b, **channel), np.rint(a @ b / 4))


@pytest.mark.parametrize(
    ("a", "b", "channel", "message"),
    [
        ((2, 3), (2, 3), {}, "a and b must be M x K and K x N, not of shapes (2, 3) and (2, 3)"),
        ((2, 3), (3, 1), {"bias": 1}, "no parameter must be given for each column, not bias"),
        ((2, 61), (61, 1), {}, "sums must have at most 60 products, not 61"),
    ],
)
def test_what_the_host_refuses(a, b, channel, message):
    with pytest.raises(RequestError) as caught:
        GemmHost(GoldenLink(RAW)).multiply(np.ones(a, int), np.ones(b, int), **channel)
    assert str(caught.value) == f"gemm host: {message}"
    with pytest.raises(RequestError, match="a must be between -128 and 127, not 128"):
        GemmHost(GoldenLink(RAW)).multiply([[128]], [[1]])
    with pytest.raises(RequestError, match="b must be a whole number, not 1.5 at 0, 0"):
        GemmHost(GoldenLink(RAW)).multiply([[1]], [[1.5]])


def test_numbers_change_only_where_the_caller_says_so():
    host = GemmHost(GoldenLink(SCALED))
    channel = {"bias": 0, "scale": [1 << 14, 1 << 15], "shift": 0}
    assert host.multiply([[4.0]], [[4, 4]], **channel).tolist() == [[4, 8]]
    for name, value, message in (
        ("scale", 0.7, "scale must be a whole number, not 0.7"),
        ("scale", [1, 1 << 16], "scale must be between 0 and 65535, not 65536 at 1"),
        ("shift", -1, "shift must be between 0 and 15, not -1"),
        ("bias", float("nan"), "bias must be a finite number (int20 holds no such), not nan"),
    ):
        with pytest.raises(RequestError) as caught:
            host.multiply([[4]], [[4, 4]], **channel | {name: value})
        assert str(caught.value) == f"gemm host: {message}"
    # round_half_even((3 + 127) / 4)
    channel["scale"] = 1 << 14
    options = {"rounding": "down", "saturate": True}
    found = host.multiply([[3.6, 900]], [[1], [1]], **options, **channel)
    assert found.tolist() == [[32]]


def test_binary_factors_are_padded_where_the_other_is_zero():
    rng = np.random.default_rng(9)
    a, b = rng.choice([-1, 1], (3, 7)), rng.integers(-128, 128, (7, 5))
    shape = {"rows": 3, "columns": 2, "requantise": "none"}
    mixed = make(Gemm, activation="binary", **shape)
    assert np.array_equal(GemmHost(GoldenLink(mixed)).multiply(a, b), a @ b)
    mixed = make(Gemm, weight="binary", **shape)
    assert np.array_equal(GemmHost(GoldenLink(mixed)).multiply(b.T, a.T), b.T @ a.T)
    both = GemmHost(GoldenLink(make(Gemm, activation="binary", weight="binary", **shape)))
    b = np.sign(b) | 1
    assert np.array_equal(both.multiply(a[:, :6], b[:6]), a[:, :6] @ b[:6])
    for left, message in (
        (
            a,
            "sums of binary factors, which have no zero, must have a multiple of 3 products, not 7",
        ),
        (a * 2, "a must be -1 or 1, not "),
    ):
        with pytest.raises(RequestError) as caught:
            both.multiply(left, b)
        assert str(caught.value).startswith(f"gemm host: {message}")


def test_the_clock_may_wrap_during_a_product():
    class Late(GoldenLink):
        times = iter([(1 << 32) - 5, 100])

        def exchange(self, items, counts):
            found = super().exchange(items, counts)
            found["status"]["cycles"] = np.array([next(self.times)], np.uint64)
            return found

    host = GemmHost(Late(RAW))
    host.multiply([[1]], [[1]])
    assert host.cycles == 105


def test_what_becomes_of_sums_that_do_not_fit():
    """A limit that is stated holds: so many products are exact, one more is not."""
    spec = make(Gemm, rows=2, columns=1, accumulator="int17", requantiser="none")
    limit = spec.facts()["sums"]
    assert limit == "any 3 products fit into int17; longer sums may wrap modulo 2^17"
    host = GemmHost(GoldenLink(spec))
    for k, wanted in ((3, 3 << 14), (4, (4 << 14) - (1 << 17))):
        assert host.multiply(np.full((1, k), -128), np.full((k, 1), -128)).tolist() == [[wanted]]
    assert make(Gemm).facts()["sums"] == "exact, any 256 products fit into int24"
    # A command's products fit, but a sum may go on in others.
    limit = make(Gemm, resumable="true").facts()["sums"]
    assert limit == "any 511 products fit into int24; longer sums may wrap modulo 2^24"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            {"activation": "sfix8_en4"},
            "gemm: activation must be an integer, binary, ternary or float format, not sfix8_en4",
        ),
        (
            {"accumulator": "int16"},
            "gemm: accumulator must hold every sum of 4 products, as int18 does, not be int16",
        ),
        (
            {"requantiser": {"zero_point": 300}},
            "gemm: requantiser.zero_point must be between -128 and 127, not 300",
        ),
        (
            {
                "requantiser": {
                    **{"mode": "shift", "bias": "none", "shift_width": 0},
                    **{"zero_point": None, "clamp": "ports"},
                }
            },
            "gemm: requantiser.zero_point, minimum, maximum must be constants in an engine without"
            " parameters of channels",
        ),
        (
            {"requantiser": {"rounding": "stochastic"}},
            "gemm: requantiser.rounding must not be stochastic in an array, which has no random",
        ),
        (
            {
                **{"activation": "fp8_e4m3", "weight": "fp8_e4m3"},
                "requantiser": {"rounding": "stochastic_b"},
            },
            "gemm: requantiser.rounding must not be stochastic in an array, which has no random",
        ),
        ({"requantiser": "convert"}, "gemm: requantiser must be requantize in this design, not"),
        ({"result": "int17"}, "gemm: result must have at most 16 bits, not 17"),
        ({"lane_count": 3}, "gemm: lane_count must divide 4 columns, not be 3"),
        (
            {"lane_count": 2, "requantiser": "none"},
            "gemm: lane_count must be left out without lanes",
        ),
        (
            {"order": "sequential"},
            "gemm: order must be tiles for integers, whose sums no order changes",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        make(Gemm, **texts)
    assert message in str(caught.value)


def test_old_names_of_the_lane_make_the_same_engine():
    lane = {"mode": "shift", "rounding": "up", "scale_width": 9, "shift": 3, "shift_width": 2}
    lane |= {"bias": "product", "zero_point": -3, "clamp": "relu", "multiplier": "logic"}
    new = make(Gemm, rows=2, requantiser=lane)
    old = {"requantise": lane.pop("mode"), "requantiser": lane.pop("multiplier"), **lane}
    assert make(Gemm, rows=2, **old) == new
    assert make(Gemm, requantise="none") == make(Gemm, requantiser=None)
    assert make(Gemm, requantise="single", requantiser="dsp") == make(Gemm)
    assert new.top_name() == "gemm_rows_2_int8_int8_int23_result_int8_requantise_c599bcedf771"


def test_sizes_of_few_bits_bound_commands():
    with pytest.raises(RequestError) as caught:
        make(Gemm, size_width=3, accumulator_depth=8)
    assert str(caught.value) == (
        "gemm: accumulator_depth must be at most 7, the largest size of 3 bits, not 8"
    )
    spec = make(Gemm, rows=2, columns=2, size_width=3, accumulator_depth=7, activation_depth=64)
    assert [command.k_tiles for command in split(spec, 1, 14, 14)] == [7]
    assert split(spec, 1, 15, 14) == split(spec, 1, 14, 15) == []
    facts = replace(spec, m=1, k=14, n=15).facts(Timing())
    assert facts["1 x 14 x 15"] == "products must have at most 14 columns, not 15"
    facts = replace(spec, m=1, k=15, n=14).facts(Timing())
    assert facts["1 x 15 x 14"] == "sums must have at most 14 products, not 15"
    resumed = replace(spec, resumable=True)
    assert [command.k_tiles for command in split(resumed, 1, 30, 4)] == [5, 5, 5]
    # A size of 16 bits has an end, too.
    assert not split(make(Gemm, columns=1), 1, 1, 1 << 16)
    host = GemmHost(GoldenLink(replace(spec, requantiser=None)))
    a, b = np.arange(14).reshape(1, 14), np.ones((14, 14), int)
    assert np.array_equal(host.multiply(a, b), a @ b)
    with pytest.raises(RequestError, match="products must have at most 14 columns, not 15"):
        host.multiply(a, np.ones((14, 15), int))


def test_statuses_tell_the_clock_that_is_predicted():
    spec = make(Gemm, rows=2, columns=2, cycle_width=9)
    chosen = workloads.choose(spec, 300, 1, timed=True)
    low, high, mask = chosen.expected["status"]["cycles"]
    assert mask == -1 and np.array_equal(low, high) and 400 < low.max() < 512
    assert workloads.choose(spec, 30, 1).expected["status"]["cycles"] is None


def test_names_of_designs_with_the_parameters_of_a_lane():
    names = [
        make(Gemm, requantiser=given).top_name()
        for given in ({"shift": 3}, {"multiplier": "rows"}, {"mode": "double"}, "none")
    ]
    assert [name.removeprefix("gemm_int8_int8_int24_result_int8_") for name in names] == [
        *("shift_3", "requantiser_rows", "requantise_double", "requantise_none"),
    ]


def test_tiles_follow_without_a_gap():
    """M cycles for every tile, as soon as M is R or more; one command of K = 4 R, N = 5 C."""
    spec = make(Gemm, rows=8, columns=8, activation_depth=256)
    few, many = (
        gemm_schedule.total_cycles(
            spec, Timing(), [gemm_schedule.Command(16, 4, n, 0, 64, 4 * n * 8, n * 8)]
        )
        for n in (5, 25)
    )
    assert many - few == 20 * 4 * 16


@pytest.mark.parametrize("request_", ["scaled", "raw", "no parameters", "shared lanes"])
def test_skipped_periods_change_no_cycle(request_):
    """Equal tiles and commands are not walked through one by one, and the cycles stay the same."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        rows, columns = (int(size) for size in rng.integers(1, 6, 2))
        columns *= REQUESTS[request_][0].lane_count or 1
        spec = replace(REQUESTS[request_][0], rows=rows, columns=columns)
        timing = Timing(period_ns=float(rng.choice([5.0, 12.0])), device="ecp5")
        commands = []
        for _ in range(3):
            vectors, k_tiles, n_tiles = (int(size) for size in rng.integers(1, (9, 6, 30)))
            arriving, weights = vectors * k_tiles, k_tiles * n_tiles * rows
            code = int(rng.choice([0, 0, 0, 2, 4]))
            command = gemm_schedule.Command(
                vectors, k_tiles, n_tiles, code, arriving, weights, n_tiles * columns
            )
            commands += [command] * int(rng.integers(1, 20))
        walked = gemm_schedule._Run(spec, timing, records=True)
        for command in commands:
            walked.add(command)
        expected = walked.last + walked.cycles.whole + 1
        assert gemm_schedule.total_cycles(spec, timing, commands) == expected


def test_large_products_take_no_more_steps(monkeypatch):
    """4096 x 4096 x 4096 in 1024 commands: the work is that of a few tiles."""
    spec = make(Gemm, rows=4, columns=4, activation_depth=4096)
    steps = []
    take = gemm_schedule._Run._take
    monkeypatch.setattr(
        gemm_schedule._Run, "_take", lambda run, cycle: (steps.append(1), take(run, cycle))
    )
    for size in (512, 4096):
        steps.clear()
        cycles = gemm_schedule.total_cycles(spec, Timing(), split(spec, size, size, size))
        assert cycles >= size**3 // 16 and len(steps) < 300 * size // 4


def test_facts_count_what_moves():
    facts = make(Gemm, rows=8, columns=8, activation_depth=1024, m=32, k=64, n=64).facts()
    commands, cycles, _ = facts["32 x 64 x 64"].split(", ")
    assert commands == "1 commands" and int(cycles.split()[0]) >= 32 * 64 * 64 // 64
    assert facts["best dataflow"].startswith("weight-stationary") or "," in facts["array alone"]
    assert facts["multipliers"] == 64


def test_planted_faults_are_caught(monkeypatch):
    """A promise one cycle off, and a golden model with one wrong bit."""
    design = designs()["narrow, in logic"]
    spec = design.top.spec
    chosen = workloads.choose(spec, 60, seed=1)
    run = design.run_streams(chosen.items, chosen.counts)
    run.results["result"]["c0"][-1] ^= np.uint64(1)
    assert workloads.differences(chosen, run.results)
    monkeypatch.setattr(gemm_timing, "_SUM_CYCLES", 4)
    assert run.cycles != spec.cycles(design.top.timing, **chosen.items)


def test_items_come_in_the_order_that_facts_say():
    """Items made by the words of ``info``, loop by loop, give NumPy's product."""
    spec = make(Gemm, rows=2, columns=3, requantiser="none")
    m, k_tiles, n_tiles = 2, 2, 2
    a = np.arange(1, 1 + m * k_tiles * 2).reshape(m, -1)
    b = np.arange(1, 1 + k_tiles * 2 * n_tiles * 3).reshape(k_tiles * 2, -1) % 19
    facts = spec.facts(Timing())
    assert facts["order of activations"].startswith("tiles of K outer, then vectors (M)")
    vectors = [a[i, 2 * t : 2 * t + 2] for t in range(k_tiles) for i in range(m)]
    assert facts["order of weights"].startswith("tiles of N outer, tiles of K inner, then rows (K)")
    rows = [
        b[2 * t + r, 3 * u : 3 * u + 3]
        for u in range(n_tiles)
        for t in range(k_tiles)
        for r in range(2)
    ]
    assert "order of parameters" not in facts
    assert facts["order of results"].startswith("tiles of N outer, then vectors (M)")
    wanted = [(a @ b)[i, 3 * u : 3 * u + 3].tolist() for u in range(n_tiles) for i in range(m)]

    def items(prefix, found):
        block = {f"{prefix}{i}": v.astype(np.uint64) for i, v in enumerate(np.transpose(found))}
        return block | {"last": (np.arange(len(found)) == len(found) - 1).astype(np.uint64)}

    sizes = {"vectors": m, "k_tiles": k_tiles, "n_tiles": n_tiles}
    stimulus = {
        "command": {name: np.array([size], np.uint64) for name, size in sizes.items()},
        "activation": items("a", vectors),
        "weight": items("w", rows),
    }
    answer = gemm_golden(spec, stimulus)
    found = np.stack([answer["result"][f"c{j}"] for j in range(3)], 1).astype(np.int64)
    assert found.tolist() == wanted
    assert "order of parameters" in make(Gemm).facts(Timing())
