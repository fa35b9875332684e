"""The cheapest formats of all layers within a budget of loss.

The loss with only one layer changed is measured for every format (its sensitivity); solvers choose
by these, and evaluate what they choose (:mod:`.solvers`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.models.graph.front import Candidate, Front
from holigrail_hw.ui.plots import scatter

from .evaluation import Evaluation
from .layers import Choice
from .solvers import SOLVERS

__all__ = ["METHODS", "Pick", "Precision"]

METHODS = tuple(SOLVERS)


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
class Precision(Evaluation):
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
        Without a layer, for unknown paths, layers that the model does not call (attention reads
        weights of its projections), or a budget that is negative.
    """

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
        found = SOLVERS[method](self, allowed)
        if found is None:
            return None
        places, repairs = found
        alone = self.alone if method == "ilp" else 0
        return Pick(
            choices={p: o[i] for p, o, i in zip(self.paths, self.options, places, strict=True)},
            cost=self.cost_of(places),
            excess=self.evaluate([places])[0],
            predicted=self.predicted(places),
            method=method,
            repairs=repairs,
            optimal=method == "exhaustive",
            evaluations=len(self._known) - before + alone,
        )

    def front(self, picks: Sequence[Pick], *, cost: str = "cost") -> Front:
        """All that was evaluated, cost and ``measure`` (else added loss), for exports and reports.

        Parameters
        ----------
        picks : sequence of Pick
            What stands out.
        cost : str
            What the cost is called, with its unit.
        """
        values = self.measured if self.measure is not None else self._known
        names = [[c.name for c in options] for options in self.options]
        chosen = {
            tuple(o.index(pick.choices[p]) for p, o in zip(self.paths, self.options, strict=True))
            for pick in picks
        }
        points = []
        for places, value in values.items():
            own = [row[i] for row, i in zip(names, places, strict=True)]
            label = own[0] if len({*own}) == 1 else ", ".join(own)
            points.append(Candidate(self.cost_of(places), value, label, places in chosen))
        what = "added loss" if self.measure is None else "measured"
        return Front(cost, what, self.measure is not None, tuple(points))

    def plot(self, picks: Sequence[Pick], *, title: str = "Formats per layer") -> str:
        """The same as SVG text; labels stand at the picks, or everywhere if points are few."""
        front = self.front(picks)
        return scatter(
            [(point.cost, point.value) for point in front.points],
            [point.label for point in front.points],
            [point.chosen for point in front.points],
            x_label=front.cost,
            y_label=front.what,
            title=title,
            large=(False, front.more_is_better),
            line=False,
        )[0]
