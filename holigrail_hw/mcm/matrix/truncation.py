"""Which low bits of operands a matrix adder graph can drop within a bound on every output.

Clearing bits of an operand saves one-bit adders in its adder and adds linearly to the error of
every output that depends on it (:mod:`.analysis`). With one choice per adder this is a
multiple-choice knapsack with one constraint per output. Three steps:

1. an integer linear program, one binary per adder, side and amount, for moderate graphs; or a
   greedy choice by saved bits per error, weighted by what each output has left;
2. ruin and recreate: choices of a few adders are undone, and the rest is filled greedily;
3. a polish on the exact analysis, which knows zeros that operands inherit and clearings they share.

Clearing an operand whose bits cannot pass through is useless, and of two that can, one is enough.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np

from .analysis import Analysis, GraphAnalysis
from .circuit import MatrixCircuit, exact_circuit
from .counting import width_of_range

__all__ = ["Truncated", "truncate_graph"]

_ILP_ADDERS = 100
_POLISHED_ADDERS = 150
_MARGIN = 1e-9


class Truncated(NamedTuple):
    """A truncated circuit, the engine that found it, and whether it never ran out of time."""

    circuit: MatrixCircuit
    engine: str
    complete: bool


class _Choice(NamedTuple):
    amounts: tuple[int, int]
    saved: int
    error: np.ndarray


def truncate_graph(
    analysis: GraphAnalysis,
    bounds: Sequence[int],
    *,
    centred: bool = True,
    time_limit: float = 5.0,
    iterations: int = 300,
    seed: int = 0,
    thorough: bool = True,
) -> Truncated:
    """The graph with operands truncated, and no output off by more than its bound.

    Parameters
    ----------
    bounds : sequence of int
        Allowed magnitude of output minus exact product, in units of the output's lowest bit.
    centred : bool
        Errors may span twice the bound: a constant can then centre them. Otherwise both ends
        stay within the bound without one.
    time_limit : float
        Seconds, at most half of them for the linear program.
    iterations : int
        Repetitions of ruin and recreate.
    thorough : bool
        With the linear program and the polish.
    """
    problem = _Problem(analysis, bounds, centred)
    begin = time.monotonic()
    engine, chosen, optimal = "greedy", None, True
    if thorough and any(problem.options) and len(problem.options) <= _ILP_ADDERS:
        chosen, optimal = _linear_program(problem, time_limit / 2)
        engine = "greedy" if chosen is None else "ilp"
    random = Random(seed)
    best = problem.filled([-1] * len(problem.options) if chosen is None else chosen, None)
    value = problem.saved(best)
    done = 0
    while done < iterations and time.monotonic() - begin <= time_limit:
        done += 1
        new = problem.filled(problem.ruined(best, random), random)
        if problem.saved(new) >= value:
            best, value = new, problem.saved(new)
    circuit = replace(
        exact_circuit(analysis.graph),
        truncations=tuple(
            options[pick].amounts if pick >= 0 else (0, 0)
            for options, pick in zip(problem.options, best, strict=True)
        ),
    )
    polished, finished = problem.polished(circuit, begin + 2 * time_limit, thorough)
    return Truncated(polished, engine, done == iterations and optimal and finished)


class _Problem:
    """Options of every adder, by how much they lose; a choice is an index, or -1 for none."""

    def __init__(self, analysis: GraphAnalysis, bounds: Sequence[int], centred: bool):
        self.analysis, self.bounds, self.centred = analysis, bounds, centred
        graph = analysis.graph
        exact = analysis.of(exact_circuit(graph))
        weights = [analysis.weights(index) for index in range(len(graph.targets))]
        # Errors below and above of every output, as fractions of what is allowed.
        self.limits = [max(bound, 0) * (2 if centred else 1) for bound in bounds]
        self.places = len(bounds) * (1 if centred else 2)
        self.options: list[list[_Choice]] = []
        for index, (adder, facts) in enumerate(zip(graph.adders, exact.adders, strict=True)):
            node = graph.inputs + index
            seen = [(j, w[node]) for j, w in enumerate(weights) if node in w]
            found: list[_Choice] = []
            for side, operand in enumerate(adder.operands):
                if adder.operands[1 - side].negative or not facts.cost:
                    continue
                ends = (facts.left, facts.right)[side]
                most = max(1, width_of_range(*ends) - operand.shift)
                known = facts.zeros[side] - operand.shift
                for amount in range(known + 1, most + 1):
                    saved = min(facts.cost, amount + operand.shift - facts.passed)
                    if saved <= 0:
                        continue
                    size = (1 << amount) - (1 << known) << operand.shift
                    error = self._error(seen, -size if operand.negative else size)
                    if error is None:
                        break
                    found.append(_Choice((amount, 0) if side == 0 else (0, amount), saved, error))
            found.sort(key=lambda choice: (choice.saved, float(choice.error.sum())))
            self.options.append(_undominated(found))

    def _error(self, seen: list[tuple[int, int]], size: int) -> np.ndarray | None:
        """Fractions of the allowed errors that losing ``size`` at a node uses; None if too much."""
        parts = np.zeros(self.places)
        for j, weight in seen:
            error = weight * size
            if abs(error) > self.limits[j]:
                return None
            place = j if self.centred else 2 * j + (error < 0)
            parts[place] = abs(error) / self.limits[j]
        return parts

    def saved(self, picks: list[int]) -> int:
        """One-bit adders that a choice saves, counted adder by adder."""
        return sum(
            options[pick].saved
            for options, pick in zip(self.options, picks, strict=True)
            if pick >= 0
        )

    def ruined(self, picks: list[int], random: Random) -> list[int]:
        """The choice with the picks of some adders undone or made smaller."""
        new = list(picks)
        used = [index for index, pick in enumerate(picks) if pick >= 0]
        if used:
            for index in random.sample(used, min(len(used), random.randint(1, 6))):
                new[index] = -1 if random.random() < 0.5 else picks[index] - 1
        return new

    def filled(self, picks: list[int], random: Random | None) -> list[int]:
        """The choice with larger picks while they fit, best ratio of gain to error first."""
        new = list(picks)
        left = np.ones(self.places)
        for options, pick in zip(self.options, new, strict=True):
            if pick >= 0:
                left -= options[pick].error
        gains = np.zeros(len(new))
        errors = np.zeros((len(new), self.places))
        noise = np.ones(len(new))
        if random is not None:
            noise = np.random.default_rng(random.getrandbits(32)).uniform(0.6, 1.0, len(new))

        def prepare(index: int) -> None:
            options, pick = self.options[index], new[index]
            gains[index] = 0.0
            if pick + 1 < len(options):
                before = options[pick] if pick >= 0 else None
                gains[index] = options[pick + 1].saved - (before.saved if before else 0)
                errors[index] = options[pick + 1].error - (before.error if before else 0.0)

        for index in range(len(new)):
            prepare(index)
        while True:
            # The margin keeps rounding of these sums on the safe side.
            fits = ((errors <= left - _MARGIN) | (errors <= 0)).all(axis=1) & (gains > 0)
            if not fits.any():
                return new
            weight = errors.clip(0) @ (1.0 / np.maximum(left, 1e-6))
            index = int(np.argmax(np.where(fits, noise * gains / (weight + 1e-12), -1.0)))
            new[index] += 1
            left -= errors[index]
            prepare(index)

    def polished(
        self, circuit: MatrixCircuit, deadline: float, thorough: bool
    ) -> tuple[MatrixCircuit, bool]:
        """Change amounts one by one as long as the exact analysis finds it cheaper and allowed.

        Also returns whether it finished before the deadline. Only what is not allowed is undone if
        not ``thorough``.
        """
        while not self.allowed(self.analysis.of(circuit)):
            # Reached only through rounding of the sums above: undo the smallest loss.
            index = max(range(len(circuit.truncations)), key=lambda i: sum(circuit.truncations[i]))
            circuit = _changed(
                circuit, index, tuple(max(0, t - 1) for t in circuit.truncations[index])
            )
        cost = self.analysis.of(circuit).one_bit_adders
        improved = thorough and len(circuit.truncations) <= _POLISHED_ADDERS
        while improved:
            improved = False
            for index, (left, right) in enumerate(circuit.truncations):
                for pair in ((left + 1, right), (left, right + 1), (max(0, left - 1), right)):
                    if time.monotonic() > deadline:
                        return circuit, False
                    if pair == (left, right):
                        continue
                    new = _changed(circuit, index, pair)
                    found = self.analysis.of(new)
                    if found.one_bit_adders < cost and self.allowed(found):
                        circuit, cost, improved = new, found.one_bit_adders, True
                        break
        return circuit, True

    def allowed(self, found: Analysis) -> bool:
        """Whether the proved errors keep the bounds."""
        if self.centred:
            return all(
                high - low <= 2 * b
                for (low, high), b in zip(found.errors, self.bounds, strict=True)
            )
        return all(
            max(-low, high) <= b for (low, high), b in zip(found.errors, self.bounds, strict=True)
        )


def _changed(circuit: MatrixCircuit, index: int, pair: Any) -> MatrixCircuit:
    cuts = list(circuit.truncations)
    cuts[index] = pair
    return replace(circuit, truncations=tuple(cuts))


def _undominated(found: list[_Choice]) -> list[_Choice]:
    kept: list[_Choice] = []
    for choice in found:
        while kept and (kept[-1].error >= choice.error).all():
            kept.pop()
        if not kept or choice.saved > kept[-1].saved:
            kept.append(choice)
    return kept


def _linear_program(problem: _Problem, seconds: float) -> tuple[list[int] | None, bool]:
    """The best choice by HiGHS, or None if time ran out first; whether time played no part.

    PuLP is optional.
    """
    try:
        import pulp
    except ImportError:
        return None, True
    with warnings.catch_warnings():
        # PuLP warns about changes in its version 4, which a user can do nothing about.
        warnings.simplefilter("ignore")
        if "HiGHS" not in pulp.listSolvers(onlyAvailable=True):
            return None, True
        model: Any = pulp.LpProblem("truncation", pulp.LpMaximize)
        flags = [
            [pulp.LpVariable(f"t{index}_{k}", 0, 1, "Binary") for k in range(len(options))]
            for index, options in enumerate(problem.options)
        ]
        model += pulp.lpSum(
            choice.saved * flag
            for options, row in zip(problem.options, flags, strict=True)
            for choice, flag in zip(options, row, strict=True)
        )
        for row in flags:
            if len(row) > 1:
                model += pulp.lpSum(row) <= 1
        for place in range(problem.places):
            terms = [
                float(choice.error[place]) * flag
                for options, row in zip(problem.options, flags, strict=True)
                for choice, flag in zip(options, row, strict=True)
                if choice.error[place]
            ]
            if terms:
                model += pulp.lpSum(terms) <= 1 - 1e-9
        model.solve(pulp.HiGHS(msg=False, timeLimit=max(0.2, seconds)))
    picks = []
    for row in flags:
        values = [flag.value() or 0.0 for flag in row]
        chosen = [k for k, value in enumerate(values) if value > 0.5]
        picks.append(chosen[0] if chosen else -1)
    errors = sum(
        (
            options[pick].error
            for options, pick in zip(problem.options, picks, strict=True)
            if pick >= 0
        ),
        np.zeros(problem.places),
    )
    finished = model.sol_status == pulp.LpSolutionOptimal
    feasible = (errors <= 1 + 1e-9).all() and any(p >= 0 for p in picks)
    return (picks if feasible else None), finished
