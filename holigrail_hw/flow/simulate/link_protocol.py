"""The host's side of :mod:`holigrail_hw.hdl.stream.link`: frames, items as bytes, the digest."""

import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.parameters import leaves_of, stated
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.streams import Stream

__all__ = [
    "Deframer",
    "Identity",
    "digest",
    "frame",
    "item_size",
    "pack_items",
    "unpack_items",
]

FLAG, ESCAPE, TURNED = 0x7E, 0x7D, 0x20
ITEMS, QUESTION, RESET, IDENTITY, CREDIT = 0x00, 0x40, 0x80, 0x40, 0x80
KIND, NUMBER = 0xC0, 0x3F
MAGIC, VERSION = b"HG", 1
DIGEST_BYTES = 8
STATUS = {
    1: "a frame arrived damaged",
    2: "more items came than there was credit for",
    3: "a frame had an unknown header",
    4: "a frame ended in the middle of an item",
}


@dataclass(frozen=True)
class Identity:
    """What a board says of itself; ``status`` 0 is fine."""

    version: int
    nonce: int
    status: int
    depth: int
    digest: bytes

    @classmethod
    def read(cls, content: bytes) -> "Identity | None":
        """From the content of a frame; ``None`` if it is something else."""
        if len(content) < 7 or content[:2] != MAGIC:
            return None
        depth = int.from_bytes(content[5:7], "little")
        return cls(content[2], content[3], content[4], depth, content[7:])


class Deframer:
    """Bytes of a line into frames: header and content, or ``None`` for one that came damaged."""

    def __init__(self):
        self._bytes: bytearray | None = None

    def feed(self, data: bytes) -> list[tuple[int, bytes] | None]:
        """Frames that end in ``data``."""
        frames = []
        for byte in data:
            if byte != FLAG:
                if self._bytes is not None:
                    self._bytes.append(byte)
                continue
            if self._bytes:
                frames.append(_unframe(bytes(self._bytes)))
            self._bytes = bytearray()
        return frames


def frame(header: int, content: bytes) -> bytes:
    """A frame as it travels."""
    body = bytes([header]) + content
    body += binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")
    for special in (ESCAPE, FLAG):
        body = body.replace(bytes([special]), bytes([ESCAPE, special ^ TURNED]))
    return bytes([FLAG]) + body + bytes([FLAG])


def item_size(stream: Stream) -> int:
    """Bytes of one item."""
    return -(-stream.width // 8)


def pack_items(stream: Stream, fields: Mapping[str, Any]) -> bytes:
    """Items as bytes, the first field in the lowest bits."""
    words: Any = 0
    low = 0
    for name, format in stream.fields.items():
        words = words | np.asarray(fields[name]).astype(object) << low
        low += format.width
    size = item_size(stream)
    return b"".join(int(word).to_bytes(size, "little") for word in words)


def unpack_items(stream: Stream, data: bytes) -> dict[str, Any]:
    """The fields of items."""
    size = item_size(stream)
    words = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
    fields, low = {}, 0
    for name, format in stream.fields.items():
        mask = (1 << format.width) - 1
        dtype = np.uint64 if format.width <= 64 else object
        fields[name] = np.array([word >> low & mask for word in words], dtype)
        low += format.width
    return fields


def digest(spec: OperatorSpec) -> bytes:
    """Eight bytes that tell one design from another: parameters of the hardware, and streams."""
    lines = [spec.name]
    for name, (parameter, value) in leaves_of(spec).items():
        if parameter.hardware:
            lines.append(f"{name}={stated(value)}")
    for name, stream in spec.streams().items():
        fields = ",".join(f"{field}:{format.name}" for field, format in stream.fields.items())
        lines.append(f"{stream.direction} {name} {fields}")
    return hashlib.sha256("\n".join(lines).encode()).digest()[:DIGEST_BYTES]


def _unframe(body: bytes) -> tuple[int, bytes] | None:
    """Header and content between two flags."""
    parts = body.split(bytes([ESCAPE]))
    if any(not part for part in parts[1:]):
        return None
    whole = parts[0] + b"".join(bytes([part[0] ^ TURNED]) + part[1:] for part in parts[1:])
    if len(whole) < 3 or binascii.crc_hqx(whole, 0xFFFF):
        return None
    return whole[0], whole[1:-2]
