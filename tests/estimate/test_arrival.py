"""When values are there: overlapping sums, bits picked out of a sum, registers in DSP blocks."""

from dataclasses import replace

import pytest

from holigrail_hw.estimate.arrival import TimedStep, slowest_ns
from holigrail_hw.estimate.primitives import (
    Adder,
    Comparator,
    DspMultiplier,
    Logic,
    Multiplexer,
    Negation,
    Wiring,
    device_model,
)

APART = device_model("generic")
OVERLAPPING = replace(APART, sums_overlap=True)


def chain(*primitives, width=12, last=None):
    """Steps of one cycle, each reading the one before."""
    steps = [
        TimedStep(primitive, 0, (index - 1,) if index else (), width)
        for index, primitive in enumerate(primitives)
    ]
    return [*steps[:-1], replace(steps[-1], width=last or width)]


def test_sums_overlap():
    """Three sums take one carry chain and three starts, or three of both."""
    start, carry = APART.carry_start_ns, 12 * APART.carry_ns
    sums = chain(*3 * [Adder(12)])
    assert slowest_ns(sums, APART, 0) == pytest.approx(3 * (start + carry))
    assert slowest_ns(sums, OVERLAPPING, 0) == pytest.approx(3 * start + carry)


@pytest.mark.parametrize(
    ("second", "width"), [(Comparator(12), 1), (Wiring(), 1), (Logic(1, 12), 12)], ids=str
)
def test_what_needs_all_bits_waits_for_the_last_carry(second, width):
    """A single bit may be the last of its operand; a choice may be made by it."""
    steps = chain(Adder(12), second, last=width)
    steps.append(TimedStep(Adder(12), 0, (1,), 12))
    through = slowest_ns(steps[:2], OVERLAPPING, 0)
    both = Adder(12).delay_ns(OVERLAPPING)
    assert slowest_ns(steps, OVERLAPPING, 0) == pytest.approx(through + both)


def test_logic_merges_with_what_is_in_front_of_it():
    """Not with a register; the second level does with the first."""
    merging = replace(APART, logic_ns=APART.lut_ns / 4)
    assert slowest_ns(chain(Logic()), merging, 0) == APART.lut_ns
    assert slowest_ns(chain(Logic(3)), merging, 0) == APART.lut_ns + 2 * merging.logic_ns
    after = chain(Multiplexer(12), Logic())
    assert slowest_ns(after, merging, 0) == merging.multiplexer_ns + merging.logic_ns
    assert slowest_ns(chain(Wiring(), Logic(0)), merging, 0) == 0


@pytest.mark.parametrize(("selects", "tables"), [(True, 0), (False, 1)])
def test_a_negation_adds_and_chooses(selects, tables):
    device = replace(APART, adder_selects=selects)
    found = Negation(9).delay_ns(device)
    assert found == pytest.approx(Adder(9).delay_ns(device) + tables * device.lut_ns)


def test_a_narrow_late_operand_ends_a_wide_sum():
    steps = chain(Multiplexer(12), Multiplexer(12), Adder(2))
    late = 2 * OVERLAPPING.multiplexer_ns
    assert slowest_ns(steps, OVERLAPPING, 0) == pytest.approx(late + Adder(2).delay_ns(OVERLAPPING))


class TestRegisterInABlock:
    """On a device where the way to the register in the block is short."""

    DEVICE = replace(APART, dsp_register_ns=1.0)
    PRODUCT = DspMultiplier(8, 8, True, True)

    def steps(self, product, *after):
        first = TimedStep(product, 0, (), 16)
        return [first, *after]

    def test_it_is_used_where_only_later_cycles_read(self):
        wiring = TimedStep(Wiring(), 0, (0,), 16)
        assert slowest_ns(self.steps(self.PRODUCT, wiring), self.DEVICE, 1) == 1.0

    def test_outputs_have_their_registers_outside(self):
        assert slowest_ns(self.steps(self.PRODUCT), self.DEVICE, 0) == self.DEVICE.dsp_ns

    def test_a_sum_in_the_same_cycle_forbids_it(self):
        total = TimedStep(Adder(16), 0, (0,), 16)
        found = slowest_ns(self.steps(self.PRODUCT, total), self.DEVICE, 1)
        assert found == pytest.approx(self.DEVICE.dsp_ns + Adder(16).delay_ns(self.DEVICE))

    def test_several_blocks_are_added_outside(self):
        wide = DspMultiplier(30, 30)
        assert slowest_ns(self.steps(wide), self.DEVICE, 1) == wide.delay_ns(self.DEVICE)

    def test_devices_without_it(self):
        assert slowest_ns(self.steps(self.PRODUCT), APART, 1) == APART.dsp_ns
