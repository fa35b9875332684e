"""How the cheapest formats within a budget of loss are looked for.

If sensitivities of layers add up, the best choice is a small integer programme: one format for
every layer, the sum of sensitivities within the budget, the sum of costs minimal. They do not
always, so what is found is evaluated: where it misses the budget the programme gets a smaller one,
and where there is room a larger one; then neighbours of the best network are tried. Solvers come
with PuLP.
"""

import itertools
import math
import warnings

from holigrail_hw.models.solver import solver_of

from .evaluation import Evaluation, Places

__all__ = ["SOLVERS", "exhaustive", "greedy", "ilp", "programme"]

_QUESTIONS = 4000
_REPAIRS = 8
# Sensitivities add up to too much as often as to too little.
_LARGER = (1.25, 1.5, 2.0)
_NEIGHBOURS = 60
_MOST_NEIGHBOURS = 20_000


def exhaustive(given: Evaluation, budget: float) -> tuple[Places, int] | None:
    """The cheapest of all combinations."""
    combinations = given.combinations()
    pairs = zip(combinations, given.evaluate(combinations), strict=True)
    within = [c for c, excess in pairs if excess <= budget]
    return (min(within, key=lambda c: (given.cost_of(c), c)), 0) if within else None


def greedy(given: Evaluation, budget: float) -> tuple[Places, int] | None:
    """From the first choices on, always the step that saves most and stays within the budget."""
    here = tuple([0] * len(given.paths))
    if given.evaluate([here])[0] > budget:
        return None
    while True:
        steps = [
            (*here[:at], place, *here[at + 1 :])
            for at, row in enumerate(given.costs)
            for place in range(len(row))
            if row[place] < row[here[at]]
        ]
        # The step that saves most comes first, so that few networks are evaluated.
        steps.sort(key=lambda places: (given.cost_of(places), places))
        better = next((s for s in steps if given.evaluate([s])[0] <= budget), None)
        if better is None:
            return here, 0
        here = better


def ilp(given: Evaluation, budget: float) -> tuple[Places, int] | None:
    """The programme's choice, evaluated, repaired, and improved while there is room."""
    allowed = budget
    for repair in range(_REPAIRS):
        places = programme(given, allowed) or given.safest()
        excess = given.evaluate([places])[0]
        if excess <= budget:
            return cheaper(given, places, budget), repair
        # What was found misses by so much; at least it must not be found again.
        allowed = min(allowed - (excess - budget), given.predicted(places) * (1 - 1e-9) - 1e-12)
        if allowed < 0:
            break
    places = given.safest()
    if given.evaluate([places])[0] <= budget:
        return cheaper(given, places, budget), _REPAIRS
    return None


def cheaper(given: Evaluation, places: Places, budget: float) -> Places:
    """What larger budgets of the programme give, if the loss is within the true one; then the
    cheapest networks that differ in a few layers, while they may be within it."""
    for factor in _LARGER:
        found = programme(given, budget * factor)
        if found is not None and given.cost_of(found) < given.cost_of(places):
            places = found if given.evaluate([found])[0] <= budget else places
    left = _NEIGHBOURS
    while left > 0:
        near = [
            other
            for other in neighbours(given, places)
            if given.cost_of(other) < given.cost_of(places)
            and given.predicted(other) <= budget * _LARGER[-1]
        ]
        near.sort(key=lambda other: (given.cost_of(other), other))
        for other in near[:left]:
            left -= 1
            if given.evaluate([other])[0] <= budget:
                places = other
                break
        else:
            break
    return places


def neighbours(given: Evaluation, places: Places) -> set[Places]:
    """Places that differ in one layer, in two, and if these are not too many in three."""
    most = max(map(len, given.options))
    layers = 3 if math.comb(len(places), 3) * most**3 <= _MOST_NEIGHBOURS else 2
    found = set()
    for group in itertools.combinations(range(len(places)), min(layers, len(places))):
        for chosen in itertools.product(*(range(len(given.options[at])) for at in group)):
            other = [*places]
            for at, place in zip(group, chosen, strict=True):
                other[at] = place
            found.add(tuple(other))
    return found - {places}


def programme(given: Evaluation, budget: float) -> Places | None:
    """The cheapest places by sensitivities; None if there are none."""
    import pulp

    with warnings.catch_warnings():
        # PuLP warns about changes in its version 4, which a user can do nothing about.
        warnings.simplefilter("ignore")
        solver = solver_of(pulp, 0, _QUESTIONS)
        if solver is None:
            raise RuntimeError("precision: HiGHS or CBC must be installed for ilp")
        model = pulp.LpProblem("precision", pulp.LpMinimize)
        chosen = [
            [pulp.LpVariable(f"x_{at}_{i}", cat="Binary") for i in range(len(options))]
            for at, options in enumerate(given.options)
        ]
        pairs = [
            (x, cost, max(loss, 0.0))
            for row, costs, losses in zip(chosen, given.costs, given.sensitivities, strict=True)
            for x, cost, loss in zip(row, costs, losses, strict=True)
        ]
        model += pulp.lpSum(cost * x for x, cost, _ in pairs)
        for row in chosen:
            model += pulp.lpSum(row) == 1
        model += pulp.lpSum(loss * x for x, _, loss in pairs) <= budget
        model.solve(solver)
        if model.status != pulp.LpStatusOptimal:
            return None
    places = [
        next((i for i, x in enumerate(row) if (x.value() or 0) > 0.5), None) for row in chosen
    ]
    if any(place is None for place in places) or given.predicted(places) > budget + 1e-9:  # type: ignore[arg-type]
        return None
    return tuple(place for place in places if place is not None)


SOLVERS = {"ilp": ilp, "greedy": greedy, "exhaustive": exhaustive}
"""Each gives places and how often its budget was tightened, or None where nothing is within."""
