"""Records of bit fields in little-endian words of 32 bits, with a byte that makes their sum 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack, unpack
from typing import Any

from holigrail_hw.core.errors import RequestError

__all__ = ["Bits", "decoded_fields", "encoded_fields", "is_sound"]

_WORD = 32


@dataclass(frozen=True)
class Bits:
    """Where a number stands: ``width`` bits of a word from bit ``low`` on; two's complement if
    ``signed``."""

    word: int
    low: int = 0
    width: int = _WORD
    signed: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest number."""
        if self.signed:
            return -(1 << self.width - 1), (1 << self.width - 1) - 1
        return 0, (1 << self.width) - 1

    def put(self, value: int) -> int:
        """The word's bits for a number."""
        return (value & (1 << self.width) - 1) << self.low

    def get(self, word: int) -> int:
        """The number in a word."""
        value = word >> self.low & (1 << self.width) - 1
        return value - (1 << self.width) if self.signed and value >> self.width - 1 else value


def encoded_fields(
    who: str, places: Mapping[str, Bits], values: Mapping[str, Any], words: int, check: Bits
) -> bytes:
    """The record for some numbers; all bits without a field are 0, but those of the check.

    Raises
    ------
    RequestError
        With one line for every number that does not fit into its field.
    """
    found, wrong = [0] * words, []
    for name, place in places.items():
        value, (low, high) = int(values[name]), place.limits
        if not low <= value <= high:
            wrong.append(f"{who}: {name} must be {low} to {high}, not {value}")
        found[place.word] |= place.put(value)
    if wrong:
        raise RequestError(wrong)
    found[check.word] |= check.put(-sum(pack(f"<{words}I", *found)))
    return pack(f"<{words}I", *found)


def decoded_fields(places: Mapping[str, Bits], record: bytes) -> dict[str, int]:
    """The numbers of a record; other bits are ignored, as hardware does."""
    found = unpack(f"<{len(record) // 4}I", record)
    return {name: place.get(found[place.word]) for name, place in places.items()}


def is_sound(record: bytes) -> bool:
    """Whether the bytes add up to 0 modulo 256."""
    return not sum(record) & 0xFF
