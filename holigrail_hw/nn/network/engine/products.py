"""A layer as matrix products that a matrix engine makes, one after the other.

A window over an image is a matrix whose rows are the window's places (im2col; Chellapilla et al.,
2006). Groups of channels, and channels that have a window of their own, take a product for as many
groups as fill the engine's columns; so only blocks on the diagonal are computed. A sum that is too
long for the engine's buffer, or too wide for its results, is made in parts, which the host adds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models.graph.nodes import Linear
from holigrail_hw.models.graph.ranges import Tensor

__all__ = ["Block", "Product", "blocks_of", "ends_of", "grouped", "parts_of"]


@dataclass(frozen=True, eq=False)
class Block:
    """Sums of chosen elements of a window times weights: some channels of a layer.

    Attributes
    ----------
    taps : array
        Which elements of a window, counted row by row, channels last.
    weights : array
        (taps, channels).
    channels : array
        Which results of the layer.
    """

    taps: np.ndarray
    weights: np.ndarray
    channels: np.ndarray


@dataclass(frozen=True, eq=False)
class Product(Block):
    """A block, or a part of its sums; the first part has the offset of the channels."""

    first: bool = True
    whole: bool = True


def blocks_of(node: Linear, groups: int) -> Iterator[Block]:
    """The blocks of a layer, so many groups of channels at a time."""
    if node.window is None:
        yield Block(np.arange(len(node.weights)), node.weights, np.arange(node.weights.shape[1]))
        return
    rows, columns, inputs, outputs = node.weights.shape
    each, every = outputs // node.group, inputs * node.group
    places = np.arange(rows * columns)[:, None, None] * every
    for start in range(0, node.group, groups):
        chosen = np.arange(start, min(start + groups, node.group))
        # Elements: place in the window, then group, then channel of the group.
        taps = places + chosen[:, None] * inputs + np.arange(inputs)
        channels = np.arange(chosen[0] * each, (chosen[-1] + 1) * each)
        weights = np.zeros((*taps.shape, len(chosen), each), np.int64)
        for at, group in enumerate(chosen):
            part = node.weights[..., group * each : (group + 1) * each]
            weights[:, at, :, at] = part.reshape(rows * columns, inputs, each)
        yield Block(taps.reshape(-1), weights.reshape(taps.size, len(channels)), channels)


def grouped(node: Linear, rows: int, columns: int, vectors: int) -> int:
    """How many groups at a time take the fewest cycles, about."""
    if node.group == 1:
        return 1
    taps, inputs = int(np.prod(node.weights.shape[:2])), node.weights.shape[2]
    each = node.weights.shape[3] // node.group

    def cycles(groups: int) -> int:
        tiles = -(-taps * inputs * groups // rows) * -(-each * groups // columns)
        return -(-node.group // groups) * tiles * max(vectors, rows + columns)

    most = max(1, min(node.group, columns // each if each <= columns else 1))
    return min(range(1, most + 1), key=lambda groups: (cycles(groups), -groups))


def ends_of(tensor: Tensor, node: Linear) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of every element of a window of a layer's operand."""
    low, high = (np.broadcast_to(end, tensor.shape) for end in (tensor.low, tensor.high))
    if node.window is None:
        return low, high
    low, high = low.min(axis=(0, 1)), high.max(axis=(0, 1))
    if any(node.window.pads):
        low, high = np.minimum(low, node.zero), np.maximum(high, node.zero)
    count = int(np.prod(node.weights.shape[:2]))
    return np.tile(low, count), np.tile(high, count)


def parts_of(
    block: Block, rows: int, longest: int, fits: Callable[[Product], bool]
) -> list[Product] | None:
    """The fewest parts of equal length that fit, each of at most ``longest`` products.

    None if not even a single product fits. Longer parts than a tile of ``rows`` are whole tiles.
    """
    count = len(block.taps)
    tiles = -(-count // rows)
    lengths = [-(-tiles // parts) * rows for parts in range(1, tiles + 1)] + [
        *range(rows - 1, 0, -1)
    ]
    for length in dict.fromkeys(lengths):
        if length > longest:
            continue
        found = [
            Product(
                block.taps[at : at + length],
                block.weights[at : at + length],
                block.channels,
                first=at == 0,
                whole=length >= count,
            )
            for at in range(0, count, length)
        ]
        if all(map(fits, found)):
            return found
    return None
