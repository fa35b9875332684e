# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The memory of a processor, which holds its firmware from reset on."""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from .bus import BUS

__all__ = ["FirmwareMemory"]


class FirmwareMemory(wiring.Component):
    """Words on the bus; an access takes two cycles, a read and a write of bytes alike."""

    def __init__(self, words: Sequence[int]):
        self._words = list(words)
        super().__init__({"bus": In(BUS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=32, depth=len(self._words), init=self._words
        )
        read, write = words.read_port(), words.write_port(granularity=8)
        bus = self.bus
        answers = Signal()
        m.d.sync += answers.eq(bus.valid & ~answers)
        m.d.comb += [
            read.addr.eq(bus.address[2:]),
            write.addr.eq(bus.address[2:]),
            write.data.eq(bus.write_data),
            write.en.eq(Mux(bus.valid & ~answers, bus.select, 0)),
            bus.ready.eq(answers),
            bus.read_data.eq(read.data),
        ]
        return m
