"""The six records: what their fields mean, and where they stand.

Steps are in bytes. A generator of addresses has loops, the innermost first: it starts at a base and
adds the step of a loop whenever that loop goes on. Words 4 to 7 tell how operands are read, words
11 to 13 how results are written, in every descriptor. This is the address generation of Gemmini's
and of NVDLA's kind (Genc et al., Gemmini, 2021), with six loops for windows over images.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from holigrail_hw.soc.machine import DESCRIPTOR_BYTES

from .bits import Bits, decoded_fields, encoded_fields

__all__ = [
    "CHECK",
    "LOAD_BYTES",
    "LOAD_CHECK",
    "OPERATION",
    "Add",
    "Copy",
    "Descriptor",
    "End",
    "Fill",
    "Load",
    "Matmul",
    "Maximum",
]

LOAD_BYTES = 16
OPERATION = Bits(0, 0, 4)
CHECK, LOAD_CHECK = Bits(15, 0, 8), Bits(3, 24, 8)
_STEP_LOW, _STEP_HIGH = (0, 16, True), (16, 16, True)
_HEAD = {
    "last": Bits(0, 4, 1),
    "interrupt": Bits(0, 5, 1),
    "wait_count": Bits(0, 8, 8),
    "tag": Bits(0, 24, 8),
    "wait": Bits(14, 20, 1),
}
_COUNTS = {"nx": Bits(1, 0, 16), "ny": Bits(1, 16, 16)}
_CODES = {
    "once": Bits(0, 6, 1),
    "zero_point": Bits(0, 16, 8, True),
    "low": Bits(14, 0, 8, True),
    "high": Bits(14, 8, 8, True),
}
_READ = {
    "a_base": Bits(4),
    "a_step_x": Bits(5, *_STEP_LOW),
    "a_step_y": Bits(5, *_STEP_HIGH),
}
_WRITTEN = {
    "y_base": Bits(11),
    "y_step_x": Bits(12, *_STEP_LOW),
    "y_step_y": Bits(12, *_STEP_HIGH),
}
_GROUPS = {
    "groups": Bits(3, 16, 16),
    "a_step_group": Bits(7, *_STEP_HIGH),
    "y_step_group": Bits(13, *_STEP_HIGH),
}
_WINDOW = {
    "fx": Bits(2, 16, 8),
    "fy": Bits(2, 24, 8),
    "a_step_fx": Bits(6, *_STEP_LOW),
    "a_step_fy": Bits(6, *_STEP_HIGH),
    "valid": Bits(14, 16, 4),
}


@dataclass(frozen=True, kw_only=True)
class _Record:
    """``last`` ends a chain; ``interrupt`` raises the line when done; ``tag`` is for people.

    With ``wait`` it starts only once so many loads are done (``wait_count``, modulo 256).
    """

    operation: ClassVar[int] = 0
    places: ClassVar[dict[str, Bits]] = _HEAD
    last: int = 0
    interrupt: int = 0
    wait: int = 0
    wait_count: int = 0
    tag: int = 0

    def encode(self) -> bytes:
        """The 64 bytes.

        Raises
        ------
        RequestError
            With one line for every number that does not fit into its field.
        """
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        who = f"descriptor {type(self).__name__.upper()}"
        places = {"operation": OPERATION, **self.places}
        values["operation"] = self.operation
        return encoded_fields(who, places, values, DESCRIPTOR_BYTES // 4, CHECK)

    @classmethod
    def decode(cls, record: bytes) -> Any:
        """The descriptor of such bytes; neither its operation nor its check is looked at."""
        return cls(**decoded_fields(cls.places, record))


@dataclass(frozen=True, kw_only=True)
class End(_Record):
    """Nothing more: the chain ends here, nothing is done."""

    operation: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class Matmul(_Record):
    """A command of the engine for every group: M = nx ny vectors, nc fx fy tiles of K.

    Vectors are read with loops x, y, c, fx, fy, group. The weights of a tile are ``rows`` rows of
    ``columns`` bytes at w_base + column w_step_n + k w_step_k, ``w_step_row`` apart (0 is side by
    side), where the column tiles of the groups follow each other, unless ``w_restart``. With
    ``diagonal`` a tile is one row, whose byte r is the weight of row r and column r. Parameters are
    records of 8 bytes per channel, or 16 with ``p_wide``; with ``p_restart`` every group has the
    same ones. Results are written with loops x, y, column tile, group: ``columns`` bytes, of the
    last column tile ``valid`` (0 is all).

    A code is clip(zero_point + round((sum + bias) m / 2^(31 + shift)), low, high), rounded twice
    (gemmlowp) or ``once``.
    """

    operation: ClassVar[int] = 1
    places: ClassVar[dict[str, Bits]] = {
        **_HEAD,
        **_COUNTS,
        **_CODES,
        **_READ,
        **_WRITTEN,
        **_GROUPS,
        **_WINDOW,
        "diagonal": Bits(0, 7, 1),
        "nc": Bits(2, 0, 16),
        "column_tiles": Bits(3, 0, 16),
        "a_step_c": Bits(7, *_STEP_LOW),
        "w_base": Bits(8),
        "w_step_k": Bits(9, 0, 16),
        "w_step_n": Bits(9, 16, 16),
        "w_step_row": Bits(15, 16, 16),
        "p_base": Bits(10, 0, 24),
        "p_restart": Bits(10, 24, 1),
        "w_restart": Bits(10, 25, 1),
        "p_wide": Bits(10, 26, 1),
        "y_step_column": Bits(13, *_STEP_LOW),
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
    def k_tiles(self) -> int:
        """Tiles of K of a command."""
        return self.nc * self.fx * self.fy


@dataclass(frozen=True, kw_only=True)
class Add(_Record):
    """ny rows of nx codes: clip(zero_point + round((S[a] + T[b]) m / 2^(31 + shift)), low, high).

    S and T are two tables of 256 numbers int32 at ``tables``, in the order of unsigned bytes. Codes
    follow each other in a row. A result may take the place of an operand.
    """

    operation: ClassVar[int] = 2
    places: ClassVar[dict[str, Bits]] = {
        **_HEAD,
        **_COUNTS,
        **_CODES,
        "a_base": Bits(4),
        "a_step_y": Bits(6, *_STEP_LOW),
        "b_step_y": Bits(6, *_STEP_HIGH),
        "b_base": Bits(7),
        "tables": Bits(8),
        "multiplier": Bits(9, 0, 31),
        "shift": Bits(10, 0, 5),
        "y_base": Bits(11),
        "y_step_y": Bits(12, *_STEP_HIGH),
    }
    nx: int = 1
    ny: int = 1
    a_base: int = 0
    a_step_y: int = 0
    b_base: int = 0
    b_step_y: int = 0
    tables: int = 0
    multiplier: int = 0
    shift: int = 0
    y_base: int = 0
    y_step_y: int = 0
    once: int = 0
    zero_point: int = 0
    low: int = -128
    high: int = 127


@dataclass(frozen=True, kw_only=True)
class Maximum(_Record):
    """The maximum of ``rows`` lanes over windows of fx fy vectors, within limits.

    Loops fx, fy, x, y, group. In the last group ``valid`` lanes are written (0 is all).
    """

    operation: ClassVar[int] = 3
    places: ClassVar[dict[str, Bits]] = {
        **_HEAD,
        **_COUNTS,
        **_READ,
        **_WRITTEN,
        **_GROUPS,
        **_WINDOW,
        "low": _CODES["low"],
        "high": _CODES["high"],
    }
    nx: int = 1
    ny: int = 1
    fx: int = 1
    fy: int = 1
    groups: int = 1
    a_base: int = 0
    a_step_x: int = 0
    a_step_y: int = 0
    a_step_fx: int = 0
    a_step_fy: int = 0
    a_step_group: int = 0
    y_base: int = 0
    y_step_x: int = 0
    y_step_y: int = 0
    y_step_group: int = 0
    valid: int = 0
    low: int = -128
    high: int = 127


@dataclass(frozen=True, kw_only=True)
class Copy(_Record):
    """Bytes, one after the other, with loops x, y, group for both reads and writes."""

    operation: ClassVar[int] = 4
    places: ClassVar[dict[str, Bits]] = {**_HEAD, **_COUNTS, **_READ, **_WRITTEN, **_GROUPS}
    nx: int = 1
    ny: int = 1
    groups: int = 1
    a_base: int = 0
    a_step_x: int = 1
    a_step_y: int = 0
    a_step_group: int = 0
    y_base: int = 0
    y_step_x: int = 1
    y_step_y: int = 0
    y_step_group: int = 0


@dataclass(frozen=True, kw_only=True)
class Fill(_Record):
    """One value (-128 to 127) in bytes, with loops x, y."""

    operation: ClassVar[int] = 5
    places: ClassVar[dict[str, Bits]] = {
        **_HEAD,
        **_COUNTS,
        **_WRITTEN,
        "value": Bits(14, 0, 8, True),
    }
    nx: int = 1
    ny: int = 1
    y_base: int = 0
    y_step_x: int = 1
    y_step_y: int = 0
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class Load:
    """A block of ``length`` bytes from the flash memory, a multiple of 4, in the second queue.

    With ``wait`` it starts only once so many descriptors are done (``wait_count``, modulo 256).
    With ``crc`` the CRC-32 of the block follows it in the flash memory, and is compared.
    """

    places: ClassVar[dict[str, Bits]] = {
        "flash": Bits(0, 0, 24),
        "address": Bits(1, 0, 24),
        "length": Bits(2, 0, 24),
        "wait_count": Bits(3, 0, 8),
        "wait": Bits(3, 8, 1),
        "last": Bits(3, 9, 1),
        "crc": Bits(3, 10, 1),
    }
    flash: int = 0
    address: int = 0
    length: int = 0
    wait: int = 0
    wait_count: int = 0
    last: int = 0
    crc: int = 1

    def encode(self) -> bytes:
        """The 16 bytes.

        Raises
        ------
        RequestError
            With one line for every number that does not fit into its field.
        """
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return encoded_fields("load", self.places, values, LOAD_BYTES // 4, LOAD_CHECK)

    @classmethod
    def decode(cls, record: bytes) -> "Load":
        """The load of such bytes; its check is not looked at."""
        return cls(**decoded_fields(cls.places, record))


Descriptor = End | Matmul | Add | Maximum | Copy | Fill
