"""Networks through their simulated hardware: frames, matrix engines, arrays, decoders."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.tensor_array.operator import TensorArray
from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.simulate.host_link import SimulationLink
from holigrail_hw.flow.verify import workloads
from holigrail_hw.formats import FixedFormat
from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.evaluate import computed
from holigrail_hw.models.graph.nodes import Linear
from holigrail_hw.models.source.windows import patches
from holigrail_hw.nn.network.engine.host import NetworkHost
from holigrail_hw.nn.network.operator import TrainedNetwork
from holigrail_hw.nn.number_network import NumberGraph
from holigrail_hw.nn.number_network.engine import NumberHost
from holigrail_hw.sparse.codecs.huffman import limited_lengths
from holigrail_hw.sparse.huffman_decoder import HuffmanDecoder
from holigrail_hw.sparse.structured.tensor_items import items_of, product_of

__all__ = [
    "coded_weights",
    "engine_logits",
    "frame_logits",
    "tensor_array_of",
    "tensor_logits",
]

Multiply = Callable[[Linear, np.ndarray, np.ndarray], np.ndarray]
_MOST_SYMBOLS = (1 << 16) - 1


def frame_logits(spec: TrainedNetwork, frames: np.ndarray) -> np.ndarray:
    """Integers of the output for frames, from the operator ``network`` in any style."""
    if spec.style == "engine":
        with SimulationLink(spec) as link:
            found = NetworkHost(spec, link).run(frames)
        return found.reshape(len(frames), -1)
    items = spec.border.items(frames)
    chosen = workloads.given(spec, items, Timing())
    run = Compiled(spec, Timing()).run_streams(chosen.items, chosen.counts)
    return spec.frames[1].integers(run.results["result"]).reshape(len(frames), -1)


def engine_logits(graph: NumberGraph, spec: Gemm, x: Any) -> np.ndarray:
    """Numbers of the output, all products computed by the engine."""
    with SimulationLink(spec) as link:
        return NumberHost(graph, link).run(x)


def tensor_array_of(
    graph: IntegerGraph,
    rows: int = 2,
    columns: int = 2,
    group: int = 1,
    kept: int = 1,
    **options: Any,
) -> TensorArray:
    """An array in the narrowest formats for all matrices of a network.

    Parameters
    ----------
    rows, columns : int
        Of elements.
    group, kept : int
        Structured sparsity: at most ``kept`` weights of ``group`` along K differ from 0.
    **options
        Other parameters of ``tensor-array``.
    """
    layers = [node for node in graph.nodes if isinstance(node, Linear)]
    if any(node.group != 1 for node in layers):
        raise ModelError(f"{graph.name}: convolutions for an array must have one group")
    ends = []
    for node in layers:
        tensor = graph.tensors[node.inputs[0]]
        ends += [int(tensor.low.min()) - node.zero, int(tensor.high.max()) - node.zero]
    words = [int(v) for node in layers for v in (node.weights.min(), node.weights.max())]
    given: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "depth": group,
        "group": group,
        "kept": kept,
        "activation": _format_of(ends),
        "weight": _format_of([*words, -1]),
        "products": max(node.taps for node in layers),
    }
    return TensorArray(**given | options)


def _format_of(ends: list[int]) -> FixedFormat:
    """The narrowest integer format that holds integers."""
    low, high = min(0, *ends), max(0, *ends)
    if low < 0:
        return FixedFormat(max(high.bit_length(), (-low - 1).bit_length()) + 1, True, 0)
    return FixedFormat(max(high.bit_length(), 1), False, 0)


def tensor_logits(
    graph: IntegerGraph,
    spec: Any,
    frames: np.ndarray,
    weights: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Integers of the output, all matrix products computed by the array.

    ``weights`` are those of layers by name, where they do not come from the graph.
    """
    with SimulationLink(spec) as link:

        def multiply(node: Linear, left: np.ndarray, right: np.ndarray) -> np.ndarray:
            items = items_of(spec, left, right)
            high, wide = spec.rows * spec.block_rows, spec.columns * spec.block_columns
            tiles = -(-len(left) // high) * -(-right.shape[1] // wide)
            found = link.exchange(items, {"result": tiles * spec.rows})["result"]
            return product_of(spec, len(left), right.shape[1], found)

        return _run(graph, frames, multiply, weights or {})


def _run(
    graph: IntegerGraph,
    frames: np.ndarray,
    multiply: Multiply,
    weights: Mapping[str, np.ndarray],
) -> np.ndarray:
    """The graph with its matrix products computed elsewhere."""
    values: dict[str, Any] = {graph.inputs[0].tensor: frames.astype(np.int64)}
    for node in graph.nodes:
        if not isinstance(node, Linear):
            computed((node,), dict(graph.tensors), values)
            continue
        operand = values[node.inputs[0]] - node.zero
        matrix = weights.get(node.name, node.weights)
        if node.window is not None:
            operand = patches(operand, node.window, 0, node.name)
        left = operand.reshape(-1, node.taps)
        sums = multiply(node, left, matrix.reshape(node.taps, -1)).astype(np.int64)
        shape = (len(frames), *graph.tensors[node.name].shape)
        values[node.name] = (sums + node.bias).reshape(shape)
    found = values[graph.outputs[0].tensor]
    return found.reshape(len(frames), -1)


def coded_weights(graph: IntegerGraph) -> dict[str, np.ndarray]:
    """Weights of all layers, through a simulated ``huffman-decoder`` with one table for all."""
    layers = [node for node in graph.nodes if isinstance(node, Linear)]
    words = np.concatenate([node.weights.reshape(-1) for node in layers])
    format = _format_of([int(words.min()), int(words.max()), -1])
    symbols = format.encode(words).astype(np.int64)
    histogram = np.bincount(symbols, minlength=1 << format.width)
    spec = HuffmanDecoder(symbol=format, lengths=limited_lengths(histogram.tolist()))
    decoded = []
    with SimulationLink(spec) as link:
        for start in range(0, len(symbols), _MOST_SYMBOLS):
            part = symbols[start : start + _MOST_SYMBOLS]
            coded = spec.codec.encode(part)
            last = (np.arange(len(coded["bits"])) == len(coded["bits"]) - 1).astype(np.uint64)
            items = {
                "frame": {"count": np.array([coded["count"]], np.uint64)},
                "code": {"bits": coded["bits"], "last": last},
            }
            found = link.exchange(items, {"symbol": len(part)})["symbol"]
            if found["error"].any():
                raise ModelError(f"{graph.name}: the decoder must report no error")
            decoded.append(found["value"])
    codes = format.decode(np.concatenate(decoded)).astype(np.int64)
    ends = np.cumsum([node.weights.size for node in layers])[:-1]
    parts = np.split(codes, ends)
    return {n.name: part.reshape(n.weights.shape) for n, part in zip(layers, parts, strict=True)}
