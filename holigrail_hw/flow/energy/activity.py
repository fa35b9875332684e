"""Changes of the bits of a design for random items, by the kind of what makes them.

Every bit is a row of 64-bit words, one bit of a word for each of many copies of the design. Carries
of sums, the stages of shifts and the choices inside of tables are bits of their own. Bits that are
always equal, or always opposite, count once, for synthesis makes one gate of them. There is no
delay, so nothing glitches.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..simulate.gates import words_of_bits
from ..top import RESET, Top
from .living import living_bits
from .tables import Table, read_table
from .words import Cell, Choice, Copy, Design, Uncovered, read

__all__ = ["LANES", "Simulation", "changes"]

LANES = 256
"""Copies of a design that are run side by side."""
_WORDS = LANES // 64
_CYCLES, _STATEFUL_CYCLES = 3, 16
_SHORT = 6
_SMALL = {"and", "or", "not", "xor", "mux"}


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
                for bit, word in zip(bits, words_of_bits(part, len(bits), _WORDS), strict=True):
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
                count = _hidden(unit)
                self._hidden[index] = slice(rows, rows + count)
                kind = _kind(unit)
                hidden = _inside(kind, len(unit.makes()))
                self._kinds |= dict.fromkeys(range(rows, rows + count), hidden)
                self._operands |= {rows + p: bits for p, bits in _pairs(unit)}
                self._kinds |= dict.fromkeys(unit.makes(), kind)
                rows += count
            elif isinstance(unit, Choice):
                kind = "choice" if _is_small(unit) else "table"
                if (table := read_table(unit)) is not None:
                    self._tables[index] = table
                    self._hidden[index] = slice(rows, rows + table.hidden)
                    self._kinds |= dict.fromkeys(range(rows, rows + table.hidden), kind)
                    rows += table.hidden
                self._kinds |= dict.fromkeys(unit.makes(), kind)
        for register in design.registers:
            self._kinds |= dict.fromkeys(register.makes(), "stored")
        self.values = np.zeros((rows, _WORDS), np.uint64)
        self.values[1] = ~np.uint64(0)
        for bit, high in design.initial.items():
            self.values[bit] = ~np.uint64(0) if high else np.uint64(0)
        self.before = self.values.copy()
        self._counts = np.zeros(rows, np.int64)
        self._marks = np.zeros(rows, np.uint64)
        self._weights = np.random.default_rng(0).integers(1, 1 << 63, _WORDS, np.uint64) * 2 + 1
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
                every = np.full(_WORDS, ~np.uint64(0))
                _decide(unit, values, every)
                if (table := self._tables.get(index)) is not None:
                    table.fill(values, values[self._hidden[index]])
            else:
                _evaluate(unit, values, values[self._hidden[index]])

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
            self.values[rows] = rng.integers(0, 1 << 64, (len(rows), _WORDS), np.uint64)
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


_ARITHMETIC = {
    **dict.fromkeys(("add", "sub", "neg"), "add"),
    **dict.fromkeys(("lt", "le", "gt", "ge"), "compare"),
    **dict.fromkeys(("shl", "shr", "sshr", "shiftx"), "shift"),
    **dict.fromkeys(("eq", "ne", "reduce_or", "reduce_and", "reduce_bool", "reduce_xor"), "reduce"),
    "logic_not": "reduce",
    "mul": "multiply",
}


def _kind(cell: Cell) -> str:
    if cell.kind in _SMALL:
        return cell.kind
    if cell.kind not in _ARITHMETIC:
        raise Uncovered(cell.kind)
    return _ARITHMETIC[cell.kind]


def _inside(kind: str, width: int) -> str:
    """What bits inside of a cell are; long carries are made by more gates, side by side."""
    if kind in ("add", "multiply"):
        return "long carry" if width > _SHORT else "carry"
    return "compared" if kind == "compare" else "staged" if kind == "shift" else kind


def _pairs(cell: Cell) -> list[tuple[int, tuple[int, int]]]:
    """Both bits that each place of a sum or comparison adds."""
    operands = [cell.pins[name] for name in ("A", "B") if cell.pins.get(name)]
    if _kind(cell) not in ("add", "compare") or len(operands) < 2:
        return []
    one, two = operands
    return [
        (place, (one[min(place, len(one) - 1)], two[min(place, len(two) - 1)]))
        for place in range(_hidden(cell))
    ]


def _is_small(choice: Choice) -> bool:
    return all(len(cases) <= 2 for _, cases in choice.switches)


def _hidden(cell: Cell) -> int:
    """How many bits a cell has inside."""
    kind, wide = _kind(cell), len(cell.makes())
    if kind == "add":
        return wide
    if kind == "compare":
        return max(len(cell.pins["A"]), len(cell.pins["B"])) + 1
    if kind == "shift":
        return max(wide, len(cell.pins["A"])) * len(cell.pins["B"])
    if kind == "multiply":
        return 2 * wide * len(cell.pins["B"])
    return max(len(cell.pins.get("A", ())), len(cell.pins.get("B", ()))) if kind == "reduce" else 0


def _evaluate(cell: Cell, values: np.ndarray, hidden: np.ndarray) -> None:
    made = list(cell.makes())
    width, kind = len(made), cell.kind
    a = _operand(cell, "A", values)
    b = _operand(cell, "B", values)
    wide = max(len(a), len(b))
    if kind == "not":
        values[made] = ~_extended(cell, "A", a, width)
    elif kind == "mux":
        chosen = values[cell.pins["S"][0]]
        values[made] = a ^ ((a ^ b) & chosen)
    elif kind in ("and", "or", "xor"):
        one, two = _extended(cell, "A", a, width), _extended(cell, "B", b, width)
        values[made] = one & two if kind == "and" else one | two if kind == "or" else one ^ two
    elif kind in ("add", "sub"):
        one, two = _extended(cell, "A", a, width), _extended(cell, "B", b, width)
        values[made] = _sum(one, two, kind == "sub", hidden)
    elif kind == "neg":
        one = _extended(cell, "A", a, width)
        values[made] = _sum(np.zeros_like(one), one, True, hidden)
    elif _kind(cell) == "compare":
        _compare(cell, values, a, b, wide, hidden)
    elif _kind(cell) == "shift":
        values[made] = _shifted(cell, a, b, width, hidden)
    elif kind == "mul":
        values[made] = _product(cell, a, b, width, hidden)
    else:
        _reduce(cell, values, a, b, wide, hidden)


def _operand(cell: Cell, pin: str, values: np.ndarray) -> np.ndarray:
    return values[list(cell.pins.get(pin, ()))]


def _extended(cell: Cell, pin: str, rows: np.ndarray, width: int) -> np.ndarray:
    """An operand of ``width`` bits: cut, or extended by its sign or by zeros."""
    if len(rows) >= width:
        return rows[:width]
    signed = cell.facts.get(f"{pin}_SIGNED") and len(rows)
    more = np.zeros((width - len(rows), _WORDS), np.uint64)
    if signed:
        more[:] = rows[-1]
    return np.concatenate([rows, more])


def _sum(a: np.ndarray, b: np.ndarray, minus: bool, carries: np.ndarray) -> np.ndarray:
    """Sum or difference with a carry for every bit."""
    b = ~b if minus else b
    halves, both = a ^ b, a & b
    carry = np.full(_WORDS, ~np.uint64(0) if minus else np.uint64(0))
    incoming = np.empty_like(halves)
    for place in range(len(halves)):
        incoming[place] = carry
        carry = both[place] | (halves[place] & carry)
        carries[place] = carry
    return halves ^ incoming


def _compare(cell, values, a, b, wide, hidden) -> None:
    one, two = _extended(cell, "A", a, wide + 1), _extended(cell, "B", b, wide + 1)
    if cell.kind in ("gt", "le"):
        one, two = two, one
    less = _sum(one, two, True, hidden)[-1]
    made = list(cell.makes())
    values[made] = 0
    values[made[0]] = less if cell.kind in ("lt", "gt") else ~less


def _shifted(cell, a, b, width, hidden) -> np.ndarray:
    """Stage by stage, the lowest bit of the amount first."""
    wide = max(width, len(a))
    rows = _extended(cell, "A", a, wide)
    fill = rows[-1] if cell.kind == "sshr" and cell.facts.get("A_SIGNED") else np.uint64(0)
    for stage in range(len(b)):
        by = min(1 << stage, wide)
        moved = np.empty_like(rows)
        if cell.kind == "shl":
            moved[by:], moved[:by] = rows[: wide - by], 0
        else:
            moved[: wide - by], moved[wide - by :] = rows[by:], fill
        rows = rows ^ ((rows ^ moved) & b[stage])
        hidden[stage * wide : (stage + 1) * wide] = rows
    return rows[:width]


def _product(cell, a, b, width, hidden) -> np.ndarray:
    """Row by row; a signed factor's last row is subtracted."""
    one = _extended(cell, "A", a, width)
    total = np.zeros_like(one)
    for place in range(len(b)):
        row = np.zeros_like(one)
        row[place:] = one[: max(width - place, 0)] & b[place]
        minus = bool(place == len(b) - 1 and cell.facts.get("B_SIGNED"))
        start = 2 * width * place
        total = _sum(total, row, minus, hidden[start : start + width])
        hidden[start + width : start + 2 * width] = total
    return total


