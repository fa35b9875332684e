"""Bit masks: one bit per value of a block says whether it is non-zero. NumPy only.

The non-zero values follow each other without gaps, ``block`` of them to a word, across the blocks
of a frame. The last word of a frame is marked and padded with zeros; it is empty if the values
filled whole words before the last block. So each frame has at least one mask and one word, and each
stream marks its own end. Losing an empty last word is not an error.

Reference: Gondimalla et al., "SparTen: a sparse tensor accelerator for convolutional neural
networks", MICRO 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats.plain_values import settle_fields

from .coded import codes_of, compression_ratio, decoded

__all__ = ["Bitmask"]


@dataclass(frozen=True)
class Bitmask:
    """The codec for values of ``value_width`` bits in blocks of ``block``."""

    value_width: int = 8
    block: int = 8

    def __post_init__(self) -> None:
        integers = ("value_width", "block")
        settle_fields(self, "", ValueError, integers=integers)

    def encode(self, symbols: Any) -> dict[str, Any]:
        """One frame of symbols (codes); the last block is padded with zeros.

        Returns
        -------
        dict of ``count``, the number of symbols; ``mask``, an array of blocks, bit i for symbol i
        of the block; ``value``, an array of words x block
        """
        codes = codes_of(symbols, self.value_width)
        blocks = -(-len(codes) // self.block)
        whole = np.zeros(blocks * self.block, np.uint64)
        whole[: len(codes)] = codes
        present = (whole != 0).reshape(blocks, self.block)
        mask = [sum(1 << i for i, there in enumerate(row) if there) for row in present.tolist()]
        packed = whole[whole != 0]
        # Words that were full before the last block have already left.
        full = int(present[:-1].sum()) // self.block if blocks else 0
        words = max(-(-len(packed) // self.block), full + 1) if blocks else 0
        value = np.zeros(words * self.block, np.uint64)
        value[: len(packed)] = packed
        return {
            "count": len(codes),
            "mask": np.array(mask, np.uint64),
            "value": value.reshape(words, self.block),
        }

    def decode(self, coded: Mapping[str, Any]) -> Any:
        """The symbols of one frame; raises CodecError."""
        found = self.blocks(coded["mask"], coded["value"])
        symbols, wrong = found[0], found[1]
        flat = [value for row in symbols for value in row]
        if not wrong and not 0 <= len(flat) - coded["count"] < self.block:
            wrong = f"the frame must have {coded['count']} symbols"
        return decoded(flat, wrong)[: coded["count"]]

    def blocks(self, mask: Any, value: Any) -> tuple[list[list[int]], str | None]:
        """The blocks of a frame up to the first error, and what the error is, if any."""
        packed, wrong_words = self._packed(value)
        found: list[list[int]] = []
        used = 0
        for index, bits in enumerate(np.asarray(mask).tolist()):
            places = [i for i in range(self.block) if bits >> i & 1]
            if used + len(places) > len(packed):
                return found, wrong_words or "values are missing"
            row = [0] * self.block
            for place in places:
                row[place] = packed[used]
                used += 1
            if index == len(mask) - 1 and (wrong_words or used < len(packed)):
                return found, wrong_words or "values are left over"
            found.append(row)
        return found, None

    def _packed(self, value: Any) -> tuple[list[int], str | None]:
        """The values of the words up to the first wrong one, and what is wrong with it, if any."""
        packed: list[int] = []
        for index, word in enumerate(np.asarray(value).tolist()):
            there = [one for one in word if one]
            last = index == len(value) - 1
            if word[: len(there)] != there or (len(there) < self.block and not last):
                return packed, "a word has a gap"
            packed += there
        return packed, None

    def bits(self, coded: Mapping[str, Any]) -> int:
        """Bits of a frame: its masks and its words, without the end marks of the streams."""
        return len(coded["mask"]) * self.block + coded["value"].size * self.value_width

    def ratio(self, symbols: Any) -> float:
        """Compression ratio: bits of the symbols over bits when encoded."""
        return compression_ratio(len(symbols), self.value_width, self.bits(self.encode(symbols)))
