"""About how many cycles a descriptor takes: a closed form, to choose among ways to do a layer.

The engine works on a group while the vectors of the next one are read; whichever of engine and
memory port is slower sets the pace. :mod:`holigrail_hw.soc.cycles` follows the hardware exactly.
"""

from collections.abc import Sequence

from holigrail_hw.soc.descriptors.kinds import (
    Add,
    Copy,
    Descriptor,
    End,
    Fill,
    Load,
    Matmul,
    Maximum,
)
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

__all__ = ["descriptor_cycles", "items_of_row", "load_cycles", "with_waits"]

# Sixteen words of a descriptor, the start of the engine, and the way of the last result.
_START, _DRAIN = 25, 20
_TABLE_WORDS = 512
_CHECKED = 26
_FLASH_CYCLES_PER_BYTE = 2


def descriptor_cycles(machine: Machine, descriptor: Descriptor) -> int:
    """Cycles of a descriptor alone, about."""
    match descriptor:
        case Matmul():
            return _matmul(machine, descriptor)
        case Add() as d:
            return _START + _TABLE_WORDS + d.nx * d.ny
        case Maximum() as d:
            return _START + d.nx * d.ny * d.groups * (d.fx * d.fy + 1)
        case Copy() as d:
            return _fetch(machine) + 1 + items_of_row(machine, d) * d.ny * d.groups
        case Fill() as d:
            return _fetch(machine) - 1 + items_of_row(machine, d) * d.ny
        case End():
            return _START


def _fetch(machine: Machine) -> int:
    """Cycles until a descriptor has been read and its addresses are checked."""
    return DESCRIPTOR_BYTES // (2 * machine.grain) + _CHECKED


def items_of_row(machine: Machine, d: Copy | Fill) -> int:
    """Accesses for the bytes of a row: whole vectors if everything is aligned, else bytes."""
    width, grain = 2 * machine.grain, machine.grain
    steps, along = [d.y_base, d.y_step_y], d.y_step_x == 1
    if isinstance(d, Copy):
        steps += [d.a_base, d.a_step_y, d.a_step_group, d.y_step_group]
        along = along and d.a_step_x == 1
    is_wide = along and not d.nx % width and not any(step % grain for step in steps)
    return d.nx // width if is_wide else d.nx


def _matmul(machine: Machine, d: Matmul) -> int:
    vectors, k_tiles, tiles = d.vectors, d.k_tiles, d.column_tiles
    parameters = tiles * machine.columns * (16 if d.p_wide else 8) // machine.rows
    if d.line_buffered:
        high, wide = d.raster
        return _START + _DRAIN + d.groups * (high * wide + k_tiles + parameters)
    loaded = vectors * k_tiles
    computed = tiles * k_tiles * max(vectors, machine.rows)
    per_tile = machine.rows if d.w_step_row else machine.columns
    weights = tiles * k_tiles * (1 if d.diagonal else per_tile)
    # Results are written beside the reads.
    port = loaded + weights + parameters
    return _START + _DRAIN + loaded + d.groups * max(computed, port)


def load_cycles(load: Load) -> int:
    """Cycles of a load alone: a nibble each."""
    return _FLASH_CYCLES_PER_BYTE * (load.length + 4 * load.crc)


def with_waits(
    descriptors: Sequence[Descriptor], alone: Sequence[int], loads: Sequence[Load]
) -> tuple[int, ...]:
    """Cycles of every descriptor, those included in which it waits for its load.

    Loads are done one after the other, each as soon as the descriptor that it waits for is done.
    """
    ends: list[int] = []
    arrivals: list[int] = []
    found, now, needed = [], 0, 0
    for place, (descriptor, cycles) in enumerate(zip(descriptors, alone, strict=True)):
        start = now
        if descriptor.wait:
            # Counters have 8 bits: the next number with these bits is meant.
            needed += (descriptor.wait_count - needed) % 256
            for load in loads[len(arrivals) : needed]:
                freed = place - (place - load.wait_count) % 256 if load.wait else 0
                begin = max(ends[freed - 1] if freed > 0 else 0, arrivals[-1] if arrivals else 0)
                arrivals.append(begin + load_cycles(load))
            now = max(now, arrivals[needed - 1] if needed else 0)
        now += cycles
        ends.append(now)
        found.append(now - start)
    return tuple(found)
