"""Whether a planted fault changes anything at all, by SAT on the gates with and without it.

A pipeline is unrolled from arbitrary registers. Anything with state is equivalent if outputs and
next registers are the same function of inputs and registers. Where they are not, both designs run
side by side and share all registers but the few that a fault touches (speculative reduction; Mony,
Baumgartner, Paruthi, Kanzelman, "Exploiting Suspected Redundancy without Proving It", DAC 2005);
property directed reachability (Bradley, "SAT-Based Model Checking without Unrolling", VMCAI 2011)
shows that nothing seen differs, from power-on and through any resets, or finds a run that tells.
So a reset that nobody needs is found out: what it clears is written before it is read.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.run import process

from .. import tools
from ..prove import equivalence
from ..prove.aig import Circuit, Graph, unroll, write_aiger
from ..simulate.gates import Network
from ..top import RESET, Top
from .planted import FAULT

__all__ = ["MutantProofs", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """Whether a fault changes nothing, ``None`` if that is not known, and what showed it."""

    equal: bool | None
    reason: str


class MutantProofs:
    """Proofs about the faults of one network; ``solver_s`` are seconds for each question."""

    def __init__(self, top: Top, network: Network, solver_s: float, folder: Path):
        self.top, self.network, self.solver_s, self.folder = top, network, solver_s, folder
        self.circuit = _circuit(network)
        self.names: list[Any] = self.circuit.inputs
        self.feeds_forward = not top.spec.stateful and not top.stream
        self.frames = top.latency + 1 if self.feeds_forward else 1

    def verdict(self, number: int) -> Verdict:
        """What is known of fault ``number``."""
        same = self._functions_agree(number)
        if same:
            return Verdict(True, "the same function")
        if self.feeds_forward:
            return Verdict(same, "some operands tell" if same is False else self._open)
        return self._runs_agree(number)

    @property
    def _open(self) -> str:
        return f"not decided within {self.solver_s:g} s"

    def _copy(self, graph: Graph, number: int, state: list[int]) -> tuple[list[int], list[int]]:
        """Outputs in the last frame and next registers, with a fault turned on."""
        circuit, names = self.circuit, self.names
        rows = []
        for frame in range(self.frames):
            row = [graph.input(frame * len(names) + index) for index in range(len(names))]
            for index, (port, bit) in enumerate(names):
                if port == FAULT:
                    row[index] = number >> int(bit) & 1
                elif port == RESET and self.feeds_forward:
                    row[index] = 0
            rows.append(row)
        both = replace(circuit, output_literals=circuit.output_literals + circuit.latches)
        found = unroll(graph, both, state, rows)
        return found[: len(circuit.output_literals)], found[len(circuit.output_literals) :]

    def _functions_agree(self, number: int) -> bool | None:
        """Equal outputs, and equal next registers where there is state, of equal registers."""
        first = len(self.names) * self.frames
        inputs = first + len(self.circuit.latches)
        graph = Graph(inputs)
        state = [graph.input(first + k) for k in range(len(self.circuit.latches))]
        right, wrong = self._copy(graph, 0, state), self._copy(graph, number, state)
        sides = [r[0] if self.feeds_forward else r[0] + r[1] for r in (right, wrong)]
        differ = [pair for pair in zip(*sides, strict=True) if pair[0] != pair[1]]
        if not differ:
            return True
        left, right_side = (
            Graph(inputs, graph.ands, [pair[k] for pair in differ]).fixed({}) for k in (0, 1)
        )
        outcome = equivalence.check(
            left,
            right_side,
            [],
            run=self._abc,
            folder=self.folder,
            time_limit_s=self.solver_s,
            progress=lambda text: None,
        )
        return outcome.equal

    def _runs_agree(self, number: int) -> Verdict:
        """Whether anything seen ever differs.

        Registers are taken to be equal until a run shows one that is not: it gets a copy of its
        own, and all is asked again. Before the first difference what was taken is true, so a run in
        which outputs are the first to differ is one of the design.
        """
        apart: set[int] = set()
        end = time.monotonic() + self.solver_s
        while (left := end - time.monotonic()) > 0:
            graph, following, seen, pairs = self._side_by_side(number, sorted(apart))
            if graph.outputs == [0]:
                return Verdict(True, _apart(apart))
            (self.folder / "runs.aig").write_bytes(write_aiger(graph, following))
            # Registers that are alike in every reachable state become one before the search.
            said = self._abc(
                "read runs.aig; strash; scorr -F 2; write_aiger joined.aig;"
                f" pdr -T {max(1, round(left))}; write_cex -s runs.cex",
                left,
            )
            proved = said is not None and re.search(r"^Property proved\b", said, re.M)
            # The search does not decide about an output that is 0 already.
            if proved or (said is not None and _is_zero(self.folder / "joined.aig")):
                return Verdict(True, _apart(apart))
            found_in = re.search(r"^Output 0 .*\basserted in frame (\d+)", said or "", re.M)
            if found_in is None:
                return Verdict(None, self._open)
            cycles = int(found_in[1]) + 1
            run = (self.folder / "runs.cex").read_text()
            values = _last_frame(graph, following, cycles, run)
            if _value(values, seen):
                return Verdict(False, f"a run of {cycles} cycles tells")
            found = {k for k, pair in pairs.items() if _value(values, pair)}
            if not found:
                raise AssertionError("a run that ABC found must show a difference")
            apart |= found
        return Verdict(None, self._open)

    def _side_by_side(
        self, number: int, apart: Sequence[int]
    ) -> tuple[Graph, list[int], int, dict[int, int]]:
        """Both designs, sharing all registers but those in ``apart``.

        Returns the graph, whose output is any difference, what the registers become, the literal of
        a difference of outputs, and those of differences of what shared registers become.
        """
        names, latches = self.names, len(self.circuit.latches)
        graph = Graph(len(names) + latches + len(apart))
        # A register that starts at 1 is kept inverted.
        starts = [int(init == 1) for init in self.network.latches[:, 2]]
        first = len(names)
        state = [graph.input(first + k) ^ starts[k] for k in range(latches)]
        other = list(state)
        for place, k in enumerate(apart):
            other[k] = graph.input(first + latches + place) ^ starts[k]
        (right, after), (wrong, after_wrong) = (
            self._copy(graph, fault, registers)
            for fault, registers in ((0, state), (number, other))
        )
        keys = self.network.outputs
        seen = self._difference(
            graph, dict(zip(keys, right, strict=True)), dict(zip(keys, wrong, strict=True))
        )
        shared = set(range(latches)) - set(apart)
        pairs = {k: _unlike(graph, after[k], after_wrong[k]) for k in sorted(shared)}
        pairs = {k: literal for k, literal in pairs.items() if literal}
        any_other = seen ^ 1
        for literal in pairs.values():
            any_other = graph.both(any_other, literal ^ 1)
        graph.outputs = [any_other ^ 1]
        following = [after[k] ^ starts[k] for k in range(latches)]
        following += [after_wrong[k] ^ starts[k] for k in apart]
        return graph, following, seen, pairs

    def _difference(self, graph: Graph, right: dict, wrong: dict) -> int:
        """Literal: some result differs. A payload counts where it is valid."""
        masks = {}
        for stream in self.top.handshakes():
            if stream.direction == "out":
                masks |= {port.name: right[stream.valid, 0] for port in stream.payload}
        same = 1
        for key, literal in right.items():
            other = wrong[key]
            differs = _unlike(graph, literal, other)
            seen = graph.both(differs, masks.get(key[0], 1))
            same = graph.both(same, seen ^ 1)
        return same ^ 1

    def _abc(self, script: str, seconds: float) -> str | None:
        abc = tools.require("yosys-abc", who="mutate")["yosys-abc"].command
        try:
            return process.run(
                [*abc, "-c", script],
                who="yosys-abc",
                log=self.folder / "abc.log",
                cwd=self.folder,
                time_limit=seconds + 3,
            ).output
        except process.Exhausted:
            return None


def _unlike(graph: Graph, a: int, b: int) -> int:
    """Literal: two literals differ."""
    return graph.both(graph.both(a, b ^ 1) ^ 1, graph.both(a ^ 1, b) ^ 1) ^ 1


def _is_zero(file: Path) -> bool:
    """Whether the output of a sequential circuit in binary AIGER is the constant 0."""
    lines = file.read_bytes().split(b"\n", 1)
    latches = int(lines[0].split()[3])
    return lines[1].split(b"\n", latches + 1)[latches] == b"0"


def _last_frame(graph: Graph, following: Sequence[int], cycles: int, run: str) -> Sequence[int]:
    """The values of all variables in the last cycle of a run that ABC wrote.

    It has bits for the registers that ABC kept, then one for every input in every cycle.
    """
    inputs = graph.inputs - len(following)
    bits = [int(bit) for bit in run if bit in "01"][-cycles * inputs :]
    state, values = [0] * len(following), [0]
    for start in range(0, len(bits), inputs):
        values = [0, *bits[start : start + inputs], *state]
        for a, b in graph.ands:
            values.append(_value(values, a) & _value(values, b))
        state = [_value(values, literal) for literal in following]
    return values


def _apart(registers: set[int]) -> str:
    if not registers:
        return "no reachable state tells"
    return f"no reachable state tells, though registers differ ({len(registers)})"


def _value(values: Sequence[int], literal: int) -> int:
    return values[literal >> 1] ^ (literal & 1)


def _circuit(network: Network) -> Circuit:
    """The network with its variables in the order of :class:`.aig.Circuit`; inputs are pairs."""
    names = list(network.inputs)
    order = [network.inputs[name] >> 1 for name in names]
    order += (network.latches[:, 0] >> 1).tolist() + (network.gates[:, 0] >> 1).tolist()
    place = {0: 0} | {variable: index for index, variable in enumerate(order, start=1)}

    def moved(literal: int) -> int:
        return 2 * place[literal >> 1] + (literal & 1)

    ands = [(moved(a), moved(b)) for _, a, b in network.gates.tolist()]
    outputs = [moved(literal) for literal in network.outputs.values()]
    latches = [moved(literal) for literal in network.latches[:, 1].tolist()]
    return Circuit(names, [], latches, outputs, ands)  # pyright: ignore[reportArgumentType]
