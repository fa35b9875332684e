"""One box: ranges of the real network, errors of the integer one, and what both make of the outputs.

Numbers are integers in units of 2^-96, rounded outward; weights are exact integers in a unit of
their own. Linear bounds are columns, one per input that varies and one of constants. See the guide
for the argument; names are those of :class:`Case`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from .functions import UNIT, enclosed, values

__all__ = ["Case", "Step", "walked"]

_ONE = 1 << UNIT
_SLOPE = 30
Rows = tuple[tuple[int, ...], ...]
Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Step:
    """A layer: ``weights`` in units of 2^-places, ``errors`` of weights in units of 2^-fine.

    ``bias`` are the ends of the real one, ``off`` those of the integer one's error, ``half`` the
    greatest errors of rounding; rows that are ``dropped`` are taken to be 0.
    """

    weights: Rows
    places: int
    bias: tuple[tuple[int, int], ...]
    errors: Rows
    fine: int
    off: tuple[tuple[int, int], ...]
    activation: str
    half: tuple[int, ...]
    dropped: frozenset[int]


@dataclass(frozen=True)
class Case:
    """A network with its integers; ``half`` and ``constant`` are errors of the inputs."""

    steps: tuple[Step, ...]
    half: tuple[int, ...]
    constant: tuple[tuple[int, int], ...]


def _up(value: int, places: int) -> int:
    return -(-value >> places)


def _dot(row: Sequence[int], column: Sequence[int]) -> int:
    return sum(map(mul, row, column))


def _ends(row: Sequence[int], low: Sequence[int], high: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest sum of products with numbers between two ends."""
    least = most = 0
    for w, a, b in zip(row, low, high, strict=True):
        if w > 0:
            least, most = least + w * a, most + w * b
        elif w:
            least, most = least + w * b, most + w * a
    return least, most


def _size(low: int, high: int) -> int:
    return max(abs(low), abs(high))


class _Bounds:
    """Linear bounds of a layer's numbers in the inputs that vary: columns, constants last."""

    def __init__(self, low: Sequence[int], high: Sequence[int]):
        self.ends = [*zip(low, high, strict=True)]
        self.axes = [i for i, (a, b) in enumerate(self.ends) if a < b]
        # What rounding all factors of a bound down by a unit can change.
        self.room = sum(_up(_size(*self.ends[i]), UNIT) for i in self.axes) + 2
        count = len(low)
        columns = [[_ONE if i == axis else 0 for i in range(count)] for axis in self.axes]
        still = [0 if i in self.axes else a for i, (a, b) in enumerate(self.ends)]
        self.low, self.high = [*columns, still], [[*column] for column in [*columns, still]]

    def through(self, step: Step) -> None:
        """Sums of a layer."""
        low: list[list[int]] = [[] for _ in self.low]
        high: list[list[int]] = [[] for _ in self.low]
        columns = [*zip(self.low, self.high, strict=True)]
        for row, bias in zip(step.weights, step.bias, strict=True):
            plus = [max(w, 0) for w in row]
            minus = [min(w, 0) for w in row]
            for place, (under, over) in enumerate(columns):
                low[place].append((_dot(plus, under) + _dot(minus, over)) >> step.places)
                high[place].append(_up(_dot(plus, over) + _dot(minus, under), step.places))
            low[-1][-1] += bias[0] - self.room
            high[-1][-1] += bias[1] + self.room
        self.low, self.high = low, high

    def least(self, at: int) -> int:
        """The least value of a number's lower bound."""
        total = self.low[-1][at] << UNIT
        for axis, column in zip(self.axes, self.low, strict=False):
            total += column[at] * self.ends[axis][column[at] < 0]
        return total >> UNIT

    def most(self, at: int) -> int:
        """The greatest value of its upper bound."""
        total = self.high[-1][at] << UNIT
        for axis, column in zip(self.axes, self.high, strict=False):
            total += column[at] * self.ends[axis][column[at] >= 0]
        return _up(total, UNIT)

    def line(self, at: int, below: tuple[int, int], over: tuple[int, int]) -> None:
        """A number behind lines: slopes in units of 2^-30, and constants."""
        for column in self.low:
            column[at] = (column[at] * below[0]) >> _SLOPE
        for column in self.high:
            column[at] = _up(column[at] * over[0], _SLOPE)
        self.low[-1][at] += below[1] - self.room
        self.high[-1][at] += over[1] + self.room


