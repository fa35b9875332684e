"""Adder graphs over several inputs: products of a vector with a constant matrix (CMVM).

The first nodes are the inputs x0, x1, ... and stand for unit vectors. Every further node is one
adder in normal form,

    w = ±(u * 2^s) ± v,      s >= 0, at most one minus sign,

where u, v and w are the coefficient vectors of their nodes (fundamentals). A target is one row of
the matrix: a node with a shift and a sign, or zero. (Aksoy, Costa, Flores, Monteiro,
"Optimization Algorithms for the Multiplierless Realization of Linear Transforms", 2012.)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..graph.adder_graph import Operand
from ..problem.errors import GraphError
from ..problem.json_document import field, read_document

__all__ = ["Matrix", "MatrixAdder", "MatrixGraph", "RowTarget"]

_WHO = "matrix graph"
_SCHEMA = "holigrail matrix adder graph"
_VERSION = 1
_LARGEST_SHIFT = 4096

Row = tuple[int, ...]
Matrix = tuple[Row, ...]


@dataclass(frozen=True)
class MatrixAdder:
    """A node: left + right. Only ``left`` may be shifted; operands are not truncated."""

    left: Operand
    right: Operand

    @property
    def operands(self) -> tuple[Operand, Operand]:
        """Left, then right."""
        return self.left, self.right


@dataclass(frozen=True)
class RowTarget:
    """An output: row * x = ±(value of ``node``) << shift; ``node`` is None for zero."""

    node: int | None
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class MatrixGraph:
    """Adders in an order in which each uses earlier nodes only, and one target per row.

    ``adders[i]`` is node ``inputs + i``.
    """

    inputs: int
    adders: tuple[MatrixAdder, ...]
    targets: tuple[RowTarget, ...]

    @cached_property
    def vectors(self) -> tuple[Row, ...]:
        """Coefficients of every node, beginning with the unit vectors of the inputs."""
        units = [tuple(int(i == j) for j in range(self.inputs)) for i in range(self.inputs)]
        for adder in self.adders:
            units.append(
                tuple(
                    _signed(a << adder.left.shift, adder.left) + _signed(b, adder.right)
                    for a, b in zip(units[adder.left.node], units[adder.right.node], strict=True)
                )
            )
        return tuple(units)

    @property
    def matrix(self) -> Matrix:
        """The matrix that the graph computes, one row per target."""
        return tuple(
            (0,) * self.inputs
            if target.node is None
            else tuple(
                (-c if target.negative else c) << target.shift for c in self.vectors[target.node]
            )
            for target in self.targets
        )

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest path from an input to each node."""
        depths = [0] * self.inputs
        for adder in self.adders:
            depths.append(1 + max(depths[operand.node] for operand in adder.operands))
        return tuple(depths)

    @property
    def depth(self) -> int:
        """Adders on the longest path; negations of outputs are not counted."""
        return max(self.depths)

    @cached_property
    def readers(self) -> tuple[int, ...]:
        """How often adders read each node; outputs that read it count as one reader together."""
        found = [0] * (self.inputs + len(self.adders))
        for adder in self.adders:
            for operand in adder.operands:
                found[operand.node] += 1
        for node in {target.node for target in self.targets if target.node is not None}:
            found[node] += 1
        return tuple(found)

    @property
    def negations(self) -> int:
        """Nodes whose negative is an output; each costs one more adder after the graph."""
        return len({t.node for t in self.targets if t.negative})

    def evaluate(self, x: Sequence[Any]) -> list[Any]:
        """The outputs for integers, or integer arrays, x."""
        values = list(x)
        if len(values) != self.inputs:
            raise GraphError(f"matrix graph: takes {self.inputs} inputs, not {len(values)}")
        for adder in self.adders:
            values.append(
                _signed(values[adder.left.node] << adder.left.shift, adder.left)
                + _signed(values[adder.right.node], adder.right)
            )
        return [
            values[0] * 0
            if target.node is None
            else (-values[target.node] if target.negative else values[target.node]) << target.shift
            for target in self.targets
        ]

    def violations(self) -> list[str]:
        """Every rule of a matrix adder graph that this one breaks, one line each."""
        if self.inputs < 1:
            return [f"inputs must be 1 or more, not {self.inputs}"]
        found = []
        for node, adder in enumerate(self.adders, start=self.inputs):
            for side, operand in zip(("left", "right"), adder.operands, strict=True):
                if not 0 <= operand.node < node:
                    found.append(f"node {node}: {side} operand must be an earlier node")
                if not 0 <= operand.shift <= (_LARGEST_SHIFT if side == "left" else 0):
                    found.append(f"node {node}: {side} shift must be legal, not {operand.shift}")
                if operand.truncate:
                    found.append(f"node {node}: {side} operand must not be truncated")
            if adder.left.negative and adder.right.negative:
                found.append(f"node {node}: at most one operand may be negative")
        nodes = self.inputs + len(self.adders)
        for index, target in enumerate(self.targets):
            if target.node is not None and not 0 <= target.node < nodes:
                found.append(f"target {index}: node must be 0 to {nodes - 1}, not {target.node}")
            if not 0 <= target.shift <= _LARGEST_SHIFT:
                found.append(f"target {index}: shift must be legal, not {target.shift}")
        return found

    def check(self, matrix: Sequence[Sequence[int]] | None = None) -> "MatrixGraph":
        """Return the graph itself if it is well formed and computes this matrix.

        Raises
        ------
        GraphError
            With everything that is wrong.
        """
        wrong = self.violations()
        if not wrong and matrix is not None:
            expected = tuple(map(tuple, matrix))
            if len(expected) != len(self.targets):
                wrong.append(f"targets must be {len(expected)}, not {len(self.targets)}")
            wrong += [
                f"target {index}: must be {list(row)}, not {list(found)}"
                for index, (row, found) in enumerate(zip(expected, self.matrix, strict=False))
                if row != found
            ]
        if wrong:
            raise GraphError("matrix graph: " + "; ".join(wrong))
        return self

    def to_json(self) -> str:
        """The graph and its matrix as JSON text; :meth:`from_json` reads it back."""
        data = {
            "schema": _SCHEMA,
            "version": _VERSION,
            "inputs": self.inputs,
            "matrix": self.matrix,
            "adders": [[_pack(operand) for operand in adder.operands] for adder in self.adders],
            "targets": [[t.node, t.shift, t.negative] for t in self.targets],
        }
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> "MatrixGraph":
        """Read :meth:`to_json`'s text; raises GraphError if it is not a correct graph."""
        data = read_document(text, _WHO, _SCHEMA, _VERSION)
        inputs = field(data, "inputs", int, _WHO)
        adders = tuple(
            MatrixAdder(*(Operand(*_triple(side)) for side in _list(adder, 2)))
            for adder in _list(data.get("adders"))
        )
        targets = tuple(
            RowTarget(*_triple(target, optional=True)) for target in _list(data.get("targets"))
        )
        rows = [_list(row, inputs) for row in _list(data.get("matrix"), len(targets))]
        return cls(inputs, adders, targets).check(rows)

    def save(self, path: Path) -> None:
        """Write the JSON text to a file."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "MatrixGraph":
        """Read a file written by :meth:`save`; raises GraphError or OSError."""
        return cls.from_json(path.read_text(encoding="utf-8"))


def _signed(value: Any, operand: Operand) -> Any:
    return -value if operand.negative else value


def _pack(operand: Operand) -> list[Any]:
    return [operand.node, operand.shift, operand.negative]


def _list(data: Any, length: int | None = None) -> list[Any]:
    if not isinstance(data, list) or length not in (None, len(data)):
        raise GraphError(f"matrix graph: must have a list of {length or 'some'} items here")
    return data


def _triple(data: Any, optional: bool = False) -> tuple[Any, int, bool]:
    node, shift, negative = _list(data, 3)
    right = (type(node) is int or (optional and node is None)) and type(shift) is int
    if not right or type(negative) is not bool:
        raise GraphError(f"matrix graph: must be a node, a shift and a sign, not {data}")
    return node, shift, negative
