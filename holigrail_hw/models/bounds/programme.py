"""The cheapest formats within an error, by integer linear programming.

A binary variable for every candidate of every signal, one of which is 1. The error of an output
over a box is the sum of what the chosen candidates add, between two ends; both must stay within the
limit. Boxes whose constraints do not bind are many, so constraints are added as they are violated.
A cost of two candidates together has a variable of its own. Solvers come with PuLP: HiGHS, or CBC.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.errors import package
from holigrail_hw.models.solver import solver_of

__all__ = ["Pair", "Table", "Width", "cheapest"]

# About a minute's work, see :mod:`holigrail_hw.models.solver`.
_QUESTIONS = 600
_GAP = 0.002
_ROUNDS = 40
_AT_ONCE = 16
_TOLERANCE = 1e-9
# Shares of a limit beyond this are all the same; solvers do not take numbers of any size.
_LARGEST = 1e5


@dataclass(frozen=True, eq=False)
class Table:
    """What each candidate of a signal adds, (candidates, constraints), from ``low`` to ``high``."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Pair:
    """What candidates of two signals cost together: (candidates of one, candidates of other)."""

    one: int
    other: int
    cost: np.ndarray


@dataclass(frozen=True, eq=False)
class Width:
    """Two signals whose bits, given for all candidates, must not be more than ``most`` together."""

    one: int
    other: int
    bits: tuple[Sequence[int], Sequence[int]]
    most: int


def cheapest(
    alone: Sequence[np.ndarray],
    pairs: Sequence[Pair],
    widths: Sequence[Width],
    tables: Sequence[Table],
    limits: np.ndarray,
    start: Sequence[int],
) -> list[int] | None:
    """The place of the candidate of every signal; ``None`` if none are within the limits.

    Parameters
    ----------
    alone : sequence of numpy.ndarray
        What each candidate of a signal costs.
    pairs : sequence of Pair
        What is to be added for two of them.
    widths : sequence of Width
        What two of them may have together.
    tables : sequence of Table
        One for every signal, in units of anything; ``limits`` (constraints,) in the same.
    start : sequence of int
        Places whose violated constraints are there from the beginning.

    Raises
    ------
    ModelError
        If no solver is installed.
    """
    pulp = package("pulp", "certify")
    # An error is a constraint twice: its upper end, and the negative of its lower end.
    both = (np.concatenate([t.high, -t.low], axis=1) for t in tables)
    rows = [np.clip(row / np.tile(limits, 2), -_LARGEST, _LARGEST) for row in both]
    active = _violated(rows, start, -np.inf)
    active += [int(row[len(row) // 2].argmax()) for row in rows]
    active = [*dict.fromkeys(active)]
    with warnings.catch_warnings():
        # PuLP warns about changes in its version 4, which a user can do nothing about.
        warnings.simplefilter("ignore")
        for _ in range(_ROUNDS):
            chosen = _solved(pulp, (alone, pairs, widths), rows, active)
            if chosen is None:
                return None
            more = [c for c in _violated(rows, chosen, 1 + _TOLERANCE) if c not in active]
            if not more:
                return chosen
            active += more
    return None


def _violated(rows: Sequence[np.ndarray], chosen: Sequence[int], limit: float) -> list[int]:
    """The worst constraints above a limit."""
    total = sum(row[at] for row, at in zip(rows, chosen, strict=True))
    worst = np.argsort(-np.asarray(total))[:_AT_ONCE]
    return [int(c) for c in worst if np.asarray(total)[c] > limit]


def _solved(
    pulp: Any,
    costs: tuple[Sequence[np.ndarray], Sequence[Pair], Sequence[Width]],
    rows: Sequence[np.ndarray],
    active: Sequence[int],
) -> list[int] | None:
    alone, pairs, widths = costs
    model = pulp.LpProblem("formats", pulp.LpMinimize)
    chosen = [
        [pulp.LpVariable(f"x_{s}_{f}", cat="Binary") for f in range(len(row))]
        for s, row in enumerate(alone)
    ]
    spent = [
        (x, float(c))
        for row, xs in zip(alone, chosen, strict=True)
        for c, x in zip(row, xs, strict=True)
    ]
    constraints = [pulp.lpSum(row) == 1 for row in chosen]
    for index, pair in enumerate(pairs):
        spent += _together(pulp, index, pair, chosen, constraints)
    for width in widths:
        both = [
            (x, bits)
            for place, row in zip((width.one, width.other), width.bits, strict=True)
            for x, bits in zip(chosen[place], row, strict=True)
        ]
        constraints.append(pulp.LpAffineExpression(both) <= width.most)
    model += pulp.LpAffineExpression(spent)
    for constraint in constraints:
        model += constraint
    for at in active:
        error = [
            (x, float(v))
            for row, xs in zip(rows, chosen, strict=True)
            for v, x in zip(row[:, at], xs, strict=True)
        ]
        model += pulp.LpAffineExpression(error) <= 1
    solver = solver_of(pulp, _GAP, _QUESTIONS)
    model.solve(solver)
    found = [[x.value() or 0 for x in row] for row in chosen]
    if model.status != pulp.LpStatusOptimal or any(max(row) < 0.5 for row in found):
        return None
    return [max(range(len(row)), key=lambda f, row=row: row[f]) for row in found]


def _together(
    pulp: Any, index: int, pair: Pair, chosen: list[list[Any]], constraints: list[Any]
) -> list[Any]:
    """Variables for two candidates together, which sum to those of each."""
    count, others = pair.cost.shape
    names = [[f"y_{index}_{f}_{g}" for g in range(others)] for f in range(count)]
    both = [[pulp.LpVariable(name, 0, 1) for name in row] for row in names]
    constraints += [pulp.lpSum(row) == x for row, x in zip(both, chosen[pair.one], strict=True)]
    columns = zip(*both, strict=True)
    constraints += [pulp.lpSum(ys) == x for ys, x in zip(columns, chosen[pair.other], strict=True)]
    return [
        (y, float(c))
        for costs, row in zip(pair.cost, both, strict=True)
        for c, y in zip(costs, row, strict=True)
    ]
