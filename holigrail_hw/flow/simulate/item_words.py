"""Items of streams as rows of 64-bit words, the form in which the run loop takes them.

Field after field, the lowest word of each first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items

from ..top import Handshake

__all__ = ["collected", "counted_codes", "pack", "rows", "split", "unpack", "words"]


def rows(
    stream: Handshake, items: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int]
) -> tuple[dict[str, int], np.ndarray]:
    """Widths of a stream's fields, and its items: those of a source, or room for results."""
    ports = {str(port.operand): port.width for port in stream.payload}
    if stream.direction == "in":
        return ports, pack(items[stream.name], ports)
    return ports, np.zeros((counts[stream.name], words(ports)), np.uint64)


def collected(
    streams: list[Handshake], rows: Any, kept: list[tuple[dict[str, int], np.ndarray]]
) -> tuple[dict[str, int], Items]:
    """Items moved on every stream, and those that came out."""
    moved = {stream.name: int(row.moved) for stream, row in zip(streams, rows, strict=True)}
    results = {
        stream.name: unpack(words[: moved[stream.name]], ports)
        for stream, (ports, words) in zip(streams, kept, strict=True)
        if stream.direction == "out"
    }
    return moved, results


def words(widths: Mapping[str, int]) -> int:
    return sum(-(-width // 64) for width in widths.values())


def pack(codes: Mapping[str, Any], widths: Mapping[str, int]) -> np.ndarray:
    """Rows of 64-bit words, operand after operand."""
    if set(codes) != set(widths):
        raise ValueError(f"operands must be {list(widths)}, not {list(codes)}")
    counts = {len(np.atleast_1d(values)) for values in codes.values()}
    if len(counts) != 1:
        raise ValueError(f"operands must have one length, not {sorted(counts)}")
    packed = np.empty((counts.pop(), words(widths)), np.uint64)
    column = 0
    for name, width in widths.items():
        for word in split(codes[name], width):
            packed[:, column] = word
            column += 1
    return packed


def unpack(results: np.ndarray, widths: Mapping[str, int]) -> dict[str, Any]:
    unpacked, column = {}, 0
    for name, width in widths.items():
        words = -(-width // 64)
        part = results[:, column : column + words]
        if words == 1:
            unpacked[name] = np.ascontiguousarray(part[:, 0])
        else:
            value = np.zeros(len(results), dtype=object)
            for index in reversed(range(words)):
                value = (value << 64) | part[:, index].astype(object)
            unpacked[name] = value
        column += words
    return unpacked


def split(values: Any, width: int) -> list[np.ndarray]:
    if width <= 64:
        return [np.asarray(values).astype(np.uint64)]
    values = np.asarray(values, dtype=object)
    mask = (1 << 64) - 1
    return [((values >> 64 * i) & mask).astype(np.uint64) for i in range(-(-width // 64))]


def counted_codes(widths: Mapping[str, int], start: int, count: int) -> dict[str, np.ndarray]:
    """The operand codes that combinations ``start`` to ``start + count`` stand for."""
    rest = np.arange(count, dtype=np.uint64) + np.uint64(start)
    codes = {}
    for name in reversed(list(widths)):
        width = widths[name]
        codes[name] = rest & np.uint64((1 << width) - 1)
        rest = rest >> np.uint64(width) if width < 64 else np.zeros_like(rest)
    return {name: codes[name] for name in widths}
