"""The CRC-32 of zlib, PNG and Ethernet (ISO 3309), a byte at a time."""

from typing import Any

from amaranth import Cat

__all__ = ["FIRST", "RESIDUE", "after_byte"]

_BITS, _POLYNOMIAL = 32, 0xEDB88320
FIRST = (1 << _BITS) - 1
"""The register before the first byte."""
RESIDUE = 0xDEBB20E3
"""The register behind any bytes and their own CRC-32, least significant byte first."""


def after_byte(register: Any, byte: Any) -> Any:
    """The register behind one more byte: every bit is a sum modulo 2 of bits of both."""
    # Terms that occur twice cancel, so a bit is the set of its terms.
    bits = [frozenset({("register", n)}) for n in range(_BITS)]
    for place in range(8):
        turned = bits[0] ^ {("byte", place)}
        bits = [*bits[1:], frozenset()]
        bits = [one ^ turned if _POLYNOMIAL >> n & 1 else one for n, one in enumerate(bits)]
    sources = {"register": register, "byte": byte}
    return Cat(Cat(sources[name][n] for name, n in sorted(one)).xor() for one in bits)
