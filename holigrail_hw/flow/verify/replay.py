"""The command line that repeats what was found wrong."""

import shlex

from holigrail_hw.core.parameters import leaves_of, to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

__all__ = ["command"]


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
