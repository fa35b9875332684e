"""Solutions of one request under several metrics, side by side, counted under every rule."""

from collections.abc import Sequence

from holigrail_hw.core.views import Table

from ..graph.counting import RULES, one_bit_adders
from ..single.problem import Solution

__all__ = ["cost_table"]

_CAPTION = (
    "One-bit adders under three counting rules: ours, and those of sat_mcm (exact graphs only) and "
    "da4ml. Proved: nothing better exists for that metric within the same limits."
)


def cost_table(solutions: Sequence[tuple[str, Solution]], chosen: Solution) -> Table:
    """One row per solution, named by what it minimises; ``chosen`` is the one that is built."""
    header = (
        "least",
        "adders",
        *(f"one-bit adders, {rule}" for rule in RULES),
        "adder depth",
        "worst error",
        "proved",
        "this design",
    )
    rows = []
    for name, found in solutions:
        problem, graph = found.problem, found.graph
        counts = [
            None
            if rule == "sat_mcm" and not graph.is_exact
            else one_bit_adders(graph, problem.input_width, signed=problem.signed, rule=rule)
            for rule in RULES
        ]
        rows.append(
            (
                name,
                found.adders,
                *counts,
                graph.depth,
                found.worst_error,
                found.proved,
                graph == chosen.graph,
            )
        )
    return Table("Cost beside other metrics", header, tuple(rows), _CAPTION)
