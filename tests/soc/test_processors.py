"""The processors of a system: their files, and one transcript of the firmware on all of them."""

from importlib.util import find_spec
from struct import pack

import numpy as np
import pytest
from random_networks import Builder

from holigrail_hw.core import Timing
from holigrail_hw.core.errors import ToolError
from holigrail_hw.flow.emit.verilog import companion
from holigrail_hw.flow.simulate.system_run import SimulatedSystem, program_of
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.system import packages, processors
from holigrail_hw.soc.system.files import system_files, system_of, system_sources
from holigrail_hw.soc.system.served import Lines

PACKAGES = {
    "fast": "pythondata_cpu_picorv32",
    "serv": "pythondata_cpu_serv",
    "sentinel": "sentinel_cpu",
}
MACHINE = Machine(
    rows=2,
    columns=4,
    activation_depth=8,
    accumulator_depth=4,
    scratchpad=1024,
    maximum=False,
    loader=False,
)
NAME = "served"


def there(form: str) -> None:
    if find_spec(PACKAGES[form]) is None:
        pytest.skip("the processor's package is not installed")


@pytest.mark.parametrize("form", PACKAGES)
def test_a_system_comes_with_its_processor_and_licence(form):
    there(form)
    files = system_files(form)
    source, licence = {
        "fast": ("_picorv32.v", b"Permission to use, copy, modify"),
        "serv": ("_serv.v", b"Permission to use, copy, modify"),
        "sentinel": ("_sentinel_licence.md", b"Redistribution and use"),
    }[form]
    assert licence in files[source]
    text = companion(system_of(MACHINE, form), NAME)
    if form == "sentinel":
        assert "sentinel" in text
    else:
        module = {"fast": "picorv32", "serv": "serv_rf_top"}[form]
        assert f"  {module} " in text and f"module {module}".encode() in files[source]


@pytest.mark.parametrize("form", PACKAGES)
def test_a_processor_that_is_not_installed_is_named(form, monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError) as caught:
        processors.processor_files(form)
    assert PACKAGES[form].replace("_", "-") in str(caught.value)
    assert "holigrail-hw[soc]" in caught.value.hint


def network() -> tuple[Program, np.ndarray]:
    made = Builder(3, (1, 1, 8))
    made.dense(3, once=True)
    made.softmax()
    cycles = exact_cycles(MACHINE, None, Timing())
    return compiled(made.graph(), MACHINE, cycles=cycles), np.random.default_rng(3).integers(
        -128, 128, 8
    )


def transcript(form: str, sent: bytes, lines: int) -> list[str]:
    """What the firmware says on the simulated system."""
    program = program_of(system_of(MACHINE, form), system_sources(form))
    with SimulatedSystem(program) as line:
        line.write(sent)
        return [Lines(line).readline().decode() for _ in range(lines)]


@pytest.mark.heavy
def test_three_processors_give_one_transcript():
    """Image, frame, answer with its softmax, and cycles, over the serial line."""
    for form in PACKAGES:
        there(form)
    program, frame = network()
    sent = b"?P" + pack("<II", 0, program.resident) + program.image[: program.resident] + b"?"
    sent += b"I" + frame.astype(np.int8).tobytes() + b"G"
    found = {form: transcript(form, sent, 6) for form in PACKAGES}
    assert found["fast"] == found["serv"] == found["sentinel"]
    lines = found["fast"]
    assert lines[0].startswith(f"machine {MACHINE.digest:08x} image")
    assert [line.split()[0] for line in lines] == [
        *("machine", "ok", "machine", "ok", "answer", "cycles")
    ]
    assert int(lines[-1].split()[1]) == program.cycles
