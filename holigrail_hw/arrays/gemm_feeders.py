"""What a matrix engine reads before it computes: commands with their vectors, and what goes along.

The loader takes a command and writes its vectors into one half of a buffer, while what came before
is computed from the other half. When the last vector has come it knows whether the command can be
obeyed, and offers it to whoever works on it. A feeder then passes on, or throws away, as many items
of another stream as the command says.
"""

from typing import Any

from amaranth import Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["GOOD", "JOB", "LONG", "SHORT", "SIZE", "Feeder", "Loader"]

GOOD, SIZE, SHORT, LONG = range(4)
JOB = data.StructLayout({"vectors": 16, "k_tiles": 16, "n_tiles": 16, "code": 2, "half": 1})


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
    """

    def __init__(self, command: Any, width: int, depth: int, rows: int, takers: int):
        self._depth, self._rows, self._takers = depth, rows, takers
        moving = data.StructLayout({"vector": width, "last": 1})
        super().__init__(
            {
                "command": In(stream.Signature(command)),
                "moving": In(stream.Signature(moving)),
                "job": Out(JOB),
                "offered": Out(takers),
                "taken": In(takers),
                "address": Out(range(2 * depth)),
                "data": Out(width),
                "write": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        command, job, moving = self.command.payload, self.job, self.moving
        vectors_left, tiles_left = Signal(16), Signal(16)
        count, complete, open_takers = (
            Signal(range(self._depth + 1)),
            Signal(),
            Signal(self._takers),
        )
        is_full = count == self._depth
        is_final = (vectors_left == 1) & (tiles_left == 1) & ~complete
        wrong = (command.vectors == 0) | (command.k_tiles == 0) | (command.n_tiles == 0)
        if self._rows < (1 << 16) - 1:
            wrong = wrong | (command.vectors > self._rows)
        remaining = Signal(self._takers)
        m.d.comb += [
            self.data.eq(moving.payload.vector),
            self.address.eq(count + self._depth * job.half),
            remaining.eq(open_takers & ~self.taken),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.command.ready.eq(1)
                m.d.sync += [
                    job.vectors.eq(command.vectors),
                    job.k_tiles.eq(command.k_tiles),
                    job.n_tiles.eq(command.n_tiles),
                    job.code.eq(wrong),
                    vectors_left.eq(command.vectors),
                    tiles_left.eq(command.k_tiles),
                    count.eq(0),
                    complete.eq(0),
                ]
                with m.If(self.command.valid):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [moving.ready.eq(1), self.write.eq(moving.valid & ~is_full)]
                with m.If(moving.valid):
                    m.d.sync += vectors_left.eq(vectors_left - 1)
                    with m.If(vectors_left == 1):
                        m.d.sync += [vectors_left.eq(job.vectors), tiles_left.eq(tiles_left - 1)]
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
                        m.d.sync += open_takers.eq((1 << self._takers) - 1)
                        m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.offered.eq(open_takers)
                m.d.sync += open_takers.eq(remaining)
                with m.If(remaining == 0):
                    m.d.sync += job.half.eq(~job.half)
                    m.next = "IDLE"
        return m


class Feeder(wiring.Component):
    """Items that belong to jobs: passed on, or thrown away if the job is refused.

    Parameters
    ----------
    shape : shape
        Of an item.
    inner : int
        Items of one tile.
    sizes : tuple of str
        Fields of the job whose product is the number of tiles.
    """

    def __init__(self, shape: Any, inner: int, sizes: tuple[str, ...]):
        self._inner, self._sizes = inner, sizes
        super().__init__(
            {
                "job": In(JOB),
                "offered": In(1),
                "taken": Out(1),
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        busy, is_good = Signal(), Signal()
        inner = Signal(range(self._inner))
        moved = Signal()
        m.d.comb += [
            self.taken.eq(self.offered & ~busy),
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & busy & is_good),
            self.i.ready.eq(busy & (self.o.ready | ~is_good)),
            moved.eq(self.i.valid & self.i.ready),
        ]
        counters = [
            (Signal(unsigned(16), name=f"{n}_left"), Signal(16, name=n)) for n in self._sizes
        ]
        with m.If(self.taken):
            m.d.sync += [
                busy.eq(Cat(self.job[name] != 0 for name in self._sizes).all()),
                is_good.eq(self.job.code == GOOD),
                inner.eq(0),
            ]
            for (left, whole), name in zip(counters, self._sizes, strict=True):
                m.d.sync += [left.eq(self.job[name]), whole.eq(self.job[name])]
        carry = moved & (inner == self._inner - 1)
        with m.If(moved):
            m.d.sync += inner.eq(inner + 1)
        with m.If(carry):
            m.d.sync += inner.eq(0)
        for left, whole in counters:
            with m.If(carry):
                m.d.sync += left.eq(left - 1)
            carry = carry & (left == 1)
            with m.If(carry):
                m.d.sync += left.eq(whole)
        with m.If(carry):
            m.d.sync += busy.eq(0)
        return m
