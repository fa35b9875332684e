"""Which descriptors an accelerator refuses, with the error code that it then shows."""

from enum import IntEnum

from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .bits import is_sound
from .kinds import LOAD_BYTES, OPERATION, Add, Copy, Descriptor, End, Fill, Load, Matmul, Maximum
from .matmul import MOST_LINES, SIDE

__all__ = ["WHY", "Error", "Span", "descriptor_of", "error_of", "load_error", "load_of", "spans"]

_KINDS: dict[int, type[Descriptor]] = {
    cls.operation: cls for cls in (End, Matmul, Add, Maximum, Copy, Fill)
}
TABLE_BYTES = 2048
_MOST_TILES = (1 << 16) - 1


class Error(IntEnum):
    """The code in the status register; 0 is none."""

    NONE = 0
    RECORD = 1
    SIZE = 2
    ADDRESS = 3
    ENGINE = 4
    FLASH = 5
    WATCHDOG = 6
    DEADLOCK = 7


WHY = {
    Error.NONE: "no error",
    Error.RECORD: "a descriptor's operation is unknown or its check sum wrong",
    Error.SIZE: "a count is 0 or more than the engine holds",
    Error.ADDRESS: "an address lies outside the scratchpad or is misaligned",
    Error.ENGINE: "the engine reported an error",
    Error.FLASH: "the CRC-32 of a block of the flash memory does not match",
    Error.WATCHDOG: "nothing moved for too long",
    Error.DEADLOCK: "both queues wait for each other",
}

Span = tuple[str, int, int]
"""Whose addresses, the lowest, and the one behind the highest byte."""


def descriptor_of(record: bytes) -> Descriptor | None:
    """The descriptor of 64 bytes; None if hardware shows error 1 for it."""
    if len(record) != DESCRIPTOR_BYTES or not is_sound(record):
        return None
    cls = _KINDS.get(OPERATION.get(int.from_bytes(record[:4], "little")))
    return None if cls is None else cls.decode(record)


def load_of(record: bytes) -> Load | None:
    """The load of 16 bytes; None if its check sum is wrong."""
    return Load.decode(record) if len(record) == LOAD_BYTES and is_sound(record) else None


def _ends(base: int, size: int, *loops: tuple[int, int]) -> tuple[int, int]:
    """The lowest address of a generator, and the one behind its highest."""
    reach = [(count - 1) * step for count, step in loops]
    low = base + sum(min(r, 0) for r in reach)
    return low, base + sum(max(r, 0) for r in reach) + size


def _matmul_spans(machine: Machine, d: Matmul) -> list[Span]:
    rows, columns = machine.rows, machine.columns
    reads = ((d.nx, d.a_step_x), (d.ny, d.a_step_y), (d.nc, d.a_step_c), (d.fx, d.a_step_fx))
    reads += ((d.fy, d.a_step_fy), (d.groups, d.a_step_group))
    tiles = d.column_tiles * (1 if d.w_restart else d.groups)
    weights = ((tiles, d.w_step_n), (d.k_tiles, d.w_step_k))
    if not d.diagonal:
        weights += ((rows, d.w_step_row or columns),)
    channels = d.column_tiles * columns * (1 if d.p_restart else d.groups)
    steps = ((d.nx, d.y_step_x), (d.ny, d.y_step_y), (d.groups, d.y_step_group))
    steps += ((d.column_tiles, d.y_step_column),)
    return [
        ("A", *_ends(d.a_base, rows, *reads)),
        ("W", *_ends(d.w_base, columns, *weights)),
        ("P", *_ends(d.p_base, channels * (16 if d.p_wide else 8))),
        ("Y", *_ends(d.y_base, columns, *steps)),
    ]


def _maximum_spans(machine: Machine, d: Maximum) -> list[Span]:
    reads = ((d.fx, d.a_step_fx), (d.fy, d.a_step_fy), (d.nx, d.a_step_x), (d.ny, d.a_step_y))
    steps = ((d.nx, d.y_step_x), (d.ny, d.y_step_y), (d.groups, d.y_step_group))
    return [
        ("A", *_ends(d.a_base, machine.rows, *reads, (d.groups, d.a_step_group))),
        ("Y", *_ends(d.y_base, machine.rows, *steps)),
    ]


