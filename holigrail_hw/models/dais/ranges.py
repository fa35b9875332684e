"""The range of every number of a DAIS program, by interval arithmetic."""

from typing import Any

from .evaluate import WRAPPING, moved

__all__ = ["ranges_of"]

Range = tuple[int, int]


def ranges_of(program: Any) -> tuple[Range, ...]:
    """Codes of all numbers for any inputs.

    What is wrapped, and may be, has all codes of its type. Sums are not wrapped: their ranges
    follow from those of the operands, and may be wider than the type that the program states.
    """
    found: list[Range] = []
    for operation in program.operations:
        kind = operation.type
        low, high = _range(program, operation, found)
        if operation.code in WRAPPING and not kind.least <= low <= high <= kind.greatest:
            low, high = kind.least, kind.greatest
        found.append((low, high))
    return tuple(found)


def _range(program: Any, operation: Any, known: list[Range]) -> Range:
    code, kind = operation.code, operation.type
    if code == -1:
        return kind.least, kind.greatest
    if code == 5:
        return operation.data, operation.data
    operands = [p for p in (operation.first, operation.second) if p >= 0]
    kinds = [program.operations[p].type for p in operands]
    ends = [known[p] for p in operands]
    if code < 0 and code != -6:
        ends[0] = _minus(ends[0])
    match abs(code):
        case 0 | 1:
            fractions = (kinds[0].fraction, kinds[1].fraction - operation.low)
            left, right = (
                _moved(e, max(fractions) - f) for e, f in zip(ends, fractions, strict=True)
            )
            right = _minus(right) if code else right
            total = (left[0] + right[0], left[1] + right[1])
            return _moved(total, kind.fraction - max(fractions))
        case 2 | 3 | 4:
            if abs(code) == 2:
                ends[0] = (max(ends[0][0], 0), max(ends[0][1], 0))
            low, high = _moved(ends[0], kind.fraction - kinds[0].fraction)
            plus = operation.data if code == 4 else 0
            return low + plus, high + plus
        case 6:
            other = _minus(ends[1]) if code < 0 else ends[1]
            left = _moved(ends[0], kind.fraction - kinds[0].fraction)
            right = _moved(other, kind.fraction - kinds[1].fraction + operation.high)
            return min(left[0], right[0]), max(left[1], right[1])
        case 7:
            products = [a * b for a in ends[0] for b in ends[1]]
            places = kind.fraction - kinds[0].fraction - kinds[1].fraction
            return _moved((min(products), max(products)), places)
        case 8:
            table = program.tables[operation.low]
            return min(table), max(table)
        case _:
            return kind.least, kind.greatest


def _minus(ends: Range) -> Range:
    return -ends[1], -ends[0]


def _moved(ends: Range, places: int) -> Range:
    return moved(ends[0], places), moved(ends[1], places)
