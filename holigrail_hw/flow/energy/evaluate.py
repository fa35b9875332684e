"""What the cells and processes of a design do with rows of words, and what they are called.

A row is a bit of the design in many lanes. Cells leave what is inside of them, such as carries, in
rows of their own.
"""

from collections.abc import Sequence

import numpy as np

from .words import Cell, Choice, Uncovered

__all__ = [
    "WORDS",
    "added_bits",
    "decide",
    "evaluate",
    "hidden_bits",
    "is_small",
    "kind_inside",
    "kind_of",
]

WORDS = 4
"""64-bit words of a row."""
_SHORT = 6
_SMALL = {"$and", "$or", "$not", "$xor", "$mux"}
_ARITHMETIC = {
    **dict.fromkeys(("$add", "$sub", "$neg"), "sum"),
    **dict.fromkeys(("$lt", "$le", "$gt", "$ge"), "comparison"),
    **dict.fromkeys(("$shl", "$shr", "$sshr", "$shiftx"), "shift"),
    **dict.fromkeys(
        ("$eq", "$ne", "$reduce_or", "$reduce_and", "$reduce_bool", "$reduce_xor"), "reduce"
    ),
    "$logic_not": "reduce",
    "$mul": "product",
}


def kind_of(cell: Cell) -> str:
    """What a change of its bits counts as; raises Uncovered."""
    if cell.kind in _SMALL:
        return cell.kind[1:]
    if cell.kind not in _ARITHMETIC:
        raise Uncovered(cell.kind)
    return _ARITHMETIC[cell.kind]


def kind_inside(kind: str, width: int) -> str:
    """What bits inside of a cell are; long carries are made by more gates, side by side."""
    if kind in ("sum", "product"):
        return "long carry" if width > _SHORT else "carry"
    return "compared" if kind == "comparison" else "staged" if kind == "shift" else kind


def added_bits(cell: Cell) -> list[tuple[int, tuple[int, int]]]:
    """Both bits that each place of a sum or comparison adds."""
    operands = [cell.pins[name] for name in ("A", "B") if cell.pins.get(name)]
    if kind_of(cell) not in ("sum", "comparison") or len(operands) < 2:
        return []
    one, two = operands
    return [
        (place, (one[min(place, len(one) - 1)], two[min(place, len(two) - 1)]))
        for place in range(hidden_bits(cell))
    ]


def is_small(choice: Choice) -> bool:
    """Whether a process is a choice of two, no table."""
    return all(len(cases) <= 2 for _, cases in choice.switches)


def hidden_bits(cell: Cell) -> int:
    """How many bits a cell has inside."""
    kind, wide = kind_of(cell), len(cell.makes())
    if kind == "sum":
        return wide
    if kind == "comparison":
        return max(len(cell.pins["A"]), len(cell.pins["B"])) + 1
    if kind == "shift":
        return max(wide, len(cell.pins["A"])) * len(cell.pins["B"])
    if kind == "product":
        return 2 * wide * len(cell.pins["B"])
    return max(len(cell.pins.get("A", ())), len(cell.pins.get("B", ()))) if kind == "reduce" else 0


def evaluate(cell: Cell, values: np.ndarray, hidden: np.ndarray) -> None:
    """Set the bits that a cell makes, and those inside of it."""
    made = list(cell.makes())
    width, kind = len(made), cell.kind
    a = _operand(cell, "A", values)
    b = _operand(cell, "B", values)
    wide = max(len(a), len(b))
    if kind == "$not":
        values[made] = ~_extended(cell, "A", a, width)
    elif kind == "$mux":
        chosen = values[cell.pins["S"][0]]
        values[made] = a ^ ((a ^ b) & chosen)
    elif kind in ("$and", "$or", "$xor"):
        one, two = _extended(cell, "A", a, width), _extended(cell, "B", b, width)
        values[made] = one & two if kind == "$and" else one | two if kind == "$or" else one ^ two
    elif kind in ("$add", "$sub"):
        one, two = _extended(cell, "A", a, width), _extended(cell, "B", b, width)
        values[made] = _sum(one, two, kind == "$sub", hidden)
    elif kind == "$neg":
        one = _extended(cell, "A", a, width)
        values[made] = _sum(np.zeros_like(one), one, True, hidden)
    elif kind_of(cell) == "comparison":
        _compare(cell, values, a, b, wide, hidden)
    elif kind_of(cell) == "shift":
        values[made] = _shifted(cell, a, b, width, hidden)
    elif kind == "$mul":
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
    more = np.zeros((width - len(rows), WORDS), np.uint64)
    if signed:
        more[:] = rows[-1]
    return np.concatenate([rows, more])


def _sum(a: np.ndarray, b: np.ndarray, minus: bool, carries: np.ndarray) -> np.ndarray:
    """Sum or difference with a carry for every bit."""
    b = ~b if minus else b
    halves, both = a ^ b, a & b
    carry = np.full(WORDS, ~np.uint64(0) if minus else np.uint64(0))
    incoming = np.empty_like(halves)
    for place in range(len(halves)):
        incoming[place] = carry
        carry = both[place] | (halves[place] & carry)
        carries[place] = carry
    return halves ^ incoming


def _compare(cell, values, a, b, wide, hidden) -> None:
    one, two = _extended(cell, "A", a, wide + 1), _extended(cell, "B", b, wide + 1)
    if cell.kind in ("$gt", "$le"):
        one, two = two, one
    less = _sum(one, two, True, hidden)[-1]
    made = list(cell.makes())
    values[made] = 0
    values[made[0]] = less if cell.kind in ("$lt", "$gt") else ~less


def _shifted(cell, a, b, width, hidden) -> np.ndarray:
    """Stage by stage, the lowest bit of the amount first."""
    wide = max(width, len(a))
    rows = _extended(cell, "A", a, wide)
    fill = rows[-1] if cell.kind == "$sshr" and cell.facts.get("A_SIGNED") else np.uint64(0)
    for stage in range(len(b)):
        by = min(1 << stage, wide)
        moved = np.empty_like(rows)
        if cell.kind == "$shl":
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
    if kind in ("$eq", "$ne"):
        rows = _extended(cell, "A", a, wide) ^ _extended(cell, "B", b, wide)
        hidden[: len(rows)] = rows
    if kind == "$reduce_and":
        found = np.bitwise_and.reduce(rows, axis=0)
    elif kind == "$reduce_xor":
        found = np.bitwise_xor.reduce(rows, axis=0)
    else:
        found = np.bitwise_or.reduce(rows, axis=0)
    made = list(cell.makes())
    values[made] = 0
    values[made[0]] = ~found if kind in ("$eq", "$logic_not") else found


def decide(choice: Choice, values: np.ndarray, where: np.ndarray) -> None:
    """Assign where the choice counts."""
    for copy in choice.assigned:
        target = list(copy.target)
        old, new = values[target], values[list(copy.source)]
        values[target] = old ^ ((old ^ new) & where)
    for chosen, cases in choice.switches:
        rows, left = values[list(chosen)], where
        for patterns, case in cases:
            fits = _fits(rows, patterns) & left if patterns else left
            decide(case, values, fits)
            left = left & ~fits


def _fits(rows: np.ndarray, patterns: Sequence[str]) -> np.ndarray:
    found = np.zeros(WORDS, np.uint64)
    for pattern in patterns:
        fits = np.full(WORDS, ~np.uint64(0))
        for row, digit in zip(rows, reversed(pattern), strict=True):
            if digit in "01":
                fits = fits & (row if digit == "1" else ~row)
        found |= fits
    return found
