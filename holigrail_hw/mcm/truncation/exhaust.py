"""Every acyclic choice of forms for one set of fundamentals, and every truncation of each.

Forms are chosen fundamental by fundamental, those with few choices first. A branch is cut where its
cost plus lower bounds on the costs of the rest reach that of the best known graph.
"""

import time

from ..single.closure import OutOfTime
from ..single.forms import Form
from .anneal import Truncation, sorted_forms
from .given_graph import GraphTruncation

__all__ = ["Exhaustion"]

Bounded = dict[int, list[tuple[int, Form]]]


class Exhaustion:
    """Looks for graphs cheaper than ``best``.

    ``bounded`` has, for every fundamental, its forms with a lower bound on their cost when
    truncated, cheapest first. Each choice of forms gets at most ``steps`` branches.
    """

    def __init__(
        self,
        bounded: Bounded,
        allowed: dict[int, int],
        input_width: int,
        signed: bool,
        *,
        best: int,
        steps: int,
        deadline: float,
    ):
        self.bounded = bounded
        self.allowed = allowed
        self.input_width = input_width
        self.signed = signed
        self.best = best
        self.steps = steps
        self.deadline = deadline
        self.names = sorted(bounded, key=lambda w: (len(bounded[w]), w))
        self.complete = True
        self.answer: tuple[list[tuple[int, Form]], list[Truncation]] | None = None

    def run(self) -> bool:
        """Try everything; the best graph is then in ``best`` and ``answer``.

        Returns whether nothing was left out. Raises OutOfTime, with what was found so far kept.
        """
        least = [self.bounded[w][0][0] for w in self.names]
        self._rest = [sum(least[i:]) for i in range(len(least) + 1)]
        if self._rest[0] < self.best:
            self._select(0, 0, {})
        return self.complete

    def _select(self, index: int, cost: int, forms: dict[int, Form]) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfTime
        if index == len(self.names):
            order = sorted_forms(forms)
            if order is None:
                return
            graph = GraphTruncation(order, self.allowed, self.input_width, self.signed)
            if graph.rest[0] >= self.best:
                return
            best, truncations, complete = graph.exact_search(self.best, self.steps)
            self.complete &= complete
            if truncations is not None:
                self.best, self.answer = best, (order, truncations)
            return
        w = self.names[index]
        for least, form in self.bounded[w]:
            if cost + least + self._rest[index + 1] >= self.best:
                break
            if _reaches(form.left, w, forms) or _reaches(form.right, w, forms):
                continue
            forms[w] = form
            self._select(index + 1, cost + least, forms)
            del forms[w]


def _reaches(start: int, goal: int, forms: dict[int, Form]) -> bool:
    """Whether ``start`` is made from ``goal``, directly or indirectly."""
    stack = [start]
    while stack:
        here = stack.pop()
        if here == goal:
            return True
        form = forms.get(here)
        if form is not None:
            stack += form[:2]
    return False
