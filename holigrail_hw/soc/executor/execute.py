"""Chains of descriptors and of loads on a scratchpad: the answer that hardware is compared with.

The scratchpad is an array of uint8. Whatever a chain of descriptors writes is written in the order
of hardware; a descriptor that is refused changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import numpy as np

from holigrail_hw.soc.descriptors.checks import (
    TABLE_BYTES,
    Error,
    descriptor_of,
    error_of,
    load_error,
    load_of,
)
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

from .addresses import addresses
from .lane import rescaled, wrapped
from .products import matmul

__all__ = ["Blocks", "Outcome", "carry_out", "load", "run"]


class Blocks(Protocol):
    """A flash memory: bytes, or whatever has some."""

    def __len__(self) -> int:
        """How many bytes there are."""
        ...

    def __getitem__(self, bytes_of: slice, /) -> bytes:
        """All bytes that a load takes, at once."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a chain ended: the error, the index of the descriptor that failed or was the last, and
    how many descriptors and loads were done."""

    error: Error
    index: int
    descriptors: int
    loads: int


def _clipped(codes: np.ndarray, low: int, high: int) -> np.ndarray:
    return np.maximum(np.minimum(codes, high), low).astype(np.int8).view(np.uint8)


def _add(memory: np.ndarray, d: Add) -> None:
    tables = memory[d.tables : d.tables + TABLE_BYTES].copy().view("<i4").astype(np.int64)
    first, second = tables[:256], tables[256:]
    reads, others, writes = (
        addresses(base, ((d.nx, 1), (d.ny, step)))
        for base, step in (
            (d.a_base, d.a_step_y),
            (d.b_base, d.b_step_y),
            (d.y_base, d.y_step_y),
        )
    )
    sums = wrapped(first[memory[reads]] + second[memory[others]])
    codes = rescaled(sums, d.multiplier, d.shift, d.once) + d.zero_point
    memory[writes] = _clipped(codes, d.low, d.high)


def _maximum(machine: Machine, memory: np.ndarray, d: Maximum) -> None:
    window = ((d.fx, d.a_step_fx), (d.fy, d.a_step_fy))
    places = ((d.nx, d.a_step_x), (d.ny, d.a_step_y), (d.groups, d.a_step_group))
    reads = addresses(d.a_base, (*window, *places)).reshape(-1, d.fx * d.fy)
    steps = ((d.nx, d.y_step_x), (d.ny, d.y_step_y), (d.groups, d.y_step_group))
    writes = addresses(d.y_base, steps)
    lanes = np.arange(machine.rows)
    vectors = memory[reads[:, :, None] + lanes].view(np.int8).max(axis=1)
    codes = _clipped(vectors.astype(np.int64), d.low, d.high)
    narrow = (d.groups - 1) * d.nx * d.ny
    for at, (place, row) in enumerate(zip(writes, codes, strict=True)):
        width = machine.rows if at < narrow else d.valid or machine.rows
        memory[place : place + width] = row[:width]


def _copy(memory: np.ndarray, d: Copy) -> None:
    counts = (d.nx, d.ny, d.groups)
    reads = addresses(d.a_base, zip(counts, (d.a_step_x, d.a_step_y, d.a_step_group), strict=True))
    writes = addresses(d.y_base, zip(counts, (d.y_step_x, d.y_step_y, d.y_step_group), strict=True))
    for source, target in zip(reads.tolist(), writes.tolist(), strict=True):
        memory[target] = memory[source]


def carry_out(machine: Machine, memory: np.ndarray, descriptor: Descriptor) -> None:
    """One descriptor for which :func:`.checks.error_of` found no error."""
    match descriptor:
        case Matmul():
            matmul(machine, memory, descriptor)
        case Add():
            _add(memory, descriptor)
        case Maximum():
            _maximum(machine, memory, descriptor)
        case Copy():
            _copy(memory, descriptor)
        case Fill() as d:
            loops = ((d.nx, d.y_step_x), (d.ny, d.y_step_y))
            memory[addresses(d.y_base, loops)] = d.value & 0xFF
        case End():
            pass


def load(machine: Machine, memory: np.ndarray, flash: Blocks, record: Load | None) -> Error:
    """One load; a block with a wrong CRC-32 is written all the same."""
    error = load_error(machine, record, len(flash))
    if error or record is None:
        return error
    taken = flash[record.flash : record.flash + record.length + 4 * record.crc]
    block, stated = taken[: record.length], taken[record.length :]
    memory[record.address : record.address + record.length] = np.frombuffer(block, np.uint8)
    if record.crc and crc32(block) != int.from_bytes(stated, "little"):
        return Error.FLASH
    return Error.NONE


def _has_come(done: int, wanted: int) -> bool:
    """Whether a counter modulo 256 has reached a number."""
    return (done - wanted) % 256 < 128


class _Queue:
    """Records one after the other; ``at`` is the address of the next, None at the end."""

    def __init__(self, at: int | None, size: int):
        self.at, self.size, self.done = at, size, 0

    def record(self, memory: np.ndarray) -> bytes:
        assert self.at is not None
        return memory[self.at : self.at + self.size].tobytes()

    def step(self, is_last: bool) -> None:
        assert self.at is not None
        self.done += 1
        self.at = None if is_last else self.at + self.size


def run(
    machine: Machine,
    memory: np.ndarray,
    start: int,
    *,
    loader_start: int | None = None,
    flash: Blocks = b"",
    late: bool = False,
    after: Callable[[int, Descriptor], None] | None = None,
) -> Outcome:
    """A chain of descriptors from ``start`` on, and a chain of loads beside it.

    ``after`` is called behind every descriptor with its index. Loads are done as early as they can
    be or, with ``late``, only once a descriptor waits for them: hardware lies in between.
    """
    work, loads = _Queue(start, DESCRIPTOR_BYTES), _Queue(loader_start, LOAD_BYTES)

    def ended(error: Error) -> Outcome:
        return Outcome(error, max(work.done - (not error), 0), work.done, loads.done)

    def loading() -> Error | None:
        """Do the next load, if it can be done."""
        if loads.at is None:
            return None
        if loads.at % LOAD_BYTES or loads.at + LOAD_BYTES > machine.scratchpad:
            return Error.ADDRESS
        record = load_of(loads.record(memory))
        if record and record.wait and _stands(work, record.wait_count):
            return None
        error = load(machine, memory, flash, record)
        loads.step(record is None or bool(record.last))
        return error

    while work.at is not None or loads.at is not None:
        found, error, stands = None, Error.NONE, work.at is None
        if work.at is not None:
            found, error = _next(machine, memory, work.at)
            stands = bool(found and found.wait and _stands(loads, found.wait_count))
        if stands or not late:
            moved = loading()
            if moved:
                return ended(moved)
            if moved is not None:
                continue
            if stands:
                return ended(error or Error.DEADLOCK)
        if error or found is None:
            return ended(error)
        carry_out(machine, memory, found)
        if after is not None:
            after(work.done, found)
        work.step(bool(found.last) or isinstance(found, End))
    return ended(Error.NONE)


def _stands(queue: _Queue, wanted: int) -> bool:
    """Whether a queue has not come as far as another one waits for."""
    return not _has_come(queue.done, wanted)


def _next(machine: Machine, memory: np.ndarray, at: int) -> tuple[Descriptor | None, Error]:
    """The descriptor at an address, and the error that it ends in."""
    if at % DESCRIPTOR_BYTES or at + DESCRIPTOR_BYTES > machine.scratchpad:
        return None, Error.ADDRESS
    found = descriptor_of(memory[at : at + DESCRIPTOR_BYTES].tobytes())
    return found, error_of(machine, found)
