"""A good adder graph at any size: a greedy start, improved by exact searches in its neighbourhood.

Greedy: targets that one adder makes join at once. Otherwise the factor joins that makes the most
targets reachable; if no single one does, the target with the fewest digits is split: one of its
parts is as near as possible to what there is, the other becomes a target of its own. A split along
the canonical signed digits always ends, and keeps any depth limit that can be met at all.

Neighbourhood: some of the extra factors are dropped, the others stay as if they were targets, and
the closure enumeration looks for a completion with fewer.
"""

import time
from collections.abc import Callable, Sequence
from random import Random

from .closure import Closure, OutOfTime, nonzero_digits
from .relations import bit, members

__all__ = ["greedy_set", "improved_set", "least_depth"]


def least_depth(targets: Sequence[int]) -> int:
    """Least adder depth of any graph: log2 of the non-zero digits, rounded up."""
    return max(((nonzero_digits(t) - 1).bit_length() for t in targets), default=0)


def greedy_set(targets: Sequence[int], depth: int | None = None) -> list[int]:
    """Fundamentals, with 1, in an order in which they can be built."""
    if depth is not None:
        return _split_set(targets, depth)
    closure = Closure(targets)
    relations = closure.relations
    chosen, present = [1], 1
    waiting = list(closure.targets)
    reached = relations.of(1, 1)

    def join(factor: int) -> None:
        nonlocal present, reached
        reached = relations.grown(reached, chosen, factor)
        chosen.append(factor)
        present |= bit(factor)

    while waiting:
        near = [t for t in waiting if reached >> (t >> 1) & 1]
        if near:
            join(near[0])
            waiting.remove(near[0])
            continue
        counts: dict[int, int] = {}
        for t in waiting:
            useful = relations.dividers(t)
            for other in chosen:
                useful |= relations.of(t, other)
            for x in members(useful & reached & ~present):
                counts[x] = counts.get(x, 0) + 1
        if counts:
            join(max(counts, key=lambda x: (counts[x], -nonzero_digits(x), -x)))
            continue
        target = min(waiting, key=lambda t: (nonzero_digits(t), t))
        parts = 0
        for other in chosen:
            parts |= relations.of(target, other)
        part = min(
            members(parts & ~present), key=lambda x: (nonzero_digits(x), x), default=target
        )
        if nonzero_digits(part) >= nonzero_digits(target):
            part = _digits_odd_part(target, nonzero_digits(target) - 1)
        waiting.append(part)
    return chosen


def _split_set(targets: Sequence[int], depth: int) -> list[int]:
    """Every target as the sum of two parts with half its digits, down to single digits."""
    done = {1}
    order = [1]

    def build(factor: int) -> None:
        if factor in done:
            return
        half = 1 << ((nonzero_digits(factor) - 1).bit_length() - 1)
        low = _digits(factor, half)
        for part in (low, factor - low):
            build(abs(part) // (part & -part))
        done.add(factor)
        order.append(factor)

    if least_depth(targets) > depth:
        raise ValueError(f"depth must be {least_depth(targets)} or more")
    for target in sorted(targets):
        build(target)
    return order


def _digits(value: int, count: int) -> int:
    """The number that the ``count`` lowest non-zero signed digits make."""
    total, place, rest = 0, 0, value
    while count and rest:
        if rest & 1:
            digit = 2 - (rest & 3)
            total += digit << place
            rest -= digit
            count -= 1
        rest >>= 1
        place += 1
    return total


def _digits_odd_part(value: int, count: int) -> int:
    part = value - _digits(value, nonzero_digits(value) - count)
    return abs(part) // (part & -part)


def improved_set(
    targets: Sequence[int],
    factors: Sequence[int],
    *,
    depth: int | None,
    deadline: float,
    enough: int,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> list[int]:
    """A set with fewer factors, found until the deadline or until ``enough`` adders are reached."""
    random = Random(seed)
    best = list(factors)
    wanted = set(targets)
    bits = max((f.bit_length() for f in best), default=1)
    failures, size = 0, 1
    while len(best) - 1 > enough and time.monotonic() < deadline:
        extras = [f for f in best if f != 1 and f not in wanted]
        dropped = set(random.sample(extras, min(size, len(extras))))
        kept = sorted(wanted | (set(extras) - dropped))
        closure = Closure(
            kept, depth=depth, bits=bits, deadline=min(deadline, time.monotonic() + 2.0)
        )
        found = None
        try:
            for count in range(len(dropped)):
                found = next(closure.sets(count), None)
                if found is not None:
                    break
        except OutOfTime:
            pass
        if found is not None:
            common, last = found
            best = common if not last else [*common, next(members(last))]
            failures = 0
            if progress is not None:
                progress(f"{len(best) - 1} adders")
            continue
        failures += 1
        if failures >= 2 * len(extras):
            failures, size = 0, size + 1
            if size > min(4, len(extras)):
                break
    return best
