"""Streamed weights from the pins of a flash memory to the answer of the firmware."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
from hardware import make
from random_networks import Builder

from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.flow.board.board import board
from holigrail_hw.flow.board.choice import board_design
from holigrail_hw.flow.simulate import system_run
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.system.served import ServedAccelerator

SPEC = make(
    Accelerator,
    rows=2,
    columns=4,
    activation_depth=128,
    accumulator_depth=4,
    scratchpad=4096,
    maximum=False,
    loader=True,
    processor="picorv32",
)


def network() -> tuple[IntegerGraph, Program]:
    made = Builder(5, (60,))
    for results in (60, 20, 6):
        made.dense(results, once=results == 6)
    graph = made.graph()
    program = compiled(graph, SPEC.machine)
    assert program.loads
    return graph, program


@pytest.mark.slow
def test_a_network_with_streamed_weights_is_answered_from_a_flash_memory():
    """The firmware loads the image by itself; a spoilt one is refused, block or resident part."""
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    whole = ServedAccelerator(SPEC.machine, "fast", None, network())
    component, sources = whole.component(Timing()), whole.sources()
    made = system_run.program_of(component, sources, flash=True)
    with system_run.SimulatedSystem(made, flash=whole.flash()) as line:
        assert whole.check(line, seed=1, count=2).results == 2
    address, image = whole.flash()
    resident = whole.network[1].resident
    for place in (resident - 70, resident + 40):
        spoilt = bytearray(image)
        spoilt[place] ^= 4
        with system_run.SimulatedSystem(made, flash=(address, bytes(spoilt))) as line:
            with pytest.raises(DesignError, match="the CRC-32 of a block of the flash memory"):
                whole.check(line, seed=1, count=1)


def test_a_board_without_the_pins_is_refused():
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    goal = replace(board("icebreaker"), has_flash=False)
    with pytest.raises(RequestError) as caught:
        board_design(SPEC).timing(Timing(), goal)
    assert str(caught.value) == (
        "accelerator: a system on icebreaker must do without the pins of a flash memory"
    )
