"""An accelerator with the reader of a flash memory, whose pins lead to a memory made of streams.

The streams are those of the operator: the memory takes the words that a burst gives from ``block``,
so the same jobs, with the same answers, go through the pins at their pace.
"""

from dataclasses import dataclass

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from holigrail_hw.soc.accelerator.core import StreamedAccelerator
from holigrail_hw.soc.accelerator.operator import Accelerator
from holigrail_hw.soc.hardware.flash import FLASH_PINS, FlashReader, clock_cycles


class PinsToWords(wiring.Component):
    """The memory: nibbles from the 20th clock of a burst on, out of words that it takes.

    ``count`` words are there for a burst; what follows them is all ones.
    """

    pins: In(FLASH_PINS)
    count: In(23)
    begins: In(1)
    valid: In(1)
    word: In(32)

    def __init__(self):
        super().__init__()
        self.takes = Signal()
        self.starved = Signal()

    def elaborate(self, platform):
        m = Module()
        clocks, nibbles, left, kept = Signal(5), Signal(3), Signal(23), Signal(32)
        # Whether in the middle of a cycle or at its beginning, the clock rises before it falls.
        falls = self.pins.chip_select & self.pins.clock[1]
        # Bytes follow each other from the lowest on, of each the upper nibble first.
        order = Cat(self.word.word_select(n ^ 1, 4) for n in range(8))
        with m.If(self.begins):
            m.d.sync += left.eq(self.count)
        with m.If(~self.pins.chip_select):
            m.d.sync += [clocks.eq(0), nibbles.eq(0)]
        with m.Elif(falls & (clocks != 19)):
            m.d.sync += clocks.eq(clocks + 1)
        with m.Elif(falls):
            m.d.sync += [nibbles.eq(nibbles + 1), kept.eq(kept >> 4)]
            with m.If(nibbles == 0):
                m.d.comb += self.takes.eq(left != 0)
                m.d.sync += kept.eq(order)
                with m.If(left != 0):
                    m.d.sync += left.eq(left - 1)
        m.d.comb += [
            self.pins.input.eq(kept[:4]),
            self.starved.eq(self.takes & ~self.valid),
        ]
        return m


class ByPins(StreamedAccelerator):
    """The streams of the specification, with a reader between them and the loader."""

    def _connect_flash(self, m, port):
        m.submodules.reader = reader = FlashReader(
            half_rate=clock_cycles(self._timing.device) > 1, rest=4
        )
        m.submodules.flash = flash = PinsToWords()
        wiring.connect(m, reader.pins, flash.pins)
        wiring.connect(m, port, reader.port)
        accepted = port.fetch.valid & port.fetch.ready
        with m.If(self.fetch.ready):
            m.d.sync += self.fetch.valid.eq(0)
        with m.If(accepted):
            m.d.sync += [self.fetch.valid.eq(1), self.fetch.payload.eq(port.fetch.payload)]
        m.d.comb += [
            flash.count.eq(port.fetch.payload.words),
            flash.begins.eq(accepted),
            flash.valid.eq(self.block.valid),
            flash.word.eq(self.block.payload.data),
            self.block.ready.eq(flash.takes),
        ]


@dataclass(frozen=True, kw_only=True)
class AcceleratorByPins(Accelerator):
    """As the operator; its streams of blocks must never wait."""

    def architecture(self, timing):
        return ByPins(self, timing)
