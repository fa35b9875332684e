# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An accelerator behind two streams: requests and answers, in order.

A chain of descriptors keeps the requests behind it waiting until it has ended, so the answers do
not depend on when requests come.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring

from holigrail_hw.core.stream_ports import stream_ports
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.hardware.core import AcceleratorCore
from holigrail_hw.soc.hardware.engine import engine_of
from holigrail_hw.soc.hardware.scratchpad import READ_CYCLES
from holigrail_hw.soc.hardware.status import status_of

from .blocks import BlockStreams
from .shape import PROFILE, READ, START, WRITE, AcceleratorShape

__all__ = ["StreamedAccelerator"]


class StreamedAccelerator(wiring.Component):
    """The streams of the specification."""

    def __init__(self, spec: AcceleratorShape, timing: Timing):
        self._spec, self._timing = spec, timing
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, machine = self._spec, self._spec.machine
        m.submodules.core = core = AcceleratorCore(
            machine,
            engine_of(machine, spec.lane_count, spec.style),
            self._timing,
            spec.patience,
            spec.style,
        )
        request = self.request.payload
        self._kept = Signal(self.answer.payload.shape())
        if machine.loader:
            self._connect_flash(m, core.flash)
        inside = request.address < machine.scratchpad
        beyond = Signal()
        left = Signal(range(READ_CYCLES))
        m.d.comb += [
            core.address.eq(request.address),
            core.write_data.eq(request.data),
            core.first.eq(request.address),
            core.load_first.eq(request.data),
            core.shown.eq(request.address),
        ]
        with m.FSM():
            with m.State("IDLE"):
                self._take(m, core, inside, beyond, left)
            with m.State("FOUND"):
                self._keep(m, Mux(beyond, 0, core.found), 0)
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.next = "ANSWER"
            with m.State("SHOWN"):
                self._keep(m, 0, core.shown_cycles)
                m.next = "ANSWER"
            with m.State("RUN"):
                self._keep(m, status_of(core), core.counters.cycles)
                with m.If(core.done):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += [self.answer.valid.eq(1), self.answer.payload.eq(self._kept)]
                with m.If(self.answer.ready):
                    m.next = "IDLE"
        return m

    def _take(self, m: Module, core: Any, inside: Any, beyond: Signal, left: Signal) -> None:
        """A request. A write has no answer; what is beyond the scratchpad is 0 and stays so."""
        request, operation = self.request.payload, self.request.payload.operation
        with m.If(self.request.valid & (operation == WRITE)):
            m.d.comb += [
                core.request.eq(inside),
                core.select.eq(0b1111),
                self.request.ready.eq(core.grant | ~inside),
            ]
        with m.Elif(self.request.valid & (operation == READ)):
            m.d.comb += core.request.eq(inside)
            m.d.sync += [beyond.eq(~inside), left.eq(READ_CYCLES - 1)]
            with m.If(core.grant | ~inside):
                m.d.comb += self.request.ready.eq(1)
                m.next = "FOUND"
        with m.Elif(self.request.valid & (operation == PROFILE)):
            m.d.comb += self.request.ready.eq(1)
            m.next = "SHOWN"
        with m.Elif(self.request.valid & (operation == START)):
            m.d.comb += [
                self.request.ready.eq(1),
                core.start.eq(1),
                core.load.eq(request.data != 0),
            ]
            m.next = "RUN"

    def _connect_flash(self, m: Module, port: Any) -> None:
        """The streams stand for the flash memory."""
        m.submodules.blocks = blocks = BlockStreams()
        wiring.connect(m, port, blocks.port)
        fetch, block = self.fetch, self.block
        m.d.comb += [
            fetch.valid.eq(blocks.fetch.valid),
            fetch.payload.eq(blocks.fetch.payload),
            blocks.fetch.ready.eq(fetch.ready),
            blocks.block.valid.eq(block.valid),
            blocks.block.payload.eq(block.payload.data),
            block.ready.eq(blocks.block.ready),
        ]

    def _keep(self, m: Module, word: Any, cycles: Any) -> None:
        m.d.sync += [self._kept.data.eq(word), self._kept.cycles.eq(cycles)]
