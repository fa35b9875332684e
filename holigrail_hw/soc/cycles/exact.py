"""Cycles of descriptors of all kinds, as the register of a descriptor's cycles shows them."""

from functools import lru_cache

from holigrail_hw.soc.compiler.cycles import items_of_row
from holigrail_hw.soc.descriptors.kinds import (
    Add,
    Copy,
    Descriptor,
    End,
    Fill,
    Matmul,
    Maximum,
)
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .delays import Delays
from .depthwise import Lines, depthwise_cycles
from .engine import Sizes, engine_cycles
from .readers import GIVEN, READ, Reader, granted

__all__ = ["ExactCycles"]

_RECORD_BYTES, _TABLE_BYTES = 8, 2048
# Begin, decode, judge; the last of the words that are read.
_JUDGED, _LAST_WORD = 3, READ - 2
# The chance to wait, and the step to the next descriptor; the start of what is not the end.
_ENDED, _STARTED = 2, 1
# From the last vector of a window to its maximum.
_MAXIMUM = 3


class ExactCycles:
    """A function of a machine and a descriptor that the machine can do.

    Parameters
    ----------
    delays : Delays
        Of the accelerator.
    """

    def __init__(self, delays: Delays):
        self._delays = delays

    def __call__(self, machine: Machine, descriptor: Descriptor) -> int:
        """Cycles from the fetch of a descriptor to its last result, both included."""
        framed = self.before(machine, descriptor) + _ENDED
        if isinstance(descriptor, End):
            return framed
        return framed + _STARTED + self._worked(machine, descriptor)

    def before(self, machine: Machine, descriptor: Descriptor) -> int:
        """Those of them before it can wait for a load: it is fetched and checked."""
        fetched = _JUDGED + DESCRIPTOR_BYTES // (2 * machine.grain) + _LAST_WORD
        if isinstance(descriptor, End):
            return fetched
        delays = self._delays
        return fetched + delays.spans + (delays.sizes if isinstance(descriptor, Matmul) else 0)

    def _worked(self, machine: Machine, descriptor: Descriptor) -> int:
        match descriptor:
            case Matmul(line_buffered=1) as d:
                assert self._delays.depthwise is not None
                return _depthwise_cycles(_lines(machine, d), self._delays.depthwise)
            case Matmul() as d:
                return _engine_cycles(_sizes(machine, d), self._delays)
            case Add() as d:
                tables, delays = _parts(machine, _TABLE_BYTES), self._delays
                return _sum_cycles(tables, d.nx * d.ny, delays.lane, delays.one_port)
            case Maximum() as d:
                window = d.fx * d.fy
                return self._moved(window * d.nx * d.ny * d.groups, window, _MAXIMUM)
            case Copy() as d:
                return self._moved(items_of_row(machine, d) * d.ny * d.groups, 1, 0)
            case Fill() as d:
                return items_of_row(machine, d) * d.ny + 2
        raise AssertionError(descriptor)

    def _moved(self, items: int, window: int, later: int) -> int:
        """Items that are read and, the last one of every window, given ``later`` cycles later."""
        if self._delays.one_port:
            return _shared_cycles(items, window, later)
        return items + READ + 2 + later


_depthwise_cycles = lru_cache(maxsize=4096)(depthwise_cycles)
_engine_cycles = lru_cache(maxsize=4096)(engine_cycles)


def _parts(machine: Machine, size: int) -> int:
    """Items of tables."""
    return size // min(_RECORD_BYTES, 2 * machine.grain)


def _record_parts(machine: Machine, d: Matmul) -> int:
    size = 2 * _RECORD_BYTES if d.p_wide else _RECORD_BYTES
    return size // min(size, 2 * machine.grain)


def _lines(machine: Machine, d: Matmul) -> Lines:
    high, wide = d.raster
    parts = _record_parts(machine, d)
    return Lines(machine.columns, high, wide, d.strides, d.groups, parts)


def _sizes(machine: Machine, d: Matmul) -> Sizes:
    return Sizes(
        rows=machine.rows,
        columns=machine.columns,
        vectors=d.vectors,
        k_tiles=d.k_tiles,
        n_tiles=d.column_tiles,
        groups=d.groups,
        diagonal=bool(d.diagonal),
        parts=_record_parts(machine, d),
    )


@lru_cache(maxsize=256)
def _shared_cycles(items: int, window: int, later: int) -> int:
    """Items are read through the port by which the last one of every window is written."""
    reader, now, taken = Reader(items), 0, 0
    writes: set[int] = set()
    while True:
        has_item = reader.queue > 0
        port = granted((reader,)) if now not in writes else -1
        reader.end_cycle(port == 0, has_item)
        taken += has_item
        if has_item and taken % window == 0:
            writes.add(now + later + GIVEN)
        if taken == items:
            return now + later + 3
        now += 1


@lru_cache(maxsize=256)
def _sum_cycles(tables: int, codes: int, lane: int, one_port: bool) -> int:
    """Tables are read first; then both operands share the port, the second one first.

    With one port a sum that is written takes it, too.
    """
    second, table, first = Reader(codes), Reader(tables), Reader(codes)
    readers, now, missing, records = (second, table, first), 0, codes, tables
    writes: set[int] = set()
    while True:
        port = granted(readers) if now not in writes else -1
        loads = records > 0
        loaded = table.queue > 0
        taken = not loads and second.queue > 0 and first.queue > 0
        second.end_cycle(port == 0, taken)
        table.end_cycle(port == 1, loaded)
        first.end_cycle(port == 2, taken)
        records -= loaded
        missing -= taken
        if one_port and taken:
            writes.add(now + lane + 1 + GIVEN)
        if not missing:
            return now + lane + 4
        now += 1
