"""From the layers of a graph to what there is to choose from, and from a choice to units."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Requantise

from ..design import Design, Placed
from ..folding.problem import RESOURCES, Choice, Folding, Join, Layer, Option
from ..schedule.dataflow import OUTSIDE, Edge
from ..units.unit import Integers
from . import makers
from .layers import LayerNodes, layers_of
from .linear import LinearLayer, divisors
from .simple import SimpleLayer

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A graph on a device.

    Parameters
    ----------
    graph : IntegerGraph
        Without refusals.
    timing : Timing
        The device, and the clock for which units are pipelined.
    multipliers : tuple of str
        ``rows``, ``dsp``: what products may be made of.
    forms : mapping of names to tuples of Form
        Other forms that a requantisation may be built in; by the name of its node.
    """

    graph: IntegerGraph
    timing: Timing
    multipliers: tuple[str, ...] = ("rows", "dsp")
    forms: Mapping[str, tuple[Form, ...]] | None = None

    @cached_property
    def layers(self) -> tuple[LayerNodes, ...]:
        """In order."""
        return layers_of(self.graph)

    @cached_property
    def kinds(self) -> tuple[LinearLayer | SimpleLayer, ...]:
        """The ways to make each."""
        found: list[LinearLayer | SimpleLayer] = []
        for layer in self.layers:
            codes = layer.node if isinstance(layer.node, Requantise) else layer.codes
            forms: tuple[Form | None, ...] = (None,)
            if codes is not None:
                forms = ((self.forms or {}).get(codes.name)) or (codes.form,)
            if isinstance(layer.node, Linear):
                found.append(LinearLayer(self.graph, layer, self.timing, self.multipliers, forms))
            else:
                found.append(SimpleLayer(self.graph, layer, self.timing, self.multipliers, forms))
        return tuple(found)

    def folding(self, interval: int | None = None) -> Folding:
        """All options, or those of so few cycles; the first layer is where frames enter."""
        entering = self._entering()
        layers = [Layer("x", entering)]
        for layer, kind in zip(self.layers, self.kinds, strict=True):
            options = tuple(
                self._option(kind, key)
                for key in kind.keys()
                if interval is None or kind.cycles(key) <= interval
            )
            if not options:
                # What is too slow in any case is named by whoever chooses.
                fastest = min(kind.keys(), key=kind.cycles)
                options = (self._option(kind, fastest),)
            layers.append(Layer(layer.name, options))
        joins = [
            Join(operand + 1, at + 1, side, *self._travelling(layer.node.inputs[side]))
            for at, layer in enumerate(self.layers)
            for side, operand in enumerate(layer.operands)
        ]
        return Folding(tuple(layers), tuple(joins))

    def _travelling(self, name: str) -> tuple[int, int]:
        tensor = self.graph.tensors[name]
        return int(np.prod(tensor.shape)), Integers.of(tensor.low, tensor.high).width

    def _entering(self) -> tuple[Option, ...]:
        elements = int(np.prod(self.graph.inputs[0].shape))
        return tuple(
            Option(
                key=(lanes,), lanes_in=(), lanes_out=lanes, cycles=elements // lanes, luts=lanes - 1
            )
            for lanes in divisors(elements)
        )

    def _option(self, kind: LinearLayer | SimpleLayer, key: tuple[Any, ...]) -> Option:
        use = dict.fromkeys(RESOURCES, 0)
        for cost in kind.cost(key, self.timing.device):
            for name in use:
                use[name] += cost[name]
        lanes_in, lanes_out = kind.lanes(key)
        return Option(
            key=key,
            lanes_in=lanes_in,
            lanes_out=lanes_out,
            cycles=kind.cycles(key),
            **use,
        )

    def design(self, choice: Choice) -> Design:
        """The units of a choice, with converters between layers."""
        builder = _Builder(self)
        entering, *options = choice.options
        builder.ends[-1] = (OUTSIDE, entering.lanes_out)
        for at, (layer, kind, option) in enumerate(
            zip(self.layers, self.kinds, options, strict=True)
        ):
            builder.put(at, layer, kind.units(option.key), option)
        edges = builder.finished()
        return Design(self.graph.name, tuple(builder.units), edges, self.timing.device)


class _Builder:
    """Units and edges so far, and for every layer its last unit with the lanes it delivers."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.units: list[Placed] = []
        self.edges: list[Edge] = []
        self.ends: dict[int, tuple[int, int]] = {}

    def put(self, at: int, layer: LayerNodes, chain: list[Any], option: Option) -> None:
        label = f"layer{at}"
        feeds = []
        for side, operand in enumerate(layer.operands):
            end, lanes = self.ends[operand]
            feeds.append(self._converted(label, layer, side, end, lanes, option.lanes_in[side]))
        for name, unit in chain:
            for side, feed in enumerate(feeds):
                self.edges.append(Edge(feed, len(self.units), side))
            self.units.append(Placed(f"{label}_{name}", layer.name, unit))
            feeds = [len(self.units) - 1]
        self.ends[at] = feeds[0], option.lanes_out

    def _converted(
        self, label: str, layer: LayerNodes, side: int, end: int, given: int, wanted: int
    ) -> int:
        """The unit, or a converter behind it, that delivers so many lanes."""
        if given == wanted:
            return end
        tensor = self.plan.graph.tensors[layer.node.inputs[side]]
        elements = int(np.prod(tensor.shape))
        units = makers.converter(elements, Integers.of(tensor.low, tensor.high), given, wanted)
        for number, unit in enumerate(units):
            self.edges.append(Edge(end, len(self.units)))
            self.units.append(Placed(f"{label}_lanes{side}_{number}", layer.name, unit))
            end = len(self.units) - 1
        return end

    def finished(self) -> tuple[Edge, ...]:
        """All edges, that of the graph's output last."""
        output = self.plan.graph.outputs[0].tensor
        makers_of = {layer.result: at for at, layer in enumerate(self.plan.layers)}
        while output not in makers_of:
            # A tensor that only has another shape.
            node = next(node for node in self.plan.graph.nodes if node.name == output)
            output = node.inputs[0]
        return (*self.edges, Edge(self.ends[makers_of[output]][0], OUTSIDE))
