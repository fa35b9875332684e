"""Where the fields of streams lie in the registers of a Wishbone slave.

Addresses count 32-bit words. Each stream has a register ``status`` and as many registers ``data``
as its item has words. A field of at most 32 bits lies within one word, in the next free bits if
they suffice, else from bit 0 of the next word. A wider field has words of its own, lowest bits
first. A field holds just its code: a signed one is not extended. Bits without a field read as 0,
and writes to them are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core.streams import Stream
from holigrail_hw.formats import Format

__all__ = ["BYTES", "MOVABLE", "PARTLY", "REFUSED", "WORD", "Piece", "Register", "register_map"]

WORD = 32
BYTES = WORD // 8
MOVABLE, PARTLY, REFUSED = range(3)
"""Bits of a status."""


@dataclass(frozen=True)
class Piece:
    """Bits of a field, from ``field_low`` on, and where they lie: in a word, from ``low`` on."""

    field: str
    format: Format
    field_low: int
    word: int
    low: int
    width: int

    @property
    def bits(self) -> str:
        """The bits of the word."""
        high = self.low + self.width - 1
        return f"{high}:{self.low}" if high > self.low else f"{self.low}"

    def as_dict(self) -> dict[str, Any]:
        """What a host must know about it."""
        return {
            "field": self.field,
            "format": self.format.name,
            "field_bit": self.field_low,
            "bit": self.low,
            "width": self.width,
        }


@dataclass(frozen=True)
class Register:
    """One register: the address of its word, and what it is; ``word`` is ``None`` for a status."""

    name: str
    address: int
    access: str
    stream: str
    direction: str
    word: int | None
    pieces: tuple[Piece, ...] = ()

    @property
    def needed(self) -> int:
        """The bytes that must be moved for an item to move, as a mask like ``sel``."""
        used = {bit // 8 for one in self.pieces for bit in range(one.low, one.low + one.width)}
        return sum(1 << byte for byte in used) if self.pieces else 1

    @property
    def meaning(self) -> str:
        """Its bits, described in words."""
        if self.word is not None:
            return ", ".join(f"{one.field} [{one.bits}]" for one in self.pieces)
        can = "takes an item" if self.direction == "in" else "has an item"
        part = "written" if self.direction == "in" else "read"
        return (
            f"bit {MOVABLE}: {can} now; bit {PARTLY}: partly {part} (write 1: begin again);"
            f" bit {REFUSED}: refused (write 1: clear)"
        )

    def as_dict(self) -> dict[str, Any]:
        """What a host must know about it."""
        fields = {} if self.word is None else {"fields": [one.as_dict() for one in self.pieces]}
        return {
            "name": self.name,
            "address": self.address,
            "access": self.access,
            "bits": self.meaning,
            **fields,
        }


def register_map(streams: Mapping[str, Stream], only: str | None = None) -> list[Register]:
    """The registers of all streams, one stream after another, or those of one stream."""
    found: list[Register] = []
    for name, kind in streams.items():
        status = (f"{name} status", len(found), "read, write", name, kind.direction)
        found.append(Register(*status, None))
        words = _words(kind)
        access = "write" if kind.direction == "in" else "read"
        for word, pieces in enumerate(words):
            one = (f"{name} data {word}", len(found), access, name, kind.direction)
            found.append(Register(*one, word, tuple(pieces)))
    return [one for one in found if only in (None, one.stream)]


def _words(kind: Stream) -> list[list[Piece]]:
    """The pieces of the fields of a stream, word by word; at least one word."""
    words: list[list[Piece]] = []
    free = 0
    for name, format in kind.fields.items():
        if format.width > free:
            low, free = 0, 0
            for field_low in range(0, format.width, WORD):
                width = min(WORD, format.width - field_low)
                words.append([Piece(name, format, field_low, len(words), low, width)])
                free = WORD - width
            # A wide field does not share its last word.
            free = free if format.width <= WORD else 0
            continue
        words[-1].append(Piece(name, format, 0, len(words) - 1, WORD - free, format.width))
        free -= format.width
    return words or [[]]
