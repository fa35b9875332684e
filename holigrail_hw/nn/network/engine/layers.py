"""The steps of a network on a matrix engine: layers of products, and what is left to the host.

A layer is a node of sums of products and, where a lane can compute it, the requantisation behind
it. What its lanes cannot do is finished on the host, in exact integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Node, Requantise
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.source.windows import patches

from .products import Product
from .rescale import Rescale

__all__ = ["Layer", "Sums", "for_lanes", "offset_of", "sums_of", "vectors_of"]

_WIDEST_FACTOR = 16


@dataclass(frozen=True, eq=False)
class Sums:
    """A node of sums, and the only requantisation of them, if there is one and no other reader."""

    node: Linear
    code: Requantise | None
    positions: int


@dataclass(frozen=True, eq=False)
class Layer:
    """What the engine makes of a node of sums.

    Attributes
    ----------
    node : Linear
    code : Requantise or None
        What lanes compute of the sums; None if sums come back to the host.
    positions : int
        Vectors of a frame.
    products : tuple of Product
    rescale : Rescale
        Channel by channel.
    """

    node: Linear
    code: Requantise | None
    positions: int
    products: tuple[Product, ...]
    rescale: Rescale

    @property
    def result(self) -> str:
        """The tensor that comes out."""
        return self.code.name if self.code else self.node.name

    @property
    def used(self) -> int:
        """Products of a frame that are no padding."""
        return self.positions * self.node.taps * self.node.weights.shape[-1]

    def weights(self, product: Product) -> np.ndarray:
        """Weights as the engine holds them."""
        return product.weights * self.rescale.sign[product.channels]


def for_lanes(graph: IntegerGraph) -> IntegerGraph:
    """The graph with a product and a shift in every requantisation that has one."""
    if any(isinstance(node, Requantise) and node.formula is None for node in graph.nodes):
        # A graph of forms alone.
        return graph
    return with_forms(graph, prefer="multiplier")


def sums_of(graph: IntegerGraph) -> Iterator[Sums]:
    """The nodes of sums that an engine can compute."""
    users = graph.users()
    outputs = {port.tensor for port in graph.outputs}
    for node in graph.nodes:
        if not isinstance(node, Linear) or not _narrow(graph, node):
            continue
        readers: list[Node] = users.get(node.name, [])
        code = readers[0] if len(readers) == 1 and node.name not in outputs else None
        shape = graph.tensors[node.name].shape
        positions = int(np.prod(shape[:-1]))
        yield Sums(node, code if isinstance(code, Requantise) else None, positions)


def _narrow(graph: IntegerGraph, node: Linear) -> bool:
    """Whether factors are integers of a few bits."""
    largest = max(int(np.abs(node.weights).max(initial=0)), abs(node.zero))
    operand = graph.tensors[node.inputs[0]].width
    return max(largest.bit_length() + 1, operand) <= _WIDEST_FACTOR


def offset_of(node: Linear) -> np.ndarray:
    """What is added to sums of x w, where the node means sums of (x - zero) w + bias."""
    outputs = node.weights.shape[-1]
    return node.bias - node.zero * node.weights.reshape(-1, outputs).sum(axis=0)


def vectors_of(node: Linear, frames: np.ndarray) -> np.ndarray:
    """The windows of frames, (frames x positions, elements); padding is what stands for 0."""
    if node.window is None:
        return frames
    taps = patches(frames, node.window, node.zero, node.name)
    return taps.reshape(-1, int(np.prod(taps.shape[3:])))
