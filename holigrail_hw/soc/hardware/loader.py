# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The second queue: blocks of a flash memory come into the scratchpad beside what is computed.

The record of the next load is read and judged while a block comes; it begins when that block has
come and as many descriptors are done as it waits for. So no load must write a record behind it.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.descriptors.kinds import LOAD_BYTES, Load
from holigrail_hw.soc.machine import Machine

from .check_sum import FIRST, RESIDUE, after_byte
from .flash_port import FLASH_BITS, FLASH_PORT
from .scratchpad import READ_CYCLES

__all__ = ["Loader"]

_WORD, _COUNT = 4, 8


class Loader(wiring.Component):
    """Carries out a chain of loads.

    Members
    -------
    start, first : In
        The chain of loads at this address begins; only while not ``busy``.
    clear : In
        No load is done: ``loads`` is 0 again.
    busy, streaming, stands : Out
        Loads are left; a block comes; the next load waits for a descriptor.
    descriptors, loads : In, Out
        How many are done, modulo 256.
    code : Out
        For one cycle: the error in which the chain of loads has ended.
    request, address, grant, found
        The reading port for records; what was read comes ``READ_CYCLES`` after ``grant``.
    write, write_address, write_data, write_grant
        A word to be written; it is there until it is granted.
    flash : Out
        To the flash memory.
    """

    def __init__(self, machine: Machine):
        self._machine = machine
        self._width = (machine.scratchpad - 1).bit_length()
        super().__init__(
            {
                **{"start": In(1), "first": In(32), "clear": In(1)},
                **{"busy": Out(1), "streaming": Out(1), "stands": Out(1)},
                **{"descriptors": In(_COUNT), "loads": Out(_COUNT), "code": Out(4)},
                **{"request": Out(1), "address": Out(self._width), "grant": In(1)},
                **{"found": In(16 * machine.grain), "flash": Out(FLASH_PORT)},
                **{"write": Out(1), "write_address": Out(self._width)},
                **{"write_data": Out(32), "write_grant": In(1)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # What the status register shows stays when the rest is reset.
        self._loads = Signal(_COUNT, reset_less=True)
        self._begins = Signal()
        self._ends = Signal()
        self._broken = Signal()
        self._failed = Signal()
        self._record = Signal(8 * LOAD_BYTES)
        m.d.comb += self.loads.eq(self._loads)
        self._queue(m)
        self._block(m)
        with m.If(self.start | self.clear):
            m.d.sync += self._loads.eq(0)
        with m.Elif(self._ends & ~self._broken):
            m.d.sync += self._loads.eq(self._loads + 1)
        with m.If(self.start | self._broken):
            m.d.sync += self._failed.eq(self._broken)
        return m

    def _field(self, name: str) -> Any:
        place = Load.places[name]
        low = 32 * place.word + place.low
        return self._record[low : low + place.width]

    def _queue(self, m: Module) -> None:
        """Records, one ahead of the block that comes; ``begins`` hands one over."""
        step = 2 * self._machine.grain
        reads = LOAD_BYTES // step
        at = Signal(33)
        count = Signal(range(reads + 1))
        total = Signal(8)
        code = Signal(4)
        at_once = Signal()
        arrived = Signal(range(reads + 1))
        met = ~self._field("wait") | ((self.descriptors - self._field("wait_count"))[:8] < 128)
        m.d.comb += self.address.eq(at)
        with m.If(delayed(m, self.grant, READ_CYCLES, "comes", resets=True)):
            found = self.found
            m.d.sync += [
                arrived.eq(arrived + 1),
                self._record.eq(Cat(self._record, found)[8 * step :]),
                total.eq(total + sum((found.word_select(i, 8) for i in range(step)), start=0)),
            ]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [self.busy.eq(1), at.eq(self.first)]
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.sync += [count.eq(0), total.eq(0), arrived.eq(0)]
                m.d.sync += [code.eq(Error.ADDRESS), at_once.eq(1)]
                outside = at + LOAD_BYTES > self._machine.scratchpad
                m.next = "FETCH"
                with m.If(outside | at[: LOAD_BYTES.bit_length() - 1].any()):
                    m.next = "READY"
            with m.State("FETCH"):
                m.d.comb += self.request.eq(count != reads)
                with m.If(self.grant):
                    m.d.sync += [count.eq(count + 1), at.eq(at + step)]
                with m.If(arrived == reads):
                    m.d.sync += [code.eq(self._judged(total)), at_once.eq(total != 0)]
                    m.next = "READY"
            with m.State("READY"):
                with m.If(~self.streaming):
                    with m.If(self._failed):
                        m.next = "END"
                    with m.Elif(~met & ~at_once):
                        m.d.comb += self.stands.eq(1)
                    with m.Elif(code != 0):
                        m.d.comb += self.code.eq(code)
                        m.next = "END"
                    with m.Else():
                        m.d.comb += [
                            self.flash.fetch.valid.eq(1),
                            self._begins.eq(self.flash.fetch.ready),
                        ]
                        with m.If(self._begins):
                            m.next = "BEGIN"
                            with m.If(self._field("last")):
                                m.next = "LAST"
            with m.State("LAST"):
                with m.If(~self.streaming):
                    m.next = "END"
            with m.State("END"):
                m.d.sync += self.busy.eq(0)
                m.next = "IDLE"

    def _judged(self, total: Any) -> Any:
        """The error of a record whose bytes add up to this."""
        length, address, flash = (self._field(name) for name in ("length", "address", "flash"))
        size = 1 << FLASH_BITS
        behind = flash + length + Cat(0, 0, self._field("crc"))
        misplaced = address[:2].any() | (address + length > self._machine.scratchpad)
        misplaced = misplaced | (behind > size)
        sized = (length != 0) & ~length[:2].any()
        wrong = Mux(sized, Mux(misplaced, Error.ADDRESS, 0), Error.SIZE)
        return Mux(total != 0, Error.RECORD, wrong)

    def _block(self, m: Module) -> None:
        """Words of a block: written as they are, and through the check sum byte by byte.

        A word is kept until it has been written and its four bytes are summed up.
        """
        flash, begins = self.flash, self._begins
        left = Signal(FLASH_BITS - 1)
        at = Signal(self._width)
        word = Signal(32)
        phase = Signal(range(_WORD + 1), init=_WORD)
        waits = Signal()
        register = Signal(32)
        checked = Signal()
        has_sum = self._field("crc")
        words = (self._field("length") >> 2) + has_sum
        is_over = (phase >= _WORD - 1) & (~waits | self.write_grant)
        # The word of the check sum itself is the last one, and is not written.
        is_sum = checked & (left == 1)
        m.d.comb += [
            flash.fetch.payload.address.eq(self._field("flash")),
            flash.fetch.payload.words.eq(words),
            flash.block.ready.eq(self.streaming & (left != 0) & is_over),
            self.write.eq(waits),
            self.write_address.eq(at),
            self.write_data.eq(word),
        ]
        with m.If(phase != _WORD):
            byte = word.word_select(phase[:2], 8)
            m.d.sync += [register.eq(after_byte(register, byte)), phase.eq(phase + 1)]
        with m.If(self.write_grant):
            m.d.sync += [waits.eq(0), at.eq(at + _WORD)]
        with m.If(flash.block.valid & flash.block.ready):
            m.d.sync += [
                word.eq(flash.block.payload),
                phase.eq(0),
                waits.eq(~is_sum),
                left.eq(left - 1),
            ]
        with m.If(begins):
            m.d.sync += [
                *(self.streaming.eq(1), left.eq(words), checked.eq(has_sum)),
                *(at.eq(self._field("address")), register.eq(FIRST)),
            ]
        with m.If(self.streaming & (left == 0) & (phase == _WORD) & ~waits):
            m.d.comb += [self._ends.eq(1), flash.stop.eq(1)]
            m.d.sync += self.streaming.eq(0)
            with m.If(checked & (register != RESIDUE)):
                m.d.comb += [self._broken.eq(1), self.code.eq(Error.FLASH)]
