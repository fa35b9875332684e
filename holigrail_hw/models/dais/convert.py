"""A DAIS program as an integer graph: matrices between vectors of staircases.

Every level of atoms is a vector: a matrix makes their sums out of the level before, and
requantisations their codes. What later levels need besides is handed on.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from math import lcm
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Meaning, Move, Node, Pool, Port, Requantise
from holigrail_hw.models.source.windows import Window

from .affine import Atom, Numbers, Sum
from .program import DaisProgram
from .rules import numbers_of

__all__ = ["integer_graph"]


def integer_graph(program: DaisProgram) -> IntegerGraph:
    """The graph, equal to the program for all inputs within the types that it gives them.

    Raises
    ------
    ModelError
        With one line for every operation that has no node: tables, operations on bits, products of
        two variables, choices that are no minimum or maximum, and results that wrap around.
    """
    try:
        numbers, values, finest = numbers_of(program)
    except ModelError as error:
        hint = "read_dais of holigrail_hw.models.dais.binary reads and computes such programs, too"
        raise ModelError(error.violations, hint=hint) from None
    outputs = []
    for output in program.outputs:
        value = Sum() if output.place < 0 else values[output.place]
        sign = -1 if output.negative else 1
        outputs.append(value.times(sign * Fraction(2) ** output.shift))
    return _Levels(program, numbers, finest).graph(outputs)


@dataclass
class _Levels:
    program: DaisProgram
    numbers: Numbers
    finest: list[tuple[int, int]]
    nodes: list[Node] = field(default_factory=list)

    def _rows(self, state: list[int], tensor: str) -> dict[int, int]:
        """Where every atom of a vector is; inputs that nothing reads are in the first one, too."""
        read = tensor == "x"
        return dict(zip(state, (p for p, _ in self.finest) if read else count(), strict=False))

    def graph(self, outputs: list[Sum]) -> IntegerGraph:
        atoms = self.numbers.atoms
        last = self._last(outputs)
        depth = max((atoms[a].level for a in last), default=0)
        # The inputs are the first atoms.
        state, tensor = [*range(len(self.finest))], "x"
        port = self._port(state)
        for level in range(1, depth + 1):
            made = [a for a in sorted(last) if atoms[a].level == level]
            handed = [a for a in state if last.get(a, 0) > level]
            state, tensor = self._level(level, state, tensor, made, handed)
        tensor, scale = self._sums("outputs", state, tensor, outputs)
        meaning = Meaning(fractions(1) / fractions(scale), fractions([0] * len(scale)))
        size = len(outputs)
        end = Port(name="y", tensor=tensor, file_shape=(1, size), shape=(size,), meaning=meaning)
        return IntegerGraph(
            name=self.program.name,
            inputs=(port,),
            outputs=(end,),
            nodes=tuple(self.nodes),
            semantics="the instruction set DAIS, versions 0 and 1",
            remarks=(f"{self.program.name}: inputs beyond their range are limited, not wrapped",),
        )

    def _last(self, outputs: list[Sum]) -> dict[int, int]:
        """The atoms that are needed, and the last level that reads each."""
        atoms = self.numbers.atoms
        beyond = len(atoms) + 1
        last = {a: beyond for value in outputs for a in value.terms}
        waiting = [*last]
        while waiting:
            atom = atoms[waiting.pop()]
            for base in atom.bases:
                for below in base.terms:
                    if below not in last:
                        waiting.append(below)
                    last[below] = max(last.get(below, 0), atom.level)
        return last

    def _port(self, state: list[int]) -> Port:
        inputs = len(self.program.input_shifts)
        places = dict(self.finest)
        shifts = [s + places.get(i, 0) for i, s in enumerate(self.program.input_shifts)]
        ends = [self.numbers.atoms[a].range for a in state]
        low, high = min((e[0] for e in ends), default=0), max((e[1] for e in ends), default=0)
        factor = fractions([Fraction(2) ** s for s in shifts])
        zeros = fractions([0] * inputs)
        formula = Affine(factor, zeros, low, high, "down")
        return Port(
            name="x",
            tensor="x",
            file_shape=(1, inputs),
            shape=(inputs,),
            low=low,
            high=high,
            formula=formula,
            meaning=Meaning(np.asarray(1 / factor, object), zeros),
        )

    def _add(self, kind: Any, name: str, inputs: tuple[str, ...], **fields: Any) -> str:
        self.nodes.append(kind(name=name, inputs=inputs, **fields))
        return name

    def _sums(
        self, name: str, state: list[int], tensor: str, sums: list[Sum]
    ) -> tuple[str, list[int]]:
        """A tensor of sums, each times a number that makes it an integer; and these numbers."""
        scale = [
            lcm(*(v.denominator for v in (*value.terms.values(), value.constant))) for value in sums
        ]
        places = self._rows(state, tensor)
        size = len(self.program.input_shifts) if tensor == "x" else len(state)
        weights = np.zeros((size, len(sums)), np.int64)
        bias = np.zeros(len(sums), np.int64)
        for column, (value, factor) in enumerate(zip(sums, scale, strict=True)):
            if max(abs(v * factor) for v in (*value.terms.values(), value.constant)) >= 1 << 62:
                raise ModelError(f"{self.program.name}: weights of {name} must fit into 62 bits")
            bias[column] = int(value.constant * factor)
            for atom, weight in value.terms.items():
                weights[places[atom], column] = int(weight * factor)
        if weights.shape[0] == len(sums) and not bias.any():
            if np.array_equal(weights, np.eye(len(sums), dtype=np.int64)):
                return tensor, scale
        return self._add(Linear, name, (tensor,), weights=weights, bias=bias), scale

    def _level(
        self, level: int, state: list[int], tensor: str, made: list[int], handed: list[int]
    ) -> tuple[list[int], str]:
        """The vector of a level: staircases with one pair of limits each, maxima, what is kept."""
        atoms = self.numbers.atoms
        groups = _grouped(made, atoms)
        parts, order = [], []
        for number, (limits, members) in enumerate(groups.items()):
            name = f"level{level}_{number}"
            found = [atoms[place] for place in members]
            if limits == "maxima":
                parts.append(self._maxima(name, state, tensor, found))
            else:
                parts.append(self._stairs(name, state, tensor, found, limits))
            order += members
        if handed:
            rows = self._rows(state, tensor)
            numbers = tuple(rows[a] for a in handed)
            name = f"level{level}_kept"
            parts.append(self._add(Move, name, (tensor,), how="select", numbers=numbers))
        if len(parts) > 1:
            name = f"level{level}"
            parts = [self._add(Move, name, tuple(parts), how="concat", numbers=(0,))]
        return [*order, *handed], parts[0]

    def _stairs(
        self, name: str, state: list[int], tensor: str, found: list[Atom], limits: Any
    ) -> str:
        sums, scale = self._sums(f"{name}_sums", state, tensor, [a.bases[0] for a in found])
        factor = fractions(1) / fractions(scale)
        ends = min(a.range[0] for a in found), max(a.range[1] for a in found)
        low, high = (e if v is None else v for e, v in zip(ends, limits, strict=True))
        formula = Affine(factor, fractions([0] * len(found)), low, high, "down")
        return self._add(Requantise, f"{name}_codes", (sums,), formula=formula)

    def _maxima(self, name: str, state: list[int], tensor: str, found: list[Atom]) -> str:
        """Pairs of sums one above the other, and a window over both."""
        bases = [atom.bases[side] for side in (0, 1) for atom in found]
        sums, _ = self._sums(f"{name}_sums", state, tensor, bases)
        shape = (2, 1, len(found))
        pairs = self._add(Move, f"{name}_pairs", (sums,), how="reshape", numbers=shape)
        pool = self._add(Pool, f"{name}_maxima", (pairs,), how="maximum", window=Window((2, 1)))
        return self._add(Move, f"{name}_flat", (pool,), how="reshape", numbers=(len(found),))


def _grouped(made: list[int], atoms: list[Atom]) -> dict[Any, list[int]]:
    """Atoms by their limits; one that never reaches them may have any."""
    stairs = [place for place in made if len(atoms[place].bases) == 1]
    keys = dict.fromkeys((atoms[place].low, atoms[place].high) for place in stairs)
    ordered = sorted(keys, key=lambda key: key.count(None))

    def fits(atom: Atom, low: int | None, high: int | None) -> bool:
        below = low is None or (atom.low is None and atom.range[0] >= low)
        above = high is None or (atom.high is None and atom.range[1] <= high)
        return (atom.low == low or (below and atom.low is None)) and (
            atom.high == high or (above and atom.high is None)
        )

    groups: dict[Any, list[int]] = {}
    for place in stairs:
        limits = next(key for key in ordered if fits(atoms[place], *key))
        groups.setdefault(limits, []).append(place)
    maxima = [place for place in made if len(atoms[place].bases) == 2]
    return {**groups, **({"maxima": maxima} if maxima else {})}
