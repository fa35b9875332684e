"""Matrix adder graphs in the text form of :mod:`.text_forms`, with vectors for factors.

``{{'A',[1,2],1,[1,0],0,0,[0,1],0,1},{'O',[-2,-4],1,[-1,-2],1,1}}`` over two inputs: every factor is
a list with one coefficient per input. An adder ('A') has its vector and depth, and per operand
vector, depth and shift; a negated vector is a subtracted operand, equal negative shifts are a right
shift of the sum. A register ('R') repeats a value one depth later; an output ('O') has the row, its
depth, the vector, its depth and a shift. Inputs are the unit vectors and need no item.
"""

import re
from collections.abc import Sequence

from ..graph.adder_graph import Operand
from ..problem.errors import GraphError
from .graph import MatrixAdder, MatrixGraph, Row, RowTarget

__all__ = ["from_vector_text", "to_vector_text"]

_WHO = "matrix text form"
_ITEM = re.compile(r"\{\s*'([A-Z])'\s*,([^{}]*)\}")
_FIELD = re.compile(r"\[([-\d,\s]*)\]|(-?\d+)")
_FIELDS = {"A": "vdvdsvds", "R": "vdvd", "O": "vdvds"}


def to_vector_text(graph: MatrixGraph) -> str:
    """The text of a graph."""
    items = []
    for node, adder in enumerate(graph.adders, start=graph.inputs):
        parts = [
            f"{_written(graph.vectors[o.node], o.negative)},{graph.depths[o.node]},{o.shift}"
            for o in adder.operands
        ]
        vector = _written(graph.vectors[node], False)
        items.append(f"{{'A',{vector},{graph.depths[node]},{','.join(parts)}}}")
    for target, row in zip(graph.targets, graph.matrix, strict=True):
        vector, depth = row, 0
        if target.node is not None:
            vector, depth = graph.vectors[target.node], graph.depths[target.node]
        made = f"{_written(row, False)},{depth},{_written(vector, target.negative)},{depth}"
        items.append(f"{{'O',{made},{target.shift}}}")
    return "{" + ",".join(items) + "}"


def from_vector_text(text: str) -> MatrixGraph:
    """Read the text; raises GraphError if it is malformed or its vectors do not fit."""
    found = _ITEM.findall(text)
    if not found or re.sub(r"[\s,]", "", _ITEM.sub("", text)) != "{}":
        raise GraphError(f"{_WHO}: must be {{{{..}},{{..}}}} of items 'A', 'R' and 'O'")
    items = [(kind, *_fields(kind, body)) for kind, body in found]
    inputs = len(items[0][1][0])
    if not inputs or any(len(vector) != inputs for _, vectors, _ in items for vector in vectors):
        raise GraphError(f"{_WHO}: vectors must be equally long, one coefficient per input")
    reader = _Reader(inputs)
    for kind, vectors, numbers in sorted(
        items, key=lambda item: (item[0] == "O", item[0] != "O" and item[2][0])
    ):
        if kind == "A":
            reader.add(vectors, (numbers[2], numbers[4]))
        elif kind == "O":
            reader.output(vectors[0], vectors[1], numbers[2])
    if not reader.targets:
        raise GraphError(f"{_WHO}: must have outputs, items 'O'")
    return MatrixGraph(inputs, tuple(reader.adders), tuple(reader.targets)).check()


class _Reader:
    """Nodes are identified by their vector without sign and powers of two."""

    def __init__(self, inputs: int):
        self.inputs = inputs
        self.adders: list[MatrixAdder] = []
        self.targets: list[RowTarget] = []
        self.nodes: dict[Row, tuple[int, int, bool]] = {}
        for index in range(inputs):
            self.nodes[tuple(int(index == place) for place in range(inputs))] = (index, 0, False)

    def term(self, vector: Row, what: Row) -> tuple[int, int, bool]:
        """Node, shift and sign that give ``vector``; the shift may be negative."""
        core, shift, negative = _core(vector)
        if core not in self.nodes:
            raise GraphError(f"{_WHO}: {list(what)} uses {list(vector)} before it is made")
        node, own_shift, own_negative = self.nodes[core]
        return node, shift - own_shift, negative != own_negative

    def add(self, vectors: Sequence[Row], shifts: tuple[int, int]) -> None:
        """An adder; nothing if its vector is there already."""
        made, *operands = vectors
        low = min(*shifts, 0)
        total = _sum(operands, [shift - low for shift in shifts])
        if not any(made) or total != tuple(value << -low for value in made):
            given = " + ".join(f"{list(v)} * 2^{s}" for v, s in zip(operands, shifts, strict=True))
            raise GraphError(f"{_WHO}: {list(made)} is not {given}")
        core, shift, negative = _core(total)
        if core in self.nodes:
            return
        sides = [
            (node, more + given, minus)
            for given, (node, more, minus) in zip(
                shifts, (self.term(vector, made) for vector in operands), strict=True
            )
        ]
        sides.sort(key=lambda side: -side[1])
        lowest = sides[1][1]
        both = all(minus for _, _, minus in sides)
        left, right = (
            Operand(node, places - lowest, minus and not both) for node, places, minus in sides
        )
        self.adders.append(MatrixAdder(left, right))
        node = self.inputs + len(self.adders) - 1
        self.nodes[core] = (node, shift + low - lowest, negative != both)

    def output(self, row: Row, vector: Row, shift: int) -> None:
        """A target; zero needs no node."""
        if shift < 0 or tuple(value << shift for value in vector) not in (row, _minus(row)):
            raise GraphError(f"{_WHO}: output {list(row)} is not {list(vector)} << {shift}")
        if not any(row):
            self.targets.append(RowTarget(None))
            return
        node, places, negative = self.term(row, row)
        if places < 0:
            raise GraphError(f"{_WHO}: output {list(row)} must be no right shift of a node")
        self.targets.append(RowTarget(node, places, negative))


def _core(vector: Row) -> tuple[Row, int, bool]:
    """The vector without common powers of two and with a positive first coefficient."""
    bits = 0
    for value in vector:
        bits |= abs(value)
    shift = (bits & -bits).bit_length() - 1 if bits else 0
    negative = next((value < 0 for value in vector if value), False)
    return tuple((-v if negative else v) >> shift for v in vector), shift, negative


def _sum(vectors: Sequence[Row], shifts: Sequence[int]) -> Row:
    columns = zip(*vectors, strict=True)
    return tuple(sum(v << s for v, s in zip(column, shifts, strict=True)) for column in columns)


def _minus(vector: Row) -> Row:
    return tuple(-value for value in vector)


def _written(vector: Row, negative: bool) -> str:
    return f"[{','.join(map(str, _minus(vector) if negative else vector))}]"


def _fields(kind: str, body: str) -> tuple[list[Row], list[int]]:
    """Vectors and numbers of an item, each in order."""
    pattern = _FIELDS.get(kind)
    if pattern is None:
        raise GraphError(f"{_WHO}: items must be 'A', 'R' or 'O', not '{kind}'")
    found = _FIELD.findall(body)
    shape = "".join("n" if number else "v" for _, number in found)
    rest = re.sub(r"[\s,]", "", _FIELD.sub("", body))
    if rest or shape != re.sub("[ds]", "n", pattern):
        raise GraphError(f"{_WHO}: item '{kind}' must have {len(pattern)} fields: {body}")
    try:
        vectors = [tuple(map(int, text.split(","))) for text, number in found if not number]
    except ValueError:
        raise GraphError(f"{_WHO}: item '{kind}' must hold vectors of integers: {body}") from None
    return vectors, [int(number) for _, number in found if number]
