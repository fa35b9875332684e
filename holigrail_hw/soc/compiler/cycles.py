"""About how many cycles a descriptor takes: a closed form, to choose among ways to do a layer.

The engine works on a group while the vectors of the next one are read; whichever of engine and
memory port is slower sets the pace. :mod:`holigrail_hw.soc.cycles` follows the hardware exactly.
"""

from collections.abc import Sequence
from itertools import pairwise

from holigrail_hw.soc.descriptors.kinds import (
    LOAD_BYTES,
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

__all__ = ["cycles_before", "descriptor_cycles", "items_of_row", "load_cycles", "with_waits"]

# Sixteen words of a descriptor, the start of the engine, and the way of the last result.
_START, _DRAIN = 38, 24
_TABLE_WORDS = 512
_CHECKED = 38
# Clocks of the flash memory for a word of a load, and from a burst's command to its first nibble;
# cycles for the first word's way, and the burst's end.
_WORD_CLOCKS, _BURST_CLOCKS, _BURST = 8, 20, 8
# From the start of both chains until the first record is judged, without the reads of both.
_FIRST_LOAD = 6


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
            return _fetch(machine) + items_of_row(machine, d) * d.ny * d.groups
        case Fill() as d:
            return _fetch(machine) - 5 + items_of_row(machine, d) * d.ny
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


def cycles_before(machine: Machine, descriptor: Descriptor) -> int:
    """Cycles until a descriptor can wait for a load, about."""
    return _fetch(machine)


def load_cycles(load: Load, clock: int = 1) -> int:
    """Cycles of a load alone: the beginning of a burst, then a nibble each.

    ``clock`` are the cycles of a clock of the flash memory.
    """
    words = load.length // 4 + load.crc
    return _BURST + clock * (_BURST_CLOCKS + _WORD_CLOCKS * words)


def with_waits(
    machine: Machine,
    descriptors: Sequence[Descriptor],
    alone: Sequence[int],
    before: Sequence[int],
    loads: Sequence[Load],
    clock: int = 1,
) -> tuple[int, ...]:
    """Cycles of every descriptor, those included in which it waits for its load.

    Loads are done one after the other, each as soon as the descriptor that it waits for is done.
    Both chains start at once, and words of loads are written when they come.

    Parameters
    ----------
    machine : Machine
    descriptors, loads
    alone : sequence of int
        Cycles of every descriptor that does not wait.
    before : sequence of int
        Those before it can wait.
    clock : int
        Cycles of a clock of the flash memory.
    """
    # When descriptors begin, and from when on loads count as done.
    begun, arrivals, needed = [1], list[int](), 0
    reads = (DESCRIPTOR_BYTES + LOAD_BYTES) // (2 * machine.grain)
    for place, descriptor in enumerate(descriptors):
        ready = begun[place] + before[place]
        if descriptor.wait:
            # Counters have 8 bits: the next number with these bits is meant.
            needed += (descriptor.wait_count - needed) % 256
            for load in loads[len(arrivals) : needed]:
                # The first record is read behind the first descriptor.
                begin = arrivals[-1] if arrivals else reads + _FIRST_LOAD
                if load.wait:
                    freed = place - (place - load.wait_count) % 256
                    begin = max(begin, begun[freed] if freed > 0 else 0)
                arrivals.append(begin + load_cycles(load, clock))
            if needed:
                begun.append(max(ready, arrivals[needed - 1]) + alone[place] - before[place])
                continue
        begun.append(begun[place] + alone[place])
    return tuple(after - start for start, after in pairwise(begun))
