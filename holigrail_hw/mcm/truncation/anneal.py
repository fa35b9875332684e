"""Simulated annealing over forms and truncations of a given set of fundamentals together.

A move gives one adder another form, another truncation, or both. Graphs that exceed the error bound
are allowed on the way, at a price for every bit of excess; only those that keep it are answers.
The compiled search draws the same random numbers and gives the same answers.
"""

import math
import time
from collections.abc import Sequence
from random import Random

from ..single.forms import Form
from .adder_cost import input_state, limits_of, truncated_adder

__all__ = ["COLD", "HOT", "PRICE", "Annealing", "anneal", "sorted_forms"]

Truncation = tuple[int, int]
Answer = tuple[int, list[tuple[int, Form]], list[Truncation]]
PRICE = 3.0
HOT, COLD = 2.0, 0.15
_TOO_FAR = 1 << 40


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
            if low > _TOO_FAR or high > _TOO_FAR:
                return cost, math.inf
            if w in allowed:
                limit = allowed[w]
                if low > limit or high > limit:
                    price += 0.5 + math.log2((max(low, high) + 1) / (limit + 1))
            states[w] = state
        return cost, price


class Annealing:
    """Searches one set of fundamentals; ``answer`` is the best so far: cost, forms, truncations.

    ``forms`` must be acyclic; ``choices`` are the forms each fundamental may take, cheap ones
    first, and include ``forms``. ``allowed`` bounds the error of some fundamentals.
    """

    blocks_of = 4000
    step_s = 4e-6  # one adder of one evaluation, roughly

    def __init__(
        self,
        forms: dict[int, Form],
        choices: dict[int, list[Form]],
        allowed: dict[int, int],
        input_width: int,
        signed: bool,
        random: Random,
    ):
        self.names = sorted(forms)
        self.choices = choices
        self.random = random
        self.answer: Answer | None = None
        self._evaluate = _Evaluation(allowed, input_width, signed)
        self._deepest = max((limit.bit_length() for limit in allowed.values()), default=0)
        untouched: dict[int, Truncation] = dict.fromkeys(self.names, (0, 0))
        self._start = dict(forms), untouched

    def block(self, count: int, deadline: float) -> None:
        """Cool down once over ``count`` moves, starting from the best graph so far."""
        random, evaluate, names, choices = self.random, self._evaluate, self.names, self.choices
        forms, truncations = dict(self._start[0]), dict(self._start[1])
        order = sorted_forms(forms)
        assert order is not None
        cost, price = evaluate(order, truncations)
        if self.answer is None and not price:
            self.answer = cost, order, [truncations[w] for w, _ in order]
        here = cost + PRICE * price
        cooling = math.pow(COLD / HOT, 1 / count)
        heat = HOT
        for step in range(count):
            heat *= cooling
            if not step & 255 and time.monotonic() > deadline:
                break
            w = names[int(random.random() * len(names))]
            old_form, old_truncation = forms[w], truncations[w]
            kind = random.random()
            new_order = order
            if kind < 0.4 and len(choices[w]) > 1:
                # Cheap forms come first, and are tried more often.
                draw = random.random()
                forms[w] = choices[w][int(len(choices[w]) * (draw * draw))]
                if forms[w] != old_form:
                    new_order = sorted_forms(forms)
                    if new_order is None:
                        forms[w] = old_form
                        continue
                if not forms[w].shift:
                    truncations[w] = (0, 0)
                elif kind < 0.2:
                    truncations[w] = self._drawn()
            elif old_form.shift:
                truncations[w] = self._moved(old_truncation)
            else:
                continue
            cost, price = evaluate(new_order, truncations)
            new = cost + PRICE * price
            if new <= here or random.random() < math.exp((here - new) / heat):
                order, here = new_order, new
                if not price and (self.answer is None or cost < self.answer[0]):
                    self.answer = cost, order, [truncations[v] for v, _ in order]
                    self._start = dict(forms), dict(truncations)
            else:
                forms[w], truncations[w] = old_form, old_truncation

    def _drawn(self) -> Truncation:
        amount = int(self.random.random() * (self._deepest + 1))
        return (amount, 0) if self.random.random() < 0.6 else (0, amount)

    def _moved(self, old: Truncation) -> Truncation:
        if self.random.random() < 0.3 or old == (0, 0):
            return self._drawn()
        step = -1 if self.random.random() < 0.5 else 1
        left, right = old
        if left:
            return min(self._deepest, left + step), 0
        return 0, min(self._deepest, right + step)


def anneal(search: Annealing, *, seconds: float, deadline: float, blocks: int = 4) -> Answer | None:
    """The best graph after some blocks that take about ``seconds``.

    The number of moves does not depend on a clock, unless the deadline comes first.
    """
    size = len(search.names)
    room = int(seconds / (blocks * search.step_s * size))
    moves = max(256, min(search.blocks_of * max(1, size // 6), room))
    for _ in range(blocks):
        if time.monotonic() > deadline:
            break
        search.block(moves, deadline)
    return search.answer
