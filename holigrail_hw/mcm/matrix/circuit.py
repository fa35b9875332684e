"""A matrix adder graph as it is built: with truncated operands and constants in its adders.

Adder a of the graph computes

    w = ±(clear(u, t) * 2^s + c) ± (clear(v, t') + c') + k

where clear(u, t) is u with its t lowest bits set to 0. The constants c, c' and k are chosen so that
they need no extra adder (:mod:`.analysis`): c and c' occupy bits where an operand is known to be
zero, or lie above its sign bit; k is a carry. An output is ±w * 2^s plus a final constant. Biases,
rounding constants and the centring of truncation errors are all added this way.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from holigrail_hw.core.documents import parse_json

from ..problem.errors import GraphError
from .graph import MatrixGraph

__all__ = ["Fold", "MatrixCircuit", "exact_circuit"]

_SCHEMA = "holigrail matrix circuit"
_VERSION = 1


class Fold(NamedTuple):
    """Constants in one adder: added to the aligned operands before their signs, and to the sum."""

    left: int = 0
    right: int = 0
    carry: int = 0


@dataclass(frozen=True)
class MatrixCircuit:
    """A graph, cleared bits (left, right) and constants per adder, and a constant per output."""

    graph: MatrixGraph
    truncations: tuple[tuple[int, int], ...]
    folds: tuple[Fold, ...]
    addends: tuple[int, ...]

    @property
    def is_truncated(self) -> bool:
        """Whether any operand loses bits."""
        return any(any(pair) for pair in self.truncations)

    def evaluate(self, x: Sequence[Any]) -> list[Any]:
        """The outputs for integers, or arrays of integers, x."""
        graph = self.graph
        values = list(x)
        if len(values) != graph.inputs:
            raise GraphError(f"matrix circuit: takes {graph.inputs} inputs, not {len(values)}")
        for adder, (cut_left, cut_right), fold in zip(
            graph.adders, self.truncations, self.folds, strict=True
        ):
            left = (values[adder.left.node] >> cut_left << cut_left << adder.left.shift) + fold.left
            right = (values[adder.right.node] >> cut_right << cut_right) + fold.right
            values.append(
                (-left if adder.left.negative else left)
                + (-right if adder.right.negative else right)
                + fold.carry
            )
        found = []
        for target, addend in zip(graph.targets, self.addends, strict=True):
            value = values[0] * 0
            if target.node is not None:
                value = values[target.node] << target.shift
            found.append((-value if target.negative else value) + addend)
        return found

    def to_json(self) -> str:
        """The circuit as JSON text; :meth:`from_json` reads it back."""
        data = {
            "schema": _SCHEMA,
            "version": _VERSION,
            "graph": json.loads(self.graph.to_json()),
            "truncations": self.truncations,
            "folds": self.folds,
            "addends": self.addends,
        }
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> "MatrixCircuit":
        """Read :meth:`to_json`'s text; raises GraphError if it is no circuit."""
        try:
            data = parse_json(text)
        except ValueError as error:
            raise GraphError(f"matrix circuit: must be JSON ({error})") from None
        if not isinstance(data, dict) or data.get("schema") != _SCHEMA:
            raise GraphError(f"matrix circuit: schema must be {_SCHEMA!r}")
        if data.get("version") != _VERSION:
            raise GraphError(f"matrix circuit: version must be {_VERSION}")
        graph = MatrixGraph.from_json(json.dumps(data.get("graph")))
        count = len(graph.adders)
        cuts = [_integers(pair, 2) for pair in _list(data.get("truncations"), count)]
        if any(amount < 0 for pair in cuts for amount in pair):
            raise GraphError("matrix circuit: truncations must be 0 or more")
        folds = [Fold(*_integers(fold, 3)) for fold in _list(data.get("folds"), count)]
        addends = _integers(data.get("addends"), len(graph.targets))
        return cls(graph, tuple((a, b) for a, b in cuts), tuple(folds), addends)


def exact_circuit(graph: MatrixGraph, addends: Sequence[int] | None = None) -> MatrixCircuit:
    """The graph without truncation; constants in adders of their own behind it."""
    count = len(graph.adders)
    return MatrixCircuit(
        graph,
        ((0, 0),) * count,
        (Fold(),) * count,
        (0,) * len(graph.targets) if addends is None else tuple(addends),
    )


def _list(data: Any, length: int) -> list[Any]:
    if not isinstance(data, list) or len(data) != length:
        raise GraphError(f"matrix circuit: must have a list of {length} items here")
    return data


def _integers(data: Any, length: int) -> tuple[int, ...]:
    items = _list(data, length)
    if any(type(item) is not int for item in items):
        raise GraphError(f"matrix circuit: must have {length} integers here, not {items}")
    return tuple(items)
