"""Limits of integers (a ReLU on codes) become limits of the formula before them.

They change places with a maximum over a window, as both only grow; what limits nothing goes.
"""

from dataclasses import replace

import numpy as np

from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Node, Pool, Requantise

__all__ = ["merged_limits"]


def merged_limits(graph: IntegerGraph) -> IntegerGraph:
    """The graph with as few separate limits as possible; it computes the same."""
    while True:
        for node in graph.nodes:
            changed = _merged(graph, node) if _limits_only(node) else None
            if changed is not None:
                graph = changed
                break
        else:
            return graph


def _limits_only(node: Node) -> bool:
    if not isinstance(node, Requantise) or not isinstance(node.formula, Affine):
        return False
    formula = node.formula
    same = (formula.factor == 1).all() and (formula.offset == 0).all()
    return bool(same) and formula.rounding != "sign" and node.form is None


def _merged(graph: IntegerGraph, node: Node) -> IntegerGraph | None:
    assert isinstance(node, Requantise) and isinstance(node.formula, Affine)
    formula = node.formula
    before = next((other for other in graph.nodes if other.name == node.inputs[0]), None)
    tensor = graph.tensors[node.inputs[0]]
    if formula.low <= tensor.low.min() and tensor.high.max() <= formula.high:
        return _renamed(graph, node, None)
    read = [other for other in graph.nodes if node.inputs[0] in other.inputs]
    shown = any(port.tensor == node.inputs[0] for port in graph.outputs)
    if before is None or len(read) > 1 or shown:
        return None
    if isinstance(before, Pool) and before.how == "maximum":
        size = len(graph.tensors[before.inputs[0]].shape)
        ones = np.asarray(formula.factor.reshape(-1)[:1].reshape([1] * size), object)
        inner = node.changed(
            name=f"{node.name}_inside",
            inputs=before.inputs,
            formula=replace(formula, factor=ones, offset=ones * 0),
        )
        pool = before.changed(name=node.name, inputs=(inner.name,), meaning=node.meaning)
        nodes: list[Node] = []
        for other in graph.nodes:
            if other is not before:
                nodes += [inner, pool] if other is node else [other]
        return graph.changed(nodes=tuple(nodes))
    if isinstance(before, Requantise) and before.form is None:
        old_low, old_high = before.formula.limits()
        if isinstance(before.formula, Affine) and before.formula.rounding == "sign":
            return None
        low, high = (min(max(v, formula.low), formula.high) for v in (old_low, old_high))
        new = before.changed(
            name=node.name,
            formula=replace(before.formula, low=low, high=high),
            meaning=node.meaning or before.meaning,
        )
        return _renamed(graph, before, new, node)
    return None


def _renamed(graph: IntegerGraph, old: Node, new: Node | None, *gone: Node) -> IntegerGraph:
    """One node in place of another, or its operand; without those that it makes superfluous."""
    target = old.inputs[0] if new is None else new.name
    nodes = []
    for node in graph.nodes:
        if node is old:
            nodes += [] if new is None else [new]
        elif node not in gone:
            nodes.append(node)
    if new is None:
        nodes = [
            node.changed(inputs=tuple(target if n == old.name else n for n in node.inputs))
            if old.name in node.inputs
            else node
            for node in nodes
        ]
    outputs = tuple(
        port.changed(tensor=target) if port.tensor == old.name else port for port in graph.outputs
    )
    return graph.changed(nodes=tuple(nodes), outputs=outputs)
