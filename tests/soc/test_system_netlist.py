"""A system on a board as its netlist: the firmware answers through the simulated serial line."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
from hardware import make

from holigrail_hw.core import Timing
from holigrail_hw.core.errors import DesignError
from holigrail_hw.flow.board import build, proof
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.system import served

SIZES = {"activation_depth": 64, "accumulator_depth": 16, "scratchpad": 1024, "maximum": False}


def spoilt(graph, machine):
    """A program with another weight than the graph."""
    program = compiled(graph, machine)
    image = bytearray(program.image)
    image[program.descriptors[0].w_base] ^= 0x40
    return replace(program, image=bytes(image))


@pytest.mark.heavy
@pytest.mark.synth
def test_the_netlist_of_a_system_answers_on_an_ecp5(tmp_path, monkeypatch):
    """Synthesised, placed, simulated with random unknown bits; a wrong answer is found."""
    if find_spec("pythondata_cpu_picorv32") is None:
        pytest.skip("the extra soc is not installed")
    spec = make(Accelerator, rows=2, columns=4, processor="picorv32", preset="small", **SIZES)
    built = build.run(spec, build.planned(spec, Timing(), "ulx3s"), "ulx3s", tmp_path)
    found = proof.decode_and_check(spec, built)
    assert (found.source, found.items) == ("netlist", 1)
    assert found.answer.startswith("the answer of a layer, ")
    monkeypatch.setattr(served, "compiled", spoilt)
    with pytest.raises(DesignError):
        proof.decode_and_check(spec, built, seed=2)
