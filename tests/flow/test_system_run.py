"""A whole system as a program: bytes there and back, what does not come, sources of others."""

from pathlib import Path

import pytest
from amaranth import Instance, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arith.add import Add
from holigrail_hw.core.errors import RequestError, ToolError
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.whole_system import Checked, WholeSystem
from holigrail_hw.flow import synth
from holigrail_hw.flow.board.hosted_shell import HostedShell
from holigrail_hw.flow.emit.verilog import companion
from holigrail_hw.flow.simulate.system_run import SimulatedSystem, program_of, program_of_netlist
from holigrail_hw.flow.synth.netlist_program import unknown_bits
from holigrail_hw.flow.verify import verify
from holigrail_hw.formats import parse


def adder():
    int8 = parse("int8")
    return Add(a=int8, b=int8)


OTHERS = {"flip.v": b"module flip(input [7:0] a, output [7:0] b); assign b = ~a; endmodule\n"}


class Flips(wiring.Component):
    """Takes a byte, gives its complement a cycle later; one byte at a time."""

    sent: Out(stream.Signature(8))
    received: In(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        flipped = Signal(8)
        m.submodules.flip = Instance("flip", i_a=self.received.payload, o_b=flipped)
        m.d.comb += self.received.ready.eq(~self.sent.valid)
        with m.If(self.sent.valid & self.sent.ready):
            m.d.sync += self.sent.valid.eq(0)
        with m.Elif(self.received.valid & self.received.ready):
            m.d.sync += [self.sent.valid.eq(1), self.sent.payload.eq(flipped)]
        return m


class Flipping(WholeSystem):
    def component(self, timing):
        return Flips()

    def sources(self):
        return OTHERS

    def check(self, line, seed, count, say=lambda text: None):
        line.write(bytes(range(count)))
        say("asked")
        assert line.read(count) == bytes(255 - n for n in range(count))
        return Checked(count, "all flipped")

    def short_check(self, line, seed):
        return self.check(line, seed, 1)


@pytest.fixture(scope="module")
def program():
    return program_of(Flips(), OTHERS)


def test_bytes_go_there_and_back(program):
    with SimulatedSystem(program, patience=50) as line:
        assert line.read(1) == b"" and line.cycles == 54
        line.write(b"ab")
        line.write(b"c")
        assert line.read(2) == bytes([255 - 97, 255 - 98])
        # The third one comes, a fourth does not.
        assert line.read(2) == bytes([255 - 99])
        line.write(bytes(70_000))
        assert line.read(70_000) == b"\xff" * 70_000
        assert 140_000 <= line.cycles < 141_000


def test_a_program_that_has_ended_is_an_error(program):
    with SimulatedSystem(program) as line:
        line.write(b"a")
        line._process.kill()
        with pytest.raises(ToolError, match="verify: the simulation must go on, not end with"):
            line.read(1)


def test_verify_asks_the_system(program, monkeypatch):
    said = []
    monkeypatch.setattr(Add, "whole_system", lambda self, timing=None: Flipping())
    found = verify.run(adder(), progress=said.append, count=7)
    ((level,), note) = (found.levels, found.note)
    assert (level.level, level.simulator, level.vectors) == ("system", "verilator", 7)
    assert note == "verify: all flipped" and "system: asked" in said


def test_an_operator_alone_has_no_system():
    with pytest.raises(RequestError) as caught:
        verify.run(adder(), levels="system")
    assert str(caught.value) == (
        "add: level system needs a design that is part of a system with a programme"
    )


def test_behind_a_bus_there_is_no_system(monkeypatch):
    """Without a choice the other levels are taken; the design's own host is somebody else."""
    monkeypatch.setattr(Add, "whole_system", lambda self, timing=None: Flipping())
    monkeypatch.setattr(verify, "USUAL", ("compiled",))
    timing = Timing(shell="wishbone")
    assert [one.level for one in verify.run(adder(), timing=timing, count=3).levels] == ["compiled"]
    with pytest.raises(RequestError) as caught:
        verify.run(adder(), timing=timing, levels="system")
    assert str(caught.value) == "add: level system needs the shell plain or stream, not wishbone"
    assert "by the other levels" in caught.value.hint


def test_no_single_result_of_a_system_is_judged(monkeypatch):
    monkeypatch.setattr(Add, "whole_system", lambda self, timing=None: Flipping())
    with pytest.raises(RequestError, match="verify: --only must not be given for level system"):
        verify.run(adder(), only=3)


BOARD = b"""
module board(input pin, input line, output back);
  wire clk;
  EHXPLLL #(.CLKFB_DIV(3)) loop(
    .CLKI(pin), .CLKFB(clk), .CLKOP(clk), .LOCK(), .RST(1'b0), .STDBY(1'b0), .PLLWAKESYNC(1'b0),
    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1),
    .ENCLKOP(1'b0));
  served system(.clk(clk), .rst(1'b0), .rx(line), .tx(back));
endmodule
"""


def test_a_netlist_is_asked_through_its_serial_line(tmp_path):
    """Bits of five cycles; the clock comes through the model of a loop."""
    served = companion(HostedShell(Flips(), 5), "served").encode()
    sources = {"served.v": served, "board.v": BOARD, **OTHERS}
    for name, text in sources.items():
        (tmp_path / name).write_bytes(text)
    files = [
        *(tmp_path / name for name in sources),
        Path(synth.__file__).with_name("ecp5") / "cells.v",
    ]
    program = program_of_netlist(files, "board", ("pin", "line", "back"), 5)
    data = bytes(range(0, 256, 5)) + b"\xff\0"
    with SimulatedSystem(program, patience=2000, arguments=unknown_bits(3)) as line:
        line.write(data)
        assert line.read(len(data)) == bytes(255 - byte for byte in data)
        assert len(data) * 50 < line.cycles < len(data) * 50 + 200
        assert line.read(1) == b""
