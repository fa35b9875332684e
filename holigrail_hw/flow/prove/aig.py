"""And-inverter graphs: built from truth tables, read and written as binary AIGER, unrolled in time.

A literal is twice the number of a variable, plus 1 if it is inverted; literals 0 and 1 are the
constants. Biere, "The AIGER And-Inverter Graph (AIG) Format", 2007.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Circuit", "Graph", "read_aiger", "unroll", "write_aiger"]


@dataclass
class Graph:
    """A combinational graph; equal nodes are shared.

    ``ands[k]`` holds the two literals of variable ``inputs + 1 + k``.
    """

    inputs: int
    ands: list[tuple[int, int]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _known: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)

    def input(self, index: int) -> int:
        """Literal of an input."""
        return 2 * (index + 1)

    def both(self, a: int, b: int) -> int:
        """Literal of ``a`` and ``b``."""
        low, high = sorted((a, b))
        if low == 0 or low ^ 1 == high:
            return 0
        if low == 1 or low == high:
            return high
        if (high, low) not in self._known:
            self.ands.append((high, low))
            self._known[high, low] = 2 * (self.inputs + len(self.ands))
        return self._known[high, low]

    def choose(self, select: int, if_true: int, if_false: int) -> int:
        """Literal of a multiplexer."""
        if if_true == if_false:
            return if_true
        taken, other = self.both(select, if_true), self.both(select ^ 1, if_false)
        return self.both(taken ^ 1, other ^ 1) ^ 1

    def table(self, values: np.ndarray, inputs: Sequence[int]) -> int:
        """Literal of the function with the truth table ``values``.

        ``values[t]`` is the result where the bits of *t*, the highest first, are ``inputs``.
        """
        bits = int.from_bytes(np.packbits(values.astype(bool), bitorder="little"), "little")
        return self._expand(bits, len(inputs), inputs, {})

    def fixed(self, values: Mapping[int, int]) -> "Graph":
        """The same function with some inputs, by index, fixed; only what its outputs need."""
        result, known = Graph(self.inputs), {0: 0}
        for index in range(self.inputs):
            known[index + 1] = values.get(index, result.input(index))
        needed = self._cone()
        for index, (a, b) in enumerate(self.ands, start=self.inputs + 1):
            if index in needed:
                known[index] = result.both(known[a >> 1] ^ (a & 1), known[b >> 1] ^ (b & 1))
        result.outputs = [known[o >> 1] ^ (o & 1) for o in self.outputs]
        return result

    def _cone(self) -> set[int]:
        """Variables that the outputs depend on."""
        needed, waiting = set(), [output >> 1 for output in self.outputs]
        while waiting:
            variable = waiting.pop()
            if variable in needed:
                continue
            needed.add(variable)
            if variable > self.inputs:
                waiting += [literal >> 1 for literal in self.ands[variable - self.inputs - 1]]
        return needed

    def _expand(self, bits: int, level: int, inputs: Sequence[int], known: dict) -> int:
        """Shannon expansion, first input first, sharing equal cofactors."""
        if bits == 0:
            return 0
        if bits == (1 << (1 << level)) - 1:
            return 1
        key = level, bits
        if key not in known:
            half = 1 << (level - 1)
            low, high = bits & ((1 << half) - 1), bits >> half
            known[key] = self.choose(
                inputs[len(inputs) - level],
                self._expand(high, level - 1, inputs, known),
                self._expand(low, level - 1, inputs, known),
            )
        return known[key]


@dataclass
class Circuit:
    """A sequential circuit; variables are inputs, then latches, then gates."""

    inputs: list[str]
    outputs: list[str]
    latches: list[int]
    output_literals: list[int]
    ands: list[tuple[int, int]]


def write_aiger(graph: Graph, latches: Sequence[int] = ()) -> bytes:
    """Binary AIGER of a graph; ``latches`` are next values of its last inputs, which start at 0."""
    count, inputs = len(graph.ands), graph.inputs - len(latches)
    head = f"aig {graph.inputs + count} {inputs} {len(latches)} {len(graph.outputs)} {count}\n"
    body = bytearray("".join([head, *(f"{o}\n" for o in (*latches, *graph.outputs))]).encode())
    for index, (high, low) in enumerate(graph.ands):
        own = 2 * (graph.inputs + 1 + index)
        for delta in (own - high, high - low):
            while delta >= 128:
                body.append(delta & 127 | 128)
                delta >>= 7
            body.append(delta)
    return bytes(body)


def read_aiger(content: bytes) -> Circuit:
    """A circuit from binary AIGER with a symbol table.

    Raises
    ------
    ValueError
        If the content is no binary AIGER.
    """
    head, _, rest = content.partition(b"\n")
    words = head.split()
    if not words or words[0] != b"aig":
        raise ValueError("binary AIGER must start with 'aig'")
    _, inputs, latches, outputs, ands = map(int, words[1:6])
    lines = []
    for _ in range(latches + outputs):
        line, _, rest = rest.partition(b"\n")
        lines.append(int(line.split()[0]))
    position, gates = 0, []

    def number() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = rest[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    for index in range(ands):
        own = 2 * (inputs + latches + 1 + index)
        high = own - number()
        gates.append((high, high - number()))
    names = {"i": [""] * inputs, "o": [""] * outputs}
    for line in rest[position:].decode(errors="replace").splitlines():
        if line == "c":
            break
        place, _, name = line.partition(" ")
        if place[:1] in names:
            names[place[0]][int(place[1:])] = name
    return Circuit(names["i"], names["o"], lines[:latches], lines[latches:], gates)


def unroll(
    graph: Graph, circuit: Circuit, state: Sequence[int], frames: Sequence[Sequence[int]]
) -> list[int]:
    """Add copies of a circuit to a graph, one for each frame; returns its outputs in the last one.

    Parameters
    ----------
    state : literals of the latches in the first frame
    frames : for each frame, literals of the circuit's inputs
    """
    outputs: list[int] = []
    for inputs in frames:
        known = [0, *inputs, *state]

        def literal(old: int, known: list[int] = known) -> int:
            return known[old >> 1] ^ (old & 1)

        for a, b in circuit.ands:
            known.append(graph.both(literal(a), literal(b)))
        state = [literal(latch) for latch in circuit.latches]
        outputs = [literal(output) for output in circuit.output_literals]
    return outputs
