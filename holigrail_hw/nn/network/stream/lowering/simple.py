"""The ways to make layers without weights: pools, sums of tensors, joined channels, codes alone.

Their only choice is how many elements a beat has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Move, Pool, Requantise

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
    forms: tuple[Form | None, ...]
    known: dict[Any, list[tuple[str, Unit]]] = field(default_factory=dict)

    def __post_init__(self):
        tensors = self.graph.tensors
        self.operands = [tensors[name] for name in self.layer.node.inputs]
        self.inputs = [Integers.of(t.low, t.high) for t in self.operands]
        self.sizes = [int(np.prod(t.shape)) for t in self.operands]
        self.result = tensors[self.layer.node.name]

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """Forms by their place, and lanes."""
        node = self.layer.node
        codes = node if isinstance(node, Requantise) else self.layer.codes
        channels = [t.shape[-1] for t in self.operands]
        if isinstance(node, (Requantise, Add)):
            # Elements one by one: a beat may go over the end of a pixel if all have the same rule.
            same = codes is None or rules_of(codes) == 1
            steps = self.sizes[0] if same else channels[0]
        else:
            steps = int(np.gcd.reduce(channels))
        for form in range(len(self.forms) if codes is not None else 1):
            for lanes in _divisors(steps):
                yield (form, lanes)

    def cycles(self, key: tuple[Any, ...]) -> int:
        """Per frame."""
        results = int(np.prod(self.result.shape))
        joined = isinstance(self.layer.node, Move)
        most = sum(self.sizes) if joined else max(self.sizes)
        if isinstance(self.layer.node, Pool):
            most = max(most, makers.pool_beats(self.layer.node, self.operands[0].shape))
        return max(most, results) // key[1]

    def lanes(self, key: tuple[Any, ...]) -> tuple[tuple[int, ...], int]:
        """Elements per beat of the operands and of the result."""
        return (key[1],) * len(self.operands), key[1]

    def units(self, key: tuple[Any, ...]) -> list[tuple[str, Unit]]:
        """The units, from the first to the last."""
        if key not in self.known:
            self.known[key] = self._units(*key)
        return self.known[key]

    def _units(self, form: int, lanes: int) -> list[tuple[str, Unit]]:
        node, codes = self.layer.node, self.layer.codes
        match node:
            case Requantise():
                return [
                    ("codes", makers.codes(self.graph, node, self.forms[form], lanes, self.timing))
                ]
            case Pool():
                shape = self.operands[0].shape
                found = makers.pool(node, shape, self.inputs[0], lanes)
            case Add():
                found = [("add", makers.add(node, self.sizes[0], self.inputs, lanes))]
            case Move():
                channels = [t.shape[-1] for t in self.operands]
                pixels = self.sizes[0] // channels[0]
                found = [("concat", makers.concat(pixels, channels, self.inputs, lanes))]
            case _:
                raise AssertionError(node)
        if codes is not None:
            found.append(
                ("codes", makers.codes(self.graph, codes, self.forms[form], lanes, self.timing))
            )
        return found
