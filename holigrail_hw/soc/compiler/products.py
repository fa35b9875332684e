"""Layers of products as descriptors: blocks of vectors, groups of channels, parts of the weights.

A layer may be cut in several ways; the one that takes fewest cycles, by the closed form, is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.soc.descriptors.checks import Error, error_of
from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.descriptors.matmul import SIDE
from holigrail_hw.soc.machine import Machine

from .buffers import Buffer
from .cycles import descriptor_cycles
from .layers import Product
from .tiles import Depth, Piece, blocks, depth_of, pieces
from .weights import Part, Weights

__all__ = ["product_descriptors"]

_MOST_STEP = (1 << 16) - 1


def product_descriptors(
    machine: Machine,
    layer: Product,
    buffers: tuple[Buffer, Buffer],
    packed: Weights,
    parts: Sequence[Part],
) -> list[list[Matmul]]:
    """The descriptors of a layer from one buffer to another, part by part of the weights.

    Raises
    ------
    RequestError
        If its sums are too long for the engine.
    """
    a, y = buffers
    high, wide = y.geometry.image[:2]
    if layer.is_diagonal:
        rows, columns = layer.window.kernel
        step_x, step_y = (d * n for d, n in _taps(layer, a))
        depth = Depth(1, columns, rows, 0, step_x, step_y, np.zeros((0, 0, 0)))
    else:
        depth = depth_of(machine, layer.weights, layer.window, a.geometry)
    most = min(machine.accumulator_depth, machine.activation_depth // depth.k_tiles)
    if not most:
        raise RequestError(
            f"compile: node {layer.result}, {layer.source}: sums must have at most"
            f" {machine.activation_depth} tiles of {machine.rows} products, as the engine's buffer"
            f" has, not {depth.k_tiles}",
            hint=f"an activation_depth of {depth.k_tiles} is enough",
        )
    steps = (layer.window.strides[0] * a.geometry.row_step, y.geometry.row_step)
    ways = []
    for rows, columns in blocks((high, wide), most, steps):
        cut = [*pieces((high, wide), rows, columns)]
        made = _Descriptors(machine, layer, (a, y), depth, packed)
        if layer.is_diagonal:
            ways.append([[*made.by_groups(part, cut)] for part in parts])
            ways.append([[*made.by_blocks(part, cut)] for part in parts])
        else:
            ways.append([[*made.whole(part, cut)] for part in parts])

    if machine.line_buffer and layer.is_diagonal:
        made = _Descriptors(machine, layer, (a, y), depth, packed)
        ways += made.by_lines(parts, (high, wide))

    def cycles(way: list[list[Matmul]]) -> int:
        return sum(descriptor_cycles(machine, one) for part in way for one in part)

    return min(ways, key=cycles)


def _taps(layer: Product, a: Buffer) -> Iterable[tuple[int, int]]:
    """Dilation with the bytes of a step, across and down."""
    down, across = layer.window.dilations
    return (across, a.geometry.pitch), (down, a.geometry.row_step)


class _Descriptors:
    def __init__(
        self,
        machine: Machine,
        layer: Product,
        buffers: tuple[Buffer, Buffer],
        depth: Depth,
        packed: Weights,
    ):
        self._machine, self._layer, self._depth, self._packed = machine, layer, depth, packed
        self._a, self._y = buffers

    def _common(self, piece: Piece, row: int = 0) -> dict[str, Any]:
        """Fields of a piece, beginning at its block of rows ``row``."""
        layer, depth, a, y = self._layer, self._depth, self._a, self._y
        down, across = layer.window.strides
        above, before = layer.window.pads[:2]
        first = piece.row + row * piece.ny
        rescaling = layer.rescaling
        return {
            "nx": piece.nx,
            "ny": piece.ny,
            "nc": depth.nc,
            "fx": depth.fx,
            "fy": depth.fy,
            "a_base": a.pixel(first * down - above, piece.column * across - before),
            "a_step_x": across * a.geometry.pitch if piece.nx > 1 else 0,
            "a_step_y": down * a.geometry.row_step if piece.ny > 1 else 0,
            "a_step_c": depth.step_c if depth.nc > 1 else 0,
            "a_step_fx": depth.step_fx if depth.fx > 1 else 0,
            "a_step_fy": depth.step_fy if depth.fy > 1 else 0,
            "y_base": y.pixel(first, piece.column),
            "y_step_x": y.geometry.pitch if piece.nx > 1 else 0,
            "y_step_y": y.geometry.row_step if piece.ny > 1 else 0,
            "once": int(rescaling.once),
            "zero_point": rescaling.zero_point,
            "low": rescaling.low,
            "high": rescaling.high,
            "p_wide": int(self._packed.wide),
        }

    def _down(self, piece: Piece) -> dict[str, Any]:
        """Fields for blocks of rows as groups."""
        if piece.groups == 1:
            return {"groups": 1}
        rows = piece.ny * self._layer.window.strides[0]
        return {
            "groups": piece.groups,
            "a_step_group": rows * self._a.geometry.row_step,
            "y_step_group": piece.ny * self._y.geometry.row_step,
            "w_restart": 1,
            "p_restart": 1,
        }

    def whole(self, part: Part, cut: Sequence[Piece]) -> Iterator[Matmul]:
        """All columns of a part at once; blocks of rows are groups."""
        machine, packed = self._machine, self._packed
        columns = machine.columns
        # Tiles that lie too far apart for a step are a descriptor each.
        at_once = part.count if packed.weight_step <= _MOST_STEP else 1
        for place in range(0, part.count, at_once):
            first = part.first + place
            is_last = first + at_once == packed.tiles
            valid = len(self._layer.bias) % columns if is_last else 0
            for piece in cut:
                fields = self._common(piece) | self._down(piece)
                fields["y_base"] += first * columns
                yield Matmul(
                    **fields,
                    column_tiles=at_once,
                    w_base=part.weights + place * packed.weight_step,
                    w_step_k=machine.rows * columns,
                    w_step_n=packed.weight_step if at_once > 1 else 0,
                    p_base=part.parameters + place * packed.parameter_step,
                    y_step_column=columns if at_once > 1 else 0,
                    valid=valid,
                )

    def _diagonal(self, part: Part, place: int) -> dict[str, Any]:
        """Fields for the group of channels at a place of a part."""
        packed = self._packed
        return {
            "diagonal": 1,
            "w_base": part.weights + place * packed.weight_step,
            "w_step_k": self._machine.columns if packed.weight_step else 0,
            "p_base": part.parameters + place * packed.parameter_step,
        }

    def _valid(self, group: int) -> int:
        """Channels that a group of channels writes, as the field has it."""
        lanes = self._machine.lanes
        count = min(lanes, len(self._layer.bias) - group * lanes)
        return 0 if count == self._machine.columns else count

    def by_groups(self, part: Part, cut: Sequence[Piece]) -> Iterator[Matmul]:
        """Groups of channels are groups; every block of rows is a descriptor."""
        lanes, packed = self._machine.lanes, self._packed
        full = part.count
        if self._valid(part.first + full - 1) != self._valid(part.first):
            full -= 1
        for piece in cut:
            for row in range(piece.groups):
                for place, count in ((0, full), (full, part.count - full)):
                    if not count:
                        continue
                    fields = self._common(piece, row) | self._diagonal(part, place)
                    at = (part.first + place) * lanes
                    fields["a_base"] += at
                    fields["y_base"] += at
                    yield Matmul(
                        **fields,
                        groups=count,
                        a_step_group=lanes if count > 1 else 0,
                        y_step_group=lanes if count > 1 else 0,
                        w_step_n=packed.weight_step if count > 1 else 0,
                        valid=self._valid(part.first + place),
                    )

    def by_lines(self, parts: Sequence[Part], image: tuple[int, int]) -> list[list[list[Matmul]]]:
        """By the unit for depthwise layers, if it can: as few parts of rows as its lines allow."""
        high, wide = image
        most = (self._machine.line_buffer - SIDE) // self._layer.window.strides[1] + 1
        columns = -(-wide // -(-wide // most))
        cut = [
            Piece(0, column, min(columns, wide - column), high, 1)
            for column in range(0, wide, columns)
        ]
        way = [
            [replace(one, line_buffered=1) for one in self.by_groups(part, cut)] for part in parts
        ]
        is_done = all(error_of(self._machine, one) != Error.SIZE for part in way for one in part)
        return [way] if is_done else []

    def by_blocks(self, part: Part, cut: Sequence[Piece]) -> Iterator[Matmul]:
        """Blocks of rows are groups; every group of channels is a descriptor."""
        for place in range(part.count):
            group = part.first + place
            for piece in cut:
                fields = self._common(piece) | self._down(piece) | self._diagonal(part, place)
                fields["a_base"] += group * self._machine.lanes
                fields["y_base"] += group * self._machine.lanes
                yield Matmul(**fields, valid=self._valid(group))
