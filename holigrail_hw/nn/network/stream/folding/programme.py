"""The cheapest options by integer linear programming.

A binary variable for every option of a layer, and one for every pair of lanes at a join that is not
free: it is 1 if both layers have these lanes. Look-up tables are minimised; other resources count a
little, and have limits. Solvers come with PuLP: HiGHS, or else CBC.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from .problem import PRICES, RESOURCES, Folding, Option, converter

__all__ = ["cheapest"]

_SECONDS = 60


def cheapest(
    folding: Folding, interval: int, limits: Mapping[str, int]
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
        solver = _solver(pulp)
        if solver is None:
            return None
        model, chosen = _model(pulp, folding, layers, interval, limits)
        model.solve(solver)
    solved = model.status == pulp.LpStatusOptimal
    if not solved:
        return None
    options = [
        next(o for o, x in zip(layer.options, row, strict=True) if (x.value() or 0) > 0.5)
        for layer, row in zip(layers, chosen, strict=True)
    ]
    return options, model.sol_status == pulp.LpSolutionOptimal


def _solver(pulp: Any) -> Any:
    there = pulp.listSolvers(onlyAvailable=True)
    for name in ("HiGHS", "COIN_CMD", "PULP_CBC_CMD"):
        if name in there:
            return pulp.getSolver(name, msg=False, timeLimit=_SECONDS)
    return None


def _model(
    pulp: Any, folding: Folding, layers: list[Any], interval: int, limits: Mapping[str, int]
) -> tuple[Any, list[list[Any]]]:
    model = pulp.LpProblem("folding", pulp.LpMinimize)
    chosen = [
        [pulp.LpVariable(f"x_{at}_{index}", cat="Binary") for index in range(len(layer.options))]
        for at, layer in enumerate(layers)
    ]
    pairs, converted = [], []
    for number, join in enumerate(folding.joins):
        ends = (layers[join.producer], layers[join.consumer])
        given = _by_lanes(ends[0], chosen[join.producer], lambda o: o.lanes_out)
        wanted = _by_lanes(
            ends[1], chosen[join.consumer], lambda o, at=join.operand: o.lanes_in[at]
        )
        for a, some in given.items():
            for b, others in wanted.items():
                luts, cycles = converter(join, a, b)
                if cycles > interval:
                    pairs.append(pulp.lpSum(some) + pulp.lpSum(others) <= 1)
                elif luts:
                    both = pulp.LpVariable(f"y_{number}_{a}_{b}", 0, 1)
                    pairs.append(both >= pulp.lpSum(some) + pulp.lpSum(others) - 1)
                    converted.append(luts * both)
    spent = {
        name: pulp.lpSum(
            getattr(option, name) * x
            for layer, row in zip(layers, chosen, strict=True)
            for option, x in zip(layer.options, row, strict=True)
        )
        for name in RESOURCES
    }
    spent["luts"] += pulp.lpSum(converted)
    model += pulp.lpSum(PRICES[name] * spent[name] for name in RESOURCES)
    for row in chosen:
        model += pulp.lpSum(row) == 1
    for constraint in pairs:
        model += constraint
    for name, limit in limits.items():
        model += spent[name] <= limit
    return model, chosen


def _by_lanes(layer: Any, row: list[Any], lanes: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for option, x in zip(layer.options, row, strict=True):
        found.setdefault(lanes(option), []).append(x)
    return found
