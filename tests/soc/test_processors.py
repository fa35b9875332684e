"""The processors of a system: their files, and one transcript of the firmware on all of them."""

import subprocess
from importlib.util import find_spec
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from random_networks import Builder

from holigrail_hw.core import Timing
from holigrail_hw.core.errors import ToolError
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit.verilog import companion
from holigrail_hw.soc.accelerator.cycles import exact_cycles
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.system import packages, processors
from holigrail_hw.soc.system.files import system_files, system_of

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
MAIN = r"""
#include "Vserved.h"
#include <cstdio>
#include <cstdlib>
int main(int count, char **words) {
    // Bytes of standard input go in; ends after so many lines, or so many cycles.
    long lines = atol(words[1]), most = atol(words[2]);
    Vserved top;
    int byte = getchar();
    top.sent___05Fready = 1;
    for (long cycle = 0; cycle < most && lines; cycle++) {
        top.rst = cycle < 4;
        top.received___05Fvalid = byte != EOF; top.received___05Fpayload = byte;
        top.clk = 0; top.eval();
        bool taken = top.received___05Fvalid && top.received___05Fready && !top.rst;
        if (top.sent___05Fvalid && !top.rst) {
            putchar(top.sent___05Fpayload);
            lines -= top.sent___05Fpayload == '\n';
        }
        top.clk = 1; top.eval();
        if (taken) byte = getchar();
    }
    return lines != 0;
}
"""


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


def transcript(folder: Path, form: str, sent: bytes, lines: int) -> bytes:
    """What the firmware says on the simulated system."""
    (folder / "system.v").write_text(companion(system_of(MACHINE, form), NAME))
    for ending, content in processors.processor_files(form).items():
        (folder / f"processor{Path(ending).suffix}").write_bytes(content)
    (folder / "main.cc").write_text(MAIN)
    program = tools.require("verilator", who="test")["verilator"].path
    command = [str(program), "--cc", "--exe", "--build", "-Wno-fatal", "--no-timing"]
    command += ["-CFLAGS", "-O1", "--top-module", NAME, "main.cc"]
    command += sorted(one.name for one in folder.glob("*.v"))
    environment = tools.verilator_environment()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    most = str(60_000_000)
    made = [str(folder / f"obj_dir/V{NAME}"), str(lines), most]
    found = subprocess.run(made, input=sent, stdout=subprocess.PIPE, check=False)
    assert found.returncode == 0, found.stdout
    return found.stdout


@pytest.mark.heavy
def test_three_processors_give_one_transcript(tmp_path):
    """Image, frame, answer with its softmax, and cycles, over the serial line."""
    for form in PACKAGES:
        there(form)
    program, frame = network()
    sent = b"?P" + pack("<II", 0, program.resident) + program.image[: program.resident] + b"?"
    sent += b"I" + frame.astype(np.int8).tobytes() + b"G"
    found = {}
    for form in PACKAGES:
        folder = tmp_path / form
        folder.mkdir()
        found[form] = transcript(folder, form, sent, 6)
    assert found["fast"] == found["serv"] == found["sentinel"]
    lines = found["fast"].decode().splitlines()
    assert lines[0].startswith(f"machine {MACHINE.digest:08x} image")
    assert [line.split()[0] for line in lines] == [
        *("machine", "ok", "machine", "ok", "answer", "cycles")
    ]
    assert int(lines[-1].split()[1]) == program.cycles
