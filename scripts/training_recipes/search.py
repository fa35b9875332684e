"""Formats per layer of the digits' network: integer programming beside all 343 combinations."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holigrail_hw.torch import methods, search

from .common import SEEDS, Bar, Digits, mlp, trained

__all__ = ["BUDGETS", "measured"]

BUDGETS = (0.005, 0.02, 0.05, 0.2)
CHOICES = ("int8", "fp8_e4m3", "int6", "int4", "fp4_e2m1", "int3", "int2")


def measured(place: Path | None, progress: Any) -> Iterator[tuple[str, Bar, float]]:
    """Bars; ``place`` gets the plot of the first seed."""
    digits = Digits()
    for seed in SEEDS:
        progress(f"search, seed {seed}")
        begun = time.process_time()
        model = trained(mlp, digits.flat[0], seed, 30)
        precision = search.Precision(
            model,
            digits.flat[0],
            CHOICES,
            search.energy(),
            BUDGETS[0],
            measure=lambda m: methods.accuracy(m, digits.flat[1]),
        )
        picks = []
        for budget in BUDGETS:
            ours = precision.solve("ilp", budget)
            greedy = precision.solve("greedy", budget)
            best = precision.solve("exhaustive", budget)
            assert ours is not None and greedy is not None and best is not None
            spent = time.process_time() - begun
            name = f"seed {seed}, budget {budget:g}"
            excess = 100 * (ours.cost / best.cost - 1)
            yield name, Bar(f"{ours}: above the optimum (%)", excess, 2, True), spent
            yield name, Bar("  added loss", ours.excess, budget, True), spent
            yield name, Bar("  energy (pJ a sample)", ours.cost), spent
            above = 100 * (greedy.cost / best.cost - 1)
            yield name, Bar(f"  greedy, {greedy}: above the optimum (%)", above), spent
            picks.append(ours)
        if place is not None and seed == SEEDS[0]:
            place.write_text(precision.plot(picks), encoding="utf-8")
