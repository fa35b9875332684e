"""The cheapest options by integer linear programming.

A binary variable for every option of a layer, and one from 0 to 1 for every pair of lanes at a
join: it is 1 if both layers have these lanes. Those of a join add up to the options of either layer
with the same lanes, so that without limits a chain of layers needs no branching (the local polytope
of Wainwright and Jordan, 2008). Look-up tables are minimised; other resources count a little, and
have limits. Solvers come with PuLP: HiGHS, or else CBC.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from holigrail_hw.models.solver import solver_of

from .problem import PRICES, RESOURCES, Folding, Option, converter

__all__ = ["cheapest"]

# Above what any network here needs; see :mod:`holigrail_hw.models.solver`.
_QUESTIONS = 4000


def cheapest(
    folding: Folding,
    interval: int,
    limits: Mapping[str, int],
    prices: Mapping[str, int] = PRICES,
) -> tuple[list[Option], bool] | None:
    """An option for every layer, and whether it is proved that no others cost less.

    ``None`` if there are none within the interval and the limits, or without a solver.
    """
    try:
        import pulp
    except ImportError:
        return None
    layers = [layer.within(interval) for layer in folding.layers]
    if not all(layer.options for layer in layers):
        return None
    with warnings.catch_warnings():
        # PuLP warns about changes in its version 4, which a user can do nothing about.
        warnings.simplefilter("ignore")
        solver = solver_of(pulp, 0, _QUESTIONS)
        if solver is None:
            return None
        model, chosen = _model(pulp, folding, layers, interval, limits, prices)
        model.solve(solver)
    options = [
        next((o for o, x in zip(layer.options, row, strict=True) if (x.value() or 0) > 0.5), None)
        for layer, row in zip(layers, chosen, strict=True)
    ]
    if model.status != pulp.LpStatusOptimal or None in options:
        return None
    return options, model.sol_status == pulp.LpSolutionOptimal


def _model(
    pulp: Any,
    folding: Folding,
    layers: list[Any],
    interval: int,
    limits: Mapping[str, int],
    prices: Mapping[str, int],
) -> tuple[Any, list[list[Any]]]:
    model = pulp.LpProblem("folding", pulp.LpMinimize)
    chosen = [
        [pulp.LpVariable(f"x_{at}_{index}", cat="Binary") for index in range(len(layer.options))]
        for at, layer in enumerate(layers)
    ]
    spent = {
        name: pulp.lpSum(
            getattr(option, name) * x
            for layer, row in zip(layers, chosen, strict=True)
            for option, x in zip(layer.options, row, strict=True)
        )
        for name in RESOURCES
    }
    constraints = [pulp.lpSum(row) == 1 for row in chosen]
    for number, join in enumerate(folding.joins):
        given = _by_lanes(layers[join.producer], chosen[join.producer], lambda o: o.lanes_out)
        wanted = _by_lanes(
            layers[join.consumer], chosen[join.consumer], lambda o, at=join.operand: o.lanes_in[at]
        )
        pairs = {}
        for a in given:
            for b in wanted:
                luts, cycles = converter(join, a, b)
                if cycles <= interval:
                    pairs[a, b] = pulp.LpVariable(f"y_{number}_{a}_{b}", 0, 1)
                    spent["luts"] += luts * pairs[a, b]
        for place, groups in enumerate((given, wanted)):
            for lanes, some in groups.items():
                same = [y for pair, y in pairs.items() if pair[place] == lanes]
                constraints.append(pulp.lpSum(same) == pulp.lpSum(some))
    model += pulp.lpSum(prices[name] * spent[name] for name in RESOURCES)
    for constraint in constraints:
        model += constraint
    for name, limit in limits.items():
        model += spent[name] <= limit
    return model, chosen


def _by_lanes(layer: Any, row: list[Any], lanes: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for option, x in zip(layer.options, row, strict=True):
        found.setdefault(lanes(option), []).append(x)
    return found
