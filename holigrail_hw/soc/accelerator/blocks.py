# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Blocks of a flash memory as two streams: what is asked for, and the words that come."""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.hardware.flash_port import FETCH, FLASH_BITS, FLASH_PORT

__all__ = ["BlockStreams"]


class BlockStreams(wiring.Component):
    """Every word that was asked for must come; those behind a stop are taken, and dropped.

    Members
    -------
    port : In
        To the loader.
    fetch, block : Out, In
        The streams.
    """

    def __init__(self):
        super().__init__(
            {
                "port": In(FLASH_PORT),
                "fetch": Out(stream.Signature(FETCH)),
                "block": In(stream.Signature(32)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        """State: a request that is not taken yet, and the words that are still to come."""
        m = Module()
        port = self.port
        left = Signal(FLASH_BITS - 1)
        drops = Signal()
        accepts = Signal()
        m.d.comb += [
            port.fetch.ready.eq(~self.fetch.valid & (left == 0)),
            accepts.eq(port.fetch.valid & port.fetch.ready),
            port.block.payload.eq(self.block.payload),
            port.block.valid.eq(self.block.valid & (left != 0) & ~drops),
            self.block.ready.eq((left != 0) & (port.block.ready | drops)),
        ]
        with m.If(self.fetch.ready):
            m.d.sync += self.fetch.valid.eq(0)
        with m.If(self.block.valid & self.block.ready):
            m.d.sync += left.eq(left - 1)
        with m.If(accepts):
            m.d.sync += [
                self.fetch.valid.eq(1),
                self.fetch.payload.eq(port.fetch.payload),
                left.eq(port.fetch.payload.words),
                drops.eq(0),
            ]
        with m.If(port.stop):
            m.d.sync += drops.eq(1)
        return m
