"""Block memories in every width, as mapped and simulated, against their source."""

import re

import numpy as np
import pytest
from amaranth import Elaboratable, Module, Signal
from amaranth.back import rtlil
from amaranth.lib import memory

from holigrail_hw.core.errors import ToolError
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.synth.mapping import map_design
from holigrail_hw.flow.synth.netlist_gates import Machine
from holigrail_hw.flow.synth.netlist_top import netlist_rtlil

# The heavy run takes all cases.
pytestmark = [pytest.mark.synth, pytest.mark.sampled]

CYCLES = 120
# The parameter with the width at the port that is read.
WIDTHS = {"DP16KD": "DATA_WIDTH_B", "SP": "BIT_WIDTH", "SPX9": "BIT_WIDTH"}
WIDTHS |= dict.fromkeys(("SDPB", "SDPX9B", "DPB", "DPX9B"), "BIT_WIDTH_1")
FAMILIES = {"ecp5-85k": "ecp5", "gw1n-9c": "gowin"}


class Kept(Elaboratable):
    """A memory of which no word is read in the cycle in which it is written."""

    def __init__(self, width, depth, granularity, words):
        self.kept = memory.Memory(shape=width, depth=depth, init=words)
        self.read, self.write = self.kept.read_port(), None
        if granularity:
            self.write = self.kept.write_port(granularity=granularity)
        self.reads = Signal()

    def ports(self):
        given = {"read_address": self.read.addr, "reads": self.reads, "found": self.read.data}
        if self.write is not None:
            parts = {"address": self.write.addr, "data": self.write.data, "enable": self.write.en}
            given |= {f"write_{name}": signal for name, signal in parts.items()}
        return given

    def elaborate(self, platform):
        m = Module()
        m.submodules.kept = self.kept
        clash = 0
        if self.write is not None:
            clash = self.write.en.any() & (self.write.addr == self.read.addr)
        m.d.comb += self.read.en.eq(self.reads & ~clash)
        return m


def mapped(design, folder, device="ecp5-85k"):
    """The source as RTLIL, the netlist's file, and the widths of its memories' ports."""
    ports = {name: (signal, None) for name, signal in design.ports().items()}
    source = rtlil.convert(design, name="kept", ports=ports, emit_src=False)
    (folder / "kept.il").write_text(source)
    done = map_design(
        ["read_rtlil kept.il"],
        "kept",
        target(device),
        dsp=False,
        pads=False,
        netlist=folder / "netlist.json",
        log=folder / "log",
        who="test",
    )
    widths = {
        (cell["type"], int(cell["parameters"][WIDTHS[cell["type"]]], 2))
        for cell in done.module["cells"].values()
        if cell["type"] in WIDTHS
    }
    return source, done.netlist, widths


ECP5 = [
    (36, 200, None, 36),
    (36, 512, 36, 36),
    (36, 300, 9, 36),
    (80, 400, 80, 36),
    (18, 1024, 9, 18),
    (9, 2048, 9, 9),
    (4, 4096, 4, 4),
    (2, 8192, 2, 2),
    (1, 16384, 1, 1),
]
GOWIN = [
    (36, 200, None, "SPX9", 36),
    (36, 512, 36, "SDPX9B", 36),
    (36, 300, 9, "SDPX9B", 36),
    (18, 1024, 9, "DPX9B", 18),
    (9, 2048, 9, "DPX9B", 9),
    (4, 4096, 4, "DPB", 4),
    (2, 8192, 2, "DPB", 2),
    (1, 16384, 1, "DPB", 1),
]


@pytest.mark.parametrize(
    ("device", "width", "depth", "granularity", "cell", "mapped_width"),
    [("ecp5-85k", *case[:3], "DP16KD", case[3]) for case in ECP5]
    + [("gw1n-9c", *case) for case in GOWIN],
)
def test_every_width_gives_the_words_of_its_source(
    device, width, depth, granularity, cell, mapped_width, tmp_path
):
    rng = np.random.default_rng(width * depth)

    def numbers(bits, count):
        return [int.from_bytes(rng.bytes(16), "little") >> (128 - bits) for _ in range(count)]

    design = Kept(width, depth, granularity, numbers(width, depth))
    source, netlist, widths = mapped(design, tmp_path, device)
    assert (cell, mapped_width) in widths
    machines = [
        Machine(text, "kept", 1)
        for text in (source, netlist_rtlil(netlist, "kept", FAMILIES[device]))
    ]
    near = depth // 9
    given = {"reads": numbers(1, CYCLES)}
    for name in ("read_address", "write_address"):
        given[name] = rng.integers(near, near + 20, CYCLES).tolist()
    given["read_address"][::5] = rng.integers(0, depth, len(given["read_address"][::5])).tolist()
    given["write_data"] = numbers(width, CYCLES)
    given["write_enable"] = numbers(width // granularity if granularity else 1, CYCLES)
    # Nobody knows what lies at the output before the first read.
    given["reads"][0], given["write_enable"][0] = 1, 0
    found = [[], []]
    for cycle in range(CYCLES):
        for machine, seen in zip(machines, found, strict=True):
            for name, values in given.items():
                machine.put(name, [values[cycle]])
            machine.settle()
            machine.edge()
            machine.settle()
            seen.append(machine.get("found")[0])
    assert found[0] == found[1]
    assert len(set(found[0])) > min(CYCLES // 12, 2**width - 1)


@pytest.mark.parametrize(
    ("device", "parameter", "value", "cell"),
    [
        ("ecp5-85k", "DATA_WIDTH_B", f"{72:032b}", "DP16KD"),
        ("ecp5-85k", "REGMODE_B", "OUTREG", "DP16KD"),
        ("gw1n-9c", "READ_MODE", "1", "gowin_block_memory"),
        ("gw1n-9c", "RESET_MODE", "NONE", "gowin_block_memory"),
    ],
)
def test_a_mode_without_a_model_is_refused(device, parameter, value, cell, tmp_path):
    words = [3**index % 2**36 for index in range(200)]
    _, netlist, widths = mapped(Kept(36, 200, None, words), tmp_path, device)
    assert {width for _, width in widths} == {36}
    text, changed = re.subn(rf'("{parameter}": )"[^"]*"', rf'\1"{value}"', netlist.read_text())
    assert changed
    netlist.write_text(text)
    with pytest.raises(ToolError, match=f"{cell}: this mode is not modelled"):
        netlist_rtlil(netlist, "kept", FAMILIES[device])
