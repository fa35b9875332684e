"""Units for parts of layers."""

from collections.abc import Sequence

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.models.graph import forms
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Move, Pool, Requantise, Softmax
from holigrail_hw.models.source.windows import Window

from ..units.constant_graph.shape import ConstantGraph
from ..units.elementwise.shape import Requantiser, Table, Thresholds
from ..units.joining.shape import Add as AddUnit
from ..units.joining.shape import Concat
from ..units.matrix_vector.shape import Depthwise, MatrixVector
from ..units.pool.shape import Pool as PoolUnit
from ..units.pool.shape import Reduce
from ..units.routing.shape import Cut, WidthConverter
from ..units.serial_graph.shape import SerialGraph
from ..units.softmax.shape import Powers, Shares
from ..units.unit import Integers, Unit, costs
from ..units.window.shape import ParallelWindow, SerialWindow
from .matrices import Products

__all__ = [
    "add",
    "channels",
    "codes",
    "concat",
    "converter",
    "cut",
    "graph",
    "graph_luts",
    "pad",
    "parallel_window",
    "pool",
    "products",
    "serial_graph",
    "softmax",
    "window",
]

Named = list[tuple[str, Unit]]


def window(products: Products, input: Integers, lanes: int, order: str) -> Unit:
    """Windows over the image, tap by tap."""
    node = products.node
    assert node.window is not None
    return SerialWindow(products.size, node.window, input, lanes, node.zero, order)


def parallel_window(products: Products, input: Integers, lanes: int) -> ParallelWindow | None:
    """Whole windows, so many channels at a time; ``None`` if there is no such unit."""
    node = products.node
    assert node.window is not None
    unit = ParallelWindow(products.size, node.window, input, lanes, node.zero)
    return None if unit.refusals() else unit


def graph(
    products: Products, input: Integers, output: Integers, lanes: int, timing: Timing
) -> Unit:
    """A graph of adders; windows come with ``lanes`` channels of all their taps at a time."""
    rows = _graph_rows(products, lanes)
    weights, node = products.weights[rows], products.node
    bias = node.bias.reshape(-1)
    return ConstantGraph(weights, bias, input, output, products.vectors, node.zero, timing)


def serial_graph(
    products: Products, input: Integers, output: Integers, lanes: int, timing: Timing
) -> Unit:
    """A graph of adders for single bits of the same vectors."""
    weights, node = products.weights[_graph_rows(products, lanes)], products.node
    bias = node.bias.reshape(-1)
    return SerialGraph(weights, bias, input, output, products.vectors, node.zero, timing)


