"""The clock that streams promise: from every way between registers, wires and waiting included."""

import pytest

from holigrail_hw.core import DesignError, Timing
from holigrail_hw.estimate.primitives import Logic, device_model
from holigrail_hw.nn.network.operator import TrainedNetwork
from holigrail_hw.nn.network.stream.clock import LARGE, promised_ns, ways_of
from holigrail_hw.nn.network.stream.schedule.dataflow import OUTSIDE, WIRE
from holigrail_hw.nn.network.stream.style import design_of
from holigrail_hw.nn.network.stream.units.routing.shape import Queue
from holigrail_hw.nn.network.stream.units.softmax.shape import Powers, Shares
from holigrail_hw.nn.network.stream.units.unit import Integers
from holigrail_hw.nn.network.stream.units.ways import delay_ns

SLOW, FAST = Timing(device="ecp5"), Timing(device="ecp5", period_ns=16.0)


def digits(**given: int) -> TrainedNetwork:
    return TrainedNetwork(model="digits", **given)


@pytest.mark.parametrize("timing", [SLOW, FAST, Timing(device="ice40up5k", period_ns=83.0)])
@pytest.mark.parametrize("given", [{"interval": 64, "dsps": 0}, {}])
def test_no_way_is_longer_than_the_promise(given, timing):
    """Schedules of units, and what lies behind one unit and before the next on a wire."""
    design = design_of(digits(**given), timing)
    model, found = device_model(timing.device).cautious, ways_of(design)
    units = [placed.unit for placed in design.units]
    longest = model.register_ns + max(delay_ns(way, model) for way in found)
    planned = max(unit.planned_ns() for unit in units)
    assert promised_ns(design) == LARGE * max(longest, planned)
    ways = [unit.ways() for unit in units]
    for own in ways:
        assert {*own.inside} <= {*found}
    wires = 0
    for depth, edge in zip(design.sizes.depths, design.edges, strict=True):
        if depth == WIRE and OUTSIDE not in (edge.producer, edge.consumer):
            wires += 1
            before, after = ways[edge.producer], ways[edge.consumer]
            assert (*before.leaving, *after.arriving) in found
            # The reader's own reader stops both.
            stopped = [way for way in found if before.control == way[-1 - len(before.control) : -1]]
            assert any(way[:2] == (Logic(1), Logic(1)) for way in stopped)
    assert wires


def test_registers_for_a_period_shorten_the_promise():
    spec = digits(interval=64, dsps=0)
    slow, fast = spec.promise_ns(SLOW), spec.promise_ns(FAST)
    assert slow is not None and fast is not None and fast <= 16.0 < slow
    assert spec.clock(FAST).met


def test_a_period_that_no_unit_can_meet_is_refused():
    clock = digits().clock(Timing(device="ice40up5k", period_ns=20.0))
    assert clock.met is False
    with pytest.raises(DesignError, match="the clock must be one that the model ice40up5k can"):
        clock.require()


def test_blocks_of_memory_answer_late():
    """A queue in a block of memory has a longer way to its reader than one in registers."""
    model = device_model("ecp5").cautious
    delays = [delay_ns(Queue(Integers(0, 255), 4, n).ways().leaving, model) for n in (3, 40, 400)]
    assert delays == sorted(delays) and delays[2] > 5 > delays[1]


def test_softmax_is_as_fast_as_its_sums():
    """Two sums of 34 bits in a row, or a comparison and a sum."""
    model = device_model("ecp5").cautious
    for unit in (Powers(12, 1, 1 << 30, 20), Shares(12, 1)):
        ways = unit.ways()
        longest = max(delay_ns(way, model) for way in (*ways.inside, ways.control))
        assert 2 * 2.9 < longest < 12
    assert Shares(12, 1).gap == 2 + 13 + 8 * 35
