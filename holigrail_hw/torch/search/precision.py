"""The cheapest formats of all layers within a budget of loss.

The loss with only one layer changed is measured for every format (its sensitivity). If these add
up, the best choice is a small integer programme: one format for every layer, the sum of
sensitivities within the budget, the sum of costs minimal. They do not always, so what is found is
evaluated: where it misses the budget the programme gets a smaller one, and where there is room a
larger one; then neighbours of the best network are tried. Solvers come with PuLP.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from holigrail_hw.models.solver import solver_of
from holigrail_hw.ui.plots import scatter

from ..methods.base import checked_layers, judging
from .costs import Cost
from .layers import Choice, Layer, Rounded

__all__ = ["METHODS", "Pick", "Precision"]

METHODS = ("ilp", "greedy", "exhaustive")
_QUESTIONS = 4000
_REPAIRS = 8
# Sensitivities add up to too much as often as to too little.
_LARGER = (1.25, 1.5, 2.0)
_NEIGHBOURS = 60
_MOST_NEIGHBOURS = 20_000
_MOST_COMBINATIONS = 200_000


@dataclass(frozen=True)
class Pick:
    """Formats of layers by their paths, and what is known of them.

    Attributes
    ----------
    choices : dict of str to Choice
    cost : float
    excess : float
        Measured loss less that of the model itself.
    predicted : float
        The same as the sum of sensitivities.
    method : str
        How it was found.
    repairs : int
        How often the budget of the programme was tightened.
    optimal : bool
        Whether it is proved that nothing cheaper is within the budget: all was tried.
    evaluations : int
        Networks evaluated for it, sensitivities among them.
    """

    choices: dict[str, Choice]
    cost: float
    excess: float
    predicted: float
    method: str
    repairs: int = 0
    optimal: bool = False
    evaluations: int = 0

    @property
    def formats(self) -> dict[str, str]:
        """Names of the choices."""
        return {path: choice.name for path, choice in self.choices.items()}

    def __str__(self) -> str:
        return ", ".join(self.formats.values())


@dataclass
class Precision:
    """A search over the formats of linear layers and convolutions; the model stays as it is.

    Weights and inputs are rounded, with powers of two as scales; sums are as the model computes
    them.

    Parameters
    ----------
    model : torch.nn.Module
    samples : pair of Tensor
        Inputs and targets that the loss is measured on.
    choices : sequence, or mapping of paths to such
        Formats by their names, or :class:`Choice`; the first is the one to begin with.
    cost : callable
        Of a :class:`Layer` and a :class:`Choice`: :func:`.energy`, :func:`.luts` or one's own.
    budget : float
        Loss that may be added.
    measure : callable or None
        Of the model with its formats, for plots: accuracy, say.

    Raises
    ------
    ValueError
        Without a layer, for unknown paths, or a budget that is negative.
    """

    model: nn.Module
    samples: tuple[Tensor, Tensor]
    choices: Any
    cost: Cost
    budget: float
    loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy
    measure: Callable[[nn.Module], float] | None = None
    _known: dict[tuple[int, ...], float] = field(default_factory=dict, init=False, repr=False)
    measured: dict[tuple[int, ...], float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.budget >= 0:
            raise ValueError(f"precision: budget must not be negative, not {self.budget}")
        named = list(self.choices) if isinstance(self.choices, Mapping) else None
        kinds = (nn.Linear, nn.Conv2d)
        self._found = checked_layers("precision", self.model, named, kinds)
        self.paths = [*self._found]
        self.options = [
            [Choice.of(c) for c in (self.choices[p] if named is not None else self.choices)]
            for p in self.paths
        ]
        if not all(self.options):
            raise ValueError("precision: choices of a layer must be one format at least")
        self._made: dict[str, dict[Any, Any]] = {path: {} for path in self.paths}
        self._run(None)
        self.costs = [
            [float(self.cost(layer, choice)) for choice in options]
            for layer, options in zip(self.layers, self.options, strict=True)
        ]

    def _run(self, wanted: Sequence[tuple[int, ...]] | None) -> None:
        """Evaluate combinations; None: the model itself, and the sizes of its layers."""
        rounded = [Rounded(layer, self._made[path]) for path, layer in self._found.items()]
        sizes: dict[str, int] = {}
        hooks = [
            layer.register_forward_hook(_noting(sizes, path, len(layer.weight)))
            for path, layer in self._found.items()
        ]
        try:
            with judging(self.model):
                self.base = self._loss()
                for places in wanted or ():
                    for one, place, options in zip(rounded, places, self.options, strict=True):
                        one.choose(options[place])
                    self._known[places] = self._loss() - self.base
                    if self.measure is not None:
                        self.measured[places] = self.measure(self.model)
                if wanted is None:
                    self.layers = [
                        Layer(p, sizes[p] * layer.weight.numel(), layer.weight.numel())
                        for p, layer in self._found.items()
                    ]
                    self.sensitivities = self._each_alone(rounded)
        finally:
            for handle in hooks:
                handle.remove()
            for one in rounded:
                one.remove()

    def _loss(self) -> float:
        return float(self.loss(self.model(self.samples[0]), self.samples[1]))

    def _each_alone(self, rounded: list[Rounded]) -> list[list[float]]:
        found = []
        for one, options in zip(rounded, self.options, strict=True):
            row = []
            for choice in options:
                one.choose(choice)
                row.append(self._loss() - self.base)
            one.choose(None)
            found.append(row)
        return found

    @property
    def alone(self) -> int:
        """Networks evaluated for sensitivities."""
        return sum(map(len, self.options))

    def evaluate(self, combinations: Sequence[tuple[int, ...]]) -> list[float]:
        """Added losses of places of choices, layer by layer; what is known is not run again."""
        new = [c for c in dict.fromkeys(combinations) if c not in self._known]
        if new:
            self._run(new)
        return [self._known[c] for c in combinations]

    def cost_of(self, places: Sequence[int]) -> float:
        """The cost of places of choices, layer by layer."""
        return sum(row[place] for row, place in zip(self.costs, places, strict=True))

    def solve(self, method: str = "ilp", budget: float | None = None) -> Pick | None:
        """The cheapest formats found; None if no network tried is within the budget.

        Parameters
        ----------
        method : str
            ``ilp``; ``greedy``: from the first choices on, always the step that saves most and
            stays within the budget; ``exhaustive``: all combinations.
        budget : float or None
            Another one than that of the search.

        Raises
        ------
        ValueError
            For another method, or too many combinations.
        RuntimeError
            If there is no solver.
        """
        if method not in METHODS:
            raise ValueError(f"precision: method must be {', '.join(METHODS)}, not {method!r}")
        allowed = self.budget if budget is None else budget
        before = len(self._known)
        found = getattr(self, f"_{method}")(allowed)
        if found is None:
            return None
        places, repairs = found
        alone = self.alone if method == "ilp" else 0
        return Pick(
            choices={p: o[i] for p, o, i in zip(self.paths, self.options, places, strict=True)},
            cost=self.cost_of(places),
            excess=self.evaluate([places])[0],
            predicted=self._predicted(places),
            method=method,
            repairs=repairs,
            optimal=method == "exhaustive",
            evaluations=len(self._known) - before + alone,
        )

    def _predicted(self, places: Sequence[int]) -> float:
        rows = zip(self.sensitivities, places, strict=True)
        return sum(max(row[place], 0.0) for row, place in rows)

    def combinations(self) -> list[tuple[int, ...]]:
        """All of them; raises ValueError for more than 200,000."""
        count = math.prod(map(len, self.options))
        if count > _MOST_COMBINATIONS:
            raise ValueError(
                f"precision: there must be at most {_MOST_COMBINATIONS} combinations to try all,"
                f" not {count}"
            )
        return [*itertools.product(*(range(len(options)) for options in self.options))]

    def _exhaustive(self, budget: float) -> tuple[tuple[int, ...], int] | None:
        combinations = self.combinations()
        pairs = zip(combinations, self.evaluate(combinations), strict=True)
        within = [c for c, excess in pairs if excess <= budget]
        return (min(within, key=lambda c: (self.cost_of(c), c)), 0) if within else None

    def _greedy(self, budget: float) -> tuple[tuple[int, ...], int] | None:
        here = tuple([0] * len(self.paths))
        if self.evaluate([here])[0] > budget:
            return None
        while True:
            steps = [
                (*here[:at], place, *here[at + 1 :])
                for at, row in enumerate(self.costs)
                for place in range(len(row))
                if row[place] < row[here[at]]
            ]
            # The step that saves most comes first, so that few networks are evaluated.
            steps.sort(key=lambda places: (self.cost_of(places), places))
            better = next((s for s in steps if self.evaluate([s])[0] <= budget), None)
            if better is None:
                return here, 0
            here = better

    def _ilp(self, budget: float) -> tuple[tuple[int, ...], int] | None:
        allowed = budget
        for repair in range(_REPAIRS):
            places = self._programme(allowed) or self._safest()
            excess = self.evaluate([places])[0]
            if excess <= budget:
                return self._cheaper(places, budget), repair
            # What was found misses by so much; at least it must not be found again.
            allowed = min(allowed - (excess - budget), self._predicted(places) * (1 - 1e-9) - 1e-12)
            if allowed < 0:
                break
        places = self._safest()
        if self.evaluate([places])[0] <= budget:
            return self._cheaper(places, budget), _REPAIRS
        return None

    def _safest(self) -> tuple[int, ...]:
        """The choice of every layer with the least sensitivity, for there may be none within."""
        return tuple(row.index(min(row)) for row in self.sensitivities)

    def _cheaper(self, places: tuple[int, ...], budget: float) -> tuple[int, ...]:
        """What larger budgets of the programme give, if the loss is within the true one; then the
        cheapest networks that differ in a few layers, while they may be within it."""
        for factor in _LARGER:
            found = self._programme(budget * factor)
            if found is not None and self.cost_of(found) < self.cost_of(places):
                places = found if self.evaluate([found])[0] <= budget else places
        left = _NEIGHBOURS
        while left > 0:
            near = [
                other
                for other in self._neighbours(places)
                if self.cost_of(other) < self.cost_of(places)
                and self._predicted(other) <= budget * _LARGER[-1]
            ]
            near.sort(key=lambda other: (self.cost_of(other), other))
            for other in near[:left]:
                left -= 1
                if self.evaluate([other])[0] <= budget:
                    places = other
                    break
            else:
                break
        return places

    def _neighbours(self, places: tuple[int, ...]) -> set[tuple[int, ...]]:
        """Places that differ in one layer, in two, and if these are not too many in three."""
        most = max(map(len, self.options))
        layers = 3 if math.comb(len(places), 3) * most**3 <= _MOST_NEIGHBOURS else 2
        found = set()
        for group in itertools.combinations(range(len(places)), min(layers, len(places))):
            for chosen in itertools.product(*(range(len(self.options[at])) for at in group)):
                other = [*places]
                for at, place in zip(group, chosen, strict=True):
                    other[at] = place
                found.add(tuple(other))
        return found - {places}

    def _programme(self, budget: float) -> tuple[int, ...] | None:
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
                for at, options in enumerate(self.options)
            ]
            pairs = [
                (x, cost, max(loss, 0.0))
                for row, costs, losses in zip(chosen, self.costs, self.sensitivities, strict=True)
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
        if any(place is None for place in places) or self._predicted(places) > budget + 1e-9:  # type: ignore[arg-type]
            return None
        return tuple(place for place in places if place is not None)

    def plot(self, picks: Sequence[Pick], *, title: str = "Formats per layer") -> str:
        """All that was evaluated, cost over ``measure`` (else added loss), as SVG text.

        Labels stand at the picks, and where all layers have the same format.
        """
        values = self.measured if self.measure is not None else self._known
        sign = self.measure is not None
        names = [[c.name for c in options] for options in self.options]
        known = {
            tuple(o.index(pick.choices[p]) for p, o in zip(self.paths, self.options, strict=True))
            for pick in picks
        }
        points, labels, marked = [], [], []
        for places, value in values.items():
            chosen = [row[i] for row, i in zip(names, places, strict=True)]
            uniform = len({*chosen}) == 1
            points.append((self.cost_of(places), value))
            labels.append(chosen[0] if uniform else ", ".join(chosen))
            marked.append(places in known)
        return scatter(
            points,
            labels,
            marked,
            x_label="cost",
            y_label="measured" if sign else "added loss",
            title=title,
            large=(False, sign),
            line=False,
        )[0]


def _noting(sizes: dict[str, int], path: str, channels: int) -> Any:
    """A hook that notes for how many places a layer gives all its channels."""

    def note(_: Any, __: Any, result: Tensor) -> None:
        sizes[path] = result[0].numel() // channels

    return note
