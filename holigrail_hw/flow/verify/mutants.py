"""Mutants: faults planted in a design, to see whether the vectors of ``verify`` notice them.

The faults of :mod:`.planted` are built into one netlist of gates. Operators meet the vectors that
``verify`` gives them, after a run that a reset cuts off; streams and engines run as one copy for
each fault, with and without pauses, and are judged by their items, the rules of the handshake and
the cycles they promise.

A fault that nothing notices is an equivalent mutant, which no test can kill, or a gap in the tests.
SAT decides which (:mod:`.mutant_proofs`). A fault that shows only for operands that no legal job
has, or for which the time is too short, stays a survivor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..simulate import lane_streams
from ..simulate.gates import Gates, Network
from ..top import Top
from . import planted, workloads
from .mutant_proofs import MutantProofs
from .planted import FAULT, Fault

__all__ = ["Fault", "MutantResult", "pauses", "run"]

# More than `verify` has by default: they cost little, and some faults show for one in 10,000.
_COUNT = 40_000
_STREAM_COUNT = 300
# Cycles of a run, and for each of its results: a copy that rests in half of all cycles takes some
# 20 for each answer of an engine that takes one request at a time.
_MOST_CYCLES, _MOST_CYCLES_EACH = 200_000, 100
# Results, and input items of the largest job, of a run that a reset ends.
_BEGUN = 12
# Most cycles of further runs that a reset ends: a few copies of each fault have few places
# where the usual ones end, and what waits behind an output needs some results before it.
_CUTS = (60,) * 12
# Input items of the largest job in every turn; long ones reach the upper bits of counters.
_LARGEST = (64, 256, 64, 64)
# Copies of every mutant in a turn, each with its own pauses and resets.
_COPIES = 4
_PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.5, 0.5))
# Long enough for many rests, or streams that never work at the same time would not for a whole run.
_PERIOD, _REST = 2003, 50


@dataclass(frozen=True)
class MutantResult:
    """Faults that were noticed, that are proved to change nothing, and that went unnoticed.

    ``reasons`` say of each of the latter two what SAT found out.
    """

    top: str
    killed: tuple[Fault, ...]
    equivalent: tuple[Fault, ...]
    survived: tuple[Fault, ...]
    vectors: int
    reasons: dict[Fault, str] = field(default_factory=dict)

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
        raise _wrong_already(spec)
    verdicts = {}
    with scratch() as folder:
        proof = MutantProofs(top, network, solver_s, Path(folder))
        for number in alive:
            report(f"whether mutant {number} changes anything: {chosen[number - 1]}")
            verdicts[number] = proof.verdict(number)
    groups: tuple[list[Fault], ...] = ([], [], [])
    for number, fault in enumerate(chosen, start=1):
        verdict = verdicts.get(number)
        groups[0 if verdict is None else 1 if verdict.equal else 2].append(fault)
    killed, equivalent, survived = map(tuple, groups)
    reasons = {chosen[number - 1]: verdict.reason for number, verdict in verdicts.items()}
    return MutantResult(top.name, killed, equivalent, survived, total, reasons)


def _plain_verdicts(
    top: Top, network: Network, faults: int, count: int | None, seed: int, report: Progress
) -> tuple[list[bool], int]:
    """Whether each fault (0: none) shows; how many vectors it met."""
    spec = top.spec
    if count is None and not workloads.is_exhaustive(spec):
        count = _COUNT
    tests = workloads.choose(spec, count, seed)
    codes, lanes = tests.items["i"], 1
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
        timed = not idle and not stall
        chosen = _workload(top, count or _STREAM_COUNT, seed + turn, _LARGEST[turn], timed)
        idle_cycles = {
            stream.name: pauses(rng, idle if stream.direction == "in" else stall)
            for stream in top.handshakes()
        }
        report(f"turn {turn + 1} of {len(_PAUSES)}: {len(chosen)} results of {lanes} copies")
        sides = lane_streams.lanes_of(top, chosen)
        cuts = lane_streams.cuts(_COPIES, seed + turn, _CUTS) if top.clocked else []
        begun = [
            lane_streams.lanes_of(top, _workload(top, _BEGUN, seed + 97 * turn + k, _BEGUN))
            for k in range(len(cuts))
        ]
        found = lane_streams.run_lanes(
            network,
            sides,
            lanes,
            {name: np.repeat(pattern, faults + 1, axis=1) for name, pattern in idle_cycles.items()},
            most=_MOST_CYCLES + _MOST_CYCLES_EACH * len(chosen),
            cuts=[np.repeat(lengths, faults + 1) for lengths in cuts],
            begun=begun,
            right=range(0, lanes, faults + 1),
            ties=ties,
        )
        wrong = np.array([bool(reason) for reason in found.reason])
        promised = None if spec.planned else spec.cycles(top.timing, **chosen.items)
        if timed and promised is not None:
            wrong |= found.cycles + 1 != promised
        if wrong[:: faults + 1].any():
            reason = next(filter(None, found.reason[:: faults + 1]), "other cycles than promised")
            raise _wrong_already(spec, f": {reason} in turn {turn + 1}")
        noticed |= wrong.reshape(_COPIES, faults + 1).any(axis=0)
        total += len(chosen)
    return noticed.tolist(), total


def _wrong_already(spec: OperatorSpec, how: str = "") -> DesignError:
    return DesignError(f"{spec.name}: the circuit must be right without a fault, not wrong{how}")


def pauses(rng: np.random.Generator, share: float) -> np.ndarray:
    """Pauses of every copy: in half of them of single cycles, in the others long rests.

    Only where one stream rests while others go on are all queues filled in between.
    """
    found = rng.random((_PERIOD, _COPIES)) < share
    rests = rng.random((-(-_PERIOD // _REST), _COPIES)) < share
    # A stream that always rests would never end.
    rests[0, rests.all(axis=0)] = False
    found[:, 1::2] = np.repeat(rests, _REST, axis=0)[:_PERIOD, 1::2]
    return found


def _workload(
    top: Top, count: int, seed: int, largest: int, timed: bool = False
) -> workloads.Workload:
    return workloads.choose(
        top.spec,
        count,
        seed,
        timing=top.timing,
        timed=timed,
        corners=count > _BEGUN,
        largest=largest,
    )
