"""Changes of the bits of a design for random items, by the kind of what makes them.

Every bit is a row of 64-bit words, one bit of a word for each of many copies of the design. Carries
of sums, the stages of shifts and the choices inside of tables are bits of their own. Bits that are
always equal, or always opposite, count once, for synthesis makes one gate of them. There is no
delay, so nothing glitches.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..simulate.gates import words_of_bits
from ..top import RESET, Top
from .evaluate import (
    WORDS,
    added_bits,
    decide,
    evaluate,
    hidden_bits,
    is_small,
    kind_inside,
    kind_of,
)
from .living import living_bits
from .tables import Table, read_table
from .words import Cell, Choice, Copy, Design, read

__all__ = ["LANES", "Simulation", "changes"]

LANES = 64 * WORDS
"""Copies of a design that are run side by side."""
_CYCLES, _STATEFUL_CYCLES = 3, 16


def changes(top: Top, held: Mapping[str, int] | None = None, seed: int = 1) -> dict[str, float]:
    """Changes per cycle by kind; ``register`` counts registers instead, and ``in`` the operands.

    Parameters
    ----------
    top : Top
        With plain ports.
    held : mapping or None
        Operands that keep one code; the others are random, from ``seed``.

    Raises
    ------
    Uncovered
        The design holds what is not known here.
    """
    design = read(top.rtlil)
    warm = top.latency + 1
    cycles = _STATEFUL_CYCLES if top.spec.stateful else _CYCLES
    total = warm + cycles
    given: dict[str, Any] = top.spec.stimulus(np.random.default_rng(seed), total * LANES)
    given |= {name: [code] for name, code in (held or {}).items()}
    run = Simulation(design)
    for cycle in range(total):
        for name, bits in design.inputs.items():
            if name in given:
                part = np.resize(np.asarray(given[name]), total * LANES)
                part = part[cycle * LANES : (cycle + 1) * LANES]
                part = part if part.dtype == object else part.astype(np.uint64)
                for bit, word in zip(bits, words_of_bits(part, len(bits), WORDS), strict=True):
                    run.values[bit] = word
            elif name == RESET:
                run.values[list(bits)] = 0
        run.cycle(counts=cycle >= warm)
    if top.spec.stateful:
        run.compare_in_any_state(seed)
    found = run.sums()
    per_item = {kind: count / (cycles * LANES) for kind, count in found.items()}
    per_item["register"] = float(sum(len(register.makes()) for register in design.registers))
    return per_item


class Simulation:
    """Values of all bits; hidden ones, such as carries, come behind those of the design."""

    def __init__(self, design: Design):
        self.design = design
        self._hidden: dict[int, slice] = {}
        self._kinds: dict[int, str] = {}
        self._tables: dict[int, Table] = {}
        self._operands: dict[int, tuple[int, int]] = {}
        for bits in design.inputs.values():
            self._kinds |= dict.fromkeys(bits, "in")
        rows = design.bits
        for index, unit in enumerate(design.units):
            if isinstance(unit, Cell):
                count = hidden_bits(unit)
                self._hidden[index] = slice(rows, rows + count)
                kind = kind_of(unit)
                hidden = kind_inside(kind, len(unit.makes()))
                self._kinds |= dict.fromkeys(range(rows, rows + count), hidden)
                self._operands |= {rows + p: bits for p, bits in added_bits(unit)}
                self._kinds |= dict.fromkeys(unit.makes(), kind)
                rows += count
            elif isinstance(unit, Choice):
                kind = "choice" if is_small(unit) else "table"
                if (table := read_table(unit)) is not None:
                    self._tables[index] = table
                    self._hidden[index] = slice(rows, rows + table.hidden)
                    self._kinds |= dict.fromkeys(range(rows, rows + table.hidden), kind)
                    rows += table.hidden
                self._kinds |= dict.fromkeys(unit.makes(), kind)
        for register in design.registers:
            self._kinds |= dict.fromkeys(register.makes(), "stored")
        self.values = np.zeros((rows, WORDS), np.uint64)
        self.values[1] = ~np.uint64(0)
        for bit, high in design.initial.items():
            self.values[bit] = ~np.uint64(0) if high else np.uint64(0)
        self.before = self.values.copy()
        self._counts = np.zeros(rows, np.int64)
        self._marks = np.zeros(rows, np.uint64)
        self._weights = np.random.default_rng(0).integers(1, 1 << 63, WORDS, np.uint64) * 2 + 1
        self._turned: np.ndarray | None = None

    def cycle(self, counts: bool) -> None:
        """Settle, count, and clock."""
        values = self.values
        self._settle()
        if counts:
            self._counts += np.bitwise_count(values ^ self.before).sum(axis=1, dtype=np.int64)
            self._mark()
        self.before[:] = values
        loaded = [(list(r.makes()), values[list(r.pins["D"])]) for r in self.design.registers]
        for rows, words in loaded:
            values[rows] = words

    def _settle(self) -> None:
        values = self.values
        for index, unit in enumerate(self.design.units):
            if isinstance(unit, Copy):
                values[list(unit.target)] = values[list(unit.source)]
            elif isinstance(unit, Choice):
                every = np.full(WORDS, ~np.uint64(0))
                decide(unit, values, every)
                if (table := self._tables.get(index)) is not None:
                    table.fill(values, values[self._hidden[index]])
            else:
                evaluate(unit, values, values[self._hidden[index]])

    def _mark(self) -> None:
        """Note what each bit was in this cycle, the same for a bit and for its opposite."""
        if self._turned is None:
            self._turned = np.uint64(0) - (self.values[:, :1] & np.uint64(1))
        seen = ((self.values ^ self._turned) * self._weights).sum(axis=1, dtype=np.uint64)
        self._marks = self._marks * np.uint64(0x9E3779B97F4A7C15) + seen

    def compare_in_any_state(self, seed: int) -> None:
        """Forget which bits were equal, and look for it with any contents of the registers.

        The high bits of a sum that began with zero are equal for long, and still are bits of their
        own.
        """
        rng = np.random.default_rng(seed)
        self._marks[:] = 0
        self._turned = None
        rows = [bit for one in self.design.registers for bit in one.makes()]
        for _ in range(_CYCLES):
            self.values[rows] = rng.integers(0, 1 << 64, (len(rows), WORDS), np.uint64)
            self._settle()
            self._mark()

    def sums(self) -> Counter[str]:
        """Changes by kind, each of equal bits once, for what makes the first of them.

        Bits without a use are left out.
        """
        found: Counter[str] = Counter()
        marks: set[int] = set()
        alive = self._alive()
        for row, kind in self._kinds.items():
            mark = int(self._marks[row])
            if row in alive and mark not in marks:
                marks.add(mark)
                # Where one operand never changes there are half the gates.
                halved = any(not self._counts[bit] for bit in self._operands.get(row, ()))
                found[f"half {kind}" if halved else kind] += int(self._counts[row])
        return found

    def _alive(self) -> set[int]:
        """Bits of use, those inside of cells with those that their cell makes."""
        alive = living_bits(self.design)
        for index, hidden in self._hidden.items():
            made = self.design.units[index].makes()
            if alive.isdisjoint(made):
                continue
            rows = range(hidden.start, hidden.stop)
            if hidden.stop - hidden.start == len(made):
                highest = max(place for place, bit in enumerate(made) if bit in alive)
                rows = range(hidden.start, hidden.start + highest + 1)
            alive.update(rows)
        return alive
