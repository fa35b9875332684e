"""Sums of products as tiles of the engine: which bytes a vector has, and the weights for them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models.source.windows import Window
from holigrail_hw.soc.machine import Machine

from .buffers import Geometry

__all__ = ["Depth", "Piece", "blocks", "depth_of", "packed_parameters", "packed_weights", "pieces"]

_MOST_STEP = (1 << 15) - 1


@dataclass(frozen=True, eq=False)
class Depth:
    """The loops over K: counts and steps, and the weights (k tiles, rows, results)."""

    nc: int
    fx: int
    fy: int
    step_c: int
    step_fx: int
    step_fy: int
    weights: np.ndarray

    @property
    def k_tiles(self) -> int:
        """Tiles of K."""
        return self.nc * self.fx * self.fy


def _in_tiles(runs: np.ndarray, rows: int) -> np.ndarray:
    """(runs, bytes, results) as (runs x tiles of a run, rows, results)."""
    count, length, results = runs.shape
    tiles = -(-length // rows)
    whole = np.zeros((count, tiles * rows, results), np.int64)
    whole[:, :length] = runs
    return whole.reshape(count * tiles, rows, results)


def depth_of(machine: Machine, weights: np.ndarray, window: Window, a: Geometry) -> Depth:
    """The fewest tiles for weights (rows, columns, channels, results) over an image.

    Pixels that follow each other are one run of bytes. What stands between their channels, or
    behind the last one, is multiplied by 0.
    """
    high, wide, channels, results = weights.shape
    rows, pitch = machine.rows, a.pitch
    gaps = np.zeros((high, wide, pitch, results), np.int64)
    gaps[:, :, :channels] = weights
    spare = pitch - channels
    found = []
    step_x, step_y = window.dilations[1] * pitch, window.dilations[0] * a.row_step
    if wide == 1 or step_x == pitch:
        if high == 1 or step_y == wide * pitch:
            run = gaps.reshape(1, -1, results)
            tiles = _in_tiles(run[:, : run.shape[1] - spare], rows)
            found.append(Depth(len(tiles), 1, 1, rows, 0, 0, tiles))
        runs = gaps.reshape(high, -1, results)
        tiles = _in_tiles(runs[:, : runs.shape[1] - spare], rows)
        found.append(Depth(len(tiles) // high, 1, high, rows, 0, step_y, tiles))
    tiles = _in_tiles(weights.reshape(high * wide, channels, results), rows)
    found.append(Depth(len(tiles) // (high * wide), wide, high, rows, step_x, step_y, tiles))
    return min(found, key=lambda depth: depth.k_tiles)


def packed_weights(machine: Machine, tiles: np.ndarray) -> bytes:
    """Column tiles, k tiles, rows, columns, as bytes."""
    k_tiles, rows, results = tiles.shape
    columns = machine.columns
    count = -(-results // columns)
    whole = np.zeros((k_tiles, rows, count * columns), np.int8)
    whole[:, :, :results] = tiles
    return whole.reshape(k_tiles, rows, count, columns).transpose(2, 0, 1, 3).tobytes()


def packed_parameters(
    multiplier: np.ndarray, shift: np.ndarray, bias: np.ndarray, *, wide: bool
) -> bytes:
    """Records of 8 or 16 bytes, one per channel."""
    if wide:
        columns = (multiplier, shift, bias & 0xFFFFFFFF, 0 * bias)
        return np.stack(columns, axis=1).astype("<u4").tobytes()
    upper = (bias & ((1 << 28) - 1)).astype(np.uint64) << np.uint64(36)
    middle = shift.astype(np.uint64) << np.uint64(31)
    return (upper | middle | multiplier.astype(np.uint64)).astype("<u8").tobytes()


@dataclass(frozen=True)
class Piece:
    """A part of an image of results: ``groups`` blocks of rows, one below the other."""

    row: int
    column: int
    nx: int
    ny: int
    groups: int


def pieces(image: tuple[int, int], rows: int, columns: int) -> Iterator[Piece]:
    """An image in blocks of at most so many rows and columns; equal blocks are one piece."""
    high, wide = image
    for column in range(0, wide, columns):
        nx = min(columns, wide - column)
        whole = high // rows
        yield Piece(0, column, nx, rows, whole)
        if high % rows:
            yield Piece(whole * rows, column, nx, high % rows, 1)


def blocks(image: tuple[int, int], most: int, steps: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Rows and columns of blocks of at most so many vectors.

    ``steps`` are the bytes from a row of the result to the next, in operand and result; blocks that
    follow each other must be less than 2^15 bytes apart.
    """
    high, wide = image
    columns = -(-wide // -(-wide // most)) if most else 0
    for rows in range(1, min(high, most // max(columns, 1)) + 1):
        if rows == high or rows * max(steps) <= _MOST_STEP:
            yield rows, columns
