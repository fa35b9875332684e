"""Matlab files of version 5: matrices of numbers, texts, and cells of them, read here.

The format is that of *MAT-File Format* (The MathWorks, 2019). Every size is compared with the bytes
that are there, and compressed data are unpacked up to a limit: a broken file ends in an error. (The
reader of SciPy 1.17 ends in a segmentation fault for some.)
"""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.limits import bounded

__all__ = ["mat_variables"]

_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",
    17: "u2",
    18: "u4",
}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHAR, _NUMERIC = 1, 4, range(6, 16)
_UNPACKED = 1 << 28
_DEEPEST = 4


@dataclass(frozen=True)
class _Bytes:
    """Elements one after the other, in one byte order."""

    data: bytes
    order: str
    who: str

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self.data[at : at + size], "big" if self.order == ">" else "little")

    def element(self, at: int) -> tuple[int, bytes, int]:
        """Type and bytes of the element there, and where the next one begins."""
        if at + 8 > len(self.data):
            raise ModelError(f"{self.who}: an element must follow, not the end of the data")
        word = self.number(at, 4)
        if word >> 16:  # a small element: its bytes are in the tag
            size = word >> 16
            if size > 4:
                raise ModelError(f"{self.who}: a small element must have at most 4 bytes")
            return word & 0xFFFF, self.data[at + 4 : at + 4 + size], at + 8
        size = self.number(at + 4, 4)
        if at + 8 + size > len(self.data):
            raise ModelError(f"{self.who}: {size} bytes must follow, not the end of the data")
        # Compressed elements are not padded.
        padded = size if word == _COMPRESSED else size + -size % 8
        return word, self.data[at + 8 : at + 8 + size], at + 8 + padded

    def inside(self, data: bytes) -> "_Bytes":
        return _Bytes(data, self.order, self.who)


def mat_variables(data: bytes, who: str) -> dict[str, Any]:
    """Arrays, texts (lists of rows) and cells (lists) by name; other variables are left out.

    Raises
    ------
    ModelError
        If the file is broken, or of another version.
    """
    if len(data) < 128 or data[126:128] not in (b"IM", b"MI"):
        raise ModelError(f"{who}: must be a Matlab file of version 5, not another file")
    file = _Bytes(data, "<" if data[126:128] == b"IM" else ">", who)
    if file.number(124, 2) != 0x0100:
        raise ModelError(
            f"{who}: must be a Matlab file of version 5, not {file.number(124, 2) >> 8}",
            hint="in Matlab: save -v7",
        )
    found: dict[str, Any] = {}
    at = 128
    while at < len(data):
        kind, content, at = file.element(at)
        part = file
        if kind == _COMPRESSED:
            part = file.inside(_unpacked(content, who))
            kind, content, _ = part.element(0)
        if kind == _MATRIX:
            name, value = _matrix(part.inside(content), 0)
            if value is not None:
                found[name] = value
    return found


def _unpacked(content: bytes, who: str) -> bytes:
    machine = zlib.decompressobj()
    try:
        data = machine.decompress(content, _UNPACKED)
    except zlib.error:
        raise ModelError(f"{who}: compressed data must be whole, not broken") from None
    if machine.unconsumed_tail:
        raise ModelError(f"{who}: compressed data must be at most 2^28 bytes")
    return data


def _array(part: _Bytes, at: int) -> tuple[np.ndarray, int]:
    kind, content, at = part.element(at)
    if kind not in _NUMBERS:
        raise ModelError(f"{part.who}: an element must hold numbers, not be of type {kind}")
    dtype = np.dtype(part.order + _NUMBERS[kind])
    if len(content) % dtype.itemsize:
        raise ModelError(f"{part.who}: numbers must be whole, not {len(content)} bytes")
    return np.frombuffer(content, dtype), at


def _matrix(part: _Bytes, depth: int) -> tuple[str, Any]:
    """Name and value; None for a class that is of no use here."""
    if depth > _DEEPEST:
        raise ModelError(f"{part.who}: cells must not be nested more than {_DEEPEST} times")
    if not part.data:
        return "", np.zeros((0, 0))
    flags, at = _array(part, 0)
    sizes, at = _array(part, at)
    letters, at = _array(part, at)
    if not flags.size:
        raise ModelError(f"{part.who}: an array must have flags")
    kind = int(flags[0]) & 0xFF
    shape = bounded([int(n) for n in sizes], part.who)
    name = letters.astype(np.uint8).tobytes().decode("latin-1")
    count = int(np.prod(shape, dtype=np.int64))
    if kind == _CELL:
        items = []
        if count * 8 > len(part.data):
            raise ModelError(f"{part.who}: {count} cells must fit into their bytes")
        for _ in range(count):
            inner, content, at = part.element(at)
            if inner != _MATRIX:
                raise ModelError(f"{part.who}: cells must hold arrays, not type {inner}")
            items.append(_matrix(part.inside(content), depth + 1)[1])
        return name, items
    if kind not in _NUMERIC and kind != _CHAR:
        return name, None
    values, _ = _array(part, at)
    if values.size != count:
        raise ModelError(f"{part.who}: {[*shape]} must have {count} numbers, not {values.size}")
    values = values.reshape(shape, order="F")
    if kind == _CHAR:
        rows = values.reshape(shape[0] if shape else 0, -1)
        return name, ["".join(chr(min(int(c), 0x10FFFF)) for c in row) for row in rows]
    return name, values
