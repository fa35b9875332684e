"""What parts of an approximation take in 4-input LUTs, to compare approximations with."""

from collections.abc import Sequence

import numpy as np

from holigrail_hw.estimate.primitives import Lookup

__all__ = ["METRICS", "adder_luts", "bits_for", "product_luts", "rom_luts", "stored_bits"]

METRICS = ("luts", "table-bits")


def rom_luts(address: int, width: int) -> int:
    """LUTs of a table of 2^address words."""
    return Lookup(address, width).luts()


def stored_bits(entries: Sequence[int]) -> int:
    """Bits of an entry that are not the same in all of them: the others are wires."""
    numbers = np.array(entries, np.int64)
    varying = int(np.bitwise_or.reduce(numbers ^ numbers[0]))
    width, is_signed = bits_for(min(entries), max(entries))
    # The sign differs wherever entries of both signs are there, and is one bit.
    return max((varying & ((1 << (width - is_signed)) - 1)).bit_count() + (varying < 0), 1)


def product_luts(a_width: int, b_width: int) -> int:
    """LUTs of a product as rows of carry chains."""
    return (max(a_width, b_width) + 1) * min(a_width, b_width)


def adder_luts(width: int) -> int:
    """LUTs of a sum."""
    return width


def bits_for(low: int, high: int) -> tuple[int, bool]:
    """Bits that hold all integers of a range, and whether one of them is a sign."""
    if low < 0:
        return max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0) + 1, True
    return max(high.bit_length(), 1), False
