"""Simulated annealing over forms and truncations of a given set of fundamentals together.

A move gives one adder another form, another truncation, or both. Graphs that break the error bound
are allowed on the way, at a price for every bit they break it by; only those that keep it are
answers.
"""

import math
import time
from collections.abc import Sequence
from random import Random

from .forms import Form
from .truncated_adder import input_state, limits_of, truncated_adder

__all__ = ["anneal", "sorted_forms"]

Truncation = tuple[int, int]
_PRICE = 3.0
_BLOCK = 4000
_STEP_S = 4e-6  # one adder of one evaluation, roughly
_HOT, _COLD = 2.0, 0.15


def sorted_forms(forms: dict[int, Form]) -> list[tuple[int, Form]] | None:
    """The forms in an order in which they can be built; None if there is a cycle."""
    done, order = {1}, []
    waiting = sorted(forms)
    while waiting:
        rest = []
        for w in waiting:
            form = forms[w]
            if form[0] in done and form[1] in done:
                order.append((w, form))
                done.add(w)
            else:
                rest.append(w)
        if len(rest) == len(waiting):
            return None
        waiting = rest
    return order


class _Evaluation:
    """Cost and price of forms with truncations."""

    def __init__(self, allowed: dict[int, int], input_width: int, signed: bool):
        self.allowed = allowed
        self.start = input_state(input_width, signed)
        self.limits = limits_of(input_width, signed)

    def __call__(
        self, order: Sequence[tuple[int, Form]], truncations: dict[int, Truncation]
    ) -> tuple[int, float]:
        states = {1: self.start}
        cost, price = 0, 0.0
        limits, allowed = self.limits, self.allowed
        for w, form in order:
            here, state = truncated_adder(
                w, form, states[form[0]], states[form[1]], truncations[w], limits
            )
            cost += here
            low, high = state[:2]
            if w in allowed:
                limit = allowed[w]
                if low > limit or high > limit:
                    price += 0.5 + math.log2((max(low, high) + 1) / (limit + 1))
            states[w] = state
        return cost, price


def anneal(
    forms: dict[int, Form],
    choices: dict[int, list[Form]],
    allowed: dict[int, int],
    input_width: int,
    signed: bool,
    *,
    deadline: float,
    random: Random,
    blocks: int = 4,
) -> tuple[int, list[tuple[int, Form]], list[Truncation]] | None:
    """Cost, forms in order and their truncations, of the best graph that keeps the bounds.

    ``forms`` must be acyclic; ``choices`` are the forms each fundamental may take.
    """
    evaluate = _Evaluation(allowed, input_width, signed)
    names = sorted(forms)
    deepest = max((limit.bit_length() for limit in allowed.values()), default=0)
    answer = None
    truncations: dict[int, Truncation] = dict.fromkeys(names, (0, 0))
    start = dict(forms), dict(truncations)
    for block in range(blocks):
        forms, truncations = dict(start[0]), dict(start[1])
        order = sorted_forms(forms)
        if order is None or time.monotonic() > deadline:
            break
        cost, price = evaluate(order, truncations)
        if answer is None and not price:
            answer = cost, order, [truncations[w] for w, _ in order]
        here = cost + _PRICE * price
        # A block that the deadline would stop while it is hot is of no use: it gets fewer steps.
        room = (deadline - time.monotonic()) / (blocks - block) / (_STEP_S * len(names))
        count = max(256, min(_BLOCK * max(1, len(names) // 6), int(room)))
        cooling = (_COLD / _HOT) ** (1 / count)
        heat = _HOT
        for step in range(count):
            heat *= cooling
            if not step & 255 and time.monotonic() > deadline:
                break
            w = random.choice(names)
            old_form, old_truncation = forms[w], truncations[w]
            kind = random.random()
            new_order = order
            if kind < 0.4 and len(choices[w]) > 1:
                # Cheap forms come first, and are tried more often.
                forms[w] = choices[w][int(len(choices[w]) * random.random() ** 2)]
                if forms[w] != old_form:
                    new_order = sorted_forms(forms)
                    if new_order is None:
                        forms[w] = old_form
                        continue
                if not forms[w].shift:
                    truncations[w] = (0, 0)
                elif kind < 0.2:
                    truncations[w] = _drawn(random, deepest)
            elif old_form.shift:
                truncations[w] = _moved(random, old_truncation, deepest)
            else:
                continue
            cost, price = evaluate(new_order, truncations)
            new = cost + _PRICE * price
            if new <= here or random.random() < math.exp((here - new) / heat):
                order, here = new_order, new
                if not price and (answer is None or cost < answer[0]):
                    answer = cost, order, [truncations[v] for v, _ in order]
                    start = dict(forms), dict(truncations)
            else:
                forms[w], truncations[w] = old_form, old_truncation
    return answer


def _drawn(random: Random, deepest: int) -> Truncation:
    amount = random.randrange(deepest + 1)
    return (amount, 0) if random.random() < 0.6 else (0, amount)


def _moved(random: Random, old: Truncation, deepest: int) -> Truncation:
    if random.random() < 0.3 or old == (0, 0):
        return _drawn(random, deepest)
    step = random.choice((-1, 1))
    left, right = old
    if left:
        return min(deepest, left + step), 0
    return 0, min(deepest, right + step)
