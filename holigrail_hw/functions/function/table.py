"""The core that is one table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cost import bits_for, rom_luts
from .fold import Corridor

__all__ = ["Table", "table_for"]


@dataclass(frozen=True)
class Table:
    """v = entries[u]."""

    index_width: int
    entries: tuple[int, ...]

    method = "table"

    def evaluate(self, u: Any) -> Any:
        return np.array(self.entries, np.int64)[u]

    @property
    def width(self) -> int:
        """Bits of v."""
        return bits_for(min(self.entries), max(self.entries))[0]

    @property
    def table_bits(self) -> int:
        return self.width << self.index_width

    @property
    def luts(self) -> int:
        return rom_luts(self.index_width, self.width)

    @property
    def summary(self) -> str:
        return f"{len(self.entries)} entries of {self.width} bits"


def table_for(corridor: Corridor) -> Table:
    """The entries nearest to f."""
    entries = np.clip(np.rint(corridor.target).astype(np.int64), corridor.low, corridor.high)
    return Table(corridor.fold.index_width, tuple(entries.tolist()))