def _graph_rows(products: Products, lanes: int) -> np.ndarray:
    """Rows of the matrix in the order in which a parallel window delivers taps."""
    rows = np.arange(products.features)
    if products.windowed:
        rows = rows.reshape(-1, products.size[2] // lanes, lanes).swapaxes(0, 1).reshape(-1)
    return rows


def graph_luts(unit: Unit) -> dict[str, int]:
    """What a graph of adders costs, by the digits of its constants: no search."""
    assert isinstance(unit, ConstantGraph | SerialGraph)
    # Digits of the canonical signed form: places where w and 3 w differ.
    weights = np.abs(unit.weights.astype(np.int64))
    digits = sum(int(n).bit_count() for n in (weights ^ 3 * weights).reshape(-1))
    if isinstance(unit, ConstantGraph):
        luts = digits * (1.4 + 0.35 * unit.input.width)
        return costs(luts, luts / 2)
    luts, totals = digits * 1.75, unit.lanes_out * unit.output.width
    vector = unit.lanes_in * (unit.bits + 1)
    return costs(luts + totals + vector, luts / 2 + totals + vector)


def products(
    products: Products,
    input: Integers,
    output: Integers,
    simd: int,
    pe: int,
    multiplier: str,
    timing: Timing,
) -> Unit:
    """A matrix with stored weights. Of vectors and sums, what takes fewer bits is kept."""
    node = products.node
    kept = {
        "replay": 2 * products.features * input.width,
        "accumulate": node.bias.size * output.width,
    }
    return MatrixVector(
        products.weights,
        node.bias.reshape(-1),
        input,
        output,
        products.vectors,
        pe,
        simd,
        node.zero,
        multiplier,
        timing,
        order=min(kept, key=kept.__getitem__),
    )


def channels(
    products: Products,
    input: Integers,
    output: Integers,
    taps: int,
    lanes: int,
    multiplier: str,
    timing: Timing,
) -> Unit:
    """Every channel's window with its own weights, so many taps at once."""
    node = products.node
    return Depthwise(
        products.weights,
        node.bias.reshape(-1),
        input,
        output,
        products.vectors,
        lanes,
        taps,
        node.zero,
        multiplier,
        timing,
    )


def codes(
    graph: IntegerGraph,
    node: Requantise,
    form: forms.Form | None,
    lanes: int,
    timing: Timing,
    multiplier: str,
) -> Unit:
    """Codes of sums, or of few integers by a table."""
    tensor, result = graph.tensors[node.inputs[0]], graph.tensors[node.name]
    elements = int(np.prod(tensor.shape))
    fields = {
        "input": Integers.of(tensor.low, tensor.high),
        "elements": elements,
        "lanes": lanes,
        "timing": timing,
    }
    output = Integers.of(result.low, result.high)
    if isinstance(form, forms.Thresholds):
        return Thresholds.of(form, tensor.shape, output=output, **fields)
    if form is None:
        return Table.of(node.formula.apply, shape=tensor.shape, **fields)
    return Requantiser.of(form, tensor.shape, output=output, multiplier=multiplier, **fields)


def pool(node: Pool, size: Sequence[int], input: Integers, lanes: int) -> Named:
    """Maxima or sums; where windows overlap, behind a window generator."""
    shape = (size[0], size[1], size[2])
    direct = PoolUnit(shape, node.window, node.how, input, lanes)
    if not direct.refusals():
        return [("pool", direct)]
    zero = 0 if node.how == "sum" else input.low
    before = SerialWindow(shape, node.window, input, lanes, zero, "depthwise")
    taps = node.window.kernel[0] * node.window.kernel[1]
    groups = before.flow().outputs // taps
    return [("window", before), ("reduce", Reduce(node.how, taps, groups, before.output, lanes))]


def add(node: Add, elements: int, inputs: Sequence[Integers], output: Integers, lanes: int) -> Unit:
    """A sum of tensors."""
    return AddUnit(tuple(inputs), output, lanes, node.factors, elements)


def concat(pixels: int, channels: Sequence[int], inputs: Sequence[Integers], lanes: int) -> Unit:
    """Channels side by side."""
    output = inputs[0]
    for other in inputs[1:]:
        output = output.union(other)
    return Concat(tuple(inputs), output, lanes, tuple(n // lanes for n in channels), pixels)


def pad(node: Move, shape: Sequence[int], input: Integers, lanes: int) -> Unit:
    """Rows and columns around an image, elements around a vector: windows of one pixel."""
    *around, value = node.numbers
    if len(shape) == 1:
        shape, around = (1, shape[0], 1), (0, 0, *around)
    top, bottom, left, right = around[:4]
    window = Window((1, 1), pads=(top, left, bottom, right))
    return SerialWindow((shape[0], shape[1], shape[2]), window, input, lanes, value)


def cut(node: Move, elements: int, input: Integers, lanes: int) -> Unit:
    """Some elements; ``lanes`` neighbours are all there or all missing."""
    kept = tuple(n // lanes for n in node.numbers[::lanes])
    return Cut(input, lanes, elements // lanes, kept)


def softmax(node: Softmax, shape: Sequence[int]) -> Named:
    """Shares of the classes."""
    rows = int(np.prod(shape[:-1]))
    powers = Powers(shape[-1], rows, node.mantissa, node.shift)
    return [("powers", powers), ("shares", Shares(shape[-1], rows))]


def converter(elements: int, integers: Integers, given: int, wanted: int) -> list[Unit]:
    """None, one or two units that change how many elements a beat has."""
    return [*WidthConverter.chain(integers, elements, given, wanted)]