def _reduce(cell, values, a, b, wide, hidden) -> None:
    rows, kind = a, cell.kind
    if kind in ("eq", "ne"):
        rows = _extended(cell, "A", a, wide) ^ _extended(cell, "B", b, wide)
        hidden[: len(rows)] = rows
    if kind == "reduce_and":
        found = np.bitwise_and.reduce(rows, axis=0)
    elif kind == "reduce_xor":
        found = np.bitwise_xor.reduce(rows, axis=0)
    else:
        found = np.bitwise_or.reduce(rows, axis=0)
    made = list(cell.makes())
    values[made] = 0
    values[made[0]] = ~found if kind in ("eq", "logic_not") else found


def _decide(choice: Choice, values: np.ndarray, where: np.ndarray) -> None:
    """Assign where the choice counts."""
    for copy in choice.assigned:
        target = list(copy.target)
        old, new = values[target], values[list(copy.source)]
        values[target] = old ^ ((old ^ new) & where)
    for chosen, cases in choice.switches:
        rows, left = values[list(chosen)], where
        for patterns, case in cases:
            fits = _fits(rows, patterns) & left if patterns else left
            _decide(case, values, fits)
            left = left & ~fits


def _fits(rows: np.ndarray, patterns: Sequence[str]) -> np.ndarray:
    found = np.zeros(_WORDS, np.uint64)
    for pattern in patterns:
        fits = np.full(_WORDS, ~np.uint64(0))
        for row, digit in zip(rows, reversed(pattern), strict=True):
            if digit in "01":
                fits = fits & (row if digit == "1" else ~row)
        found |= fits
    return found
