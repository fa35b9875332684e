"""Weights and parameters of a layer as bytes, in the order in which the engine takes them."""

from dataclasses import dataclass

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.soc.machine import Machine

from .buffers import Geometry
from .layers import Product
from .means import is_turned
from .tiles import depth_of, packed_parameters, packed_weights

__all__ = ["Part", "Weights", "weights_of"]

_NARROW_BIAS = 1 << 27


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights and parameters of a layer as bytes, column tile by column tile.

    Of diagonal layers a tile is one of groups of channels. ``weight_step`` is the bytes from one
    tile to the next, 0 if all are the same. Where the pixels of an image are ``turned`` into
    weights, ``weights`` are empty.
    """

    weights: bytes
    parameters: bytes
    tiles: int
    weight_step: int
    wide: bool
    turned: bool = False

    @property
    def parameter_step(self) -> int:
        """Bytes of the parameters of a tile."""
        return len(self.parameters) // self.tiles

    def part(self, first: int, count: int) -> bytes:
        """Parameters, then weights, of some tiles."""
        step = self.parameter_step
        parameters = self.parameters[first * step : (first + count) * step]
        step = self.weight_step
        return parameters + self.weights[first * step : (first + count) * step]


@dataclass(frozen=True)
class Part:
    """Some tiles of the weights of a layer, and where they lie."""

    first: int
    count: int
    weights: int
    parameters: int


def weights_of(machine: Machine, layer: Product, a: Geometry) -> Weights:
    """What must be in the scratchpad for a layer whose operand has a geometry.

    Raises
    ------
    RequestError
        If a bias does not fit into its field.
    """
    count, columns, lanes = len(layer.bias), machine.columns, machine.lanes
    turned = is_turned(machine, layer, a)
    each = lanes if layer.is_diagonal and not turned else columns
    tiles = -(-count // each)
    wide = bool(np.any(layer.bias >= _NARROW_BIAS) or np.any(layer.bias < -_NARROW_BIAS))
    if wide and not machine.wide_parameters:
        most = int(np.abs(layer.bias).max())
        raise RequestError(
            f"compile: node {layer.result}, {layer.source}: biases must fit into 28 bits, zero"
            f" point folded in, not reach {most}",
            hint="a machine with wide_parameters has biases of 32 bits",
        )
    columns_of = [layer.rescaling.multiplier, layer.rescaling.shift, layer.bias]
    padded = []
    for values in columns_of:
        whole = np.zeros((tiles, columns), np.int64)
        flat = np.zeros(tiles * each, np.int64)
        flat[:count] = values
        whole[:, :each] = flat.reshape(tiles, each)
        padded.append(whole.reshape(-1))
    parameters = packed_parameters(*padded, wide=wide)
    if turned:
        return Weights(b"", parameters, tiles, 0, wide, turned=True)
    if not layer.is_diagonal:
        tiled = depth_of(machine, layer.weights, layer.window, a).weights
        packed = packed_weights(machine, tiled)
        return Weights(packed, parameters, tiles, len(packed) // tiles, wide)
    if (layer.weights == layer.weights.flat[0]).all():
        same = bytes([int(layer.weights.flat[0]) & 0xFF]) * columns
        return Weights(same, parameters, tiles, 0, wide)
    taps = layer.weights.reshape(-1, count)
    whole = np.zeros((len(taps), tiles * lanes), np.int8)
    whole[:, :count] = taps
    rows = np.zeros((tiles, len(taps), columns), np.int8)
    rows[:, :, :lanes] = whole.reshape(len(taps), tiles, lanes).transpose(1, 0, 2)
    return Weights(rows.tobytes(), parameters, tiles, len(taps) * columns, wide)
