"""The core that is one table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .cost import bits_for, rom_luts, stored_bits
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
        return stored_bits(self.entries) << self.index_width

    @property
    def luts(self) -> int:
        return rom_luts(self.index_width, stored_bits(self.entries))

    @property
    def summary(self) -> str:
        return f"{len(self.entries)} entries of {stored_bits(self.entries)} bits"


def table_for(corridor: Corridor) -> Table:
    """The entries nearest to f."""
    entries = np.clip(np.rint(corridor.target).astype(np.int64), corridor.low, corridor.high)
    return Table(corridor.fold.index_width, tuple(entries.tolist()))
