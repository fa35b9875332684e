"""Canonical Huffman codes with a limited length. NumPy only.

Lengths come from a histogram by package-merge: the best code with no word longer than a limit. A
canonical code is determined by its lengths alone: symbols in the order of (length, symbol) have
increasing code words. Left-aligned to ``longest`` bits, code words of length l lie between
limit[l - 1] and limit[l], so a decoder finds the length by comparing with all limits.

A frame is the number of its symbols, then words of ``word_width`` bits, the first bit on top; the
last word is padded with zeros.

References: Huffman, "A method for the construction of minimum-redundancy codes", Proc. IRE 40(9),
1952; Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", J. ACM
37(3), 1990; Schwartz and Kallick, "Generating a canonical prefix encoding", CACM 7(3), 1964.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.formats.plain_values import settle_fields
from holigrail_hw.formats.values import whole_codes

from .coded import codes_of, compression_ratio, decoded

__all__ = ["Huffman", "lengths_violation", "limited_lengths"]

# Bits of the field that counts the symbols of a frame.
COUNT_WIDTH = 16


def limited_lengths(histogram: Sequence[int], longest: int = 16) -> tuple[int, ...]:
    """Lengths of the best prefix code with at most ``longest`` bits; 0 for unused symbols.

    Raises
    ------
    ValueError
        If no symbol is used, or more than ``longest`` bits can distinguish, or if counts are not
        integers.
    """
    weights = whole_codes(histogram, 64, "huffman: a histogram").tolist()
    order = sorted((s for s, w in enumerate(weights) if w > 0), key=lambda s: (weights[s], s))
    if not order:
        raise ValueError("a histogram must have counts, and not only zeros")
    if len(order) > 1 << longest:
        raise ValueError(f"{longest} bits must tell {len(order)} symbols apart; they are too few")
    lengths = [0] * len(weights)
    if len(order) == 1:
        lengths[order[0]] = 1
        return tuple(lengths)
    leaves = [weights[symbol] for symbol in order]
    levels: list[list[bool]] = []
    packages: list[int] = []
    for _ in range(longest):
        # Each level holds leaves and packages of the level below, by weight, and which are leaves.
        merged = sorted([(weight, 0) for weight in leaves] + [(weight, 1) for weight in packages])
        levels.append([kind == 0 for _, kind in merged])
        packages = [a[0] + b[0] for a, b in zip(merged[::2], merged[1::2], strict=False)]
    taken = 2 * len(order) - 2
    for level in reversed(levels):
        seen = sum(level[:taken])
        for symbol in order[:seen]:
            lengths[symbol] += 1
        taken = 2 * (taken - seen)
    return tuple(lengths)


def lengths_violation(lengths: Sequence[int], longest: int) -> str | None:
    """Why these are not lengths of a prefix code of at most ``longest`` bits, or ``None``."""
    used = [length for length in lengths if length]
    if not used or min(lengths) < 0 or max(used) > longest:
        return f"lengths must be 0 to {longest} and not all 0"
    if sum(1 << (longest - length) for length in used) > 1 << longest:
        return "lengths must leave room for all code words (Kraft's inequality)"
    return None


@dataclass(frozen=True)
class Huffman:
    """The codec for symbols 0, 1, ... whose code words have these ``lengths``, 0 for no code word.

    Raises
    ------
    ValueError
        If there is no such prefix code.
    """

    lengths: tuple[int, ...]
    longest: int = 16
    word_width: int = 32

    def __post_init__(self) -> None:
        integers = ("longest", "word_width")
        settle_fields(self, "", ValueError, integers=integers, lists=("lengths",))
        if wrong := lengths_violation(self.lengths, self.longest):
            raise ValueError(wrong)

    @cached_property
    def order(self) -> list[int]:
        """The symbols in the order of their code words."""
        used = [symbol for symbol, length in enumerate(self.lengths) if length]
        return sorted(used, key=lambda symbol: (self.lengths[symbol], symbol))

    @cached_property
    def counts(self) -> list[int]:
        """How many code words there are of length 1, 2, ... ``longest``."""
        return [self.lengths.count(length) for length in range(1, self.longest + 1)]

    @cached_property
    def words(self) -> dict[int, str]:
        """The code word of each symbol, as a string of bits."""
        return dict(zip(self.order, code_words(self.counts), strict=True))

    def encode(self, symbols: Any) -> dict[str, Any]:
        """One frame of symbols: ``count`` and ``bits``, an array of words.

        Raises
        ------
        ValueError
            If a symbol has no code word, or there are too many symbols for the count.
        """
        codes = codes_of(symbols, max(1, (len(self.lengths) - 1).bit_length())).tolist()
        if missing := sorted(set(codes) - set(self.words)):
            raise ValueError(f"every symbol must have a code word, which {missing[0]} has not")
        if len(codes) >= 1 << COUNT_WIDTH:
            raise ValueError(f"a frame must have less than {1 << COUNT_WIDTH} symbols")
        text = "".join(self.words[code] for code in codes)
        width = self.word_width
        text += "0" * (-len(text) % width)
        words = [int(text[at : at + width], 2) for at in range(0, len(text), width)]
        return {"count": len(codes), "bits": np.array(words, np.uint64)}

    def decode(self, coded: Mapping[str, Any]) -> Any:
        """The symbols of one frame; raises CodecError."""
        return decoded(*self.symbols(coded["count"], coded["bits"]))

    def symbols(self, count: int, words: Any) -> tuple[list[int], str | None]:
        """The symbols of a frame up to the first error, and what the error is, if any."""
        by_word = {word: symbol for symbol, word in self.words.items()}
        return symbols_of(by_word, self.longest, self.word_width, count, words)

    def bits(self, coded: Mapping[str, Any]) -> int:
        """Bits of a frame: its count and its words, without the table."""
        return COUNT_WIDTH + len(coded["bits"]) * self.word_width

    def ratio(self, symbols: Any, width: int) -> float:
        """Compression ratio: bits of the symbols, ``width`` each, over bits when encoded."""
        return compression_ratio(len(symbols), width, self.bits(self.encode(symbols)))


def code_words(counts: Sequence[int]) -> list[str]:
    """All code words in order, ``counts`` of length 1, 2, ..., as strings of bits."""
    found, code = [], 0
    for length, count in enumerate(counts, 1):
        code <<= 1
        found += [f"{code + i:0{length}b}" for i in range(count)]
        code += count
    return found


def symbols_of(
    by_word: Mapping[str, int], longest: int, word_width: int, count: int, words: Any
) -> tuple[list[int], str | None]:
    """The symbols of a frame, by code word, up to the first error, and what it is, if any."""
    text = "".join(f"{int(word):0{word_width}b}" for word in words)
    found: list[int] = []
    start, end = 0, 0
    while len(found) < count:
        end += 1
        if end - start > longest:
            return found, "there is no such code word"
        if end > len(text):
            return found, "bits are missing"
        if text[start:end] in by_word:
            found.append(by_word[text[start:end]])
            start = end
    if not count:
        return found, "a frame must have a symbol" if text else None
    if len(text) - start >= word_width or "1" in text[start:]:
        # The last symbol is withheld until the whole frame is known to be correct.
        return found[:-1], "bits are left over"
    return found, None
