"""Sums of tables, maxima, copies and fills."""

from dataclasses import dataclass
from typing import ClassVar

from .bits import Bits
from .records import CODES, COUNTS, GROUPS, HEAD, READ, STEP_HIGH, STEP_LOW, WINDOW, WRITTEN, Record

__all__ = ["Add", "Copy", "Fill", "Maximum"]


@dataclass(frozen=True, kw_only=True)
class Add(Record):
    """ny rows of nx codes: clip(zero_point + round((S[a] + T[b]) m / 2^(31 + shift)), low, high).

    S and T are two tables of 256 numbers int32 at ``tables``, in the order of unsigned bytes. Codes
    follow each other in a row. A result may take the place of an operand.
    """

    operation: ClassVar[int] = 2
    places: ClassVar[dict[str, Bits]] = {
        **HEAD,
        **COUNTS,
        **CODES,
        "a_base": Bits(4),
        "a_step_y": Bits(6, *STEP_LOW),
        "b_step_y": Bits(6, *STEP_HIGH),
        "b_base": Bits(7),
        "tables": Bits(8),
        "multiplier": Bits(9, 0, 31),
        "shift": Bits(10, 0, 5),
        "y_base": Bits(11),
        "y_step_y": Bits(12, *STEP_HIGH),
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
class Maximum(Record):
    """The maximum of ``rows`` lanes over windows of fx fy vectors, within limits.

    Loops fx, fy, x, y, group. In the last group ``valid`` lanes are written (0 is all).
    """

    operation: ClassVar[int] = 3
    places: ClassVar[dict[str, Bits]] = {
        **HEAD,
        **COUNTS,
        **READ,
        **WRITTEN,
        **GROUPS,
        **WINDOW,
        "low": CODES["low"],
        "high": CODES["high"],
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
class Copy(Record):
    """Bytes, one after the other, with loops x, y, group for both reads and writes."""

    operation: ClassVar[int] = 4
    places: ClassVar[dict[str, Bits]] = {**HEAD, **COUNTS, **READ, **WRITTEN, **GROUPS}
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
class Fill(Record):
    """One value (-128 to 127) in bytes, with loops x, y."""

    operation: ClassVar[int] = 5
    places: ClassVar[dict[str, Bits]] = {
        **HEAD,
        **COUNTS,
        **WRITTEN,
        "value": Bits(14, 0, 8, True),
    }
    nx: int = 1
    ny: int = 1
    y_base: int = 0
    y_step_x: int = 1
    y_step_y: int = 0
    value: int = 0
