"""A good adder graph at any size: a greedy start, improved by exact searches in its neighbourhood.

Greedy: targets that one adder can make join at once. Otherwise the factor that makes the most
targets reachable joins; if there is none, the target with the fewest digits is split: one part is
as close as possible to the factors already made, the other becomes a new target. Splitting along
the canonical signed digits always terminates, and meets any depth limit that can be met at all.

Neighbourhood: some of the extra factors are dropped, the others are treated as targets, and the
closure enumeration looks for a completion with fewer factors.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

from ..native.closure import enumeration
from .closure import nonzero_digits
from .relations import members, neighbours
from .turns import PAUSE

__all__ = ["greedy_set", "improvements", "least_depth"]

_MOST_DROPPED = 4
# Work allowed for the enumeration in one neighbourhood, and the work its preparation counts as.
_ROUND_WORK, _ROUND_COST = 1_000_000, 2000


def least_depth(targets: Sequence[int]) -> int:
    """Least adder depth of any graph: log2 of the non-zero digits, rounded up."""
    return max(((nonzero_digits(t) - 1).bit_length() for t in targets), default=0)


def greedy_set(targets: Sequence[int], depth: int | None = None) -> list[int]:
    """Fundamentals, including 1, in an order in which they can be built."""
    if depth is not None:
        return _split_set(targets, depth)
    bits = max((t.bit_length() for t in targets), default=1)
    chosen, waiting = [1], sorted(targets)
    reached = neighbours(1, 1, bits)
    known: dict[int, tuple[set[int], int]] = {}

    def related(t: int) -> set[int]:
        """The factors that make a target together with a chosen one; updated on demand."""
        found, count = known.get(t) or (_dividers(t), 0)
        for other in chosen[count:]:
            found |= neighbours(t, other, bits)
        known[t] = found, len(chosen)
        return found

    def join(factor: int) -> None:
        chosen.append(factor)
        for other in chosen:
            reached.update(neighbours(factor, other, bits))
        if factor in waiting:
            waiting.remove(factor)

    while waiting:
        near = [t for t in waiting if t in reached]
        if near:
            join(near[0])
            continue
        counts = Counter(x for t in waiting for x in related(t) & reached)
        if counts:
            join(max(counts, key=lambda x: (counts[x], -nonzero_digits(x), -x)))
            continue
        target = min(waiting, key=lambda t: (nonzero_digits(t), t))
        waiting.append(min(related(target), key=lambda x: (nonzero_digits(x), x)))
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
    """The value of the ``count`` lowest non-zero signed digits."""
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
    """Every x from which one adder, using x twice, makes the factor."""
    powers = [1 << s for s in range(1, factor.bit_length() + 1)]
    divisors = {d for p in powers for d in (p - 1, p + 1) if d > 1}
    return {factor // d for d in divisors if factor % d == 0}


def improvements(
    targets: Sequence[int],
    factors: Sequence[int],
    *,
    depth: int | None,
    deadline: float | None,
    keep: Callable[[list[int]], None],
    seed: int = 1,
) -> Iterator[int]:
    """Look for sets with fewer factors; yields the work done so far, in the enumeration's units.

    ``keep`` is called with every better set on the way. The sets do not depend on a clock.

    Raises
    ------
    OutOfTime
        When the deadline is reached.
    """
    random = Random(seed)
    best = list(factors)
    wanted = set(targets)
    bits = max((f.bit_length() for f in best), default=1)
    failures, size, work = 0, 1, 0
    while True:
        extras = [f for f in best if f != 1 and f not in wanted]
        if size > min(_MOST_DROPPED, len(extras)):
            return
        dropped = set(random.sample(extras, size))
        kept = sorted(wanted | (set(extras) - dropped))
        closure = enumeration(kept, depth=depth, bits=bits, deadline=deadline)
        found = None
        for count in range(len(dropped)):
            for found in closure.walk(count, pause=PAUSE):
                if found is not None or closure.work > _ROUND_WORK:
                    break
                yield work + closure.work
            if found is not None or closure.work > _ROUND_WORK:
                break
        work += _ROUND_COST + closure.work
        if found is not None:
            common, last = found
            best = common if not last else [*common, next(members(last))]
            failures = 0
            size = min(size, max(1, len(best) - 1 - len(wanted)))
            keep(best)
        else:
            failures += 1
            if failures >= 2 * len(extras):
                failures, size = 0, size + 1
        yield work
