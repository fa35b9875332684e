"""Compiled hardware against golden: every operand up to 16 bits, corners and random above."""

from collections.abc import Sequence

import numpy as np

from holigrail_hw.core import OperatorSpec, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.compiled import Compiled, compile_all


def make(cls: type, **texts: object) -> OperatorSpec:
    """An operator from texts, as on the command line."""
    return cls(**parse_parameters(cls, texts, who=cls.__name__.lower()))


def results(design: Compiled, count: int = 6000) -> tuple[dict, dict]:
    """Operands and what the hardware makes of them."""
    spec = design.top.spec
    if sum(format.width for format in spec.inputs().values()) <= 16:
        parts = list(design.exhaustive())
        codes, got = (
            {k: np.concatenate([part[i][k] for part in parts]) for k in parts[0][i]} for i in (0, 1)
        )
        return codes, got
    codes = spec.items(count, np.random.default_rng(2024))
    return codes, design.run(codes)


def check(specs: Sequence[OperatorSpec], timing: Timing | None = None, count: int = 6000) -> None:
    """Every output code equals golden's; all designs in one compilation."""
    timing = timing or Timing()
    for design in compile_all([(spec, timing) for spec in specs]):
        spec = design.top.spec
        codes, got = results(design, count)
        for name, expected in spec.golden(**codes).items():
            wrong = np.flatnonzero(np.asarray(got[name]) != np.asarray(expected))
            assert len(got[name])
            assert not len(wrong), (
                f"{spec.top_name(timing)}.{name}: {len(wrong)} of {len(expected)} wrong, first "
                + ", ".join(
                    f"{k}={spec.inputs()[k].format_code(codes[k][wrong[0]])}" for k in codes
                )
                + f", expected {spec.outputs()[name].format_code(expected[wrong[0]])}"
                + f", got {int(got[name][wrong[0]]):#x}"
            )