def spans(machine: Machine, descriptor: Descriptor) -> list[Span]:
    """The bytes that a descriptor reads (A, B, tables T, W, P) and writes (Y); counts are not 0.

    A vector of results counts as a whole, even where fewer bytes of it are written.
    """
    match descriptor:
        case Matmul():
            return _matmul_spans(machine, descriptor)
        case Maximum():
            return _maximum_spans(machine, descriptor)
        case Add() as d:
            return [
                ("A", *_ends(d.a_base, d.nx, (d.ny, d.a_step_y))),
                ("B", *_ends(d.b_base, d.nx, (d.ny, d.b_step_y))),
                ("T", *_ends(d.tables, TABLE_BYTES)),
                ("Y", *_ends(d.y_base, d.nx, (d.ny, d.y_step_y))),
            ]
        case Copy() as d:
            reads = ((d.nx, d.a_step_x), (d.ny, d.a_step_y), (d.groups, d.a_step_group))
            steps = ((d.nx, d.y_step_x), (d.ny, d.y_step_y), (d.groups, d.y_step_group))
            return [("A", *_ends(d.a_base, 1, *reads)), ("Y", *_ends(d.y_base, 1, *steps))]
        case Fill() as d:
            return [("Y", *_ends(d.y_base, 1, (d.nx, d.y_step_x), (d.ny, d.y_step_y)))]
        case End():
            return []


_COUNTS = ("nx", "ny", "nc", "fx", "fy", "column_tiles", "groups")


def _has_wrong_size(machine: Machine, descriptor: Descriptor) -> bool:
    counts = [getattr(descriptor, name) for name in _COUNTS if hasattr(descriptor, name)]
    if not all(counts):
        return True
    if isinstance(descriptor, Matmul) and descriptor.line_buffered:
        return _has_no_lines(machine, descriptor)
    if isinstance(descriptor, Matmul):
        return (
            descriptor.vectors > machine.accumulator_depth
            or descriptor.vectors * descriptor.k_tiles > machine.activation_depth
            or descriptor.valid > machine.columns
            or descriptor.column_tiles * descriptor.groups > _MOST_TILES
        )
    return isinstance(descriptor, Maximum) and descriptor.valid > machine.rows


def _has_no_lines(machine: Machine, d: Matmul) -> bool:
    """Whether the unit for depthwise layers cannot do it."""
    is_one = d.diagonal and d.fx == d.fy == SIDE and d.nc == d.column_tiles == 1
    return (
        not is_one
        or not all(d.strides)
        or d.raster[1] > machine.line_buffer
        or d.raster[0] > MOST_LINES
        or d.valid > machine.columns
    )


def _multiples(machine: Machine, descriptor: Descriptor) -> list[tuple[int, int]]:
    """Numbers with what they must be multiples of."""
    grain = machine.grain
    match descriptor:
        case Matmul() | Maximum() as d:
            vectors = [n for n in d.places if n.startswith(("a_", "y_"))]
            found = [(getattr(d, name), grain) for name in vectors]
            if isinstance(d, Matmul):
                weights = (d.w_base, d.w_step_k, d.w_step_n, d.w_step_row)
                found += [(n, machine.columns) for n in weights]
                found += [(d.p_base, 8)]
            return found
        case Add() as d:
            return [(d.tables, 4)]
        case _:
            return []


def _is_known(machine: Machine, descriptor: Descriptor) -> bool:
    """Whether the machine has what is asked for."""
    if isinstance(descriptor, Matmul):
        has_lines = machine.line_buffer or not descriptor.line_buffered
        return bool(has_lines and (machine.wide_parameters or not descriptor.p_wide))
    if isinstance(descriptor, Add):
        return machine.addition
    return machine.maximum or not isinstance(descriptor, Maximum)


def error_of(machine: Machine, descriptor: Descriptor | None) -> Error:
    """The error that a descriptor ends in before anything is done; NONE if it can be done.

    Parameters
    ----------
    machine : Machine
    descriptor : Descriptor or None
        None is one that :func:`descriptor_of` refuses.
    """
    if descriptor is None or not _is_known(machine, descriptor):
        return Error.RECORD
    if _has_wrong_size(machine, descriptor):
        return Error.SIZE
    if any(value % unit for value, unit in _multiples(machine, descriptor)):
        return Error.ADDRESS
    size = machine.scratchpad
    if any(low < 0 or end > size for _, low, end in spans(machine, descriptor)):
        return Error.ADDRESS
    return Error.NONE


def load_error(machine: Machine, load: Load | None, flash: int) -> Error:
    """The same for a load from a flash memory of so many bytes."""
    if load is None or not machine.loader:
        return Error.RECORD
    if not load.length or load.length % 4:
        return Error.SIZE
    read = load.flash + load.length + 4 * load.crc
    if load.address % 4 or load.address + load.length > machine.scratchpad or read > flash:
        return Error.ADDRESS
    return Error.NONE
