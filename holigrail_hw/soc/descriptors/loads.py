"""The record of the second queue, which brings blocks from the flash memory."""

from dataclasses import dataclass, fields
from typing import ClassVar

from .bits import Bits, decoded_fields, encoded_fields

__all__ = ["LOAD_BYTES", "LOAD_CHECK", "Load"]

LOAD_BYTES, LOAD_CHECK = 16, Bits(3, 24, 8)


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
