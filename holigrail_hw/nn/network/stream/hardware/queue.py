# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A queue between two units: a beat written in one cycle can be read in the next."""

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..queues import KINDS

__all__ = ["Queue"]


class Queue(wiring.Component):
    """``depth`` beats, first in, first out.

    ``i.ready`` depends on what is kept only: a full queue takes nothing, not even in the cycle in
    which a beat is read. So no path leads through it. Latency 1 cycle, one beat per cycle.

    Members
    -------
    i : In, stream of beats
    o : Out, stream of the same

    Parameters
    ----------
    shape : shape of the payload
    depth : int
    kind : str
        ``registers`` (of 2 beats), ``distributed`` or ``block`` memory.
    """

    def __init__(self, shape: Any, depth: int, kind: str):
        assert kind in KINDS and depth > 1 and (kind != "registers" or depth == 2)
        self._shape, self._depth, self._kind = shape, depth, kind
        signature = stream.Signature(shape)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # State: ``level`` beats are kept. A beat enters and leaves by the handshakes.
        level = Signal(range(self._depth + 1))
        enters, leaves = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(level != self._depth),
            self.o.valid.eq(level != 0),
            enters.eq(self.i.valid & self.i.ready),
            leaves.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += level.eq(level + enters - leaves)
        if self._kind == "registers":
            self._registers(m, level, enters, leaves)
        else:
            self._memory(m, enters, leaves)
        return m

    def _registers(self, m: Module, level: Any, enters: Any, leaves: Any) -> None:
        """``oldest`` is on offer; ``newest`` follows it if two are kept."""
        given = Value.cast(self.i.payload)
        oldest = Signal(len(given), reset_less=True)
        newest = Signal(len(given), reset_less=True)
        m.d.comb += Value.cast(self.o.payload).eq(oldest)
        with m.If(enters):
            m.d.sync += newest.eq(given)
        with m.If(leaves | (level == 0)):
            with m.If(level == 2):
                m.d.sync += oldest.eq(newest)
            with m.Else():
                m.d.sync += oldest.eq(given)

    def _memory(self, m: Module, enters: Any, leaves: Any) -> None:
        """A ring of words; ``written`` and ``read`` are the places of the next ones."""
        given = Value.cast(self.i.payload)
        m.submodules.kept = kept = memory.Memory(shape=len(given), depth=self._depth, init=[])
        written, read = Signal(range(self._depth)), Signal(range(self._depth))
        following = Signal.like(read)
        m.d.comb += following.eq(read)
        for place, moves in ((written, enters), (following, leaves)):
            target = m.d.sync if place is written else m.d.comb
            source = written if place is written else read
            with m.If(moves & (source == self._depth - 1)):
                target += place.eq(0)
            with m.Elif(moves):
                target += place.eq(source + 1)
        m.d.sync += read.eq(following)
        write = kept.write_port()
        m.d.comb += [write.addr.eq(written), write.data.eq(given), write.en.eq(enters)]
        if self._kind == "distributed":
            port = kept.read_port(domain="comb")
            m.d.comb += port.addr.eq(read)
        else:
            # The word for the next cycle is read ahead, also if it is only being written.
            port = kept.read_port(transparent_for=(write,))
            m.d.comb += [port.addr.eq(following), port.en.eq(1)]
        m.d.comb += Value.cast(self.o.payload).eq(port.data)
