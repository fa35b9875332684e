"""The ways to make layers without weights: pools, sums, joined or cut channels, codes alone.

Their only choice is how many elements a beat has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Move, Pool, Requantise, Softmax

from ..units.unit import Integers, Unit
from . import makers
from .layers import LayerNodes, rules_of

__all__ = ["SimpleLayer"]


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


@dataclass
class SimpleLayer:
    """Options of a layer without weights; parameters as for :class:`.linear.LinearLayer`."""

    graph: IntegerGraph
    layer: LayerNodes
    timing: Timing
    multipliers: tuple[str, ...]
    forms: tuple[Form | None, ...]
    known: dict[Any, list[tuple[str, Unit]]] = field(default_factory=dict)

    def __post_init__(self):
        tensors = self.graph.tensors
        self.operands = [tensors[name] for name in self.layer.node.inputs]
        self.inputs = [Integers.of(t.low, t.high) for t in self.operands]
        self.sizes = [int(np.prod(t.shape)) for t in self.operands]
        self.result = tensors[self.layer.node.name]

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """Forms by their place, multipliers, and lanes."""
        node = self.layer.node
        codes = node if isinstance(node, Requantise) else self.layer.codes
        channels = [t.shape[-1] for t in self.operands]
        if isinstance(node, (Requantise, Add)):
            # Elements one by one: a beat may go over the end of a pixel if all have the same rule.
            same = codes is None or rules_of(codes) == 1
            steps = self.sizes[0] if same else channels[0]
        else:
            steps = int(np.gcd.reduce(channels))
        if isinstance(node, Softmax) or (isinstance(node, Move) and len(channels) == 1):
            steps = self._together()
        for place, form in enumerate(self.forms):
            multiplied = codes is not None and form is not None and form.kind == "multiplier"
            for multiplier in self.multipliers if multiplied else ("",):
                for lanes in _divisors(steps):
                    yield (place, multiplier, lanes)

    def _together(self) -> int:
        """The most elements of a beat where not every divisor will do."""
        node, shape = self.layer.node, self.operands[0].shape
        if isinstance(node, Softmax) or (node.how == "pad" and len(shape) == 1):
            return 1
        if node.how == "pad":
            return shape[-1]
        # Beats that are kept or left out as a whole, whatever number of elements divides them.
        places = np.asarray(node.numbers)
        edges = places[np.diff(places, prepend=-2) > 1], places[np.diff(places, append=-2) != 1] + 1
        return int(np.gcd.reduce([self.sizes[0], *edges[0], *edges[1]]))

    def cycles(self, key: tuple[Any, ...]) -> int:
        """Per frame."""
        # Codes are not asked for their flow, which makes a plan of their pipeline.
        others = [unit.flow().cycles for name, unit in self.units(key) if name != "codes"]
        return max([int(np.prod(self.result.shape)) // key[-1], *others])

    def lanes(self, key: tuple[Any, ...]) -> tuple[tuple[int, ...], int]:
        """Elements per beat of the operands and of the result."""
        return (key[-1],) * len(self.operands), key[-1]

    def cost(self, key: tuple[Any, ...], device: str) -> list[dict[str, int]]:
        """Of every unit."""
        return [unit.cost(device) for _, unit in self.units(key)]

    def units(self, key: tuple[Any, ...]) -> list[tuple[str, Unit]]:
        """The units, from the first to the last."""
        if key not in self.known:
            self.known[key] = self._units(*key)
        return self.known[key]

    def _units(self, form: int, multiplier: str, lanes: int) -> list[tuple[str, Unit]]:
        node, codes = self.layer.node, self.layer.codes
        found: list[tuple[str, Unit]] = []
        shape = self.operands[0].shape
        match node:
            case Requantise():
                codes = node
            case Pool():
                found = makers.pool(node, shape, self.inputs[0], lanes)
            case Add():
                output = Integers.of(self.result.low, self.result.high)
                found = [("add", makers.add(node, self.sizes[0], self.inputs, output, lanes))]
            case Move() if node.how == "pad":
                found = [("pad", makers.pad(node, shape, self.inputs[0], lanes))]
            case Move() if node.how == "select":
                found = [("cut", makers.cut(node, self.sizes[0], self.inputs[0], lanes))]
            case Move():
                channels = [t.shape[-1] for t in self.operands]
                pixels = self.sizes[0] // channels[0]
                found = [("concat", makers.concat(pixels, channels, self.inputs, lanes))]
            case Softmax():
                found = makers.softmax(node, shape)
            case _:
                raise AssertionError(node)
        if codes is not None:
            chosen = self.forms[form]
            made = makers.codes(self.graph, codes, chosen, lanes, self.timing, multiplier)
            found.append(("codes", made))
        return found
