"""An accelerator for small devices: one port, serial checks, units left out; same results."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from amaranth import Module
from amaranth.sim import Simulator
from hardware import make
from random_networks import Builder
from scratchpad_accesses import accesses
from test_accelerator import check, compare_cycles

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.soc.accelerator.jobs import chain_job
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.accelerator.random_descriptors import placed, random_descriptor
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.descriptors.checks import Error, descriptor_of, error_of
from holigrail_hw.soc.descriptors.kinds import Add, End, Maximum
from holigrail_hw.soc.hardware.checker import SIZE_CYCLES, SPAN_CYCLES
from holigrail_hw.soc.hardware.fields import Fields
from holigrail_hw.soc.hardware.large_scratchpad import LargeScratchpad
from holigrail_hw.soc.hardware.serial_checker import STEP_CYCLES, SerialChecker
from holigrail_hw.soc.machine import Machine

# A size whose addresses reach beyond it.
SMALL = make(
    Accelerator,
    rows=2,
    memory="large",
    serial_checks=True,
    lane_count=1,
    addition=False,
    maximum=False,
    activation_depth=32,
    accumulator_depth=8,
    scratchpad=4032,
)
WHOLE = make(Accelerator, memory="large", activation_depth=32, accumulator_depth=8, scratchpad=4096)


@cache
def designs() -> list[Compiled]:
    return compile_all([(SMALL, Timing()), (WHOLE, Timing())], short=True)


@cache
def loaded() -> Compiled:
    return compile_all([(replace(SMALL, loader=True), Timing())], short=True)[0]


def simulated(component, process) -> None:
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()


@pytest.mark.parametrize("grain", [2, 4, 8])
def test_the_large_scratchpad_is_an_array_of_bytes(grain):
    """Vectors at any grain, words at multiples of 4, single bytes; writes of any bytes."""
    size = 18 * grain
    pad = LargeScratchpad(size, grain)
    # An address to read does not matter while something is written.
    simulated(pad, accesses(pad, size, grain, 200, reads_meanwhile=True))


def test_serial_checks_say_what_those_with_a_multiplier_say():
    """Random descriptors, right ones and others; as many cycles as the steps take."""
    machine = Machine(rows=2, columns=4, activation_depth=64, scratchpad=4096, line_buffer=8)
    fields, checker = Fields(machine), SerialChecker(machine)
    rng, met = np.random.default_rng(6), set()
    m = Module()
    m.submodules.fields, m.submodules.checker = fields, checker
    m.d.comb += checker.fields.eq(fields.fields)

    async def bench(ctx):
        for _ in range(60):
            one, _ = random_descriptor(machine, rng, 256, 6)
            if isinstance(one, End):
                continue
            record = bytearray(one.encode())
            if rng.random() < 0.5:
                # Another number anywhere but in the word of the operation.
                record[int(rng.integers(4, 60))] ^= 1 << int(rng.integers(8))
                record[60] = (record[60] - sum(record)) % 256
            found = descriptor_of(bytes(record))
            wanted = error_of(machine, found)
            if wanted is Error.RECORD:
                continue
            met.add(wanted)
            for place in range(16):
                word = int.from_bytes(record[4 * place : 4 * place + 4], "little")
                ctx.set(fields.words[place], word)
            await ctx.tick()
            ctx.set(checker.start, 1)
            await ctx.tick()
            ctx.set(checker.start, 0)
            cycles = 1
            while not ctx.get(checker.done):
                await ctx.tick()
                cycles += 1
                assert cycles < STEP_CYCLES * (SIZE_CYCLES + SPAN_CYCLES + 2)
            assert ctx.get(checker.error) == wanted
            if wanted is Error.NONE:
                sizes = SIZE_CYCLES if one.operation == 1 else 0
                assert cycles == STEP_CYCLES * (1 + sizes + SPAN_CYCLES)
            await ctx.tick()
            assert not ctx.get(checker.done)

    simulated(m, bench)
    assert met == {Error.NONE, Error.SIZE, Error.ADDRESS}


def test_chains_equal_the_executor_with_one_port():
    """Whole scratchpads, faults too; what was left out is an unknown operation."""
    faults = {Error.NONE, Error.RECORD, Error.SIZE, Error.ADDRESS, Error.DEADLOCK}
    assert check(designs()[0], 160, 1) == faults
    assert Error.NONE in check(designs()[1], 60, 1)


@pytest.mark.heavy
@pytest.mark.parametrize("place", range(2))
def test_many_chains_equal_the_executor_with_one_port(place):
    assert Error.NONE in check(designs()[place], 4000, 3)


def test_cycles_are_predicted_exactly_with_one_port():
    assert compare_cycles(designs()[0], 14, 1) == {"Matmul", "Copy", "Fill", "End"}
    kinds = {"Matmul", "Add", "Maximum", "Copy", "Fill", "End"}
    assert compare_cycles(designs()[1], 24, 1) == kinds


@pytest.mark.heavy
def test_loads_beside_chains_equal_the_executor_with_one_port():
    assert {Error.NONE, Error.RECORD, Error.ADDRESS} <= check(loaded(), 1000, 2)


@pytest.mark.heavy
@pytest.mark.parametrize("place", range(2))
def test_cycles_of_many_chains_are_predicted_exactly_with_one_port(place):
    assert "Matmul" in compare_cycles(designs()[place], 400, 7)


@pytest.mark.parametrize("kind", [Add, Maximum])
def test_what_is_left_out_is_an_unknown_operation(kind):
    one, _ = placed(SMALL.machine, kind(nx=4, ny=1), 256)
    assert error_of(SMALL.machine, one) is Error.RECORD
    assert error_of(WHOLE.machine, one) is Error.NONE
    memory = np.zeros(SMALL.scratchpad, np.uint8)
    memory[:64] = np.frombuffer(one.encode(), np.uint8)
    job, counts = chain_job(memory), {"answer": 2 + len(memory) // 4}
    answers = designs()[0].run_streams(job, counts, quiet=1 << 12).results["answer"]
    assert int(answers["data"][0]) >> 4 & 0xF == Error.RECORD
    assert (answers["data"][2:].astype("<u4").view(np.uint8) == memory).all()


def test_a_line_buffer_takes_two_ports():
    with pytest.raises(RequestError, match="accelerator: line_buffer must be 0 with a large mem"):
        make(Accelerator, memory="large", line_buffer=8)


def test_networks_need_what_they_use():
    """A layer whose unit a machine leaves out is refused by its node."""
    made = Builder(4, (6, 6, 4))
    made.convolution((1, 1), (1, 1), 4)
    first = made.tensor
    made.convolution((1, 1), (1, 1), 4)
    made.sum_with(first)
    made.pool("max", (2, 2), (2, 2))
    graph, whole = made.graph(), Machine(scratchpad=8192)
    assert compiled(graph, whole).descriptors
    for unit, kind in (("addition", "sum"), ("maximum", "maximum")):
        with pytest.raises(RequestError) as caught:
            compiled(graph, replace(whole, **{unit: False}))
        (line,) = caught.value.violations
        assert f"the machine must have the unit `{unit}` for a layer of the kind {kind}" in line
        assert caught.value.hint == "leave --addition and --maximum out, or give true"
