"""Sets of odd factors as big integers: bit i stands for the factor 2 i + 1.

For u = 2 i + 1 and v = 2 j + 1 all w = (v << s) + u have the bits v 2^(s-1) + i: a pattern that
depends only on v, shifted by i. Four shifted patterns and two single bits thus give the set A(u, v)
of everything one adder makes from u and v, in about ten operations on integers of 2^(B-1) bits.
"""

from collections.abc import Iterator

__all__ = ["WIDEST", "Relations", "bit", "members", "neighbours"]

WIDEST = 20
"""Widest factors, in bits, for which such sets are practical."""


def bit(factor: int) -> int:
    """The set that holds one odd factor."""
    return 1 << (factor >> 1)


def members(factors: int) -> Iterator[int]:
    """The odd factors of a set, smallest first."""
    text = bin(factors)[:1:-1]
    index = text.find("1")
    while index >= 0:
        yield 2 * index + 1
        index = text.find("1", index + 1)


class Relations:
    """The relation between odd factors below 2^bits."""

    def __init__(self, bits: int):
        self.bits = bits
        self.count = 1 << max(0, bits - 1)
        self.mask = (1 << self.count) - 1
        self._patterns: dict[int, tuple[int, int, int]] = {}
        self._pairs: dict[tuple[int, int], int] = {}

    def patterns(self, factor: int) -> tuple[int, int, int]:
        """Bits factor * 2^(s-1) within the universe, within twice the universe, and mirrored."""
        found = self._patterns.get(factor)
        if found is None:
            wide = mirrored = 0
            place = factor
            while place < 2 * self.count:
                wide |= 1 << place
                if place <= self.count:
                    mirrored |= 1 << (self.count - place)
                place <<= 1
            found = wide & self.mask, wide, mirrored
            self._patterns[factor] = found
        return found

    def of(self, u: int, v: int) -> int:
        """A(u, v): everything one adder makes from u and v."""
        key = (u, v) if u <= v else (v, u)
        found = self._pairs.get(key)
        if found is None:
            if len(self._pairs) > 200_000:
                self._pairs.clear()
            found = self._pairs[key] = self._of(u, v)
        return found

    def _of(self, u: int, v: int) -> int:
        i, j, count = u >> 1, v >> 1, self.count
        narrow, wide, mirrored = self.patterns(v)
        found = narrow << i | wide >> i + 1 | mirrored >> count - i
        if u == v:
            return found & self.mask
        narrow, wide, mirrored = self.patterns(u)
        found |= narrow << j | wide >> j + 1 | mirrored >> count - j
        return (found | _halves(u, v)) & self.mask

    def grown(self, reached: int, chosen: list[int], new: int) -> int:
        """``reached`` plus all that one adder makes from ``new`` and itself or a chosen factor."""
        i, count = new >> 1, self.count
        narrow, wide, mirrored = self.patterns(new)
        patterns = self._patterns
        found = narrow << i | wide >> i + 1 | mirrored >> count - i
        for other in chosen:
            j = other >> 1
            narrow_other, wide_other, mirrored_other = patterns[other]
            found |= (
                narrow << j
                | wide >> j + 1
                | mirrored >> count - j
                | narrow_other << i
                | wide_other >> i + 1
                | mirrored_other >> count - i
                | _halves(new, other)
            )
        return (reached | found) & self.mask

    def dividers(self, factor: int) -> int:
        """Every x from which one adder, using x twice, makes the factor."""
        found, power = 0, 2
        while power - 1 <= factor:
            for divisor in (power - 1, power + 1):
                if divisor > 1 and factor % divisor == 0:
                    found |= bit(factor // divisor)
            power <<= 1
        return found


def neighbours(u: int, v: int, bits: int) -> set[int]:
    """A(u, v) below 2^bits as a plain set, for factors too wide for bit sets."""
    limit = 1 << bits
    found = set()
    for left, right in {(u, v), (v, u)}:
        shifted = left << 1
        while shifted - right < limit:
            found |= {shifted + right, abs(shifted - right)}
            shifted <<= 1
    for total in (u + v, abs(u - v)):
        if total:
            found.add(total // (total & -total))
    return {w for w in found if w < limit}


def _halves(u: int, v: int) -> int:
    total, difference = u + v, abs(u - v)
    found = 1 << (total // (total & -total) >> 1)
    if difference:
        found |= 1 << (difference // (difference & -difference) >> 1)
    return found
