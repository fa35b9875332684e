"""Hardware against golden, for tests of operators: random and corner items, or every code."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from holigrail_hw.core import OperatorSpec, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.simulate.gates import Gates

__all__ = ["check", "make", "referred", "results"]

_CYCLES = 60


def make(cls: type, **texts: object) -> OperatorSpec:
    """An operator from texts, as on the command line."""
    return cls(**parse_parameters(cls, texts, who=cls.__name__.lower()))


def referred(spec: OperatorSpec) -> OperatorSpec:
    """The operator with its reference circuit as its datapath."""
    circuit = spec.reference_circuit
    assert circuit is not None
    cls = type(spec)
    body = {"datapath": lambda self, plan, **wires: circuit(plan, **wires), "name": cls.name}
    return type("Referred", (cls,), body)(**{f.name: getattr(spec, f.name) for f in fields(spec)})


def results(design: Gates, count: int = 6000) -> tuple[dict, dict]:
    """Operands and what combinational hardware makes of them: every code up to 16 bits."""
    spec = design.spec
    if sum(format.width for format in spec.inputs().values()) <= 16:
        parts = list(design.exhaustive())
        codes, got = (
            {k: np.concatenate([part[i][k] for part in parts]) for k in parts[0][i]} for i in (0, 1)
        )
        return codes, got
    codes = spec.items(count, np.random.default_rng(2024))
    return codes, design.run(codes)


def check(specs: Iterable[OperatorSpec], timing: Timing | None = None, count: int = 6000) -> None:
    """Every output code of every design equals golden's.

    Combinational designs see every code up to 16 bits; others run as many copies side by side.
    """
    for spec in specs:
        design = Gates(spec, timing)
        if not design.top.clocked:
            codes, got = results(design, count)
            _compare(design, codes, got, spec.golden(**codes))
            continue
        lanes = -(-count // _CYCLES)
        items = spec.items(_CYCLES * lanes, np.random.default_rng(2024))
        codes = {name: values.reshape(_CYCLES, lanes) for name, values in items.items()}
        _compare(design, codes, design.run(codes), spec.reference(codes, design.interleave))


def _compare(design: Gates, codes: dict, results: dict, expected: dict) -> None:
    for name, format in design.spec.outputs().items():
        assert results[name].size
        answer = expected[name]
        low, high = answer if isinstance(answer, tuple) else (answer, answer)
        wrong = np.argwhere((results[name] != low) & (results[name] != high))
        if len(wrong):
            index = tuple(wrong[0])
            operands = ", ".join(
                f"{operand} = {design.spec.inputs()[operand].format_code(int(values[index]))}"
                for operand, values in codes.items()
            )
            got = format.format_code(int(results[name][index]))
            wanted = format.format_code(int(low[index]))
            raise AssertionError(
                f"{design.top.name}: {len(wrong)} of {results[name].size} wrong, first at {index}: "
                f"{operands} gives {name} = {got}, expected {wanted}"
            )
