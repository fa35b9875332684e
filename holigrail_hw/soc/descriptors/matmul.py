"""The product: convolution, depthwise, dense layers and means, by six loops over addresses."""

from dataclasses import dataclass
from typing import ClassVar

from .bits import Bits
from .records import CODES, COUNTS, GROUPS, HEAD, READ, STEP_LOW, WINDOW, WRITTEN, Record

__all__ = ["MOST_LINES", "SIDE", "Matmul"]

SIDE = 3
"""Rows and columns of the windows that the unit for depthwise layers has."""
MOST_LINES = (1 << 16) - 1
"""Rows of pixels that it can count."""


@dataclass(frozen=True, kw_only=True)
class Matmul(Record):
    """A command of the engine for every group: M = nx ny vectors, nc fx fy tiles of K.

    Vectors are read with loops x, y, c, fx, fy, group. The weights of a tile are ``rows`` rows of
    ``columns`` bytes at w_base + column w_step_n + k w_step_k, ``w_step_row`` apart (0 is side by
    side), where the column tiles of the groups follow each other, unless ``w_restart``. With
    ``diagonal`` a tile is one row, whose byte r is the weight of row r and column r. Parameters are
    records of 8 bytes per channel, or 16 with ``p_wide``; with ``p_restart`` every group has the
    same ones. Results are written with loops x, y, column tile, group: ``columns`` bytes, of the
    last column tile ``valid`` (0 is all).

    ``line_buffered`` asks for the unit for depthwise layers, which reads every pixel once: the
    result is the same. It needs ``diagonal`` weights, windows of 3 x 3, one tile of columns, one
    tile of K a tap; steps of x and y are those of fx and fy, or twice as long; and rows of at most
    as many pixels as the unit can hold. The engine's sizes do not matter then.

    A code is clip(zero_point + round((sum + bias) m / 2^(31 + shift)), low, high), rounded twice
    (gemmlowp) or ``once``.
    """

    operation: ClassVar[int] = 1
    places: ClassVar[dict[str, Bits]] = {
        **HEAD,
        **COUNTS,
        **CODES,
        **READ,
        **WRITTEN,
        **GROUPS,
        **WINDOW,
        "diagonal": Bits(0, 7, 1),
        "nc": Bits(2, 0, 16),
        "column_tiles": Bits(3, 0, 16),
        "a_step_c": Bits(7, *STEP_LOW),
        "w_base": Bits(8),
        "w_step_k": Bits(9, 0, 16),
        "w_step_n": Bits(9, 16, 16),
        "w_step_row": Bits(15, 16, 16),
        "p_base": Bits(10, 0, 24),
        "p_restart": Bits(10, 24, 1),
        "w_restart": Bits(10, 25, 1),
        "p_wide": Bits(10, 26, 1),
        "line_buffered": Bits(10, 27, 1),
        "y_step_column": Bits(13, *STEP_LOW),
    }
    nx: int = 1
    ny: int = 1
    nc: int = 1
    fx: int = 1
    fy: int = 1
    column_tiles: int = 1
    groups: int = 1
    a_base: int = 0
    a_step_x: int = 0
    a_step_y: int = 0
    a_step_c: int = 0
    a_step_fx: int = 0
    a_step_fy: int = 0
    a_step_group: int = 0
    w_base: int = 0
    w_step_k: int = 0
    w_step_n: int = 0
    w_step_row: int = 0
    w_restart: int = 0
    diagonal: int = 0
    p_base: int = 0
    p_restart: int = 0
    p_wide: int = 0
    line_buffered: int = 0
    y_base: int = 0
    y_step_x: int = 0
    y_step_y: int = 0
    y_step_column: int = 0
    y_step_group: int = 0
    valid: int = 0
    once: int = 0
    zero_point: int = 0
    low: int = -128
    high: int = 127

    @property
    def vectors(self) -> int:
        """M of a command."""
        return self.nx * self.ny

    @property
    def strides(self) -> tuple[int, int]:
        """Pixels from a window to the next, down and across, as the unit for depthwise layers has
        them; 0 if it has not.
        """
        return (
            _stride(self.ny, self.a_step_y, self.a_step_fy),
            _stride(self.nx, self.a_step_x, self.a_step_fx),
        )

    @property
    def raster(self) -> tuple[int, int]:
        """Rows and columns of pixels that all windows cover."""
        down, across = self.strides
        return (self.ny - 1) * down + SIDE, (self.nx - 1) * across + SIDE

    @property
    def k_tiles(self) -> int:
        """Tiles of K of a command."""
        return self.nc * self.fx * self.fy


def _stride(count: int, step: int, tap: int) -> int:
    if count == 1 or step == tap:
        return 1
    return 2 if step == 2 * tap else 0
