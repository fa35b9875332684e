"""Channels last everywhere, without moving an element where weights can be moved instead.

Transposes run down through nodes that work element by element until they cancel, reach an output,
or end in a reshape to a vector. There they become a choice of elements, which runs on to the next
matrix and permutes its rows. At an input they become the order in which the host sends the frame.
What is left needs a memory in hardware and is named in the remarks.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Add, Linear, Meaning, Move, Node, Requantise

__all__ = ["settled_layout"]

Array = np.ndarray


def settled_layout(graph: IntegerGraph) -> IntegerGraph:
    """The graph with as few moves as these rules leave; it computes the same."""
    while True:
        for rule in (_at_input, _same, _composed, _downwards, _flattened, _into_matrix, _at_output):
            changed = rule(graph)
            if changed is not None:
                graph = changed
                break
        else:
            break
    left = [
        f"{graph.name}: node {node.name}, {node.how}: elements change their order, which takes a "
        "memory of one frame"
        for node in graph.nodes
        if isinstance(node, Move) and node.how in ("transpose", "select")
    ]
    return graph.changed(remarks=(*graph.remarks, *left))


def _replaced(graph: IntegerGraph, old: str, new: str, nodes: list[Node]) -> IntegerGraph:
    """Readers of one tensor read another."""
    nodes = [
        node.changed(inputs=tuple(new if name == old else name for name in node.inputs))
        if old in node.inputs
        else node
        for node in nodes
    ]
    outputs = tuple(
        port.changed(tensor=new) if port.tensor == old else port for port in graph.outputs
    )
    return graph.changed(nodes=tuple(nodes), outputs=outputs)


def _moves(graph: IntegerGraph, *kinds: str) -> list[Move]:
    return [node for node in graph.nodes if isinstance(node, Move) and node.how in kinds]


def _without(graph: IntegerGraph, *gone: Node) -> list[Node]:
    names = {node.name for node in gone}
    return [node for node in graph.nodes if node.name not in names]


def _is_same_order(shape: tuple[int, ...], order: tuple[int, ...]) -> bool:
    """Whether a transpose leaves every element in its place: only sizes of 1 are exchanged."""
    return [a for a in order if shape[a] != 1] == sorted(a for a in order if shape[a] != 1)


def _at_input(graph: IntegerGraph) -> IntegerGraph | None:
    """A transpose that is all that reads an input: the host orders the frame."""
    users = graph.users()
    for port in graph.inputs:
        readers = users.get(port.tensor, [])
        if len(readers) != 1 or any(out.tensor == port.tensor for out in graph.outputs):
            continue
        node = readers[0]
        inside = port.file_shape[1:] if len(port.file_shape) > 1 else port.file_shape
        order = port.order or tuple(range(len(inside)))
        direct = port.shape == tuple(inside[a] for a in order)
        if not isinstance(node, Move) or node.how != "transpose" or not direct:
            continue
        shape = tuple(port.shape[a] for a in node.numbers)
        moved = _transposing(node.numbers)
        formula = None if port.formula is None else port.formula.mapped(moved)
        new = port.changed(
            shape=shape, order=tuple(order[a] for a in node.numbers), formula=formula
        )
        inputs = tuple(new if other is port else other for other in graph.inputs)
        graph = graph.changed(inputs=inputs)
        return _replaced(graph, node.name, port.tensor, _without(graph, node))
    return None


def _same(graph: IntegerGraph) -> IntegerGraph | None:
    """Transposes that move nothing become reshapes; reshapes to the same shape go."""
    for node in _moves(graph, "transpose", "reshape"):
        shape = graph.tensors[node.inputs[0]].shape
        target = graph.tensors[node.name].shape
        if shape == target and (node.how == "reshape" or _is_same_order(shape, node.numbers)):
            return _replaced(graph, node.name, node.inputs[0], _without(graph, node))
        if node.how == "transpose" and _is_same_order(shape, node.numbers):
            new = node.changed(how="reshape", numbers=target)
            nodes = tuple(new if other is node else other for other in graph.nodes)
            return graph.changed(nodes=nodes)
    return None


def _composed(graph: IntegerGraph) -> IntegerGraph | None:
    """Two transposes, or two reshapes, one after the other are one."""
    by_name = {node.name: node for node in graph.nodes}
    for node in _moves(graph, "transpose", "reshape", "select"):
        before = by_name.get(node.inputs[0])
        if not isinstance(before, Move) or before.how != node.how:
            continue
        numbers = node.numbers
        if node.how != "reshape":
            numbers = tuple(before.numbers[a] for a in node.numbers)
        new = node.changed(inputs=before.inputs, numbers=numbers)
        nodes = [new if other is node else other for other in graph.nodes]
        return _swept(graph.changed(nodes=tuple(nodes)), before)
    return None


def _swept(graph: IntegerGraph, *candidates: Node) -> IntegerGraph:
    """Without those of the candidates that nothing reads any more."""
    read = {name for node in graph.nodes for name in node.inputs}
    read |= {port.tensor for port in graph.outputs}
    gone = [node for node in candidates if node.name not in read]
    return graph.changed(nodes=tuple(_without(graph, *gone)))


def _transposing(order: Any) -> Callable[[Array], Array]:
    return lambda a: a.transpose(order) if a.ndim == len(order) else a


def _selecting(index: Any) -> Callable[[Array], Array]:
    places = np.array(index, np.int64)
    return lambda a: a[places] if a.size > 1 else a


def _reshaping(old: tuple[int, ...], new: tuple[int, ...]) -> Callable[[Array], Array]:
    def move(array: Array) -> Array:
        if array.size == 1:
            return array.reshape([1] * len(new))
        return np.broadcast_to(array, old).reshape(new)

    return move


def _mapped(node: Any, move: Callable[[Array], Array]) -> dict[str, Any]:
    """The fields of an elementwise node for operands that were moved."""
    fields: dict[str, Any] = {}
    if isinstance(node, Requantise):
        fields["formula"] = node.formula.mapped(move)
        if node.form is not None:
            fields["form"] = node.form.mapped(move)
    if node.meaning is not None:
        fields["meaning"] = Meaning(move(node.meaning.factor), move(node.meaning.offset))
    return fields


def _downwards(graph: IntegerGraph) -> IntegerGraph | None:
    """A transpose, a reshape or a choice of elements changes places with what works on each."""
    by_name = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        if not isinstance(node, Requantise | Add):
            continue
        movers = [by_name.get(name) for name in node.inputs]
        first = movers[0]
        if not isinstance(first, Move) or first.how not in ("transpose", "select", "reshape"):
            continue
        alike = all(
            isinstance(m, Move) and (m.how, m.numbers) == (first.how, first.numbers) for m in movers
        )
        shapes = [graph.tensors[m.inputs[0]].shape for m in movers if isinstance(m, Move)]
        if not alike or len({*shapes}) != 1:
            continue
        old = graph.tensors[first.name].shape
        if first.how == "transpose":
            back = _transposing(tuple(int(a) for a in np.argsort(first.numbers)))
        elif first.how == "reshape":
            back = _reshaping(old, shapes[0])
        elif sorted(first.numbers) == [*range(shapes[0][0])]:
            back = _selecting(np.argsort(first.numbers))
        else:
            continue
        sources = tuple(m.inputs[0] for m in movers if isinstance(m, Move))
        inner = node.changed(name=f"{node.name}_before", inputs=sources, **_mapped(node, back))
        outer = first.changed(name=node.name, inputs=(inner.name,), meaning=node.meaning)
        nodes: list[Node] = []
        for other in graph.nodes:
            nodes += [inner, outer] if other is node else [other]
        changed = graph.changed(nodes=tuple(nodes))
        return _swept(changed, *(m for m in movers if isinstance(m, Move)))
    return None


def _flattened(graph: IntegerGraph) -> IntegerGraph | None:
    """A transpose before a reshape to a vector: the vector first, then a choice of its elements."""
    by_name = {node.name: node for node in graph.nodes}
    for node in _moves(graph, "reshape"):
        before = by_name.get(node.inputs[0])
        if len(node.numbers) != 1 or not isinstance(before, Move) or before.how != "transpose":
            continue
        shape = graph.tensors[before.inputs[0]].shape
        index = np.arange(int(np.prod(shape))).reshape(shape).transpose(before.numbers).reshape(-1)
        flat = node.changed(name=f"{node.name}_vector", inputs=before.inputs, meaning=None)
        order = tuple(int(i) for i in index)
        choice = node.changed(inputs=(flat.name,), how="select", numbers=order)
        nodes: list[Node] = []
        for other in graph.nodes:
            nodes += [flat, choice] if other is node else [other]
        return _swept(graph.changed(nodes=tuple(nodes)), before)
    return None


def _into_matrix(graph: IntegerGraph) -> IntegerGraph | None:
    """A permutation before a matrix permutes its rows instead."""
    by_name = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        before = by_name.get(node.inputs[0])
        if not isinstance(node, Linear) or node.window is not None:
            continue
        if not isinstance(before, Move) or before.how != "select":
            continue
        count = graph.tensors[before.inputs[0]].shape[0]
        if sorted(before.numbers) != [*range(count)]:
            continue
        weights = np.empty_like(node.weights)
        weights[np.array(before.numbers)] = node.weights
        new = node.changed(inputs=before.inputs, weights=weights)
        nodes = tuple(new if other is node else other for other in graph.nodes)
        return _swept(graph.changed(nodes=nodes), before)
    return None


def _at_output(graph: IntegerGraph) -> IntegerGraph | None:
    """A transpose or a reshape right before an output: the host orders the frame."""
    by_name = {node.name: node for node in graph.nodes}
    for place, port in enumerate(graph.outputs):
        node = by_name.get(port.tensor)
        if not isinstance(node, Move) or node.how not in ("transpose", "reshape"):
            continue
        inside = port.file_shape[1:] if len(port.file_shape) > 1 else port.file_shape
        before = graph.tensors[node.inputs[0]].shape
        if node.how == "transpose":
            if port.order or port.shape != inside:
                continue
            back = tuple(int(a) for a in np.argsort(node.numbers))
            move, order = _transposing(back), back
        else:
            if port.order or int(np.prod(before)) != int(np.prod(inside)):
                continue
            move, order = _reshaping(port.shape, before), ()
        meaning = port.meaning
        if meaning is not None:
            meaning = Meaning(move(meaning.factor), move(meaning.offset))
        new = port.changed(tensor=node.inputs[0], shape=before, order=order, meaning=meaning)
        outputs = tuple(new if i == place else other for i, other in enumerate(graph.outputs))
        return _swept(graph.changed(outputs=outputs), node)
    return None
