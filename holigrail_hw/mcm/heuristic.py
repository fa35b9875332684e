"""A good adder graph at any size: a greedy start, improved by exact searches in its neighbourhood.

Greedy: targets that one adder makes join at once. Otherwise the factor joins that makes the most
targets reachable; if no single one does, the target with the fewest digits is split: one of its
parts is as near as possible to what there is, the other becomes a target of its own. A split along
the canonical signed digits always ends, and keeps any depth limit that can be met at all.

Neighbourhood: some of the extra factors are dropped, the others stay as if they were targets, and
the closure enumeration looks for a completion with fewer.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from .closure import OutOfTime, nonzero_digits
from .native_closure import enumeration
from .relations import members, neighbours

__all__ = ["greedy_set", "improved_set", "least_depth"]


def least_depth(targets: Sequence[int]) -> int:
    """Least adder depth of any graph: log2 of the non-zero digits, rounded up."""
    return max(((nonzero_digits(t) - 1).bit_length() for t in targets), default=0)


def greedy_set(targets: Sequence[int], depth: int | None = None) -> list[int]:
    """Fundamentals, with 1, in an order in which they can be built."""
    if depth is not None:
        return _split_set(targets, depth)
    bits = max((t.bit_length() for t in targets), default=1)
    chosen, waiting = [1], sorted(targets)
    reached = neighbours(1, 1, bits)
    related = {t: _dividers(t) | neighbours(t, 1, bits) for t in waiting}

    def join(factor: int) -> None:
        chosen.append(factor)
        for other in chosen:
            reached.update(neighbours(factor, other, bits))
        if factor in waiting:
            waiting.remove(factor)
        for t in waiting:
            related[t] |= neighbours(t, factor, bits)

    while waiting:
        near = [t for t in waiting if t in reached]
        if near:
            join(near[0])
            continue
        counts = Counter(x for t in waiting for x in related[t] & reached)
        if counts:
            join(max(counts, key=lambda x: (counts[x], -nonzero_digits(x), -x)))
            continue
        target = min(waiting, key=lambda t: (nonzero_digits(t), t))
        part = min(related[target], key=lambda x: (nonzero_digits(x), x))
        waiting.append(part)
        related[part] = _dividers(part)
        for other in chosen:
            related[part] |= neighbours(part, other, bits)
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


def _dividers(factor: int) -> set[int]:
    """Every x with which one adder, using x twice, makes the factor."""
    powers = [1 << s for s in range(1, factor.bit_length() + 1)]
    divisors = {d for p in powers for d in (p - 1, p + 1) if d > 1}
    return {factor // d for d in divisors if factor % d == 0}


def improved_set(
    targets: Sequence[int],
    factors: Sequence[int],
    *,
    depth: int | None,
    deadline: float,
    enough: int,
    seed: int = 1,
    keep: Callable[[list[int]], None] | None = None,
) -> list[int]:
    """A set with fewer factors, found until the deadline or until ``enough`` adders.

    ``keep`` gets every better set on the way.
    """
    random = Random(seed)
    best = list(factors)
    wanted = set(targets)
    bits = max((f.bit_length() for f in best), default=1)
    failures, size = 0, 1
    while len(best) - 1 > enough and time.monotonic() < deadline:
        extras = [f for f in best if f != 1 and f not in wanted]
        dropped = set(random.sample(extras, min(size, len(extras))))
        kept = sorted(wanted | (set(extras) - dropped))
        closure = enumeration(
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
            if keep is not None:
                keep(best)
            continue
        failures += 1
        if failures >= 2 * len(extras):
            failures, size = 0, size + 1
            if size > min(4, len(extras)):
                break
    return best