def _slopes(kind: str, low: int, high: int) -> tuple[int, int]:
    """The least and the greatest slope over an interval."""
    if kind == "none":
        return _ONE, _ONE
    if kind == "relu":
        return (_ONE if low >= 0 else 0), (_ONE if high > 0 else 0)
    far, near = _size(low, high), 0 if low <= 0 <= high else min(abs(low), abs(high))
    found = []
    for at, side in ((far, 1), (near, 0)):
        pair = enclosed(kind, at)
        if kind == "tanh":
            value = _ONE - (pair[side] * pair[side] >> UNIT)
        else:
            value = pair[side] * (_ONE - pair[side]) >> UNIT
        found.append(value)
    return max(found[0] - 4, 0), found[1] + 4


def _bent(bounds: _Bounds, kind: str, at: int, low: int, high: int) -> None:
    """Lines around an activation, for a number between two ends."""
    full = 1 << _SLOPE
    if kind == "none" or (kind == "relu" and low >= 0):
        return
    if kind == "relu" and high <= 0:
        for columns in (bounds.low, bounds.high):
            for column in columns:
                column[at] = 0
        return
    if kind == "relu":
        steep = min(-(-(high << _SLOPE) // (high - low)), full)
        bounds.line(at, (full if high > -low else 0, 0), (steep, _up(-low * steep, _SLOPE)))
        return
    slope = _slopes(kind, low, high)[0] >> (UNIT - _SLOPE)
    below = enclosed(kind, low)[0] - _up(slope * low, _SLOPE)
    over = enclosed(kind, high)[1] - (slope * high >> _SLOPE)
    bounds.line(at, (slope, below), (slope, over))


@dataclass
class _Layer:
    """What is known of a layer over the box."""

    moved: list[tuple[int, int]]
    slopes: list[tuple[int, int]]
    half: list[int]


def walked(
    case: Case, low: Sequence[int], high: Sequence[int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]], bool]:
    """Over a box whose inputs are between two ends: errors of all outputs, values of all layers.

    Both are ends; the values are those of the integer network behind a layer, all of it. The last
    result is whether a number that is dropped may be above 0: then nothing is proved.
    """
    known, reached = _forward(case, low, high)
    opened = any(
        layer.slopes[row][1]
        for layer, step in zip(known, case.steps, strict=True)
        for row in step.dropped
    )
    return _backward(case, known), [(min(a), max(b)) for a, b in reached], opened


def _forward(
    case: Case, low: Sequence[int], high: Sequence[int]
) -> tuple[list[_Layer], list[Pair]]:
    """Layer by layer; also the values of the integer network behind each layer."""
    bounds = _Bounds(low, high)
    real: Pair = ([*low], [*high])
    size = [*case.half]
    entered: Pair = (
        [a - h + min(e[0], 0) for a, h, e in zip(low, case.half, case.constant, strict=True)],
        [b + h + max(e[1], 0) for b, h, e in zip(high, case.half, case.constant, strict=True)],
    )
    known: list[_Layer] = []
    reached: list[Pair] = []
    for index, step in enumerate(case.steps):
        moved = _moved(case, index, entered)
        bounds.through(step)
        layer = _Layer(moved, [], [])
        behind: Pair = ([], [])
        inside: Pair = ([], [])
        sizes = []
        for at, row in enumerate(step.weights):
            plain = _ends(row, *real)
            least = max(bounds.least(at), (plain[0] >> step.places) + step.bias[at][0])
            most = min(bounds.most(at), _up(plain[1], step.places) + step.bias[at][1])
            spread = _up(_dot([abs(w) for w in row], size), step.places) + _size(*moved[at])
            if step.activation == "relu" and index and _opens(least, most, spread):
                spread = min(spread, _jacobian(case, known, row, step.places, moved[at]))
            slope = _slopes(step.activation, least - spread, most + spread)
            half = step.half[at] if slope[1] or step.activation != "relu" else 0
            layer.slopes.append(slope)
            layer.half.append(half)
            sizes.append(_up(slope[1] * spread, UNIT) + half)
            _bent(bounds, step.activation, at, least, most)
            for ends, value in zip(
                inside, values(step.activation, least, most), strict=True
            ):
                ends.append(value)
            lowest = inside[0][-1] - sizes[-1]
            behind[0].append(max(lowest, 0) if step.activation == "relu" else lowest)
            behind[1].append(inside[1][-1] + sizes[-1])
        known.append(layer)
        reached.append(behind)
        real, entered, size = inside, behind, sizes
    return known, reached


def _opens(least: int, most: int, spread: int) -> bool:
    """Whether a deviation leaves the sign of a sum open that is decided without it."""
    return (least >= 0 > least - spread) or (most <= 0 < most + spread)


def _moved(case: Case, index: int, entered: Pair) -> list[tuple[int, int]]:
    """What errors of weights and biases, and of constant inputs, add to the sums of a layer."""
    step, found = case.steps[index], []
    for at, row in enumerate(step.errors):
        least, most = _ends(row, *entered)
        low, high = (least >> step.fine) + step.off[at][0], _up(most, step.fine) + step.off[at][1]
        if not index:
            fixed = _ends(step.weights[at], *zip(*case.constant, strict=True))
            low, high = low + (fixed[0] >> step.places), high + _up(fixed[1], step.places)
        found.append((low, high))
    return found


def _jacobian(
    case: Case, known: Sequence[_Layer], row: Sequence[int], places: int, moved: tuple[int, int]
) -> int:
    """The deviation of one sum, from all errors before it."""
    low = [w << (UNIT - places) if places <= UNIT else w >> (places - UNIT) for w in row]
    high = [w << (UNIT - places) if places <= UNIT else _up(w, places - UNIT) for w in row]
    total = _size(*moved) << UNIT
    for index in range(len(known) - 1, -1, -1):
        layer = known[index]
        for at, (a, b) in enumerate(zip(low, high, strict=True)):
            total += _size(a, b) * layer.half[at]
        low, high = _sloped(low, high, layer.slopes)
        for at, (a, b) in enumerate(zip(low, high, strict=True)):
            total += _size(a, b) * _size(*layer.moved[at])
        low, high = _back(case.steps[index], low, high)
    for a, b, half in zip(low, high, case.half, strict=True):
        total += _size(a, b) * half
    return _up(total, UNIT)


def _sloped(low: list[int], high: list[int], slopes: Sequence[tuple[int, int]]) -> Pair:
    under, over = [], []
    for a, b, (least, most) in zip(low, high, slopes, strict=True):
        under.append(a * (most if a < 0 else least) >> UNIT)
        over.append(_up(b * (most if b > 0 else least), UNIT))
    return under, over


def _back(step: Step, low: list[int], high: list[int]) -> Pair:
    """Jacobians through the weights of a layer."""
    count = len(step.weights[0])
    under, over = [0] * count, [0] * count
    for row, a, b in zip(step.weights, low, high, strict=True):
        if not a and not b:
            continue
        for at, w in enumerate(row):
            if w > 0:
                under[at] += w * a
                over[at] += w * b
            else:
                under[at] += w * b
                over[at] += w * a
    return [v >> step.places for v in under], [_up(v, step.places) for v in over]


def _backward(case: Case, known: Sequence[_Layer]) -> list[tuple[int, int]]:
    """Ends of the error of every output."""
    found = []
    for output in range(len(case.steps[-1].weights)):
        low = [_ONE if at == output else 0 for at in range(len(case.steps[-1].weights))]
        high = [*low]
        least = most = 0
        for index in range(len(known) - 1, -1, -1):
            layer = known[index]
            for a, b, half in zip(low, high, layer.half, strict=True):
                size = _size(a, b) * half
                least, most = least - size, most + size
            low, high = _sloped(low, high, layer.slopes)
            for a, b, (c, d) in zip(low, high, layer.moved, strict=True):
                products = (a * c, a * d, b * c, b * d)
                least, most = least + min(products), most + max(products)
            low, high = _back(case.steps[index], low, high)
        for a, b, half in zip(low, high, case.half, strict=True):
            size = _size(a, b) * half
            least, most = least - size, most + size
        found.append((least >> UNIT, _up(most, UNIT)))
    return found
