"""Tables of constants as trees of choices: the lowest bit of the address decides first.

Synthesis makes one gate of choices that are always equal, which the count of changes does as well;
what is left of a tree is then about its binary decision diagram (Bryant, 1986).
"""

from dataclasses import dataclass

import numpy as np

from .words import Choice

__all__ = ["Table", "read_table"]

_LARGEST = 1 << 15


@dataclass(frozen=True)
class Table:
    """Bits of the address, the lowest first, and the constants as bits, one row an address."""

    address: tuple[int, ...]
    rows: np.ndarray

    @property
    def hidden(self) -> int:
        """Bits inside of the tree."""
        return (len(self.rows) - 1) * self.rows.shape[1]

    def fill(self, values: np.ndarray, hidden: np.ndarray) -> None:
        """Choose, level by level."""
        words = values.shape[1]
        ones = ~np.uint64(0)
        level = np.where(self.rows[:, :, None], ones, np.uint64(0))
        level = np.broadcast_to(level, (*self.rows.shape, words))
        start = 0
        for bit in self.address:
            low, high = level[0::2], level[1::2]
            level = low ^ ((low ^ high) & values[bit])
            flat = level.reshape(-1, words)
            hidden[start : start + len(flat)] = flat
            start += len(flat)


def read_table(choice: Choice) -> Table | None:
    """The table that a process is, or ``None`` if it is something else or too large."""
    if len(choice.switches) != 1 or len(choice.assigned) != 1:
        return None
    (address, cases), default = choice.switches[0], choice.assigned[0]
    width, count = len(default.target), 1 << len(address)
    if len(address) < 2 or len(address) > 14 or count * width > _LARGEST:
        return None
    if any(bit > 1 for bit in default.source):
        return None
    rows = np.empty((count, width), bool)
    rows[:] = [bit == 1 for bit in default.source]
    for patterns, case in cases:
        if case.switches or len(case.assigned) > 1:
            return None
        if not case.assigned:
            continue
        copy = case.assigned[0]
        if copy.target != default.target or any(bit > 1 for bit in copy.source):
            return None
        for pattern in patterns:
            if set(pattern) - {"0", "1"}:
                return None
            rows[int(pattern, 2)] = [bit == 1 for bit in copy.source]
    return Table(address, rows)
