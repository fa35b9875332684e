# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An accelerator without a bus: scratchpad, chains of descriptors, what carries them out.

A chain is a queue of descriptors that lie one after the other in the scratchpad. One is fetched,
checked and carried out to its last result before the next is looked at. An error ends the chain
and resets all that carries descriptors out; the next chain works.
"""

from typing import Any

from amaranth import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine
from holigrail_hw.soc.registers.memory_map import SHOWN_DESCRIPTORS

from .checker import Checker
from .datapath import Datapath
from .fields import WORDS, Fields
from .scratchpad import Scratchpad

__all__ = ["COUNTERS", "PATIENCE", "AcceleratorCore"]

PATIENCE = 20
"""An error ends a descriptor that moves nothing for 2 to this power of cycles."""
COUNTERS = data.StructLayout(
    dict.fromkeys(
        (
            "cycles",
            "activation_words",
            "weight_words",
            "parameter_words",
            "result_words",
            "port_idle",
            "engine_stalls",
        ),
        32,
    )
)


class AcceleratorCore(wiring.Component):
    """The accelerator behind plain signals.

    Members
    -------
    request, select, address, write_data, grant, found
        Words of 32 bits of the scratchpad: ``select`` has a bit for each byte that is written, and
        is 0 for a read, whose word is ``found`` in the cycle after ``grant``. The descriptors'
        accesses come first.
    start, first : In
        A chain starts at this address; only while not ``running``.
    stop : In
        Ends a chain at once.
    running, done, error, engine_code, index, descriptors : Out
        What the status register shows; descriptors done, modulo 256.
    interrupt : Out
        For one cycle: a descriptor that asks for it is done.
    counters, shown, shown_cycles
        Of the latest chain; and the cycles of descriptor ``shown``, a cycle later.
    """

    def __init__(self, machine: Machine, engine: Gemm, timing: Timing, patience: int = PATIENCE):
        self._machine, self._engine, self._timing = machine, engine, timing
        self._patience = patience
        self._width = (machine.scratchpad - 1).bit_length()
        super().__init__(
            {
                **{"request": In(1), "select": In(4), "address": In(self._width)},
                **{"write_data": In(32), "grant": Out(1), "found": Out(32)},
                **{"start": In(1), "first": In(32), "stop": In(1)},
                **{"running": Out(1), "done": Out(1), "error": Out(4), "engine_code": Out(3)},
                **{"index": Out(16), "descriptors": Out(8), "interrupt": Out(1)},
                **{"counters": Out(COUNTERS), "shown": In(range(SHOWN_DESCRIPTORS))},
                "shown_cycles": Out(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self._machine
        m.submodules.scratchpad = self._pad = Scratchpad(machine.scratchpad, machine.grain)
        m.submodules.fields = self._fields = Fields(machine)
        self._abort, self._stopping = Signal(), Signal()
        self._checker = Checker(machine)
        m.submodules.checker = ResetInserter(self._abort)(self._checker)
        self._datapath = Datapath(machine, self._engine, self._timing)
        m.submodules.datapath = ResetInserter(self._abort)(self._datapath)
        self._fetch, self._at = Signal(), Signal(32)
        self._words = Signal(32 * WORDS)
        m.d.comb += [
            self._fields.words.eq(self._words),
            self._checker.fields.eq(self._fields.fields),
            self._datapath.fields.eq(self._fields.fields),
            self._datapath.vectors.eq(self._checker.vectors),
            self._datapath.k_tiles.eq(self._checker.k_tiles),
            self._datapath.found.eq(self._pad.data),
        ]
        self._ports(m)
        self._chain(m)
        return m

    def _ports(self, m: Module) -> None:
        """Who reads: the chain, the datapath, the host; who writes: the datapath, the host."""
        pad, work, grain = self._pad, self._datapath, self._machine.grain
        host_reads, host_writes = Signal(), Signal()
        is_writing = work.write.any()
        m.d.comb += [
            work.grant.eq(~self._fetch),
            host_reads.eq(self.request & (self.select == 0) & ~self._fetch & ~work.request),
            host_writes.eq(self.request & (self.select != 0) & ~is_writing),
            self.grant.eq(host_reads | host_writes),
            pad.read.eq(self._fetch | work.request | host_reads),
            pad.read_address.eq(
                Mux(self._fetch, self._at, Mux(work.request, work.address, self.address))
            ),
            self.found.eq(pad.data),
            pad.write.eq(work.write),
            pad.write_address.eq(work.write_address),
            pad.write_data.eq(work.write_data),
        ]
        with m.If(~is_writing):
            words = max(1, grain // 4)
            place = self.address[2 : grain.bit_length() - 1] if grain > 4 else 0
            select = self.select << (4 * place) if grain > 4 else self.select
            m.d.comb += [
                pad.write.eq(Mux(host_writes, select, 0)),
                pad.write_address.eq(self.address),
                pad.write_data.eq(self.write_data.replicate(max(words, 1))),
            ]

    def _chain(self, m: Module) -> None:
        """The queue of descriptors."""
        fields, work, checker = self._fields.fields, self._datapath, self._checker
        step, size = 2 * self._machine.grain, self._machine.scratchpad
        reads = DESCRIPTOR_BYTES // step
        count, total = Signal(range(reads + 1)), Signal(8)
        comes, came, failed, code = Signal(), Signal(), Signal(), Signal(4)
        next_at = Signal(33)
        quiet = Signal(self._patience + 1)
        moved = work.granted.any() | work.write.any()
        # The bytes are added a cycle after they came: what a memory gives is late in its cycle.
        latest = self._words[-8 * step :]
        m.d.sync += [comes.eq(self._fetch), came.eq(comes)]
        with m.If(comes):
            m.d.sync += self._words.eq(Cat(self._words, self._pad.vector)[8 * step :])
        with m.If(came):
            added = sum((latest.word_select(i, 8) for i in range(step)), start=0)
            m.d.sync += total.eq(total + added)
        self._count(m, moved)

        def fails(error: Any) -> None:
            m.d.comb += [failed.eq(1), code.eq(error)]
            m.next = "ABORT"

        is_last, begins, ends = Signal(), Signal(), Signal()
        self._show(m, begins, ends)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        *(self.running.eq(1), self.done.eq(0), self.error.eq(0)),
                        *(self.engine_code.eq(0), self.index.eq(0), self.descriptors.eq(0)),
                        *(self._at.eq(self.first), next_at.eq(self.first)),
                    ]
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.sync += [count.eq(0), total.eq(0)]
                m.d.comb += begins.eq(1)
                m.next = "FETCH"
                beyond = next_at + DESCRIPTOR_BYTES > size
                with m.If(beyond | self._at[: DESCRIPTOR_BYTES.bit_length() - 1].any()):
                    fails(Error.ADDRESS)
            with m.State("FETCH"):
                m.d.comb += self._fetch.eq(count != reads)
                m.d.sync += [count.eq(count + 1), self._at.eq(self._at + step)]
                with m.If(count == reads):
                    m.d.sync += self._at.eq(self._at)
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                known = fields.is_add | fields.is_copy | fields.is_fill
                known = known | (fields.is_matmul & ~fields.p_wide)
                if self._machine.maximum:
                    known = known | fields.is_maximum
                m.d.comb += checker.start.eq(known)
                m.next = "CHECK"
                with m.If(~(known | (fields.operation == 0))):
                    fails(Error.RECORD)
                with m.Elif(~known):
                    m.next = "WAIT"
            with m.State("CHECK"):
                with m.If(total != 0):
                    fails(Error.RECORD)
                with m.Elif(checker.done):
                    m.next = "WAIT"
                    with m.If(checker.error != 0):
                        fails(checker.error)
            with m.State("WAIT"):
                # No load is ever done: a wait is over at once, or never.
                met = ~fields.wait | ((0 - fields.wait_count)[:8] < 128)
                m.d.sync += quiet.eq(0)
                with m.If(total != 0):
                    fails(Error.RECORD)
                with m.Elif(~met):
                    fails(Error.DEADLOCK)
                with m.Elif(fields.operation == 0):
                    m.next = "NEXT"
                with m.Else():
                    m.d.comb += work.start.eq(1)
                    m.next = "RUN"
            with m.State("RUN"):
                m.d.sync += quiet.eq(Mux(moved, 0, quiet + 1))
                with m.If(work.code != 0):
                    m.d.sync += self.engine_code.eq(work.code)
                    fails(Error.ENGINE)
                with m.Elif(quiet[-1]):
                    fails(Error.WATCHDOG)
                with m.Elif(self._stopping):
                    m.next = "ABORT"
                with m.Elif(work.done):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.comb += is_last.eq(fields.last | (fields.operation == 0))
                m.d.comb += [self.interrupt.eq(fields.interrupt), ends.eq(1)]
                m.d.sync += [self.descriptors.eq(self.descriptors + 1), next_at.eq(self._at)]
                with m.If(is_last):
                    m.d.sync += [self.running.eq(0), self.done.eq(1), self._stopping.eq(0)]
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += self.index.eq(self.index + 1)
                    m.next = "BEGIN"
                    with m.If(self._stopping):
                        m.next = "ABORT"
            with m.State("ABORT"):
                m.d.comb += self._abort.eq(1)
                m.d.sync += [self.running.eq(0), self.done.eq(1), self._stopping.eq(0)]
                m.next = "IDLE"
        with m.If(failed):
            m.d.sync += self.error.eq(code)
        with m.If(self.stop & self.running):
            m.d.sync += self._stopping.eq(1)

    def _count(self, m: Module, moved: Any) -> None:
        """Counters of the latest chain."""
        work, counters = self._datapath, self.counters
        events = {
            "cycles": self.running,
            "weight_words": work.granted[0],
            "parameter_words": work.granted[1],
            "activation_words": work.granted[2],
            "result_words": work.write.any(),
            "port_idle": self.running & ~moved,
            "engine_stalls": self.running & work.starved,
        }
        for name, event in events.items():
            with m.If(event):
                m.d.sync += counters[name].eq(counters[name] + 1)
            with m.If(self.start & ~self.running):
                m.d.sync += counters[name].eq(0)

    def _show(self, m: Module, begins: Any, ends: Any) -> None:
        """The cycles of the latest descriptors, from their fetch to their last result."""
        m.submodules.shown = kept = memory.Memory(shape=32, depth=SHOWN_DESCRIPTORS, init=[])
        read, write = kept.read_port(), kept.write_port()
        age = Signal(32)
        m.d.sync += age.eq(Mux(begins, 2, age + 1))
        m.d.comb += [
            read.addr.eq(self.shown),
            self.shown_cycles.eq(read.data),
            write.addr.eq(self.index),
            write.data.eq(age),
            write.en.eq(ends),
        ]
