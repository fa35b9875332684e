"""The ways to make a layer of products: what each is, and the units in a row.

stored
    weights in memories; ``simd`` products per result at once and ``pe`` results; vectors come from
    a serial window, or are the frame itself.
graph
    one adder graph of the constant matrix, a vector per beat, behind a parallel window.
channels
    every channel with its own window: ``lanes`` channels at once, one tap after the other
    (*serial*), or all taps at once (*parallel*).

All end with codes of ``codes_lanes`` elements per beat, if there are codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Requantise

from ..units.unit import Integers, Unit
from . import makers
from .layers import LayerNodes
from .matrices import Products, products_of

__all__ = ["LinearLayer"]


def divisors(number: int) -> list[int]:
    """All of them, upwards."""
    return [n for n in range(1, number + 1) if number % n == 0]


@dataclass
class LinearLayer:
    """Options of a layer of products.

    Parameters
    ----------
    graph : IntegerGraph
    layer : LayerNodes
    timing : Timing
        For which units are pipelined.
    multipliers : tuple of str
        ``rows``, ``dsp``.
    forms : tuple of Form
        Forms that its codes may be computed by.
    """

    graph: IntegerGraph
    layer: LayerNodes
    timing: Timing
    multipliers: tuple[str, ...]
    forms: tuple[Form | None, ...]
    products: Products = field(init=False)
    known: dict[Any, Unit] = field(default_factory=dict)

    def __post_init__(self):
        self.products = products_of(self.graph, self.layer.node)
        tensor = self.graph.tensors[self.layer.node.inputs[0]]
        self.input = Integers.of(tensor.low, tensor.high)

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """What there is to choose from."""
        products, channels = self.products, self.products.size[2]
        if products.depthwise:
            for lanes in divisors(channels):
                for multiplier in self.multipliers:
                    for end in self._ends(lanes):
                        yield ("channels", "serial", lanes, multiplier, *end)
                        if makers.window_refusals(products, lanes):
                            continue
                        yield ("channels", "parallel", lanes, multiplier, *end)
            return
        for simd in divisors(products.features):
            for lanes in divisors(channels) if products.windowed else [simd]:
                if simd % lanes:
                    continue
                for pe in divisors(products.results):
                    for multiplier in self.multipliers:
                        for end in self._ends(pe):
                            yield ("stored", lanes, simd, pe, multiplier, *end)
        for end in self._ends(products.results):
            if not products.windowed:
                yield ("graph", products.features, *end)
                continue
            for lanes in divisors(channels):
                if not makers.window_refusals(products, lanes):
                    yield ("graph", lanes, *end)

    def _ends(self, lanes: int) -> Iterator[tuple[int, int]]:
        """Forms by their place, and lanes of the codes."""
        if self.layer.codes is None:
            yield (0, lanes)
            return
        for form in range(len(self.forms)):
            for narrow in divisors(lanes):
                yield (form, narrow)

    def cycles(self, key: tuple[Any, ...]) -> int:
        """Per frame, without making a unit."""
        products = self.products
        results = products.vectors * products.results
        ends = results // key[-1]
        match key:
            case ("channels", order, lanes, *_):
                taps = products.weights.shape[0] if order == "serial" else 1
                return max(products.elements // lanes, results // lanes * taps, ends)
            case ("stored", lanes, simd, pe, *_):
                passes = products.features // simd * (products.results // pe)
                window = products.vectors * products.features // lanes if products.windowed else 0
                return max(products.elements // lanes, window, products.vectors * passes, ends)
            case (_, lanes, *_):
                windows = products.vectors * products.size[2] // lanes if products.windowed else 1
                return max(products.elements // lanes, windows, ends)
        raise AssertionError(key)

    def lanes(self, key: tuple[Any, ...]) -> tuple[tuple[int, ...], int]:
        """Elements per beat of the operand and of the result."""
        first = key[2] if key[0] == "channels" else key[1]
        return (first,), key[-1]

    def units(self, key: tuple[Any, ...]) -> list[tuple[str, Unit]]:
        """The units, from the first to the last."""
        products, (form, narrow) = self.products, key[-2:]
        found: list[tuple[str, Unit]] = []
        match key:
            case ("channels", order, lanes, multiplier, *_):
                parts = (
                    ("window", order, lanes, "depthwise"),
                    ("channels", order, lanes, multiplier),
                )
                pe = lanes
            case ("stored", lanes, simd, pe, multiplier, *_):
                window = ("window", "serial", lanes, "dense")
                parts = ((window,) if products.windowed else ()) + (
                    ("products", simd, pe, multiplier),
                )
            case (_, lanes, *_):
                window = ("window", "parallel", lanes, "dense")
                parts = ((window,) if products.windowed else ()) + (("graph", lanes),)
                pe = products.results
            case _:
                raise AssertionError(key)
        found = [(part[0], self.made(part)) for part in parts]
        if self.layer.codes is not None:
            if narrow != pe:
                found.append(("lanes", self.made(("lanes", pe, narrow))))
            found.append(("codes", self.made(("codes", form, narrow))))
        return self._joined(found)

    def _joined(self, units: list[tuple[str, Unit]]) -> list[tuple[str, Unit]]:
        """With a converter where a unit takes more elements than the one before delivers."""
        found = units[:1]
        for name, unit in units[1:]:
            before = found[-1][1]
            if before.lanes_out != unit.lanes_in:
                elements = before.flow().outputs * before.lanes_out
                found.append(
                    (
                        f"{name}_lanes",
                        makers.converter(elements, before.output, before.lanes_out, unit.lanes_in),
                    )
                )
            found.append((name, unit))
        return found

    def made(self, part: tuple[Any, ...]) -> Unit:
        """A unit, made once."""
        if part not in self.known:
            self.known[part] = self._make(part)
        return self.known[part]

    def _make(self, part: tuple[Any, ...]) -> Unit:
        products = self.products
        sums = self.graph.tensors[self.layer.node.name]
        output = Integers.of(sums.low, sums.high)
        elements = int(np.prod(sums.shape))
        match part:
            case ("window", how, lanes, order):
                return makers.window(products, self.input, how, lanes, order)
            case ("products", simd, pe, multiplier):
                return makers.products(
                    products, self._vectors(), output, simd, pe, multiplier, self.timing
                )
            case ("graph", lanes):
                return makers.graph(products, self._vectors(), output, lanes, self.timing)
            case ("channels", order, lanes, multiplier):
                return makers.channels(
                    products, self._vectors(), output, order, lanes, multiplier, self.timing
                )
            case ("lanes", given, wanted):
                return makers.converter(elements, output, given, wanted)
            case ("codes", form, lanes):
                codes = self.layer.codes
                assert isinstance(codes, Requantise)
                return makers.codes(self.graph, codes, self.forms[form], lanes, self.timing)
        raise AssertionError(part)

    def _vectors(self) -> Integers:
        """Elements of vectors: those of the image, and the zero outside of it."""
        if any(self.products.node.window.pads if self.products.node.window else ()):
            return self.input.union(Integers(self.products.node.zero, self.products.node.zero))
        return self.input
