"""Adder graphs: products by constants from shifts and additions.

Node 0 is the input x and stands for the factor 1. Every further node is one adder in normal form,

    w * 2^r = ±(u * 2^s) ± v,      s >= 1 and r = 0, or s = 0,

with odd, positive *fundamentals* u, v, w and at most one minus sign. A target is a node with a
shift and a sign, or zero. An operand may be *truncated*: its t lowest bits are cleared before the
shift, which makes adders narrower and products inexact (Garcia and Volkova, "Toward the
Multiple Constant Multiplication at Minimal Hardware Cost", IEEE TCAS-I, 2023).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..problem.errors import GraphError
from ..problem.json_document import field, read_document

__all__ = ["Adder", "AdderGraph", "Operand", "Target", "decompose", "odd_targets"]

_WHO = "adder graph"
_SCHEMA = "holigrail adder graph"
_VERSION = 1
_LARGEST_SHIFT = 4096


@dataclass(frozen=True)
class Operand:
    """One input of an adder: ±((value of ``node`` without its ``truncate`` lowest bits) << shift).

    The lowest bits are cleared (rounding towards minus infinity), not removed.
    """

    node: int
    shift: int = 0
    negative: bool = False
    truncate: int = 0


@dataclass(frozen=True)
class Adder:
    """A node: fundamental * 2^right_shift = left + right. Only ``left`` may be shifted."""

    fundamental: int
    left: Operand
    right: Operand
    right_shift: int = 0

    @property
    def operands(self) -> tuple[Operand, Operand]:
        """Left, then right."""
        return self.left, self.right


@dataclass(frozen=True)
class Target:
    """An output: constant * x = ±(value of ``node``) << shift; ``node`` is None for zero."""

    constant: int
    node: int | None
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class AdderGraph:
    """Adders in an order in which each uses earlier nodes only, and the targets.

    ``nodes[0]`` is the input; ``adders[i]`` is node i + 1.
    """

    adders: tuple[Adder, ...]
    targets: tuple[Target, ...]

    @cached_property
    def fundamentals(self) -> tuple[int, ...]:
        """Factor of every node, beginning with 1 for the input."""
        return (1, *(adder.fundamental for adder in self.adders))

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest path from the input to each node."""
        depths = [0]
        for adder in self.adders:
            depths.append(1 + max(depths[operand.node] for operand in adder.operands))
        return tuple(depths)

    @property
    def depth(self) -> int:
        """Adders on the longest path."""
        return max(self.depths)

    @property
    def constants(self) -> tuple[int, ...]:
        """The constants, in the order of the targets."""
        return tuple(target.constant for target in self.targets)

    @property
    def is_exact(self) -> bool:
        """Whether no operand is truncated."""
        return not any(o.truncate for adder in self.adders for o in adder.operands)

    def exact(self) -> "AdderGraph":
        """The same graph without truncation."""
        return replace(
            self,
            adders=tuple(
                replace(a, left=replace(a.left, truncate=0), right=replace(a.right, truncate=0))
                for a in self.adders
            ),
        )

    def values(self, x: Any) -> list[Any]:
        """Value of every node for an integer, or an integer array, x."""
        values = [x]
        for adder in self.adders:
            total = sum(
                (-1 if o.negative else 1)
                * ((values[o.node] >> o.truncate) << (o.truncate + o.shift))
                for o in adder.operands
            )
            values.append(total >> adder.right_shift)
        return values

    def evaluate(self, x: Any) -> list[Any]:
        """The outputs for an integer, or an integer array, x; exact unless truncated."""
        values = self.values(x)
        return [
            x * 0
            if target.node is None
            else (-1 if target.negative else 1) * (values[target.node] << target.shift)
            for target in self.targets
        ]

    def violations(self) -> list[str]:
        """Every rule of an adder graph that this one breaks, one line each."""
        found = []
        fundamentals = self.fundamentals
        for index, adder in enumerate(self.adders, start=1):
            wrong = _violations_of(adder, index, fundamentals)
            found += [f"node {index} ({adder.fundamental}): {text}" for text in wrong]
        for index, target in enumerate(self.targets):
            wrong = self._violation_of(target)
            if wrong:
                found.append(f"target {index} ({target.constant}): {wrong}")
        return found

    def _violation_of(self, target: Target) -> str | None:
        if target.node is None:
            return "a target without a node must be 0" if target.constant else None
        if not 0 <= target.node <= len(self.adders):
            return f"node must be 0 to {len(self.adders)}, not {target.node}"
        if not 0 <= target.shift <= _LARGEST_SHIFT:
            return f"shift must be 0 to {_LARGEST_SHIFT}, not {target.shift}"
        sign = -1 if target.negative else 1
        value = sign * (self.fundamentals[target.node] << target.shift)
        return f"the graph gives {value}" if value != target.constant else None

    def check(self, constants: Sequence[int] | None = None) -> "AdderGraph":
        """Return the graph itself if it is well formed and has these constants.

        Raises
        ------
        GraphError
            With everything that is wrong.
        """
        wrong = self.violations()
        if constants is not None and tuple(constants) != self.constants:
            wrong.append(f"targets must be {list(constants)}, not {list(self.constants)}")
        if wrong:
            raise GraphError("adder graph: " + "; ".join(wrong))
        return self

    def to_json(self) -> str:
        """The graph as JSON text; :meth:`from_json` reads it back."""
        data = {
            "schema": _SCHEMA,
            "version": _VERSION,
            "adders": [
                {
                    "fundamental": adder.fundamental,
                    "left": vars(adder.left),
                    "right": vars(adder.right),
                    "right_shift": adder.right_shift,
                }
                for adder in self.adders
            ],
            "targets": [vars(target) for target in self.targets],
        }
        return json.dumps(data, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "AdderGraph":
        """Read :meth:`to_json`'s text; raises GraphError if it is not a correct graph."""
        data = read_document(text, _WHO, _SCHEMA, _VERSION)
        adders = []
        for item in field(data, "adders", list, _WHO):
            left, right = (
                _record(field(item, side, dict, _WHO), Operand) for side in ("left", "right")
            )
            adders.append(
                Adder(
                    field(item, "fundamental", int, _WHO),
                    left,
                    right,
                    field(item, "right_shift", int, _WHO),
                )
            )
        targets = [_record(item, Target) for item in field(data, "targets", list, _WHO)]
        return cls(tuple(adders), tuple(targets)).check()

    def save(self, path: Path) -> None:
        """Write the JSON text to a file."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "AdderGraph":
        """Read a file written by :meth:`save`; raises GraphError or OSError."""
        return cls.from_json(path.read_text(encoding="utf-8"))


def decompose(constant: int) -> tuple[int, int, bool]:
    """Odd part of the magnitude, shift and sign: constant = ±(odd << shift); 0 gives (0, 0, ..)."""
    magnitude = abs(constant)
    shift = (magnitude & -magnitude).bit_length() - 1 if magnitude else 0
    return magnitude >> shift, shift, constant < 0


def odd_targets(constants: Sequence[int]) -> tuple[int, ...]:
    """The fundamentals that need adders: sorted odd parts without 0 and 1, each once."""
    return tuple(sorted({decompose(c)[0] for c in constants} - {0, 1}))


def _violations_of(adder: Adder, index: int, fundamentals: Sequence[int]) -> list[str]:
    left, right = adder.operands
    found = []
    for side, operand in (("left", left), ("right", right)):
        if not 0 <= operand.node < index:
            found.append(f"{side} operand must be an earlier node, not {operand.node}")
        for name, amount in (("shift", operand.shift), ("truncate", operand.truncate)):
            if not 0 <= amount <= _LARGEST_SHIFT:
                found.append(f"{side} {name} must be 0 to {_LARGEST_SHIFT}, not {amount}")
    if not 0 <= adder.right_shift <= _LARGEST_SHIFT:
        found.append(f"right shift must be 0 to {_LARGEST_SHIFT}, not {adder.right_shift}")
    if right.shift or (left.shift and adder.right_shift):
        found.append("only the left operand may be shifted, and then not the sum")
    if left.negative and right.negative:
        found.append("at most one operand may be negative")
    if adder.fundamental < 1 or adder.fundamental % 2 == 0:
        found.append("a fundamental must be odd and positive")
    if not found:
        total = sum(
            (-1 if o.negative else 1) * (fundamentals[o.node] << o.shift) for o in (left, right)
        )
        if total != adder.fundamental << adder.right_shift:
            found.append(f"its operands give {total} / 2^{adder.right_shift}")
    return found


def _record(data: Any, kind: type) -> Any:
    names = kind.__dataclass_fields__
    if not isinstance(data, dict) or set(data) != set(names):
        raise GraphError(f"adder graph: {kind.__name__.lower()} must have {', '.join(names)}")
    values = {}
    for name, value in data.items():
        if name == "node" and value is None and kind is Target:
            values[name] = None
        else:
            values[name] = field(data, name, bool if name == "negative" else int, _WHO)
    return kind(**values)
