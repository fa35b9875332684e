"""The core that is a sum of small tables (de Dinechin and Tisserand, "Multipartite Table Methods",
2005).

The index u is A . B_1 . ... . B_m. A table of initial values is read by A; each table of offsets by
B_i and the upper gamma_i bits of u, and holds what one slope makes of B_i there. An offset is odd
around the middle of B_i, so that half of it is kept: below the middle, B_i and the entry are
complemented. Entries are cut down to integers, and the complement of an integer is its negative
less one, so both are off by half a unit, which the initial values, chosen last, make up for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .cost import METRICS, adder_luts, bits_for, rom_luts, stored_bits
from .fold import Corridor

__all__ = ["Multipartite", "multipartite_for"]

_MOST_TABLES = 3


@dataclass(frozen=True)
class Offsets:
    """A table of offsets: ``width`` bits B of u from bit ``low``, and the upper ``gamma`` bits."""

    low: int
    width: int
    gamma: int
    entries: tuple[int, ...]

    @property
    def address_width(self) -> int:
        return self.gamma + self.width - 1

    @property
    def entry_range(self) -> tuple[int, int]:
        return min(self.entries), max(self.entries)

    def evaluate(self, u: Any, index_width: int) -> Any:
        b = (u >> self.low) & ((1 << self.width) - 1)
        upper = b >> (self.width - 1)
        half = (1 << (self.width - 1)) - 1
        place = np.where(upper == 1, b & half, ~b & half)
        row = u >> (index_width - self.gamma)
        found = np.array(self.entries, np.int64)[(row << (self.width - 1)) | place]
        return np.where(upper == 1, found, ~found)


@dataclass(frozen=True)
class Multipartite:
    """v = initial[A] + the offsets."""

    index_width: int
    alpha: int
    initial: tuple[int, ...]
    offsets: tuple[Offsets, ...]

    method = "multipartite"

    def evaluate(self, u: Any) -> Any:
        v = np.array(self.initial, np.int64)[u >> (self.index_width - self.alpha)]
        return v + sum(part.evaluate(u, self.index_width) for part in self.offsets)

    @property
    def width(self) -> int:
        """Bits of an initial value, about those of v."""
        return bits_for(min(self.initial), max(self.initial))[0]

    @property
    def table_bits(self) -> int:
        offsets = sum(stored_bits(p.entries) << p.address_width for p in self.offsets)
        return (stored_bits(self.initial) << self.alpha) + offsets

    @property
    def luts(self) -> int:
        widths = [(p.address_width, bits_for(*p.entry_range)[0]) for p in self.offsets]
        return _luts(self.alpha, self.width, widths)

    @property
    def summary(self) -> str:
        parts = [f"{1 << self.alpha} x {self.width}"]
        parts += [f"{1 << p.address_width} x {bits_for(*p.entry_range)[0]}" for p in self.offsets]
        return " + ".join(parts) + " bits"


def _luts(alpha: int, width: int, offsets: list[tuple[int, int]]) -> int:
    luts = rom_luts(alpha, width)
    for address, entry in offsets:
        # The complements of B and of the entry, and the sum.
        luts += rom_luts(address, entry) + address // 2 + adder_luts(width)
    return luts


def _cuts(index_width: int) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """alpha, the widths of all B_i from the top, and their gammas."""
    for alpha in range(1, index_width):
        rest = index_width - alpha
        for count in range(1, min(_MOST_TABLES, rest) + 1):
            for marks in combinations(range(1, rest), count - 1):
                ends = (0, *marks, rest)
                betas = tuple(b - a for a, b in zip(ends, ends[1:], strict=False))
                for gammas in combinations(range(1, alpha + 1), count):
                    yield alpha, betas, tuple(reversed(gammas))


def _offsets(corridor: Corridor, betas: tuple[int, ...], gammas: tuple[int, ...]) -> list[Offsets]:
    target, width = corridor.target, corridor.fold.index_width
    found, low = [], sum(betas)
    for beta, gamma in zip(betas, gammas, strict=True):
        low -= beta
        rows = target.reshape(1 << gamma, -1)
        slope = (rows[:, -1] - rows[:, 0]) / (rows.shape[1] - 1)
        places = (np.arange(1 << (beta - 1)) + 0.5) * (1 << low)
        entries = np.floor(slope[:, None] * places).astype(np.int64)
        found.append(Offsets(low, beta, gamma, tuple(entries.reshape(-1).tolist())))
    assert low == 0 and width > sum(betas)
    return found


class _Estimate:
    """Costs before anything is tried, from the steepest slope of f."""

    def __init__(self, corridor: Corridor, metric: str):
        slopes, target = np.diff(corridor.target), corridor.target
        self.steepest = float(abs(slopes).max())
        self.signs = int(slopes.min() < -0.01 and slopes.max() > 0.01)
        self.width = bits_for(int(target.min()), int(target.max()))[0]
        self.metric = metric

    def of(self, alpha: int, betas: tuple[int, ...], gammas: tuple[int, ...]) -> int:
        low, offsets = sum(betas), []
        for beta, gamma in zip(betas, gammas, strict=True):
            low -= beta
            most = int(self.steepest * (1 << (beta - 1 + low)))
            offsets.append((gamma + beta - 1, max(most.bit_length(), 1) + self.signs))
        if self.metric == METRICS[0]:
            return _luts(alpha, self.width, offsets)
        return (self.width << alpha) + sum(width << address for address, width in offsets)


def _made(corridor: Corridor, alpha: int, offsets: list[Offsets]) -> Multipartite | None:
    """With the initial values that keep every u in its corridor, if there are any."""
    width = corridor.fold.index_width
    u = np.arange(1 << width)
    total = sum(part.evaluate(u, width) for part in offsets)
    low = (corridor.low - total).reshape(1 << alpha, -1).max(axis=1)
    high = (corridor.high - total).reshape(1 << alpha, -1).min(axis=1)
    if (low > high).any():
        return None
    return Multipartite(width, alpha, tuple(((low + high) >> 1).tolist()), tuple(offsets))


def multipartite_for(
    corridors: list[Corridor], metric: str, limit: int
) -> tuple[Corridor, Multipartite] | None:
    """The cheapest by an estimate, below ``limit``, of corridors with 0, 1, ... guard bits.

    None if there is none.
    """
    cuts = list(_cuts(corridors[0].fold.index_width))
    plans = []
    for number, corridor in enumerate(corridors):
        estimate = _Estimate(corridor, metric)
        plans += [(cost, number, cut) for cut in cuts if (cost := estimate.of(*cut)) < limit]
    for _, number, (alpha, betas, gammas) in sorted(plans):
        corridor = corridors[number]
        found = _made(corridor, alpha, _offsets(corridor, betas, gammas))
        if found is not None:
            return corridor, found
    return None
