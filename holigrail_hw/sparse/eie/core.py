# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The hardware of an EIE-like engine: loader, activations, elements, and how the sums leave.

A product takes three steps: activations are sent while any are left; sums are read row by row, each
reset to 0 once it has left; the status follows.
"""

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from holigrail_hw.core.stream_ports import stream_ports

from .drain import EieDrain
from .element import EieElement
from .golden import RANGE
from .loader import EieLoader
from .shape import EieShape
from .store import EieStore

__all__ = ["EieCore"]


class EieCore(wiring.Component):
    """The engine behind its streams."""

    def __init__(self, spec: EieShape):
        self._spec = spec
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec = self._spec
        m.submodules.loader = loader = EieLoader(spec)
        m.submodules.store = store = EieStore(spec)
        m.submodules.drain = drain = EieDrain(spec)
        elements = [EieElement(spec, number) for number in range(spec.pes)]
        # Streams: inputs go to the loader and results come from the drain unchanged, so the
        # handshakes are theirs; only ``status`` is driven here.
        for name in ("command", "matrix", "activation"):
            outer, inner = getattr(self, name), getattr(loader, name)
            m.d.comb += [
                inner.valid.eq(outer.valid),
                Value.cast(inner.payload).eq(Value.cast(outer.payload)),
                outer.ready.eq(inner.ready),
            ]
        wiring.connect(m, wiring.flipped(self.result), drain.result)
        # An activation is sent to all elements in the same cycle, when each of them has a place for
        # it. A product is done when nothing is left to send and every element is idle.
        starts = Signal()
        sends = Signal()
        is_done = Signal()
        beyond = Signal()
        m.d.comb += [
            store.begin.eq(loader.begin),
            store.write.eq(loader.write),
            store.index.eq(loader.index),
            store.value.eq(loader.value),
            store.start.eq(starts),
            store.ready.eq(Cat(element.ready for element in elements).all()),
            sends.eq(store.valid & store.ready),
            drain.rows.eq(loader.rows),
            is_done.eq(store.empty & Cat(element.idle for element in elements).all()),
            beyond.eq(Cat(element.beyond for element in elements).any()),
        ]
        # Elements. The loader clears a row of sums in all of them while a matrix comes in, the
        # drain one sum in one of them; never both, since a load waits until no job is at work.
        for number, element in enumerate(elements):
            m.submodules[f"element_{number}"] = element
            m.d.comb += [
                element.bus.eq(loader.bus),
                element.selected.eq(loader.pe == number),
                element.lookup.eq(store.lookup),
                element.column.eq(store.column),
                element.send.eq(sends),
                element.activation.eq(store.activation),
                element.start.eq(starts),
                element.limit.eq(loader.limit),
                element.remainder.eq(loader.remainder),
                element.clear.eq(loader.clear | (drain.clear & (drain.clear_pe == number))),
                element.clear_row.eq(Mux(loader.clear, loader.clear_row, drain.clear_row)),
                element.read.eq(drain.read),
                element.row.eq(drain.row),
                drain.sums[number].eq(element.sum),
            ]
        self._control(m, loader, drain, starts, is_done, beyond)
        return m

    def _control(
        self, m: Module, loader: Any, drain: Any, starts: Any, is_done: Any, beyond: Any
    ) -> None:
        """One job after another; ``code`` and ``has_run`` keep what the loader said about it."""
        code = Signal(3)
        has_run = Signal()
        time = Signal(32)
        m.d.comb += [
            self.status.payload.code.eq(Mux(has_run & beyond, RANGE, code)),
            self.status.payload.cycles.eq(time),
        ]
        with m.FSM():
            # Take the job on offer: a product starts at once, anything else only has a status.
            with m.State("IDLE"):
                m.d.comb += [
                    loader.idle.eq(1),
                    loader.taken.eq(loader.offered),
                    starts.eq(loader.offered & loader.run),
                ]
                m.d.sync += [code.eq(loader.code), time.eq(0), has_run.eq(loader.run)]
                with m.If(starts):
                    m.next = "WORK"
                with m.Elif(loader.offered):
                    m.next = "STATUS"
            # The elements work; their cycles are counted.
            with m.State("WORK"):
                m.d.comb += drain.begin.eq(is_done)
                m.d.sync += time.eq(time + 1)
                with m.If(is_done):
                    m.next = "DRAIN"
            # Sums leave, until the last one has been accepted.
            with m.State("DRAIN"):
                with m.If(drain.clear & drain.result.payload.last):
                    m.next = "STATUS"
            # ``status`` is valid, and its payload does not change, until ``ready``.
            with m.State("STATUS"):
                m.d.comb += self.status.valid.eq(1)
                with m.If(self.status.ready):
                    m.next = "IDLE"
