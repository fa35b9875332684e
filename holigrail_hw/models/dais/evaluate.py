"""DAIS operations on arrays of codes, exactly: int64 where every sum fits, else Python's integers.

A code counts units of 2^-fraction of its own operation's type.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

__all__ = ["WRAPPING", "computed", "moved", "wrapped"]

# Operations whose result is wrapped into its type; others must fit by themselves.
WRAPPING = (-1, 2, -2, 3, -3, 6, -6)
_WIDEST = 62


def moved(codes: Any, places: int) -> Any:
    """codes 2^places, rounded down."""
    return codes << places if places >= 0 else codes >> -places


def wrapped(codes: Any, kind: Any) -> Any:
    """The codes of a type that have the same lowest bits."""
    return (codes - kind.least) % (1 << kind.width) + kind.least


def _label(program: Any, place: int) -> str:
    """How a message names an operation."""
    return f"{program.name}: operation {place}, code {program.operations[place].code}"


def _wide(program: Any) -> bool:
    """Whether an intermediate sum may need more than 62 bits."""
    widest = 0
    for place, operation in enumerate(program.operations):
        places = [p for p in (operation.first, operation.second) if p >= 0]
        if operation.code == -1:
            widest = max(widest, operation.type.width + 2)
            continue
        kinds = [program.operations[p].type for p in places]
        shift = operation.low if abs(operation.code) in (0, 1, 10) else 0
        shift = operation.high if abs(operation.code) == 6 else shift
        fractions = [kind.fraction for kind in (*kinds, operation.type)]
        bits = [max(abs(v) for v in program.ranges[p]).bit_length() for p in places]
        own = max(abs(v) for v in program.ranges[place]).bit_length()
        spread = max(fractions) - min(fractions) + abs(shift) + 2
        together = sum(bits) if operation.code == 7 else max([*bits, 0])
        widest = max(widest, together + spread, own + 1, operation.type.width + 1)
    return widest > _WIDEST


def _entered(values: np.ndarray, shift: int, kind: Any, wide: bool) -> Any:
    """floor(value 2^(shift + fraction)), wrapped: only the lowest bits of the floor count."""
    scaled = np.floor(np.ldexp(values, shift + kind.fraction))
    if wide or np.abs(scaled).max(initial=0) >= 2.0**_WIDEST:
        codes = np.array([int(v) for v in scaled], object)
    else:
        codes = scaled.astype(np.int64)
    return wrapped(codes, kind).astype(object if wide else np.int64)


def computed(program: Any, values: np.ndarray) -> np.ndarray:
    """Codes of all numbers, (samples, operations)."""
    wide = _wide(program)
    numbers = np.zeros((len(program.operations), len(values)), object if wide else np.int64)
    for place, operation in enumerate(program.operations):
        if operation.code == -1:
            shift = program.input_shifts[operation.first]
            column = values[:, operation.first]
            numbers[place] = _entered(column, shift, operation.type, wide)
            continue
        found = _result(program, place, numbers)
        kind = operation.type
        if operation.code in WRAPPING:
            found = wrapped(found, kind)
        elif len(values) and not (kind.least <= np.min(found) and np.max(found) <= kind.greatest):
            raise ModelError(
                f"{_label(program, place)}: numbers must fit their type of {kind.width} bits, "
                f"not be {np.min(found)} to {np.max(found)}"
            )
        numbers[place] = found
    return numbers.T


def _result(program: Any, place: int, numbers: np.ndarray) -> Any:
    operation = program.operations[place]
    code, kind = operation.code, operation.type
    first, second = (numbers[p] if p >= 0 else None for p in (operation.first, operation.second))
    kinds = [
        program.operations[p].type if p >= 0 else kind for p in (operation.first, operation.second)
    ]
    if code < 0 and first is not None and code != -6:
        first = -first
    match abs(code):
        case 0 | 1:
            left, right, fraction = _aligned(first, second, kinds, operation.low)
            return moved(left - right if code else left + right, kind.fraction - fraction)
        case 2:
            return moved(np.maximum(first, 0), kind.fraction - kinds[0].fraction)  # type: ignore[arg-type]
        case 3:
            return moved(first, kind.fraction - kinds[0].fraction)
        case 4:
            return moved(first, kind.fraction - kinds[0].fraction) + operation.data
        case 5:
            return np.full(numbers.shape[1], operation.data, numbers.dtype)
        case 6:
            chosen = _uppermost(numbers[operation.low], program.operations[operation.low].type)
            second = -second if code < 0 else second  # type: ignore[operator]
            left = moved(first, kind.fraction - kinds[0].fraction)
            right = moved(second, kind.fraction - kinds[1].fraction + operation.high)
            return np.where(chosen, left, right)
        case 7:
            total = kinds[0].fraction + kinds[1].fraction
            return moved(first * second, kind.fraction - total)  # type: ignore[operator]
        case 8:
            return _looked_up(program, place, first)
        case 9:
            return _bits(operation, first, kinds[0])
        case _:
            return _both_bits(operation, first, second, kinds)


def _aligned(first: Any, second: Any, kinds: Any, shift: int) -> tuple[Any, Any, int]:
    """Both operands, the second times 2^shift, in units that hold them exactly."""
    fractions = (kinds[0].fraction, kinds[1].fraction - shift)
    most = max(fractions)
    return moved(first, most - fractions[0]), moved(second, most - fractions[1]), most


def _uppermost(codes: Any, kind: Any) -> Any:
    """Whether the uppermost bit is set."""
    return codes < 0 if kind.signed else codes >= (1 << max(kind.width - 1, 0))


def _looked_up(program: Any, place: int, codes: Any) -> Any:
    operation = program.operations[place]
    table = np.array(program.tables[operation.low], np.int64)
    index = codes - program.operations[operation.first].type.least - operation.high
    if len(index) and not 0 <= np.min(index) <= np.max(index) < len(table):
        raise ModelError(
            f"{_label(program, place)}: its operand must lie in the table of {len(table)} "
            f"entries, not at {np.min(index)} to {np.max(index)}"
        )
    return table[index.astype(np.int64)].astype(codes.dtype)


def _bits(operation: Any, codes: Any, kind: Any) -> Any:
    mask = (1 << kind.width) - 1
    match operation.low:
        case 0:
            return ~codes if operation.type.signed else ~codes & mask
        case 1:
            return (codes != 0).astype(codes.dtype)
        case _:
            return ((codes & mask) == mask).astype(codes.dtype)


def _both_bits(operation: Any, first: Any, second: Any, kinds: Any) -> Any:
    if operation.high & 1:
        first = -first
    if operation.high & 2:
        second = -second
    left, right, fraction = _aligned(first, second, kinds, operation.low)
    match operation.high >> 24 & 0xFF:
        case 0:
            found = left & right
        case 1:
            found = left | right
        case _:
            found = left ^ right
    return moved(found, operation.type.fraction - fraction)
