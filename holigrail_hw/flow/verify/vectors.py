"""Test vectors: operand codes with the golden answer, and what is said about one that fails.

All operand codes when they total 16 bits or fewer and there is no state; else corner cases and
random codes from a seed. An expected result is a pair (low, high) of codes; both are the same
unless the operator is only faithful.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.parameters import leaves_of, to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from ..top import Top

__all__ = [
    "EXHAUSTIVE_BITS",
    "Vectors",
    "choose",
    "command",
    "failing",
    "is_exhaustive",
    "pack",
    "report",
]

EXHAUSTIVE_BITS = 16


@dataclass(frozen=True)
class Vectors:
    """Codes of every operand, and (low, high) codes of every result; one row per item."""

    codes: dict[str, Any]
    expected: dict[str, tuple[Any, Any]]
    exhaustive: bool

    def __len__(self) -> int:
        return len(next(iter(self.codes.values())))

    def part(self, start: int, stop: int) -> "Vectors":
        """Some rows."""
        return Vectors(
            {name: values[start:stop] for name, values in self.codes.items()},
            {
                name: (low[start:stop], high[start:stop])
                for name, (low, high) in self.expected.items()
            },
            False,
        )


def is_exhaustive(spec: OperatorSpec) -> bool:
    """Whether all operand codes are few enough to try, and trying them says everything."""
    return not spec.stateful and _bits(spec) <= EXHAUSTIVE_BITS


def choose(spec: OperatorSpec, interleave: int, count: int | None, seed: int) -> Vectors:
    """Vectors for ``spec``; the same request gives the same vectors.

    Parameters
    ----------
    interleave : int
        Independent sums the hardware holds.
    count : int or None
        How many; ``None`` for all codes, which must be few enough.
    """
    if count is None:
        total, codes = _bits(spec), {}
        rest = np.arange(1 << total, dtype=np.uint64)
        for name, format in spec.inputs().items():
            total -= format.width
            codes[name] = (rest >> np.uint64(total)) & np.uint64((1 << format.width) - 1)
    else:
        codes = spec.items(count, np.random.default_rng(seed))
    expected = {
        name: answer if isinstance(answer, tuple) else (answer, answer)
        for name, answer in spec.reference(codes, interleave).items()
    }
    return Vectors(codes, expected, count is None)


def failing(vectors: Vectors, found: Mapping[str, Any]) -> np.ndarray:
    """Indices of the items whose results are wrong.

    Raises
    ------
    DesignError
        If there is not one result for each item: what is missing was not compared.
    """
    wrong = np.zeros(len(vectors), dtype=bool)
    for name, (low, high) in vectors.expected.items():
        got = np.asarray(found[name])
        if len(got) != len(vectors):
            raise DesignError(f"{name} must have {len(vectors)} results, not {len(got)}")
        wrong |= np.asarray((got != np.asarray(low)) & (got != np.asarray(high)), dtype=bool)
    return np.flatnonzero(wrong)


def report(
    spec: OperatorSpec, vectors: Vectors, index: int, found: Mapping[str, int | None]
) -> str:
    """One failing item: operands, expected and found results, decoded; ``None`` is unknown."""
    inputs, outputs = spec.inputs(), spec.outputs()
    operands = [
        f"{name} = {format.format_code(int(vectors.codes[name][index]))}"
        for name, format in inputs.items()
    ]
    lines = ["  " + "   ".join(operands)]
    for name, format in outputs.items():
        low, high = (int(side[index]) for side in vectors.expected[name])
        wanted = format.format_code(low)
        if high != low:
            wanted += f" or {format.format_code(high)}"
        got = found[name]
        text = "unknown bits" if got is None else format.format_code(int(got))
        mark = "" if got in (low, high) else "   WRONG"
        lines.append(f"  {name}: expected {wanted}   got {text}{mark}")
    return "\n".join(lines)


def command(verb: str, spec: OperatorSpec, timing: Timing, *more: str) -> str:
    """The command line of a verb for this design."""
    words = ["holigrail", verb, spec.name]
    for name, (parameter, value) in leaves_of(spec).items():
        if value != parameter.default:
            words += [f"--{name.replace('_', '-')}", to_text(value)]
    if timing.period_ns is not None:
        words += ["--period", repr(float(timing.period_ns)).removesuffix(".0")]
    if timing.latency is not None:
        words += ["--latency", str(timing.latency)]
    if timing.device != Timing().device:
        words += ["--device", timing.device]
    if timing.shell != Timing().shell:
        words += ["--shell", timing.shell]
    if timing.wait_cycles is not None:
        words += ["--wait-cycles", str(timing.wait_cycles)]
    if timing.name is not None:
        words += ["--name", timing.name]
    if spec.clock(timing).met is False:
        words.append("--best-effort")
    return shlex.join([*words, *more])


def pack(top: Top, vectors: Vectors) -> list[int]:
    """Every item as one number: operands, then low results, then high results, from bit 0 up."""
    columns = [(port.width, vectors.codes[str(port.operand)]) for port in top.inputs()]
    for side in (0, 1):
        for port in top.outputs():
            columns.append((port.width, vectors.expected[str(port.operand)][side]))
    packed, shift = np.zeros(len(vectors), dtype=object), 0
    for width, values in columns:
        packed = packed | (np.asarray(values).astype(object) << shift)
        shift += width
    return packed.tolist()


def _bits(spec: OperatorSpec) -> int:
    return sum(format.width for format in spec.inputs().values())
