"""Mutants: faults planted in a design, to see whether the vectors of ``verify`` notice them.

The faults of :mod:`.planted` are built into one netlist of gates. Operators meet the vectors that
``verify`` gives them, after a run that a reset cuts off; streams and engines run as one copy for
each fault, with and without pauses, and are judged by their items, the rules of the handshake and
the cycles they promise.

A fault that nothing notices is an equivalent mutant, which no test can kill, or a gap in the tests.
Which one is decided by SAT (:mod:`.equivalence`): a pipeline is unrolled from arbitrary registers,
as ``prove`` does; anything with state is equivalent if outputs and next registers are the same
function of inputs and registers, or else if both designs side by side never differ from power-on,
by induction and property directed reachability. A fault that shows only for operands that no legal
job has, or for which the time is too short, stays a survivor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.engine import Engine
from ..core.errors import DesignError, RequestError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from ..work_folder import scratch
from . import equivalence, lane_streams, planted, process, tools, vectors, workloads
from .aig import Circuit, Graph, unroll, write_aiger
from .gates import Gates, Network
from .planted import FAULT, Fault
from .process import Progress
from .top import RESET, Top

__all__ = ["Fault", "MutantResult", "run"]

# More than `verify` has by default: they cost little, and some faults show for one in 10,000.
_COUNT = 40_000
_STREAM_COUNT = 300
# Input items of the largest job in every turn; long ones reach the upper bits of counters.
_LARGEST = (64, 256, 64, 64)
# Copies of every mutant in a turn, each with its own pauses and resets.
_COPIES = 4
_PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.5, 0.5))


@dataclass(frozen=True)
class MutantResult:
    """Faults that were noticed, that are proved to change nothing, and that went unnoticed."""

    top: str
    killed: tuple[Fault, ...]
    equivalent: tuple[Fault, ...]
    survived: tuple[Fault, ...]
    vectors: int

    @property
    def rate(self) -> float:
        """Part of the faults that can be noticed and were; 1 if there is none."""
        real = len(self.killed) + len(self.survived)
        return len(self.killed) / real if real else 1.0


def run(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    faults: int = 60,
    count: int | None = None,
    seed: int = 0,
    kinds: Sequence[str] = planted.KINDS,
    solver_s: float = 20.0,
    progress: Progress | None = None,
) -> MutantResult:
    """Plant faults in a design and see which are noticed.

    Parameters
    ----------
    faults : int
        How many, drawn kind by kind from all possible ones.
    count : int or None
        Vectors; ``None`` for all codes where that is possible, or a default number.
    solver_s : float
        Seconds of SAT for each fault that nothing noticed.

    Raises
    ------
    DesignError
        If the circuit is wrong without any fault, or has no cell to break.
    RequestError
        If ``faults`` or ``count`` is not positive.
    """
    if faults < 1 or (count is not None and count < 1):
        raise RequestError("mutate: faults and count must be at least 1, not less")
    tools.require("yosys", "yosys-abc", who="mutate")
    report = progress or (lambda text: None)
    top = Top(spec, timing).driven()
    module = planted.netlist(top)
    candidates = [fault for fault in planted.possible(module) if fault.kind in kinds]
    if not candidates:
        raise DesignError(f"{spec.name}: there must be a cell to break, not none")
    chosen = planted.sample(candidates, faults, seed)
    report(f"plant {len(chosen)} faults in {top.name}")
    network = Network.read(planted.plant(module, top.name, chosen), "json", top.name)
    judge = _stream_verdicts if top.stream else _plain_verdicts
    noticed, total = judge(top, network, len(chosen), count, seed, report)
    alive = [number for number, seen in enumerate(noticed[1:], start=1) if not seen]
    if noticed[0]:
        raise DesignError(f"{spec.name}: the circuit must be right without a fault, not wrong")
    same = set()
    with scratch() as folder:
        proof = _Equivalence(top, network, solver_s, Path(folder))
        for number in alive:
            report(f"whether mutant {number} changes anything: {chosen[number - 1]}")
            if proof.holds(number):
                same.add(number)
    groups: tuple[list[Fault], ...] = ([], [], [])
    for number, fault in enumerate(chosen, start=1):
        groups[0 if noticed[number] else 1 if number in same else 2].append(fault)
    killed, equivalent, survived = map(tuple, groups)
    return MutantResult(top.name, killed, equivalent, survived, total)


def _plain_verdicts(
    top: Top, network: Network, faults: int, count: int | None, seed: int, report: Progress
) -> tuple[list[bool], int]:
    """Whether each fault (0: none) shows; how many vectors it met."""
    spec = top.spec
    if count is None and not vectors.is_exhaustive(spec):
        count = _COUNT
    tests = vectors.choose(spec, 1, count, seed)
    codes, lanes = tests.codes, 1
    if top.clocked:
        # Sequences side by side, each longer than any pipeline.
        length = min(len(tests), max(64, 2 * (top.latency + 1)))
        lanes = len(tests) // length
        codes = {name: v[: length * lanes].reshape(length, lanes) for name, v in codes.items()}
    expected = {
        name: answer if isinstance(answer, tuple) else (answer, answer)
        for name, answer in spec.reference(codes, top.interleave).items()
    }
    noticed = []
    for number in range(faults + 1):
        report(f"mutant {number} of {faults}")
        found = Gates.of(top, network, **{FAULT: number}).run(
            codes, cut_off=7 if top.clocked else 0
        )
        wrong = False
        for name, (low, high) in expected.items():
            got = found[name]
            wrong |= bool(np.any(np.asarray((got != low) & (got != high), dtype=bool)))
        noticed.append(wrong)
    return noticed, next(iter(codes.values())).size


def _stream_verdicts(
    top: Top, network: Network, faults: int, count: int | None, seed: int, report: Progress
) -> tuple[list[bool], int]:
    spec, noticed, total = top.spec, np.zeros(faults + 1, bool), 0
    lanes, rng = _COPIES * (faults + 1), np.random.default_rng(seed)
    # Copy by copy, all faults side by side.
    ties = {FAULT: np.tile(np.arange(faults + 1, dtype=np.uint64), _COPIES)}
    for turn, (idle, stall) in enumerate(_PAUSES):
        # Other jobs in every turn.
        chosen = _workload(top, count or _STREAM_COUNT, seed + turn, _LARGEST[turn])
        pauses = {
            stream.name: rng.random((251, _COPIES)) < (idle if stream.direction == "in" else stall)
            for stream in top.handshakes()
        }
        report(f"turn {turn + 1} of {len(_PAUSES)}: {len(chosen)} results of {lanes} copies")
        sides = lane_streams.lanes_of(top, chosen)
        # Without faults first: it says how long a run takes.
        alone = lane_streams.run_lanes(network, sides, _COPIES, pauses, most=200_000)
        cuts = lane_streams.cuts(_COPIES, seed + turn) if top.clocked else []
        found = lane_streams.run_lanes(
            network,
            sides,
            lanes,
            {name: np.repeat(pattern, faults + 1, axis=1) for name, pattern in pauses.items()},
            most=2 * int(alone.cycles.max()) + 500,
            cuts=[np.repeat(lengths, faults + 1) for lengths in cuts],
            ties=ties,
        )
        wrong = np.array([bool(reason) for reason in found.reason])
        promised = spec.cycles(top.timing, **chosen.items) if isinstance(spec, Engine) else None
        if not idle and not stall and promised is not None:
            wrong |= found.cycles + 1 != promised
        noticed |= wrong.reshape(_COPIES, faults + 1).any(axis=0)
        total += len(chosen)
    return noticed.tolist(), total


def _workload(top: Top, count: int, seed: int, largest: int) -> workloads.Workload:
    if isinstance(top.spec, Engine):
        return workloads.choose(top.spec, count, seed, largest=largest)
    chosen = vectors.choose(top.spec, top.interleave, count, seed)
    return workloads.of_items({"i": chosen.codes}, {"o": chosen.expected})


class _Equivalence:
    """Whether a fault changes anything, by SAT on the gates of the design with and without it."""

    def __init__(self, top: Top, network: Network, solver_s: float, folder: Path):
        self.top, self.network, self.solver_s, self.folder = top, network, solver_s, folder
        self.circuit = _circuit(network)
        self.names: list[Any] = self.circuit.inputs
        self.feeds_forward = not top.spec.stateful and not top.stream
        self.frames = top.latency + 1 if self.feeds_forward else 1

    def holds(self, number: int) -> bool:
        """Whether fault ``number`` is proved to change nothing."""
        if self._functions_agree(number):
            return True
        return not self.feeds_forward and self._runs_agree(number)

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

    def _functions_agree(self, number: int) -> bool:
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
        return bool(outcome.equal)

    def _runs_agree(self, number: int) -> bool:
        """Both side by side from power-on, by induction and reachability: nothing seen differs."""
        names, latches = self.names, len(self.circuit.latches)
        graph = Graph(len(names) + 2 * latches)
        # A register that starts at 1 is kept inverted.
        starts = [int(init == 1) for init in self.network.latches[:, 2]]
        following, results = [], []
        for side, fault in enumerate((0, number)):
            first = len(names) + side * latches
            state = [graph.input(first + k) ^ starts[k] for k in range(latches)]
            outputs, after = self._copy(graph, fault, state)
            following += [literal ^ start for literal, start in zip(after, starts, strict=True)]
            results.append(dict(zip(self.network.outputs, outputs, strict=True)))
        graph.outputs = [self._difference(graph, *results)]
        (self.folder / "runs.aig").write_bytes(write_aiger(graph, following))
        limit = max(1, round(self.solver_s))
        for script, success in (
            ("scorr; dprove", r"^(UNSATISFIABLE|Networks are equivalent\b)"),
            (f"pdr -T {limit}", r"^Property proved\b"),
        ):
            output = self._abc(f"read runs.aig; strash; {script}", self.solver_s)
            if output is not None and re.search(success, output, re.M):
                return True
        return False

    def _difference(self, graph: Graph, right: dict, wrong: dict) -> int:
        """Literal: some result differs. A payload counts where it is valid."""
        masks = {}
        for stream in self.top.handshakes():
            if stream.direction == "out":
                masks |= {port.name: right[stream.valid, 0] for port in stream.payload}
        same = 1
        for key, literal in right.items():
            other = wrong[key]
            differs = graph.both(literal, other ^ 1) ^ 1
            differs = graph.both(differs, graph.both(literal ^ 1, other) ^ 1) ^ 1
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
