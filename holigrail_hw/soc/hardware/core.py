# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An accelerator without a bus: scratchpad, chains of descriptors, what carries them out.

A chain is a queue of descriptors that lie one after the other in the scratchpad. One is fetched,
checked and carried out to its last result before the next is looked at. An error ends the chain
and resets all that carries descriptors out; the next chain works. A machine with a loader has a
second queue, which brings blocks of a flash memory meanwhile; either queue waits for the other's
count of what is done.
"""

from typing import Any

from amaranth import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.descriptors.checks import Error
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine
from holigrail_hw.soc.registers.memory_map import SHOWN_DESCRIPTORS

from .checker import Checker
from .counters import COUNTERS, count_events, keep_ages
from .datapath import Datapath
from .fields import WORDS, Fields
from .flash_port import FLASH_PORT
from .large_scratchpad import LargeScratchpad
from .loader import Loader
from .scratchpad import READ_CYCLES, Scratchpad
from .serial_checker import SerialChecker
from .style import Style

__all__ = ["PATIENCE", "AcceleratorCore"]

PATIENCE = 20
"""An error ends a descriptor that moves nothing for 2 to this power of cycles."""


class AcceleratorCore(wiring.Component):
    """The accelerator behind plain signals.

    Members
    -------
    request, select, address, write_data, grant, found
        Words of 32 bits of the scratchpad: ``select`` has a bit for each byte that is written, and
        is 0 for a read, whose word is ``found`` ``READ_CYCLES`` after ``grant``. The descriptors'
        accesses come first.
    start, first : In
        A chain starts at this address; only while not ``running``.
    load, load_first : In
        A chain of loads starts at this address; only while not ``loading``, and before the chain
        of descriptors that waits for it, or with it. Machines without a loader ignore it.
    stop : In
        Ends both chains at once.
    running, loading, done, error, engine_code, index, descriptors, loads : Out
        What the status register shows; descriptors and loads done, modulo 256.
    flash : Out
        To the flash memory, if the machine has a loader.
    interrupt : Out
        For one cycle: a descriptor that asks for it is done.
    counters, shown, shown_cycles
        Of the latest chain; and the cycles of descriptor ``shown``, a cycle later.
    """

    def __init__(
        self,
        machine: Machine,
        engine: Gemm,
        timing: Timing,
        patience: int = PATIENCE,
        style: Style | None = None,
    ):
        self._machine, self._engine, self._timing = machine, engine, timing
        self._patience, self._style = patience, style or Style()
        self._width = (machine.scratchpad - 1).bit_length()
        flash = {"flash": Out(FLASH_PORT)} if machine.loader else {}
        super().__init__(
            flash
            | {
                **{"request": In(1), "select": In(4), "address": In(self._width)},
                **{"write_data": In(32), "grant": Out(1), "found": Out(32)},
                **{"start": In(1), "first": In(32), "stop": In(1)},
                **{"load": In(1), "load_first": In(32), "loading": Out(1), "loads": Out(8)},
                **{"running": Out(1), "done": Out(1), "error": Out(4), "engine_code": Out(3)},
                **{"index": Out(16), "descriptors": Out(8), "interrupt": Out(1)},
                **{"counters": Out(COUNTERS), "shown": In(range(SHOWN_DESCRIPTORS))},
                "shown_cycles": Out(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        machine = self._machine
        kind = LargeScratchpad if self._style.has_one_port else Scratchpad
        m.submodules.scratchpad = self._pad = kind(machine.scratchpad, machine.grain)
        m.submodules.fields = self._fields = Fields(machine)
        self._abort = Signal()
        self._stopping = Signal()
        # What is reset is large, and begins cycles after the chain does.
        resets = Signal()
        m.d.sync += resets.eq(self._abort)
        self._checker = (SerialChecker if self._style.serial else Checker)(machine)
        m.submodules.checker = ResetInserter(resets)(self._checker)
        # Small parts have no look-up tables for what makes paths short.
        holds = not self._style.serial
        self._datapath = Datapath(machine, self._engine, self._timing, holds=holds)
        m.submodules.datapath = ResetInserter(resets)(self._datapath)
        self._fetch = Signal()
        self._fetched = Signal()
        self._at = Signal(32)
        self._words = Signal(32 * WORDS)
        self._chain_done = Signal()
        # Without a loader nothing is loaded, and what waits stands for ever.
        self._met = Signal()
        self._stands = Signal(init=1)
        self._streaming = Signal()
        self._load_code = Signal(4)
        self._load_request = Signal()
        self._load_write = Signal()
        self._load_waits_in_vain = Signal()
        self._flash_wait = Signal()
        # Loads have begun for a chain that has not.
        self._is_fresh = Signal()
        self._load_address = Signal(self._width)
        self._load_write_address = Signal(self._width)
        self._load_data = Signal(32)
        self._load_read = Signal()
        self._load_written = Signal()
        m.d.comb += [
            self._fields.words.eq(self._words),
            self._checker.fields.eq(self._fields.fields),
            self._datapath.fields.eq(self._fields.fields),
            self._datapath.vectors.eq(self._checker.vectors),
            self._datapath.k_tiles.eq(self._checker.k_tiles),
            self._datapath.found.eq(self._pad.data),
        ]
        fields = self._fields.fields
        m.d.comb += [
            self._met.eq(~fields.wait | ((self.loads - fields.wait_count)[:8] < 128)),
            self.done.eq(self._chain_done & ~self.loading),
        ]
        if machine.loader:
            self._load(m)
        self._ports(m)
        self._chain(m)
        return m

    def _load(self, m: Module) -> None:
        """The second queue; its counter begins again with a chain that has no loads of its own."""
        loader = Loader(self._machine)
        m.submodules.loader = ResetInserter(self._abort)(loader)
        is_fresh = self._is_fresh
        with m.If(self.load):
            m.d.sync += is_fresh.eq(~self.start)
        with m.Elif(self.start):
            m.d.sync += is_fresh.eq(0)
        m.d.comb += [
            loader.start.eq(self.load),
            loader.first.eq(self.load_first),
            loader.clear.eq(self.start & ~is_fresh),
            loader.descriptors.eq(self.descriptors),
            loader.found.eq(self._pad.data),
            loader.grant.eq(self._load_read),
            loader.write_grant.eq(self._load_written),
            self.loading.eq(loader.busy),
            self.loads.eq(loader.loads),
            self._stands.eq(~loader.busy | loader.stands),
            # Once the chain has ended no load gets on that waits for one of its descriptors.
            self._load_waits_in_vain.eq(loader.stands & ~self.running & ~is_fresh),
            self._streaming.eq(loader.streaming),
            self._load_code.eq(loader.code),
            self._load_request.eq(loader.request),
            self._load_address.eq(loader.address),
            self._load_write.eq(loader.write),
            self._load_write_address.eq(loader.write_address),
            self._load_data.eq(loader.write_data),
        ]
        wiring.connect(m, loader.flash, wiring.flipped(self.flash))
        with m.If(self._abort):
            m.d.comb += self.flash.stop.eq(1)

    def _ports(self, m: Module) -> None:
        """Who reads: the chain, the datapath, loads, the host; who writes: the last three.

        With one port for both, results come first, then words of loads, then who reads.
        """
        pad, work, grain = self._pad, self._datapath, self._machine.grain
        host_reads = Signal()
        host_writes = Signal()
        takes_port = Signal()
        is_writing, loads = work.write.any(), self._load_write
        one_port = self._style.has_one_port
        free = Signal(init=1)
        alone = Signal(init=1)
        word_at = Mux(loads, self._load_write_address, self.address)
        if one_port:
            m.d.comb += [
                free.eq(~(is_writing | loads)),
                alone.eq(~(takes_port | self._load_request)),
            ]
        m.d.comb += [
            self._fetched.eq(self._fetch & free),
            # While a descriptor is fetched none is carried out, and no reader asks.
            work.grant.eq(free),
            takes_port.eq(self._fetch | work.request),
            self._load_read.eq(self._load_request & ~takes_port & free),
            self._load_written.eq(loads & ~is_writing),
            host_reads.eq(
                self.request & (self.select == 0) & ~takes_port & ~self._load_request & free
            ),
            host_writes.eq(self.request & (self.select != 0) & ~is_writing & ~loads & alone),
            self.grant.eq(host_reads | host_writes),
            pad.read.eq((takes_port & free) | self._load_read | host_reads),
            pad.read_address.eq(Mux(self._load_request, self._load_address, self.address)),
            self.found.eq(pad.data),
            pad.write.eq(work.write),
            pad.write_address.eq(work.write_address),
            pad.write_data.eq(work.write_data),
        ]
        with m.If(takes_port):
            m.d.comb += pad.read_address.eq(Mux(self._fetch, self._at, work.address))
        with m.If(~is_writing):
            words = max(1, grain // 4)
            place: Any = word_at[2 : grain.bit_length() - 1] if grain > 4 else 0
            select: Any = Mux(loads, 0b1111, Mux(host_writes, self.select, 0))
            word = Mux(loads, self._load_data, self.write_data)
            m.d.comb += [
                pad.write.eq(select << (4 * place) if grain > 4 else select),
                pad.write_address.eq(word_at),
                pad.write_data.eq(word.replicate(words)),
            ]

    def _chain(self, m: Module) -> None:
        """The queue of descriptors, from a start to the last of them or to an error."""
        chain = _Chain(self._machine, self._patience)
        moved = self._datapath.granted.any() | self._datapath.write.any()
        stirs = moved | self._load_written
        self._receive(m, chain)
        self._count(m, chain, moved)
        with m.FSM():
            self._between_chains(m, chain, stirs)
            self._fetching(m, chain)
            self._judging(m, chain)
            self._waiting(m, chain, stirs)
            self._carrying_out(m, chain, stirs)
            self._ending(m, chain)
        with m.If(self.running & (self._load_code != 0)):
            m.d.sync += [self.error.eq(self._load_code), self._stopping.eq(1)]
        with m.If(chain.failed):
            m.d.sync += self.error.eq(chain.code)
        with m.If(self.stop & self.running):
            m.d.sync += self._stopping.eq(1)

    def _receive(self, m: Module, chain: "_Chain") -> None:
        """Words of the descriptor that is fetched, and the sum of its bytes, which must be 0."""
        step = chain.step
        # The bytes are added a cycle after they came: what a memory gives is late in its cycle.
        latest: Any = self._words[-8 * step :]
        comes = delayed(m, self._fetched, READ_CYCLES, "comes", resets=True)
        m.d.sync += [chain.came.eq(comes), chain.is_wrong.eq(chain.total != 0)]
        with m.If(comes):
            m.d.sync += self._words.eq(Cat(self._words, self._pad.vector)[8 * step :])
        with m.If(chain.came):
            added = sum((latest.word_select(i, 8) for i in range(step)), start=0)
            m.d.sync += chain.total.eq(chain.total + added)

    def _count(self, m: Module, chain: "_Chain", moved: Any) -> None:
        """Counters of the chain, ages of its descriptors, the start of what carries them out."""
        work = self._datapath
        events = {
            "cycles": self.running,
            "weight_words": work.granted[0],
            "parameter_words": work.granted[1],
            "activation_words": work.granted[2],
            "result_words": work.write.any(),
            "port_idle": self.running & ~moved,
            "engine_stalls": self.running & work.starved,
            "flash_wait": self._flash_wait,
        }
        clear = self.start & ~self.running
        count_events(m, self.counters, events, clear, only_cycles=self._style.serial)
        # A register, as all loops begin with it.
        m.d.comb += work.start.eq(chain.starts)
        m.d.sync += chain.starts.eq(0)
        keep_ages(m, chain.begins, chain.ends, self.index, self.shown, self.shown_cycles)

    def _between_chains(self, m: Module, chain: "_Chain", stirs: Any) -> None:
        """``IDLE``: loads may go on, and fail; a start begins the next chain."""
        quiet = chain.quiet
        with m.State("IDLE"):
            m.d.sync += quiet.eq(Mux(stirs | ~self._streaming, 0, quiet + 1))
            alone = Mux(self._load_waits_in_vain, Error.DEADLOCK, self._load_code)
            fails_alone = quiet[-1] | (alone != 0)
            with m.If(self.stop & ~fails_alone):
                m.d.comb += self._abort.eq(1)
            with m.If(fails_alone):
                # Loads that outlast their chain end in the index behind its last descriptor.
                m.d.sync += self.index.eq(Mux(self._is_fresh, 0, self.index + 1))
                chain.fails(m, Mux(quiet[-1], Error.WATCHDOG, alone))
            with m.Elif(self.start & ~self.stop):
                # A chain whose loads have failed already is not begun.
                failed_before = self._is_fresh & (self.error != 0)
                m.d.sync += [
                    *(self.running.eq(1), self._chain_done.eq(0)),
                    self._stopping.eq(failed_before),
                    self.error.eq(Mux(failed_before, self.error, 0)),
                    *(self.engine_code.eq(0), self.index.eq(0), self.descriptors.eq(0)),
                    *(self._at.eq(self.first), chain.next_at.eq(self.first)),
                ]
                m.next = "BEGIN"
            with m.Elif(self.load & ~self.stop):
                m.d.sync += [self.descriptors.eq(0), self.error.eq(0)]

    def _fetching(self, m: Module, chain: "_Chain") -> None:
        """``BEGIN``, ``FETCH``: one read after the other; ``DECODE``: the last bytes are added."""
        with m.State("BEGIN"):
            m.d.sync += [chain.count.eq(0), chain.total.eq(0)]
            m.d.comb += chain.begins.eq(1)
            m.next = "FETCH"
            beyond = chain.next_at + DESCRIPTOR_BYTES > self._machine.scratchpad
            with m.If(beyond | self._at[: DESCRIPTOR_BYTES.bit_length() - 1].any()):
                chain.fails(m, Error.ADDRESS)
        with m.State("FETCH"):
            m.d.comb += self._fetch.eq(chain.count < chain.reads)
            with m.If(self._fetched | ~self._fetch):
                m.d.sync += chain.count.eq(chain.count + 1)
            with m.If(self._fetched):
                m.d.sync += self._at.eq(self._at + chain.step)
            with m.If(chain.count == chain.reads + READ_CYCLES - 1):
                m.next = "DECODE"
        with m.State("DECODE"):
            m.next = "JUDGE"

    def _judging(self, m: Module, chain: "_Chain") -> None:
        """``JUDGE``: is there such an operation here; ``CHECK``: are its fields right."""
        fields, checker = self._fields.fields, self._checker
        with m.State("JUDGE"):
            known = self._known()
            m.d.comb += checker.start.eq(known)
            m.next = "CHECK"
            with m.If(~(known | (fields.operation == 0))):
                chain.fails(m, Error.RECORD)
            with m.Elif(~known):
                m.next = "WAIT"
        with m.State("CHECK"):
            with m.If(chain.is_wrong):
                chain.fails(m, Error.RECORD)
            with m.Elif(checker.done):
                m.next = "WAIT"
                with m.If(checker.error != 0):
                    chain.fails(m, checker.error)

    def _known(self) -> Any:
        """Whether this machine carries out the descriptor's operation."""
        machine, fields = self._machine, self._fields.fields
        known = fields.is_copy | fields.is_fill
        if machine.addition:
            known = known | fields.is_add
        products = fields.is_matmul & (~fields.p_wide | int(machine.wide_parameters))
        if not machine.line_buffer:
            products = products & ~fields.line_buffered
        known = known | products
        if machine.maximum:
            known = known | fields.is_maximum
        return known

    def _waiting(self, m: Module, chain: "_Chain", stirs: Any) -> None:
        """``WAIT``: for the loads that the descriptor needs."""
        quiet = chain.quiet
        with m.State("WAIT"):
            m.d.sync += quiet.eq(0)
            with m.If(chain.is_wrong):
                chain.fails(m, Error.RECORD)
            with m.Elif(self._stopping):
                m.next = "ABORT"
            with m.Elif(~self._met):
                m.d.comb += self._flash_wait.eq(1)
                m.d.sync += quiet.eq(Mux(stirs, 0, quiet + 1))
                with m.If(self._stands):
                    chain.fails(m, Error.DEADLOCK)
                with m.Elif(quiet[-1]):
                    chain.fails(m, Error.WATCHDOG)
            with m.Elif(self._fields.fields.operation == 0):
                m.next = "NEXT"
            with m.Else():
                m.d.sync += chain.starts.eq(1)
                m.next = "START"

    def _carrying_out(self, m: Module, chain: "_Chain", stirs: Any) -> None:
        """``START``, ``RUN``: until the last result is written, or nothing moves any more."""
        work, quiet = self._datapath, chain.quiet
        with m.State("START"):
            m.next = "RUN"
        with m.State("RUN"):
            m.d.sync += quiet.eq(Mux(stirs, 0, quiet + 1))
            with m.If(work.code != 0):
                m.d.sync += self.engine_code.eq(work.code)
                chain.fails(m, Error.ENGINE)
            with m.Elif(quiet[-1]):
                chain.fails(m, Error.WATCHDOG)
            with m.Elif(self._stopping):
                m.next = "ABORT"
            with m.Elif(work.done):
                m.next = "NEXT"

    def _ending(self, m: Module, chain: "_Chain") -> None:
        """``NEXT``: a descriptor is done, and maybe its chain; ``ABORT``: all begins afresh."""
        fields = self._fields.fields
        with m.State("NEXT"):
            m.d.comb += chain.is_last.eq(fields.last | (fields.operation == 0))
            m.d.comb += [self.interrupt.eq(fields.interrupt), chain.ends.eq(1)]
            m.d.sync += [self.descriptors.eq(self.descriptors + 1), chain.next_at.eq(self._at)]
            m.d.sync += chain.quiet.eq(0)
            with m.If(chain.is_last):
                m.d.sync += [self.running.eq(0), self._chain_done.eq(1)]
                m.d.sync += self._stopping.eq(0)
                m.next = "IDLE"
            with m.Else():
                m.d.sync += self.index.eq(self.index + 1)
                m.next = "BEGIN"
                with m.If(self._stopping):
                    m.next = "ABORT"
        with m.State("ABORT"):
            m.d.comb += self._abort.eq(1)
            m.d.sync += [self.running.eq(0), self._chain_done.eq(1), self._stopping.eq(0)]
            m.d.sync += chain.quiet.eq(0)
            m.next = "IDLE"


class _Chain:
    """What the states of a chain share.

    A descriptor takes ``reads`` of ``step`` bytes; ``count`` of them are made, and the bytes that
    ``came`` sum to ``total``. ``quiet`` counts cycles in which nothing moves. ``begins``,
    ``starts`` and ``ends`` mark when a descriptor is fetched, is carried out and is done.
    """

    def __init__(self, machine: Machine, patience: int):
        self.step = 2 * machine.grain
        self.reads = DESCRIPTOR_BYTES // self.step
        self.count = Signal(range(self.reads + READ_CYCLES))
        self.total = Signal(8)
        self.came = Signal()
        self.is_last = Signal()
        self.is_wrong = Signal()
        self.next_at = Signal(33)
        self.quiet = Signal(patience + 1)
        self.failed = Signal()
        self.code = Signal(4)
        self.begins = Signal()
        self.starts = Signal()
        self.ends = Signal()

    def fails(self, m: Module, error: Any) -> None:
        """End the chain with an error."""
        m.d.comb += [self.failed.eq(1), self.code.eq(error)]
        m.next = "ABORT"
