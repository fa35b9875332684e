"""A linear node as vectors times a matrix: what of it does not depend on how it is built."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear

__all__ = ["Products", "products_of"]


@dataclass(frozen=True, eq=False)
class Products:
    """``vectors`` vectors of a frame times a matrix.

    Parameters
    ----------
    node : Linear
    size : (int, int, int)
        Rows, columns and channels of the image; (1, 1, features) of a vector.
    """

    node: Linear
    size: tuple[int, int, int]

    @property
    def depthwise(self) -> bool:
        """Whether every channel has a window, and a result, of its own."""
        node = self.node
        return node.group > 1 and node.weights.shape[2] == 1 and self.results == node.group

    @cached_property
    def weights(self) -> np.ndarray:
        """(features, results), or (taps, channels) of a depthwise one.

        Groups are blocks of one matrix: what the others see has the weight 0.
        """
        node = self.node
        if node.group == 1 or self.depthwise:
            return node.weights.reshape(-1, self.results)
        inputs, outputs = node.weights.shape[2], self.results // node.group
        found = np.zeros((*node.weights.shape[:2], self.size[2], self.results), np.int64)
        for group in range(node.group):
            columns = slice(group * outputs, (group + 1) * outputs)
            rows = slice(group * inputs, (group + 1) * inputs)
            found[:, :, rows, columns] = node.weights[..., columns]
        return found.reshape(-1, self.results)

    @property
    def results(self) -> int:
        """Sums per vector."""
        return self.node.weights.shape[-1]

    @property
    def features(self) -> int:
        """Products per sum, or of a depthwise one: elements of all windows of a place."""
        return self.weights.shape[0] * (self.size[2] if self.depthwise else 1)

    @cached_property
    def places(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        if self.node.window is None:
            return 1, 1
        return self.node.window.outputs(*self.size[:2])

    @property
    def vectors(self) -> int:
        """Of a frame."""
        return self.places[0] * self.places[1]

    @property
    def elements(self) -> int:
        """Of a frame that comes in."""
        return self.size[0] * self.size[1] * self.size[2]

    @cached_property
    def windowed(self) -> bool:
        """Whether vectors are other than the frame's elements in their order."""
        window = self.node.window
        if window is None:
            return False
        if self.depthwise:
            return True
        pixel = window.kernel == (1, 1) and window.strides == (1, 1)
        whole = window.kernel == self.size[:2] and self.vectors == 1
        return any(window.pads) or not (pixel or whole)


def products_of(graph: IntegerGraph, node: Linear) -> Products:
    """The products of a node."""
    shape = graph.tensors[node.inputs[0]].shape
    size = (shape[0], shape[1], shape[2]) if len(shape) == 3 else (1, 1, shape[0])
    return Products(node, size)
