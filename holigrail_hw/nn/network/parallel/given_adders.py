"""A node *adders* of the integer graph as the circuit that :mod:`holigrail_hw.mcm` builds."""

from collections.abc import Sequence

import numpy as np

from holigrail_hw.mcm.graph.adder_graph import Operand
from holigrail_hw.mcm.matrix.analysis import GraphAnalysis
from holigrail_hw.mcm.matrix.circuit import Fold, MatrixCircuit
from holigrail_hw.mcm.matrix.graph import MatrixAdder, MatrixGraph, RowTarget
from holigrail_hw.models.graph.nodes import Adders

__all__ = ["adders_of", "circuit_of", "not_wiring"]


def circuit_of(node: Adders) -> MatrixCircuit:
    """The same graph, bits that are lost and constants."""
    adders, cuts, folds = [], [], []
    for u, p, s, t, c, v, other, cut, d, k in node.adders.tolist():
        adders.append(MatrixAdder(Operand(u, p, s < 0), Operand(v, 0, other < 0)))
        cuts.append((t, cut))
        folds.append(Fold(c, d, k))
    rows = node.targets.tolist()
    targets = [RowTarget(None if u < 0 else u, p, s < 0) for u, p, s, _ in rows]
    graph = MatrixGraph(node.features, tuple(adders), tuple(targets))
    return MatrixCircuit(graph, tuple(cuts), tuple(folds), tuple(row[3] for row in rows))


def adders_of(circuit: MatrixCircuit) -> tuple[np.ndarray, np.ndarray]:
    """``adders`` and ``targets`` of a node."""
    graph = circuit.graph
    rows = [
        (a.left.node, a.left.shift, -1 if a.left.negative else 1, t, fold.left)
        + (a.right.node, -1 if a.right.negative else 1, cut, fold.right, fold.carry)
        for a, (t, cut), fold in zip(graph.adders, circuit.truncations, circuit.folds, strict=True)
    ]
    targets = [
        (-1 if t.node is None else t.node, t.shift, -1 if t.negative else 1, addend)
        for t, addend in zip(graph.targets, circuit.addends, strict=True)
    ]
    return np.array(rows, np.int64).reshape(-1, 10), np.array(targets, np.int64)


def not_wiring(node: Adders, ranges: Sequence[tuple[int, int]]) -> str | None:
    """Why hardware cannot have the constants of a node for operands of these ranges, if so."""
    try:
        GraphAnalysis((made := circuit_of(node)).graph, ranges).of(made)
    except ValueError as error:
        return str(error)
    return None
