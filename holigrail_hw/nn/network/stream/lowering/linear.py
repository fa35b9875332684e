"""The ways to make a layer of products: what each is, and the units in a row.

stored
    weights in memories; ``simd`` products per result at once and ``pe`` results; vectors come from
    a serial window of ``lanes`` channels, or are the frame itself.
graph
    one adder graph of the constant matrix, a vector per cycle, behind a parallel window.
serial
    the same for one bit of every element at a time: a vector in as many cycles as bits.
channels
    every channel with its own window: ``lanes`` channels at once, one tap after the other, or all
    taps at once.

All end with codes of ``narrow`` elements per beat, if there are codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear

from ..units.unit import Integers, Unit
from . import makers
from .layers import LayerNodes
from .matrices import Products, products_of

__all__ = ["LinearLayer"]

_GRAPHS = ("graph", "serial")


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
    known: dict[Any, Any] = field(default_factory=dict)
    costs: dict[int, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self):
        assert isinstance(self.layer.node, Linear)
        self.products = products_of(self.graph, self.layer.node)
        tensor = self.graph.tensors[self.layer.node.inputs[0]]
        self.input = Integers.of(tensor.low, tensor.high)

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """What there is to choose from."""
        products, channels = self.products, self.products.size[2]
        if products.depthwise:
            for lanes in divisors(channels):
                taps = [1, products.weights.shape[0]] if self._parallel(lanes) else [1]
                for parallel in sorted({*taps}):
                    for multiplier in self.multipliers:
                        for end in self._ends(lanes):
                            yield ("channels", lanes, parallel, lanes, multiplier, *end)
            return
        for simd in divisors(products.features):
            for lanes in divisors(channels) if products.windowed else [simd]:
                if simd % lanes:
                    continue
                for pe in divisors(products.results):
                    for multiplier in self.multipliers:
                        for end in self._ends(pe):
                            yield ("stored", lanes, simd, pe, multiplier, *end)
        for lanes in divisors(channels) if products.windowed else [products.features]:
            if not products.windowed or self._parallel(lanes):
                for what in ("graph", "serial") if self.input.width > 1 else ("graph",):
                    for end in self._ends(products.results):
                        yield (what, lanes, products.features, products.results, "", *end)

    def _parallel(self, lanes: int) -> Any:
        """The cycles of a parallel window; none if there is no such window."""
        if ("cycles", lanes) not in self.known:
            unit = makers.parallel_window(self.products, self.input, lanes)
            self.known["cycles", lanes] = None if unit is None else unit.cycles
        return self.known["cycles", lanes]

    def _ends(self, lanes: int) -> Iterator[tuple[Any, ...]]:
        """What codes are made by: their form by its place, multipliers, and lanes."""
        if self.layer.codes is None:
            yield (0, "", lanes)
            return
        for place, form in enumerate(self.forms):
            multiplied = form is not None and form.kind == "multiplier"
            for multiplier in self.multipliers if multiplied else ("",):
                for narrow in divisors(lanes):
                    yield (place, multiplier, narrow)

    def cycles(self, key: tuple[Any, ...]) -> int:
        """Per frame, without making a unit."""
        products = self.products
        results = products.vectors * products.results
        what, lanes, parallel, pe, *_, narrow = key
        if what in _GRAPHS:
            window = self._parallel(lanes) if products.windowed else products.vectors
            bits = self._vectors().width if what == "serial" else 1
            passes = products.vectors * bits
            return max(products.elements // lanes, window, passes, results // narrow)
        if what == "channels":
            if parallel > 1:
                return max(self._parallel(lanes), results // lanes, results // narrow)
            taps = products.weights.shape[0]
            return max(products.elements, results * taps, results * lanes // narrow) // lanes
        passes = products.features // parallel * (products.results // pe)
        window = products.vectors * products.features if products.windowed else 0
        return max(
            max(products.elements, window) // lanes, products.vectors * passes, results // narrow
        )

    def lanes(self, key: tuple[Any, ...]) -> tuple[tuple[int, ...], int]:
        """Elements per beat of the operand and of the result."""
        return (key[1],), key[-1]

    def cost(self, key: tuple[Any, ...], device: str) -> list[dict[str, int]]:
        """Of every unit; graphs, whose search takes long, by a rule of thumb."""
        found = []
        for name, unit in self.units(key):
            if id(unit) not in self.costs:
                quick = makers.graph_luts(unit) if name in _GRAPHS else None
                self.costs[id(unit)] = unit.cost(device) if quick is None else quick
            found.append(self.costs[id(unit)])
        return found

    def units(self, key: tuple[Any, ...]) -> list[tuple[str, Unit]]:
        """The units, from the first to the last."""
        what, lanes, parallel, pe, multiplier, form, codes_multiplier, narrow = key
        found: list[tuple[str, Unit]] = []
        if self.products.windowed:
            order = "depthwise" if what == "channels" else "dense"
            if what in _GRAPHS or (what == "channels" and parallel > 1):
                order = "parallel"
            found.append(("window", self.made(("window", lanes, order))))
        if what in _GRAPHS:
            found.append((what, self.made((what, lanes))))
        else:
            found.append((what, self.made((what, parallel, pe, multiplier))))
        if self.layer.codes is not None:
            found.append(("codes", self.made(("codes", form, codes_multiplier, narrow))))
        return self._joined(found)

    def _joined(self, units: list[tuple[str, Unit]]) -> list[tuple[str, Unit]]:
        """With a converter where a unit takes more elements than the one before delivers."""
        found = units[:1]
        for name, unit in units[1:]:
            before = found[-1][1]
            if before.lanes_out != unit.lanes_in:
                part = ("lanes", name, before.lanes_out, unit.lanes_in)
                if part not in self.known:
                    # Not asked of the unit's flow, which makes a plan of its pipeline.
                    each = self.products.results
                    if found[-1][0] == "window":
                        each = self.products.features
                    elements = self.products.vectors * each
                    made = makers.converter(
                        elements, before.output, before.lanes_out, unit.lanes_in
                    )
                    self.known[part] = made[0]
                found.append((f"{name}_lanes", self.known[part]))
            found.append((name, unit))
        return found

    def made(self, part: tuple[Any, ...]) -> Unit:
        """A unit, made once."""
        if part not in self.known:
            self.known[part] = self._make(part)
        return self.known[part]

    def _make(self, part: tuple[Any, ...]) -> Unit:
        products, timing = self.products, self.timing
        sums = self.graph.tensors[self.layer.node.name]
        output = Integers.of(sums.low, sums.high)
        match part:
            case ("window", lanes, "parallel"):
                found = makers.parallel_window(products, self.input, lanes)
                assert found is not None
                return found
            case ("window", lanes, order):
                return makers.window(products, self.input, lanes, order)
            case ("graph", lanes):
                return makers.graph(products, self._vectors(), output, lanes, timing)
            case ("serial", lanes):
                return makers.serial_graph(products, self._vectors(), output, lanes, timing)
            case ("stored", simd, pe, multiplier):
                return makers.products(
                    products, self._vectors(), output, simd, pe, multiplier, timing
                )
            case ("channels", taps, lanes, multiplier):
                return makers.channels(
                    products, self._vectors(), output, taps, lanes, multiplier, timing
                )
            case ("codes", form, multiplier, lanes):
                codes = self.layer.codes
                assert codes is not None
                form = self.forms[form]
                return makers.codes(self.graph, codes, form, lanes, timing, multiplier)
        raise AssertionError(part)

    def _vectors(self) -> Integers:
        """Elements of vectors: those of the image, and the zero outside of it."""
        if self.products.windowed:
            return self.made(("window", 1, "dense")).output
        return self.input
