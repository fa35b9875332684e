"""Whether two combinational graphs are equal for all inputs: SAT sweeping, whole or case by case.

ABC's combinational equivalence check (Mishchenko et al., "Improvements to Combinational Equivalence
Checking", 2006) closes where inner points of both graphs are equal. A float adder beside one that
shifts its operands to a common place has hardly any; with the exponents of the operands fixed it
has, and the cases together are the proof (case splitting as by Jacobi et al., "Automatic Formal
Verification of Fused-Multiply-Add FPUs", 2005).
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from holigrail_hw.core.run.process import Progress

from .aig import Graph, write_aiger
from .prospect import MOST_CASES

__all__ = ["Outcome", "check"]

_BATCH = 64
_WHOLE = 0.2
"""Part of the time that the whole graphs get if cases can follow."""


@dataclass(frozen=True)
class Outcome:
    """``equal`` is ``None`` if nothing was found out; ``inputs`` are bits that make a difference.

    ``cases`` is the number of cases the proof took, 1 for the whole.
    """

    equal: bool | None
    cases: int = 1
    inputs: list[int] | None = None


def check(
    left: Graph,
    right: Graph,
    split: Sequence[int],
    *,
    run: Callable[[str, float], str | None],
    folder: Path,
    time_limit_s: float,
    progress: Progress,
) -> Outcome:
    """Compare two graphs of the same inputs.

    Parameters
    ----------
    split : sequence of int
        Indices of inputs whose values tell cases apart.
    run : callable
        ABC: gets a script and a time limit in seconds, returns what it says; ``None`` if it took
        longer.
    """
    end = time.monotonic() + time_limit_s
    splits = 0 < len(split) and 1 << len(split) <= MOST_CASES
    first = time_limit_s * (_WHOLE if splits else 1)
    outcome = _several([(left, right)], run, folder, first)
    if outcome.equal is not None or not splits:
        return outcome
    cases = 1 << len(split)
    for start in range(0, cases, _BATCH):
        progress(f"case {start} of {cases}")
        batch = list(_cases(left, right, split, range(start, min(start + _BATCH, cases))))
        part = _several(batch, run, folder, end - time.monotonic())
        if part.equal is False and part.inputs is not None:
            number = start + part.cases - 1
            inputs = [
                number >> split.index(i) & 1 if i in split else bit
                for i, bit in enumerate(part.inputs)
            ]
            return Outcome(False, cases, inputs)
        if not part.equal:
            return part
    return Outcome(True, cases)


def _cases(
    left: Graph, right: Graph, split: Sequence[int], numbers: range
) -> Iterator[tuple[Graph, Graph]]:
    for number in numbers:
        values = {index: number >> place & 1 for place, index in enumerate(split)}
        yield left.fixed(values), right.fixed(values)


def _several(
    pairs: Sequence[tuple[Graph, Graph]],
    run: Callable[[str, float], str | None],
    folder: Path,
    time_limit_s: float,
) -> Outcome:
    """All pairs in one run of ABC; ``cases`` counts up to the one that differs."""
    if time_limit_s <= 0:
        return Outcome(None)
    # Pairs that became the same literals need no solver.
    open_pairs = [(number, *pair) for number, pair in enumerate(pairs, start=1) if not _same(*pair)]
    if not open_pairs:
        return Outcome(True, len(pairs))
    limit, script = max(1, round(time_limit_s)), []
    for number, left, right in open_pairs:
        (folder / f"left{number}.aig").write_bytes(write_aiger(left))
        (folder / f"right{number}.aig").write_bytes(write_aiger(right))
        script.append(f"&r left{number}.aig; &cec -T {limit} right{number}.aig")
    output = run("; ".join(script), time_limit_s)
    if output is None:
        return Outcome(None)
    said = re.findall(r"^Networks are (NOT EQUIVALENT|equivalent|UNDECIDED)", output, re.M)
    if "NOT EQUIVALENT" in said:
        number = open_pairs[said.index("NOT EQUIVALENT")][0]
        return Outcome(False, number, _counterexample(output, pairs[0][0]))
    is_equal = said.count("equivalent") == len(open_pairs)
    return Outcome(True if is_equal else None, len(pairs))


def _same(left: Graph, right: Graph) -> bool:
    return left.ands == right.ands and left.outputs == right.outputs


def _counterexample(output: str, graph: Graph) -> list[int] | None:
    """Input bits from what ABC prints; bit 0 is the first input."""
    match = re.search(r"^INPUT: a = \d+'h([0-9A-F]+)\.", output, re.M)
    if match is None:
        return None
    bits = int(match.group(1), 16)
    return [bits >> index & 1 for index in range(graph.inputs)]
