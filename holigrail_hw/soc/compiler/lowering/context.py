"""What all layers are made with: the graph, the images of tensors, rescaling and tables."""

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Node, Requantise
from holigrail_hw.models.graph.ranges import Tensor
from holigrail_hw.soc.compiler.layers import Image, Layer, Shares
from holigrail_hw.soc.compiler.requantisers import Rescaling, rescaling_of

__all__ = ["CODES", "WIDEST_SUM", "Context", "Refused", "image_of"]

CODES = (-128, 127)
WIDEST_SUM = (1 << 31) - 1


class Refused(Exception):
    """What must hold of a node."""


def image_of(shape: tuple[int, ...]) -> Image:
    """The image that a shape is."""
    if not 1 <= len(shape) <= 3:
        raise Refused(f"tensors must have 1 to 3 axes, not {len(shape)}")
    rows, columns, channels = (1, 1, 1, *shape)[-3:]
    return rows, columns, channels


class Context:
    """A graph, and the layers that were made of it so far."""

    def __init__(self, graph: IntegerGraph):
        self.graph, self.users = graph, graph.users()
        self.outputs = {port.tensor for port in graph.outputs}
        self.nodes = {node.name: node for node in graph.nodes}
        # Tensors that are others with another shape.
        self.same: dict[str, str] = {}
        self.images: dict[str, Image] = {}
        self.done: set[str] = set()
        self.layers: list[Layer] = []
        self.shares: Shares | None = None

    def name(self, tensor: str) -> str:
        """The tensor whose bytes are meant."""
        while tensor in self.same:
            tensor = self.same[tensor]
        return tensor

    def add(self, layer: Layer, *nodes: Node) -> None:
        self.images[layer.result] = image_of(self.graph.tensors[layer.result].shape)
        self.layers.append(layer)
        self.done |= {node.name for node in nodes}

    def only_user(self, node: Node) -> Node | None:
        users = self.users.get(node.name, [])
        return users[0] if len(users) == 1 and node.name not in self.outputs else None

    def code(self, node: Node) -> Requantise:
        """The requantisation of sums."""
        code = self.only_user(node)
        if not isinstance(code, Requantise):
            raise Refused("sums must be requantised to codes, once, not go elsewhere")
        return code

    def rescaling(self, code: Requantise, sums: Tensor, times: int = 1) -> Rescaling:
        if code.formula is None:
            raise Refused("requantisations must have the formula of the file")
        channels, rank = sums.shape[-1], len(sums.shape)
        axes = tuple(range(rank - 1))
        least = np.broadcast_to(sums.low, sums.shape).min(axis=axes)
        greatest = np.broadcast_to(sums.high, sums.shape).max(axis=axes)
        made = rescaling_of(code.formula, least, greatest, rank, times=times)
        if made is None or len(made.multiplier) != channels:
            raise Refused(
                "requantisation must be one multiplier below 1 and a shift up to 31 per channel,"
                f" with one or two roundings, not {code.formula.text()}"
            )
        if not CODES[0] <= made.low <= made.high <= CODES[1]:
            raise Refused(f"codes must be int8, not {made.low} to {made.high}")
        return made

    def table(self, node: Requantise, low: int, high: int) -> np.ndarray:
        """What comes out for every code, in the order of unsigned bytes."""
        shape = self.graph.tensors[node.name].shape
        codes = np.roll(np.arange(-128, 128), -128)
        apply = (node.form or node.formula).apply
        found = apply(np.broadcast_to(codes.reshape(-1, *[1] * len(shape)), (256, *shape)))
        found = found.reshape(256, -1)
        if (found != found[:, :1]).any():
            raise Refused("a function of codes must be the same for all channels")
        if not low <= found.min() <= found.max() <= high:
            raise Refused(f"a function of codes must stay within {low} to {high}")
        return found[:, 0]

    def channels(self, tensor: str) -> int:
        return self.graph.tensors[tensor].shape[-1]
