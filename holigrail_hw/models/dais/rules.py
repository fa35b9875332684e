"""What every DAIS operation makes of sums of atoms, or why it cannot."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from holigrail_hw.models.errors import ModelError

from .affine import Numbers, Sum

__all__ = ["numbers_of"]


def numbers_of(program: Any) -> tuple[Numbers, list[Sum], list[tuple[int, int]]]:
    """Atoms, the sum that every number is, and the fraction bits of every element of the input.

    Elements of the input that nothing reads have none.

    Raises
    ------
    ModelError
        With one line for every operation that is neither a sum nor one of the steps above.
    """
    numbers = Numbers()
    fractions: dict[int, list[Any]] = {}
    for operation in program.operations:
        if operation.code == -1:
            fractions.setdefault(operation.first, []).append(operation.type)
    ports: dict[int, Sum] = {}
    finest: list[tuple[int, int]] = []
    for place in sorted(fractions):
        most = max(kind.fraction for kind in fractions[place])
        ends = [
            (kind.least << (most - kind.fraction), ((kind.greatest + 1) << (most - kind.fraction)))
            for kind in fractions[place]
        ]
        span = (min(e[0] for e in ends), max(e[1] for e in ends) - 1)
        ports[place] = numbers.add((), None, None, span)
        finest.append((place, most))
    found: list[Sum] = []
    violations = []
    lost: set[int] = set()  # what was refused, and what depends on it
    for place, operation in enumerate(program.operations):
        read = {operation.first, operation.second} if operation.code != -1 else set()
        read |= {operation.low} if abs(operation.code) == 6 else set()
        if read & lost:
            lost.add(place)
            found.append(Sum())
            continue
        try:
            if operation.code == -1:
                fraction = dict(finest)[operation.first]
                value = ports[operation.first].times(Fraction(2) ** -fraction)
                found.append(_input(numbers, value, operation.type))
            else:
                found.append(_RULES[abs(operation.code)](numbers, program, operation, found))
        except ModelError as error:
            label = f"{program.name}: operation {place}, code {operation.code}"
            violations += [f"{label}: {text}" for text in error.violations]
            lost.add(place)
            found.append(Sum())
    if violations:
        raise ModelError(violations)
    return numbers, found, finest


def _scale(kind: Any) -> Fraction:
    """Units per 1."""
    return Fraction(2) ** kind.fraction


def _input(numbers: Numbers, value: Sum, kind: Any) -> Sum:
    """An input: outside its range it is limited, where DAIS wraps it."""
    scale = _scale(kind)
    return numbers.stair(value.times(scale), kind.least, kind.greatest).times(1 / scale)


def _kept(numbers: Numbers, value: Sum, kind: Any) -> Sum:
    """An integer in units of a type, which must not be wrapped."""
    low, high = numbers.ends(value)
    if not kind.least <= low <= high <= kind.greatest:
        raise ModelError(
            f"its result must fit its type, not wrap around: {int(low)} to {int(high)} in "
            f"{kind.width} bits"
        )
    return value.times(1 / _scale(kind))


def _sum(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
    second = known[operation.second].times(Fraction(2) ** operation.low)
    total = known[operation.first].plus(second.times(-1 if operation.code else 1))
    return _cut(numbers, total, operation)


def _cut(numbers: Numbers, value: Sum, operation: Any) -> Sum:
    scale = _scale(operation.type)
    return numbers.stair(value.times(scale)).times(1 / scale)


def _plus(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
    scale = _scale(operation.type)
    value = known[operation.first] if operation.code == 4 else Sum()
    return _cut(numbers, value.plus(Sum(constant=operation.data / scale)), operation)


def _rounded(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
    value = known[operation.first].times(-1 if operation.code < 0 else 1)
    scale = _scale(operation.type)
    low = 0 if abs(operation.code) == 2 else None
    return _kept(numbers, numbers.stair(value.times(scale), low), operation.type)


def _chosen(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
    """A choice that is a minimum or a maximum."""
    kind = operation.type
    sign = -1 if operation.code < 0 else 1
    left = known[operation.first]
    right = known[operation.second].times(sign * Fraction(2) ** operation.high)
    condition, other = known[operation.low], program.operations[operation.low].type
    if not other.signed:
        # The uppermost bit is set where the code is at least half of what the type holds.
        half = Fraction(1 << max(other.width - 1, 0))
        condition = Sum(constant=(half - Fraction(1, 2)) / _scale(other)).plus(condition.times(-1))
    scale = _scale(kind)
    least, most = numbers.ends(condition)
    if most < 0 or least >= 0:
        chosen = left if most < 0 else right
        return _kept(numbers, numbers.stair(chosen.times(scale)), kind)
    grows = _order(left.plus(right.times(-1)), condition)
    if not grows:
        raise ModelError("the choice must be a minimum or a maximum of its operands")
    sides = [side.times(scale) for side in (left, right)]
    if not all(side.whole for side in sides):
        sides = [numbers.stair(side) for side in sides]
    if grows > 0:  # the first where it is less
        for side, other in (sides, sides[::-1]):
            if not other.terms:
                return _kept(numbers, numbers.stair(side, high=int(other.constant)), kind)
        sides = [side.times(-1) for side in sides]
        return _kept(numbers, numbers.maximum(*sides).times(-1), kind)
    return _kept(numbers, numbers.maximum(*sides), kind)


def _order(difference: Sum, condition: Sum) -> int:
    """1 if a negative condition means a negative difference, -1 if a positive one, 0 if neither."""
    terms = difference.terms
    if terms.keys() != condition.terms.keys() or not terms:
        return 0
    ratios = {condition.terms[atom] / value for atom, value in terms.items()}
    if len(ratios) != 1:
        return 0
    ratio = ratios.pop()
    # The condition is ratio difference + rest, and the difference moves in steps.
    rest = condition.constant - ratio * difference.constant
    step = difference.unit
    above = difference.constant % step or step
    below = above - step if difference.constant % step else -step
    grows = 1 if ratio > 0 else -1
    negative, positive = (below, above) if grows > 0 else (above, below)
    return grows if ratio * negative + rest < 0 <= ratio * positive + rest else 0


def _product(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
    left, right = known[operation.first], known[operation.second]
    if left.terms and right.terms:
        raise ModelError("one factor must be a constant, not both be variable")
    if right.terms:
        left, right = right, left
    return _cut(numbers, left.times(right.constant), operation)


def _refused(what: str) -> Callable[..., Sum]:
    def refuse(numbers: Numbers, program: Any, operation: Any, known: list[Sum]) -> Sum:
        raise ModelError(f"{what} must not be in it: the integer graph has no node for that")

    return refuse


_RULES: dict[int, Callable[..., Sum]] = {
    0: _sum,
    1: _sum,
    2: _rounded,
    3: _rounded,
    4: _plus,
    5: _plus,
    6: _chosen,
    7: _product,
    8: _refused("a table"),
    9: _refused("an operation on bits"),
    10: _refused("an operation on bits"),
}
