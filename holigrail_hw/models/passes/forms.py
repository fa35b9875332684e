"""A form of hardware for every formula: thresholds for few codes, else a product and a shift."""

import numpy as np

from holigrail_hw.models.certify.search import (
    even_form,
    literal_form,
    multiplier_form,
    slope_of,
    threshold_form,
)
from holigrail_hw.models.certify.staircases import MOST_CODES, staircase
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.forms import Form
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Node, Requantise

__all__ = ["PREFERENCES", "with_forms"]

PREFERENCES = ("auto", "thresholds", "multiplier")


def with_forms(
    graph: IntegerGraph,
    *,
    prefer: str = "auto",
    most_thresholds: int = 31,
    factor_bits: int = 31,
) -> IntegerGraph:
    """The graph with a form in every Requantise, equal to its formula for all sums that can occur.

    Operands of TFLite's sums keep their formula, which is integer arithmetic, and have no form.

    Parameters
    ----------
    graph : IntegerGraph
        A graph with formulas.
    prefer : str
        ``thresholds``, ``multiplier``, or ``auto``: thresholds up to ``most_thresholds``. Where no
        factor of ``factor_bits`` bits is exact, thresholds are taken in any case.
    most_thresholds : int
        See ``prefer``.
    factor_bits : int
        The widest factor to try.

    Raises
    ------
    ModelError
        If a formula has more than 4096 codes, and is no product and shift as it stands.
    """
    if prefer not in PREFERENCES:
        raise ModelError(f"{graph.name}: prefer must be one of {', '.join(PREFERENCES)}")
    # Sums that can occur are those of the formulas, whatever forms a file may have.
    graph = graph.changed(nodes=tuple(_bare(node) for node in graph.nodes))
    nodes = []
    for node in graph.nodes:
        if isinstance(node, Requantise):
            form = _form(graph, node, prefer, most_thresholds, factor_bits)
            node = node.changed(form=form)
        nodes.append(node)
    return graph.changed(nodes=tuple(nodes))


def _bare(node: Node) -> Node:
    return node.changed(form=None) if isinstance(node, Requantise) else node


def _form(
    graph: IntegerGraph, node: Requantise, prefer: str, most_thresholds: int, factor_bits: int
) -> Form | None:
    tensor, result = graph.tensors[node.inputs[0]], graph.tensors[node.name]
    label = f"{graph.name}: node {node.name}"
    formula = node.formula
    if result.high.max() - result.low.min() >= MOST_CODES:
        literal = literal_form(formula, factor_bits)
        if literal is not None:
            return literal
        if formula.kind == "twice_rounded":
            return None
    stairs = staircase(formula.apply, formula.direction, tensor.low, tensor.high, label)
    few = prefer == "auto" and len(stairs.places) <= most_thresholds
    if prefer == "thresholds" or few:
        return threshold_form(stairs)
    limits = formula.limits()
    found = multiplier_form(stairs, np.asarray(slope_of(formula, stairs)), limits, factor_bits)
    found = even_form(formula, factor_bits) if found is None else found
    return threshold_form(stairs) if found is None else found
