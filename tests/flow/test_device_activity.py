"""Changes in the cells of an FPGA: every setting of a cell by its model, results against golden."""

import itertools
import json

import numpy as np
import pytest
from hardware import make

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.cli.main import main
from holigrail_hw.core import DesignError, RequestError, Timing
from holigrail_hw.flow.synth import measure
from holigrail_hw.flow.synth.activity.cells import device_netlist
from holigrail_hw.flow.synth.activity.measure import device_activity
from holigrail_hw.flow.synth.asic.circuit import Circuit
from holigrail_hw.flow.top import Top

# The heavy run takes all cases.
pytestmark = [pytest.mark.synth, pytest.mark.sampled]


def results_of(kind, family, settings, inputs, output):
    """The output of one combinational cell for all codes of its inputs."""
    pins = {name: [2 + place] for place, name in enumerate(inputs)} | {output: [90]}
    cell = {"type": kind, "parameters": settings, "connections": pins}
    ports = {name: {"direction": "input", "bits": bits} for name, bits in pins.items()}
    ports[output] = {"direction": "output", "bits": [90]}
    module = {"ports": ports, "cells": {"x": cell}, "netnames": {}}
    circuit = Circuit(*device_netlist(module, family, "test"), "test")
    rows = list(itertools.product((0, 1), repeat=len(inputs)))
    found = []
    for row in rows:
        values = circuit.fresh(1)
        for name, bit in zip(inputs, row, strict=True):
            values[circuit.ports[name]] = np.uint64(bit)
        circuit.settle(values)
        found.append(int(values[circuit.ports[output][0], 0]) & 1)
    return rows, found


def test_a_look_up_table_reads_its_contents():
    contents = 0b0110_1011_1010_0001
    settings = {"LUT_INIT": f"{contents:016b}"}
    rows, found = results_of("SB_LUT4", "ice40", settings, ["I0", "I1", "I2", "I3"], "O")
    place = [sum(bit << i for i, bit in enumerate(row)) for row in rows]
    assert found == [contents >> p & 1 for p in place]
    # A pin that is not connected is 0.
    rows, found = results_of("SB_LUT4", "ice40", settings, ["I1", "I3"], "O")
    assert found == [contents >> (2 * a + 8 * b) & 1 for a, b in rows]


def test_the_carry_pair_of_ecp5_adds():
    """Two bits of a + b + carry, as Yosys maps sums: INIT a ^ b with a below it, no injection."""
    settings = {
        **{"INIT0": f"{0x96AA:016b}", "INIT1": f"{0x96AA:016b}"},
        **{"INJECT1_0": "NO", "INJECT1_1": "NO"},
    }
    names = ["CIN", "A0", "B0", "A1", "B1"]
    table = 0x96AA

    def model(carry, a0, b0, a1, b1):
        sums = []
        for a, b in ((a0, b0), (a1, b1)):
            upper, lower = table >> (a + 2 * b) & 1, (table & 15) >> (a + 2 * b) & 1
            sums.append(upper ^ carry)
            carry = carry if upper else lower
        return [*sums, carry]

    for place, output in enumerate(("S0", "S1", "COUT")):
        rows, found = results_of("CCU2C", "ecp5", settings, names, output)
        assert found == [model(*row)[place] for row in rows]


def test_what_cannot_be_counted_is_said():
    for kind in ("SB_MAC16", "MULT18X18D", "SB_RAM40_4K"):
        module = {"cells": {"x": {"type": kind, "connections": {"A": [2]}}}}
        with pytest.raises(RequestError, match=f"look-up tables and registers, not of {kind}"):
            device_netlist(module, "ice40", "test")
    module = {"cells": {"x": {"type": "SB_DFFR", "connections": {"D": [2], "Q": [3]}}}}
    with pytest.raises(RequestError, match="must be reset with the clock, not SB_DFFR"):
        device_netlist(module, "ice40", "test")
    with pytest.raises(RequestError, match="not of SB_LUT4"):
        device_netlist({"cells": {"x": {"type": "SB_LUT4", "connections": {}}}}, "gowin", "test")


SPECS = [
    (make(Multiply, a="int5", b="uint4"), Timing()),
    (make(Mac, a="int4", b="fp8_e4m3", accumulator="fp16"), Timing(period_ns=25)),
]


@pytest.mark.parametrize("place", range(len(SPECS)))
@pytest.mark.parametrize("device", ["ice40hx8k", "ecp5"])
def test_changes_of_a_mapped_design(device, place, tmp_path):
    spec, timing = SPECS[place]
    found = measure.measure(
        spec, timing, device, tmp_path, dsp=False, place=False, activity=True
    ).activity
    assert found is not None
    assert found.compared > 2000 and found.items > 1500
    assert 10 < found.changes < found.pin_changes


def test_a_wrong_table_is_found(tmp_path):
    spec, timing = SPECS[0]
    measure.measure(spec, timing, "ice40hx8k", tmp_path, place=False)
    top = Top(spec, timing)
    netlist = tmp_path / "synth" / f"{top.name}.json"
    whole = json.loads(netlist.read_text())
    cells = whole["modules"][top.name]["cells"].values()
    lut = next(cell for cell in cells if cell["type"] == "SB_LUT4")
    bits = lut["parameters"]["LUT_INIT"]
    lut["parameters"]["LUT_INIT"] = bits.translate(str.maketrans("01", "10"))
    netlist.write_text(json.dumps(whole))
    with pytest.raises(DesignError, match="must equal the golden model"):
        device_activity(top, netlist, "ice40")


def test_streams_are_refused(capsys, tmp_path):
    words = ["synth", "multiply", "--a", "int2", "--b", "int2", "--shell", "stream", "--activity"]
    assert main([*words, "--device", "ice40hx8k", "-o", str(tmp_path)]) == 2
    assert "activity must be asked of plain ports, not of streams" in capsys.readouterr().err


def test_the_command_line_says_it_is_relative(capsys, tmp_path):
    words = ["synth", "multiply", "--a", "int2", "--b", "int3", "--activity", "--best-effort"]
    assert main([*words, "--device", "ice40hx8k", "-o", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "changes of nets per item" in text and "a relative figure, no energy" in text
