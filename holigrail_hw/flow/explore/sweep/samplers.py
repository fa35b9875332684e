"""Which combinations of a space are looked at: all of them, some by chance, or by an optimiser.

A sampler gives batches of questions, and is told the points of one before it gives the next. What
it gives depends on the seed and on the points alone, not on how many designs are looked at at once
or how long they take: the same request gives the same points.

The optimisers are those of Optuna: ``tpe``, the tree-structured Parzen estimator for several
objectives (Ozaki et al., 2022), and ``nsga2`` (Deb et al., 2002).
"""

import importlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core.errors import RequestError, ToolError

from .point import Point, Question
from .space import Space

__all__ = ["SAMPLERS", "Sampler", "make"]

SAMPLERS = ("grid", "random", "tpe", "nsga2")
LARGEST_GRID = 1_000_000

Judge = Callable[[Sequence[Point]], list[list[float] | None]]
"""The objectives of points, small ones better; ``None`` for a point without."""

_BATCH = 24
# After how many draws in a row that bring nothing new an optimiser is given up.
_VAIN = 2000


@dataclass(frozen=True)
class Sampler:
    """Batches of questions; ``tell`` takes the points of the last one before the next is taken."""

    batches: Iterator[Iterable[Question]]
    tell: Callable[[list[Point]], None]
    most: int
    """No more questions than that will come."""


def make(space: Space, name: str | None, budget: int | None, seed: int, judge: Judge) -> Sampler:
    """A sampler by its name; without one the grid where the budget allows it, else chance.

    Raises
    ------
    RequestError
        If the grid is larger than the budget, or the budget is missing.
    ToolError
        If Optuna is missing.
    """
    chosen = name or ("grid" if budget is None or space.size <= budget else "random")
    most = space.size if budget is None else min(budget, space.size)
    if chosen == "grid":
        return Sampler(iter([_grid(space, budget)]), lambda points: None, most)
    if budget is None:
        raise RequestError(
            f"explore: --sampler {chosen} must come with --budget, not without",
            hint="--budget N looks at N combinations",
        )
    if budget >= space.size:
        # All of them: no sampler has more, and an optimiser would draw in vain for the last ones.
        return Sampler(iter([_grid(space, budget)]), lambda points: None, most)
    if chosen == "random":
        return Sampler(iter([_random(space, budget, seed)]), lambda points: None, most)
    told: list[list[Point]] = []
    batches = _optimised(space, chosen, budget, seed, judge, told)
    return Sampler(batches, told.append, most)


def _grid(space: Space, budget: int | None) -> Iterator[Question]:
    if budget is None and space.size > LARGEST_GRID:
        raise RequestError(
            f"explore: the grid must have at most {LARGEST_GRID} combinations without --budget,"
            f" not {space.size}",
            hint="--budget N looks at N of them; --sampler says which",
        )
    if budget is not None and space.size > budget:
        raise RequestError(
            f"explore: --sampler grid must have a budget for the whole grid,"
            f" {space.size} combinations, not {budget}",
            hint=f"one of {', '.join(SAMPLERS[1:])} chooses among them",
        )
    return (q for index in range(space.size) if (q := space.question(index)) is not None)


def _random(space: Space, budget: int, seed: int) -> Iterator[Question]:
    """Different combinations by chance, each as likely as any other.

    Conditions that hardly any of them meets end the search before the budget does.
    """
    for index, _ in zip(_shuffled(space.size, seed), range(LARGEST_GRID), strict=False):
        question = space.question(index)
        if question is not None:
            yield question
            budget -= 1
        if not budget:
            return


def _shuffled(size: int, seed: int) -> Iterator[int]:
    """All numbers below ``size`` in random order, without a list of them (Fisher and Yates)."""
    source, moved = random.Random(seed), dict[int, int]()
    for last in range(size - 1, -1, -1):
        place = source.randrange(last + 1)
        yield moved.get(place, place)
        moved[place] = moved.pop(last, last)


def _optimised(
    space: Space,
    name: str,
    budget: int,
    seed: int,
    judge: Judge,
    told: list[list[Point]],
) -> Iterator[list[Question]]:
    """Batches that Optuna asks for; combinations it has had already cost no budget."""
    optuna = _optuna()
    kind = {"tpe": optuna.samplers.TPESampler, "nsga2": optuna.samplers.NSGAIISampler}[name]
    options = {"population_size": min(50, max(8, budget // 8))} if name == "nsga2" else {}
    study, known, vain = None, {}, 0
    # The number of objectives is known when there are points: the first batch is drawn by chance.
    first = list(_random(space, min(_BATCH, budget), seed))
    batch, trials = first, []
    while batch:
        budget -= len(batch)
        yield batch
        values = dict(zip([q.index for q in batch], judge(told.pop()), strict=True))
        known |= values
        count = next((len(one) for one in known.values() if one is not None), 0)
        if study is None and count:
            study = optuna.create_study(
                directions=["minimize"] * count, sampler=kind(seed=seed, **options)
            )
            for index, value in known.items():
                _add(optuna, study, space, index, value)
        elif study is not None:
            for trial, index in trials:
                _tell(optuna, study, trial, known[index])
        batch, trials = [], []
        while study is not None and len(batch) < min(_BATCH, budget) and vain < _VAIN:
            trial = study.ask()
            index = space.index(
                [trial.suggest_int(str(n), 0, size - 1) for n, size in enumerate(space.sizes)]
            )
            vain += 1
            if index in known:
                _tell(optuna, study, trial, known[index])
            elif index in (other for _, other in trials):
                trials.append((trial, index))
            elif (question := space.question(index)) is None:
                _tell(optuna, study, trial, None)
            else:
                batch.append(question)
                trials.append((trial, index))
                vain = 0
        if study is None and budget:
            # Nothing legal yet: go on by chance.
            more = _random(space, len(known) + min(_BATCH, budget), seed)
            batch = [question for question in more if question.index not in known]


def _add(optuna: Any, study: Any, space: Space, index: int, value: list[float] | None) -> None:
    distributions = {
        str(n): optuna.distributions.IntDistribution(0, size - 1)
        for n, size in enumerate(space.sizes)
    }
    params = {str(n): digit for n, digit in enumerate(space.digits(index))}
    state = optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE
    study.add_trial(
        optuna.trial.create_trial(
            state=state, values=value, params=params, distributions=distributions
        )
    )


def _tell(optuna: Any, study: Any, trial: Any, value: list[float] | None) -> None:
    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, value)


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        raise ToolError(
            f"explore: this sampler needs the Python package {error.name}, which is missing",
            hint="pip install 'holigrail_hw[explore]', or --sampler random",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
