"""Skid buffers: what goes in comes out, one item a cycle, and neither way is a path."""

import random

import pytest
from amaranth.sim import Simulator

from holigrail_hw.hdl.stream.skid_buffer import SkidBuffer


def passed(buffer: SkidBuffer, offers: list[bool], takes: list[bool]) -> tuple[list, list]:
    """Items 1, 2, ... where there is an offer: when each was taken, and came out as what."""
    entered, left = [], []

    async def bench(context):
        item = 1
        for cycle, (offer, take) in enumerate(zip(offers, takes, strict=True)):
            context.set(buffer.i.valid, offer)
            context.set(buffer.i.payload, item if offer else 0xFF)
            context.set(buffer.o.ready, take)
            if offer and context.get(buffer.i.ready):
                entered.append(cycle)
                item += 1
            if take and context.get(buffer.o.valid):
                left.append((cycle, context.get(buffer.o.payload)))
            await context.tick()

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return entered, left


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("rates", [(1.0, 0.3), (0.3, 1.0), (0.6, 0.6), (0.9, 0.9)])
def test_items_come_out_once_and_in_order(late, rates):
    rng = random.Random(7)
    offers, takes = ([rng.random() < rate for _ in range(400)] for rate in rates)
    # An offer stays until it is taken; a long rest empties the buffer.
    entered, left = passed(SkidBuffer(8, late=late), offers + [False] * 9, takes + [True] * 9)
    assert [item for _, item in left] == [n % 256 for n in range(1, len(entered) + 1)]
    assert all(out - into >= 1 + late for (out, _), into in zip(left, entered, strict=True))


@pytest.mark.parametrize("late", [False, True])
def test_an_item_a_cycle_and_two_or_three_while_nobody_takes(late):
    delay = 1 + late
    entered, left = passed(SkidBuffer(8, late=late), [True] * 50, [True] * 50)
    assert entered == list(range(50))
    assert left == [(n + delay, n + 1) for n in range(50 - delay)]
    entered, left = passed(SkidBuffer(8, late=late), [True] * 9, [False] * 9)
    assert entered == [0, 1, 2][: 2 + late] and not left


@pytest.mark.parametrize("late", [False, True])
def test_a_place_that_is_freed_is_used_a_cycle_later(late):
    takes = [cycle == 6 for cycle in range(12)]
    entered, _ = passed(SkidBuffer(8, late=late), [True] * 12, takes)
    assert entered == [*range(2 + late), 7]


def test_ready_does_not_depend_on_the_far_end_in_its_cycle():
    buffer = SkidBuffer(4)

    async def bench(context):
        for _ in range(2):
            context.set(buffer.i.valid, 1)
            await context.tick()
        context.set(buffer.o.ready, 0)
        assert not context.get(buffer.i.ready)
        context.set(buffer.o.ready, 1)
        assert not context.get(buffer.i.ready)
        await context.tick()
        assert context.get(buffer.i.ready)

    simulator = Simulator(buffer)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
