"""Schedules of streaming units: queues of the computed depths never stop or slow a network."""

from dataclasses import replace

import numpy as np
import pytest
from flow_networks import add, chain, conv, gather, point, products, residual, window

from holigrail_hw.models.errors import ModelError
from holigrail_hw.nn.network.stream.flow import Flow, Side
from holigrail_hw.nn.network.stream.schedule import running
from holigrail_hw.nn.network.stream.schedule.dataflow import OUTSIDE, WIRE, Dataflow, Edge
from holigrail_hw.nn.network.stream.schedule.depths import sized
from holigrail_hw.nn.network.stream.schedule.running import run

PATTERNS = [
    ((1,), (1,)),
    ((1, 0, 0), (1,)),
    ((1,), (0, 0, 1, 0)),
    ((0,) * 40 + (1,) * 25, (1, 0, 1, 1, 0) * 3 + (0,) * 31),
]


def random_network(rng):
    """Layers in a row, some of them with a way around; every join of two ways adds."""
    rows, columns = (int(n) for n in rng.integers(1, 7, 2))
    flows, edges, last = [], [], OUTSIDE

    def put(flow, *producers):
        edges.extend(Edge(producer, len(flows), side) for side, producer in enumerate(producers))
        flows.append(flow)
        return len(flows) - 1

    for _ in range(int(rng.integers(2, 6))):
        size = int(rng.choice([1, 3, 5]))
        start = last
        parts = conv(rows, columns, size, latency=int(rng.integers(1, 6)))
        if rng.random() < 0.3:
            parts.append(point(rows * columns, latency=int(rng.integers(1, 4)), capacity=0))
        for flow in parts:
            last = put(flow, last)
        if rng.random() < 0.5:
            last = put(add(rows * columns, capacity=int(rng.integers(2))), last, start)
    for count in (2, 3):
        beats = flows[last].outputs
        if beats % count == 0 and rng.random() < 0.5:
            last = put(gather(beats, count), last)
    edges.append(Edge(last, OUTSIDE))
    gated = bool(rng.random() < 0.3)
    return Dataflow(tuple(flows), tuple(edges), rows * columns, gated)


@pytest.mark.parametrize("seed", range(25))
def test_computed_depths_never_stop_or_slow(seed):
    dataflow = random_network(np.random.default_rng(seed))
    single = [
        at
        for at, edge in enumerate(dataflow.edges)
        if len(dataflow.readers(edge.producer)) == 1
        and (edge.consumer == OUTSIDE or len(dataflow.feeds(edge.consumer)) == 1)
    ]
    for wires in ((), single):
        sizes = sized(dataflow, wires=wires)
        assert min(d for d in sizes.depths if d != WIRE) >= 2 if any(sizes.depths) else True
        frames = len(sizes.schedule.last)
        for offers, accepts in PATTERNS:
            found = run(dataflow, frames, sizes.depths, offers=offers, accepts=accepts)
            assert found.complete
            limits = (depth or 1 for depth in sizes.depths)
            assert all(a <= b for a, b in zip(found.levels, limits, strict=True))
        found = run(dataflow, frames, sizes.depths)
        assert all(a <= b for a, b in zip(found.last, sizes.schedule.last, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_the_compiled_schedule_is_that_of_its_twin(seed, monkeypatch):
    rng = np.random.default_rng(100 + seed)
    dataflow = random_network(rng)
    depths = sized(dataflow).depths
    if running.load(running._NAME, running._FOLDER) is None:
        pytest.skip("no C++ compiler")
    kept = running.load
    for (offers, accepts), given in zip(PATTERNS, (depths, None, depths, depths), strict=True):
        runs = []
        for load in (kept, lambda *_: None):
            monkeypatch.setattr(running, "load", load)
            interval = dataflow.cycles if given is None else 0
            runs.append(
                run(
                    dataflow,
                    2,
                    given,
                    interval=interval,
                    offers=offers,
                    accepts=accepts,
                    traced=True,
                )
            )
        one, two = runs
        assert one.complete and one.cycles > 0
        assert replace(one, emissions=(), acceptances=()).__dict__ == (
            replace(two, emissions=(), acceptances=()).__dict__
        )
        assert [[*e] for e in one.emissions] == [[*e] for e in two.emissions]
        assert [[*a] for a in one.acceptances] == [[*a] for a in two.acceptances]


@pytest.mark.parametrize(
    ("rows", "columns", "sizes", "least"),
    [(8, 8, (3, 3), 19), (16, 16, (3, 3), 35), (5, 7, (5,), 17), (6, 4, (3, 3, 3), 16)],
)
def test_a_skip_needs_what_the_paddings_reach(rows, columns, sizes, least):
    """The closed form: (sum of paddings)(columns + 1) + 1 pixels, one of them in the join."""
    assert least == sum(size // 2 for size in sizes) * (columns + 1) + 1
    dataflow, skip = residual(rows, columns, sizes)
    depths = [2] * len(dataflow.edges)

    def completes(depth):
        depths[skip] = depth
        return run(dataflow, 3, depths).complete

    # A beat waits in the register of the join; the queue in front of a window, and the unit's own
    # output, hold some more back.
    enough = next(depth for depth in range(1, least + 1) if completes(depth))
    assert least - 1 - 2 <= enough <= least - 1
    assert not completes(enough - 2)
    assert sized(dataflow).depths[skip] >= enough


def test_intervals_are_those_of_the_slowest_unit():
    dataflow, _ = residual(8, 8, (3, 3))
    sizes = sized(dataflow)
    assert sizes.interval == dataflow.cycles == 8 * 8 * 9
    found = run(dataflow, 5, sizes.depths)
    assert {*found.intervals} == {sizes.interval}


def test_a_unit_with_too_little_room_sets_the_pace():
    slow = window(9, 9, 3, step=2)
    side = replace(slow.inputs[0], capacity=2 * 9 + 3)
    dataflow = chain([replace(slow, inputs=(side,)), products(25, 9, 1)])
    sizes = sized(dataflow)
    assert sizes.interval > dataflow.cycles
    assert run(dataflow, 6, sizes.depths).intervals[-1] <= sizes.interval


def test_gated_results_wait_for_their_frame():
    dataflow = replace(chain([point(10)]), gated=True)
    found = run(dataflow, 2, sized(dataflow).depths)
    # Cycle 9 brings the last beat; the first one leaves in the cycle after it.
    assert found.first[0] == 10


def test_units_that_starve_each_other_are_refused():
    counts = np.array([4])
    never = Flow((Side(4, counts, counts, 2),), 1)
    with pytest.raises(ModelError, match="must keep each other going"):
        sized(chain([never]))


def test_what_is_inside_when_nobody_takes_results():
    dataflow = chain([point(4), point(4)])
    found = run(dataflow, 9, (2, 2, 2), accepts=(0,))
    assert not found.complete and found.cycles == 0
    # Two in each queue, one in each register of a unit's output and one at its input.
    assert found.taken == 3 * 2 + 2 * 2
