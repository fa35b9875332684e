# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The hardware of an SCNN engine: processing elements, weights for all of them, and a sequencer.

All elements start a group together and wait for each other at its end. Then the two sets of sums
change places: the one just filled is drained while the next group fills the other.
"""

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.stream_ports import stream_ports

from .drain import Compressor, Drain
from .issue import Issue
from .load import FLAGS, Loader
from .products import Products
from .scatter import Scatter
from .shape import ScnnShape

__all__ = ["ScnnCore"]

_SIDES = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}


class ScnnCore(wiring.Component):
    """The engine behind its streams; parameters are those of the specification."""

    def __init__(self, spec: ScnnShape):
        self._spec = spec
        super().__init__(stream_ports(spec.streams()))

    def elaborate(self, platform: Any) -> Module:
        m, spec = Module(), self._spec
        m.submodules.weights = weights = Loader(
            "w", spec.weight.width, spec.index_width, spec.weight_lanes,
            size=spec.taps * spec.filters, depth=spec.weight_depth,
            channel_depth=spec.channel_depth, size_width=spec.size_width, halves=2,
        )  # fmt: skip
        _connect(m, self.weight, weights.i)
        # Elements: each has its own streams; all of them store the same weights.
        elements = []
        for index in range(spec.elements):
            row, column = divmod(index, spec.columns)
            element = _Element(spec, column, row)
            m.submodules[f"element_{index}"] = element
            _connect(m, getattr(self, f"activation{index}"), element.activation)
            _connect(m, element.result, getattr(self, f"result{index}"))
            for name in element.weight.signature.members:
                m.d.comb += getattr(element.weight, name).eq(getattr(weights.store, name))
            elements.append(element)
        self._exchange(m, elements)
        self._sequence(m, weights, elements)
        return m

    def _exchange(self, m: Module, elements: list["_Element"]) -> None:
        """Wires between neighbours; at the border of the grid elements receive nothing."""
        spec = self._spec
        for index, element in enumerate(elements):
            row, column = divmod(index, spec.columns)
            for side in element.sides:
                across, down = _SIDES[side]
                there_column, there_row = column + across, row + down
                if 0 <= there_column < spec.columns and 0 <= there_row < spec.rows:
                    giver = elements[there_row * spec.columns + there_column]
                    m.d.comb += getattr(element, f"from_{side}").eq(giver.gift)

    def _sequence(self, m: Module, weights: Loader, elements: list["_Element"]) -> None:
        """One layer after another, and within a layer one group after another."""
        command, status = self.command, self.status
        # State: groups left, the set of sums being filled, the half of the weights being used.
        groups = Signal(self._spec.size_width)
        load = Signal()
        start = Signal()
        swap = Signal()
        unload = Signal()
        active = Signal()
        half = Signal()
        loaded = Cat(element.loaded for element in elements).all()
        ready = Cat(element.ready for element in elements).all()
        working = Cat(element.working for element in elements).any()
        draining = Cat(element.draining for element in elements).any()
        filled = Array(weights.filled)[half]
        m.d.comb += [
            weights.start.eq(load),
            weights.channels.eq(command.payload.channels),
            weights.frames.eq(command.payload.groups),
            weights.freed.eq(Mux(swap, Cat(~half, half), 0)),
        ]
        any_flag: Any = Cat(0, weights.flags.frame, weights.flags.index, weights.flags.full)
        for element in elements:
            own = element.flags
            any_flag = any_flag | Cat(own.frame, 0, own.index, own.full)
            m.d.comb += [
                element.load.eq(load),
                element.channels.eq(command.payload.channels),
                element.unload.eq(unload),
                element.start.eq(start),
                element.swap.eq(swap),
                element.ending.eq(groups == 1),
                element.active.eq(active),
                element.half.eq(half),
                element.weight_blocks.eq(Array(weights.blocks)[half]),
            ]
        with m.FSM():
            # A command starts the loaders; weights may come in before the activations are complete.
            with m.State("IDLE"):
                m.d.comb += [command.ready.eq(1), load.eq(command.valid)]
                with m.If(command.valid):
                    m.d.sync += groups.eq(command.payload.groups)
                    m.next = "LOAD"
            # Wait for the activations of all elements.
            with m.State("LOAD"):
                with m.If(loaded):
                    m.next = "GROUP"
                    with m.If(groups == 0):
                        m.next = "STATUS"
            # Start all elements once the weights of the group are there (and, after reset, all sums
            # are cleared).
            with m.State("GROUP"):
                with m.If(filled & ready):
                    m.d.comb += start.eq(1)
                    m.next = "WORK"
            # Until no element has products left and the previous group has been drained; then swap:
            # the sums go to the drain, the weights' half is free for the next but one group.
            with m.State("WORK"):
                with m.If(~working & ~draining):
                    m.d.comb += swap.eq(1)
                    m.d.sync += [active.eq(~active), half.eq(~half), groups.eq(groups - 1)]
                    m.next = "GROUP"
                    with m.If(groups == 1):
                        m.next = "STATUS"
            # ``status`` holds until ``ready``: all loaders are done, so no flag changes. The last
            # group may still be draining.
            with m.State("STATUS"):
                m.d.comb += [
                    status.valid.eq(1),
                    status.payload.code.eq(any_flag),
                    unload.eq(status.ready),
                ]
                with m.If(status.ready):
                    m.next = "IDLE"


class _Element(wiring.Component):
    """One processing element: its activations, products, sums and results."""

    def __init__(self, spec: ScnnShape, column: int, row: int):
        self._spec = spec
        assert spec.accumulator is not None
        places = spec.tile_width * spec.tile_height
        self._loader = Loader(
            "a", spec.activation.width, spec.index_width, spec.activation_lanes,
            size=places, depth=spec.activation_depth,
            channel_depth=spec.channel_depth, size_width=spec.size_width, halves=1,
        )  # fmt: skip
        self._issue, self._products = Issue(spec), Products(spec, column, row)
        self._scatter, self._drain = Scatter(spec), Drain(spec, column, row)
        self._compressor = Compressor(spec)
        self.sides = [side for *_, side in self._drain.walks[:-1]]
        gift = self._drain.signature.members["gift"].shape
        super().__init__(
            {f"from_{side}": In(gift) for side in self.sides}
            | {
                "activation": In(self._loader.i.signature.flip()),
                "weight": In(self._issue.w_store.signature.flip()),
                "result": Out(self._compressor.o.signature),
                "load": In(1),
                "channels": In(spec.size_width),
                "unload": In(1),
                "start": In(1),
                "swap": In(1),
                "ending": In(1),
                "active": In(1),
                "half": In(1),
                "weight_blocks": In(range(spec.channel_depth + 1)),
                "loaded": Out(1),
                "ready": Out(1),
                "working": Out(1),
                "draining": Out(1),
                "flags": Out(FLAGS),
                "gift": Out(gift),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.loader, m.submodules.issue = loader, issue = self._loader, self._issue
        m.submodules.products, m.submodules.scatter = products, scatter = (
            self._products,
            self._scatter,
        )
        m.submodules.drain, m.submodules.compressor = drain, compressor = (
            self._drain,
            self._compressor,
        )
        # Streams: activations in; sums out through the drain and the compressor.
        _connect(m, self.activation, loader.i)
        _connect(m, drain.o, compressor.i)
        _connect(m, compressor.o, self.result)
        wiring.connect(m, drain.sums, scatter.drain)
        wiring.connect(m, loader.store, issue.a_store)
        for name in self.weight.signature.members:
            m.d.comb += getattr(issue.w_store, name).eq(getattr(self.weight, name))
        for side in self.sides:
            m.d.comb += getattr(drain, f"from_{side}").eq(getattr(self, f"from_{side}"))
        # The group being drained is the last of its layer.
        blocks = loader.blocks[0]
        ending = Signal()
        with m.If(self.swap):
            m.d.sync += ending.eq(self.ending)
        # The pipeline of products (issue, products, scatter) moves as one, when the scatter takes a
        # vector. Channels that either operand lacks take no part.
        m.d.comb += [
            loader.start.eq(self.load),
            loader.channels.eq(self.channels),
            loader.frames.eq(1),
            loader.freed.eq(self.unload),
            self.loaded.eq(loader.filled),
            self.flags.eq(loader.flags),
            issue.start.eq(self.start),
            issue.half.eq(self.half),
            issue.blocks.eq(Mux(blocks < self.weight_blocks, blocks, self.weight_blocks)),
            issue.move.eq(scatter.move),
            products.move.eq(scatter.move),
            products.valid.eq(issue.valid),
            products.activation.eq(issue.activation),
            products.weight.eq(issue.weight),
            scatter.ahead.eq(products.ahead),
            scatter.products.eq(products.products),
            scatter.active.eq(self.active),
            self.ready.eq(scatter.ready),
            self.working.eq(issue.busy | products.busy | scatter.busy),
            drain.start.eq(self.swap),
            self.draining.eq(drain.busy | compressor.busy),
            compressor.ending.eq(ending),
            self.gift.eq(drain.gift),
        ]
        return m


def _connect(m: Module, source: Any, sink: Any) -> None:
    """Connect streams whose fields have the same names, though possibly other shapes."""
    m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready)]
    for name, _ in sink.payload.shape():
        m.d.comb += sink.payload[name].eq(source.payload[name])
