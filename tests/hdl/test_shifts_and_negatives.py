"""Shifts of a word to any place, and negatives at a cell a bit: every operand of many widths."""

import warnings

import numpy as np
import pytest
from amaranth import Const, Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.hdl.integer import shift_to_place as shifts
from holigrail_hw.hdl.integer.negated import negated_where
from holigrail_hw.hdl.integer.shift_to_place import shift_to_place
from holigrail_hw.hdl.plan.plan import Plan


def answers(m, inputs, output, items):
    """What a combinational module answers to each item."""
    found = []

    async def bench(ctx):
        for item in items:
            for port, value in zip(inputs, item, strict=True):
                ctx.set(port, value)
            await ctx.delay(1e-7)
            found.append(ctx.get(output))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator.run()
    return found


def wrapped(value, width, is_signed=True):
    value %= 1 << width
    return value - (1 << width) if is_signed and value >> (width - 1) else value


def shifted(width, bits, wanted):
    """Words, distances and results of a shift of ``width`` bits, and the width of the results."""

    def build(plan, word, distance):
        placed = shift_to_place(plan, word, distance, wanted)
        assert placed.width <= wanted
        return {"z": plan.step("z", signed(wanted), lambda value: value, placed)}

    ports = {"word": signed(width), "distance": unsigned(bits)}
    plan = Plan(ports, {"z": signed(wanted)}, build, device=device_model("generic"))
    m = Module()
    plan.add_to(m)
    m.d.comb += plan.valid.eq(1)
    low = -(1 << (width - 1))
    items = [(word, place) for word in range(low, -low) for place in range(1 << bits)]
    return items, answers(m, plan.inputs.values(), plan.outputs["z"], items)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("bits, wanted", [(1, 3), (2, 9), (3, 1), (3, 8), (4, 7), (4, 22), (5, 37)])
def test_every_word_reaches_every_place(width, bits, wanted):
    items, found = shifted(width, bits, wanted)
    assert found == [wrapped(word << place, wanted) for word, place in items]


def test_a_wrong_choice_of_a_group_is_noticed(monkeypatch):
    real = shifts._controls
    monkeypatch.setattr(shifts, "_controls", lambda *given: (real(*given)[0], Const(0, 1)))
    items, found = shifted(4, 4, 22)
    assert found != [wrapped(word << place, 22) for word, place in items]


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("width, wanted", [(1, None), (1, 3), (2, 1), (4, None), (5, 7), (5, 3)])
@pytest.mark.parametrize("constant", [0, 1, 5])
def test_negatives(is_signed, width, wanted, constant):
    m = Module()
    value = Signal(signed(width) if is_signed else unsigned(width))
    negative = Signal()
    bits = wanted or width
    result = Signal(bits)
    m.d.comb += result.eq(negated_where(negative, value, wanted, constant))
    low = -(1 << (width - 1)) if is_signed else 0
    items = [(n, v) for n in (0, 1) for v in np.arange(low, low + (1 << width)).tolist()]
    found = answers(m, (negative, value), result, items)
    assert found == [wrapped(constant - v if n else v, bits, False) for n, v in items]
