"""MATMUL: vectors, weights and parameters out of the scratchpad, sums, codes back into it."""

import numpy as np

from holigrail_hw.soc.descriptors.kinds import Matmul
from holigrail_hw.soc.machine import Machine

from .addresses import addresses
from .lane import rescaled, wrapped

__all__ = ["matmul", "parameters_at"]

_MULTIPLIER, _SHIFT = (1 << 31) - 1, 31


def parameters_at(
    memory: np.ndarray, at: int, count: int, *, wide: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multipliers, right shifts and biases of so many channels, as int64."""
    if wide:
        words = memory[at : at + 16 * count].view("<u4").reshape(count, 4).astype(np.int64)
        bias = words[:, 2].astype(np.uint32).astype(np.int32).astype(np.int64)
        return words[:, 0] & _MULTIPLIER, words[:, 1] & _SHIFT, bias
    records = memory[at : at + 8 * count].view("<u8")
    multiplier = (records & np.uint64(_MULTIPLIER)).astype(np.int64)
    shift = ((records >> np.uint64(31)) & np.uint64(_SHIFT)).astype(np.int64)
    # An arithmetic shift of the whole record leaves the upper 28 bits with their sign.
    return multiplier, shift, records.view("<i8") >> 36


def _weights(machine: Machine, memory: np.ndarray, d: Matmul, group: int) -> np.ndarray:
    """(k tiles, rows, column tiles, columns) as int64."""
    rows, columns = machine.rows, machine.columns
    first = 0 if d.w_restart else group * d.column_tiles
    at = d.w_base + d.w_step_n * (first + np.arange(d.column_tiles))[None, :]
    at = at + d.w_step_k * np.arange(d.k_tiles)[:, None]
    lanes = np.arange(columns)
    if d.diagonal:
        read = memory[at[:, :, None] + lanes].view(np.int8).astype(np.int64)
        wide = np.zeros((d.k_tiles, rows, d.column_tiles, columns), np.int64)
        for lane in range(machine.lanes):
            wide[:, lane, :, lane] = read[:, :, lane]
        return wide
    down = (d.w_step_row or columns) * np.arange(rows)
    places = at[:, None, :, None] + down[None, :, None, None] + lanes
    return memory[places].view(np.int8).astype(np.int64)


def matmul(machine: Machine, memory: np.ndarray, d: Matmul) -> None:
    """Carry out a product that has been checked; ``memory`` is an array of uint8."""
    columns, channels = machine.columns, d.column_tiles * machine.columns
    inner = ((d.nx, d.a_step_x), (d.ny, d.a_step_y))
    outer = ((d.nc, d.a_step_c), (d.fx, d.a_step_fx), (d.fy, d.a_step_fy))
    reads = addresses(d.a_base, (*inner, *outer)).reshape(d.k_tiles, d.vectors)
    steps = ((d.nx, d.y_step_x), (d.ny, d.y_step_y), (d.column_tiles, d.y_step_column))
    written = addresses(d.y_base, steps).reshape(d.column_tiles, d.vectors)
    size = 16 if d.p_wide else 8
    for group in range(d.groups):
        places = reads[:, :, None] + group * d.a_step_group + np.arange(machine.rows)
        vectors = memory[places].view(np.int8).astype(np.int64)
        weights = _weights(machine, memory, d, group)
        left = vectors.transpose(1, 0, 2).reshape(d.vectors, -1)
        sums = (left.astype(np.float64) @ weights.reshape(-1, channels)).astype(np.int64)
        first = 0 if d.p_restart else group * channels
        multiplier, shift, bias = parameters_at(
            memory, d.p_base + size * first, channels, wide=bool(d.p_wide)
        )
        codes = rescaled(wrapped(sums + bias), multiplier, shift, d.once) + d.zero_point
        codes = np.maximum(np.minimum(codes, d.high), d.low).astype(np.int8).view(np.uint8)
        for tile in range(d.column_tiles):
            is_last = tile == d.column_tiles - 1
            width = (d.valid or columns) if is_last else columns
            at = written[tile] + group * d.y_step_group
            part = codes[:, tile * columns : tile * columns + width]
            # Results that share bytes are written in the order of the vectors.
            for place, row in zip(at, part, strict=True):
                memory[place : place + width] = row
