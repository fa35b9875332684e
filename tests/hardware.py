"""Hardware against golden, for tests of operators: random and corner items, or every code."""

import numpy as np

from holigrail_hw.core import OperatorSpec, Timing
from holigrail_hw.flow.gates import Gates

__all__ = ["assert_equals_golden", "assert_equals_golden_exhaustively"]

_TIME = 100


def assert_equals_golden(
    spec: OperatorSpec, timing: Timing | None = None, *, lanes: int = 64, seed: int = 11
) -> None:
    """Run 100 cycles of ``lanes`` copies of the hardware and compare every output."""
    design = Gates(spec, timing)
    items = spec.items(_TIME * lanes, np.random.default_rng(seed))
    codes = {name: values.reshape(_TIME, lanes) for name, values in items.items()}
    _compare(spec, codes, design.run(codes), spec.reference(codes, design.interleave), seed)


def assert_equals_golden_exhaustively(spec: OperatorSpec) -> None:
    """Compare every output for every combination of operand codes."""
    for codes, results in Gates(spec).exhaustive():
        _compare(spec, codes, results, spec.golden(**codes), None)


def _compare(spec, codes, results, expected, seed) -> None:
    for name, format in spec.outputs().items():
        wrong = np.argwhere(results[name] != expected[name])
        if len(wrong):
            index = tuple(wrong[0])
            operands = {
                operand: spec.inputs()[operand].format_code(int(values[index]))
                for operand, values in codes.items()
            }
            got = format.format_code(int(results[name][index]))
            wanted = format.format_code(int(expected[name][index]))
            raise AssertionError(
                f"{spec}: {len(wrong)} of {results[name].size} wrong, seed {seed}, first at "
                f"{index}: {operands} gives {name} = {got}, expected {wanted}"
            )
