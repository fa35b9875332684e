# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What a matrix engine reads before it computes: commands with their vectors, and what goes along.

The loader takes a command and writes its vectors into one half of a buffer, while what came before
is computed from the other half. When the last vector has come it knows whether the command can be
obeyed, and offers it to whoever works on it. A feeder then passes on, or throws away, what belongs
to it on another stream.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from .countdown import countdown
from .windows import SIZES

__all__ = ["GOOD", "LONG", "SHORT", "SIZE", "Feeder", "Loader", "job_layout"]

# How a command ends. SHORT and LONG: the mark of the vectors came early, late; the same of weights
# 2 higher, of parameters 4 higher.
GOOD, SIZE, SHORT, LONG = range(4)


def job_layout(size_width: int, resumable: bool) -> data.StructLayout:
    """A command whose vectors have come; ``resume`` and ``keep`` where sums may go on."""
    sizes = dict.fromkeys(("vectors", "k_tiles", "n_tiles"), size_width)
    holds = {"resume": 1, "keep": 1} if resumable else {}
    return data.StructLayout({**sizes, "code": 2, "half": 1, **holds})


class Loader(wiring.Component):
    """From commands and vectors to a filled half of the buffer and a job.

    Every command takes the vectors up to the one that is marked. It is refused (``code``) if a size
    is 0 or too large, or if fewer or more vectors come than were announced.

    Parameters
    ----------
    width : int
        Bits of a vector.
    depth : int
        Vectors in one half of the buffer.
    rows : int
        The most vectors of a tile, as there are so many rows of sums.
    takers : int
        How many must take each job before the next command is looked at.
    settings : StructLayout or None
        Fields of a command that go with the job, as ``settings``.
    resumable : bool
        Whether commands may keep sums, for which the last of three takers has nothing to take, and
        resume them.
    window : StructLayout or None
        Fields of a command's window, which go with the job as ``window``, and ``line``, which is
        counted.
    """

    def __init__(
        self,
        command: Any,
        width: int,
        depth: int,
        rows: int,
        takers: int,
        settings: Any = None,
        *,
        resumable: bool = False,
        window: Any = None,
    ):
        self._depth, self._rows, self._takers = depth, rows, takers
        self._settings, self._window, self._resumable = settings, window, resumable
        self._most = (1 << command["vectors"].width) - 1
        moving = data.StructLayout({"vector": width, "last": 1})
        super().__init__(
            ({"settings": Out(settings)} if settings else {})
            | ({"window": Out(window)} if window else {})
            | {
                "command": In(stream.Signature(command)),
                "moving": In(stream.Signature(moving)),
                "job": Out(job_layout(command["vectors"].width, resumable)),
                "offered": Out(takers),
                "taken": In(takers),
                "address": Out(range(depth)),
                "data": Out(width),
                "write": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        command, job, moving = self.command.payload, self.job, self.moving
        count = Signal(range(self._depth + 1))
        complete = Signal()
        open_takers = Signal(self._takers)
        is_full = count == self._depth
        begins = Signal()
        is_final = Signal()
        wrong = self._wrong(m)
        remaining = Signal(self._takers)
        takers: Any = (1 << self._takers) - 1
        if self._resumable and self._takers > 2:
            takers = Mux(job.keep, takers >> 1, takers)
        m.d.comb += [
            self.data.eq(moving.payload.vector),
            self.address.eq(count),
            remaining.eq(open_takers & ~self.taken),
            is_final.eq(self._is_last(m, begins, count) & ~complete),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.command.ready.eq(1)
                # Only then: in simulation a queue that nobody read yet gives unknown bits.
                with m.If(self.command.valid):
                    m.d.comb += begins.eq(1)
                    m.d.sync += [
                        job.vectors.eq(command.vectors),
                        job.k_tiles.eq(command.k_tiles),
                        job.n_tiles.eq(command.n_tiles),
                        job.code.eq(wrong),
                        count.eq(0),
                        complete.eq(0),
                    ]
                    if self._settings:
                        m.d.sync += [
                            self.settings[name].eq(command[name]) for name in self._settings.members
                        ]
                    if self._resumable:
                        m.d.sync += [job.resume.eq(command.resume), job.keep.eq(command.keep)]
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [moving.ready.eq(1), self.write.eq(moving.valid & ~is_full)]
                with m.If(moving.valid):
                    with m.If(~is_full):
                        m.d.sync += count.eq(count + 1)
                    with m.If(job.code == GOOD):
                        with m.If(is_full & ~complete):
                            m.d.sync += job.code.eq(SIZE)
                        with m.Elif(is_final & ~moving.payload.last):
                            m.d.sync += [job.code.eq(LONG), complete.eq(1)]
                        with m.Elif(~is_final & moving.payload.last):
                            m.d.sync += job.code.eq(SHORT)
                    with m.If(moving.payload.last):
                        m.d.sync += open_takers.eq(takers)
                        m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.offered.eq(open_takers)
                m.d.sync += open_takers.eq(remaining)
                with m.If(remaining == 0):
                    m.d.sync += job.half.eq(~job.half)
                    m.next = "IDLE"
        return m

    def _is_last(self, m: Module, begins: Any, count: Any) -> Any:
        """Nested counters of the vectors that are due; whether the next one is the last of them."""
        command, moved = self.command.payload, self.moving.valid & self.moving.ready
        names = ("blocks", "width", "height") if self._window else ("vectors", "k_tiles")
        whole = self.window if self._window else self.job
        ends: Any = 1
        line_ends: Any = 0
        for name in names:
            left = Signal(command[name].shape(), name=f"{name}_left")
            following = left - 1
            if name != names[-1]:
                following = Mux(left == 1, whole[name], following)
            with m.If(begins):
                m.d.sync += left.eq(command[name])
            with m.Elif(moved & ends):
                m.d.sync += left.eq(following)
            ends = ends & (left == 1)
            line_ends = ends if name == "width" else line_ends
        if self._window:
            is_first = Signal()
            fields = [name for name in self._window.members if name != "line"]
            with m.If(begins):
                m.d.sync += is_first.eq(1)
                m.d.sync += [self.window[name].eq(command[name]) for name in fields]
            with m.Elif(moved & is_first & line_ends):
                m.d.sync += [is_first.eq(0), self.window.line.eq(count + 1)]
        return ends

    def _wrong(self, m: Module) -> Any:
        """Whether a command's sizes cannot be."""
        command = self.command.payload
        wrong = (command.vectors == 0) | (command.k_tiles == 0) | (command.n_tiles == 0)
        if self._rows < self._most:
            wrong = wrong | (command.vectors > self._rows)
        for name in SIZES if self._window else ():
            wrong = wrong | (command[name] == 0)
        return wrong | self._misfit(m) if self._resumable else wrong

    def _misfit(self, m: Module) -> Any:
        """Whether kept sums have other sizes, or those to be kept are more than there are rows.

        Refused commands neither keep sums nor forget them; all others do one or the other.
        """
        command, job = self.command.payload, self.job
        is_kept = Signal()
        vectors, n_tiles = (
            Signal(job[name].shape(), name=name, reset_less=True) for name in ("vectors", "n_tiles")
        )
        with m.If((self.offered != 0) & (job.code == GOOD)):
            m.d.sync += [is_kept.eq(job.keep), vectors.eq(job.vectors), n_tiles.eq(job.n_tiles)]
        bits = self._rows.bit_length()
        count: Any = 0
        # By shifts and additions: no DSP block is for this.
        for place in range(bits):
            count = count + Mux(command.n_tiles[place], command.vectors[:bits] << place, 0)
        too_many = (command.n_tiles > self._rows) | (count > self._rows)
        same = is_kept & (vectors == command.vectors) & (n_tiles == command.n_tiles)
        return (command.resume & ~same) | (command.keep & too_many)


class Feeder(wiring.Component):
    """A block of items for every job, up to the marked one: passed on, or thrown away.

    An obeyed job gets as many items as its sizes say: items of code 0 in place of those that do
    not come, and none of those beyond. ``verdict`` tells, once the whole block has come, whether
    it was too short (1) or too long (2). All items of a refused job are thrown away.

    Parameters
    ----------
    width : int
        Bits of an item, without the mark.
    inner : int
        Items of one tile.
    sizes : tuple of str
        Fields of the job whose product is the number of tiles.
    job : StructLayout
        That of the loader's job.
    settings : StructLayout or None
        What goes with a job: ``job_settings`` with the one offered, ``settings`` with an item.
    """

    def __init__(
        self,
        width: int,
        inner: int,
        sizes: tuple[str, ...],
        job: data.StructLayout,
        settings: Any = None,
    ):
        self._inner, self._sizes, self._settings = inner, sizes, settings
        super().__init__(
            ({"job_settings": In(settings), "settings": Out(settings)} if settings else {})
            | {
                "job": In(job),
                "offered": In(1),
                "taken": Out(1),
                "i": In(stream.Signature(data.StructLayout({"item": width, "last": 1}))),
                "o": Out(stream.Signature(width)),
                "verdict": Out(stream.Signature(2)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        busy = Signal()
        is_good = Signal()
        # The mark has come; all items have been passed on.
        ended = Signal()
        complete = Signal()
        gives = Signal()
        ends = Signal()
        completes = Signal()
        done = Signal()
        m.d.comb += [
            self.taken.eq(self.offered & ~busy),
            self.o.payload.eq(Mux(ended, 0, self.i.payload.item)),
            self.o.valid.eq(busy & is_good & ~complete & (self.i.valid | ended)),
            self.i.ready.eq(busy & ~ended & (self.o.ready | complete | ~is_good)),
            gives.eq(self.o.valid & self.o.ready),
            ends.eq(self.i.valid & self.i.ready & self.i.payload.last),
            done.eq(busy & (ended | ends) & (complete | completes | ~is_good)),
        ]
        with m.If(ends):
            m.d.sync += ended.eq(1)
        with m.If(completes):
            m.d.sync += complete.eq(1)
        with m.If(done):
            m.d.sync += busy.eq(0)
        self._count(m, gives, completes)
        with m.If(self.taken):
            m.d.sync += [
                busy.eq(1),
                is_good.eq(self.job.code == GOOD),
                ended.eq(0),
                complete.eq(0),
            ]
        if self._settings:
            with m.If(self.taken):
                m.d.sync += self.settings.eq(self.job_settings)
        # Weights of a third job do not fit in the array before the first one has ended, nor do
        # parameters of a third one in the lanes: two verdicts at most wait to be read.
        m.submodules.verdicts = verdicts = fifo.SyncFIFO(width=2, depth=2)
        m.d.comb += [
            verdicts.w_en.eq(done & is_good),
            verdicts.w_data.eq(Cat(ended, complete)),
            self.verdict.payload.eq(verdicts.r_data),
            self.verdict.valid.eq(verdicts.r_rdy),
            verdicts.r_en.eq(self.verdict.ready),
        ]
        return m

    def _count(self, m: Module, gives: Any, completes: Any) -> None:
        """Nested counters of the items of a tile and of tiles."""
        items = Const(self._inner, range(self._inner + 1))
        counts = gives
        last = countdown(m, "items", items, items, loads=self.taken, counts=counts)
        for name in self._sizes:
            counts = counts & last
            size, whole = self.job[name], Signal(self.job[name].shape(), name=name)
            with m.If(self.taken):
                m.d.sync += whole.eq(size)
            last = countdown(m, name, size, whole, loads=self.taken, counts=counts)
        m.d.comb += completes.eq(counts & last)
