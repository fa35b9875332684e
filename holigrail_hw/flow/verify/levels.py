"""What each level of ``verify`` does: a design is driven, its results are judged, faults are told.

Plain ports take an item in every cycle and answer ``latency`` cycles later. Streams have sources
that pause and sinks that refuse, each run with pauses of its own.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.streams import Items
from holigrail_hw.core.work_folder import scratch

from ..simulate import cocotb_job, icarus_job, lane_streams, system_run
from ..simulate.compiled import Compiled
from ..simulate.gates import Gates, Network
from ..simulate.words import Words
from ..top import Port, Top
from . import workloads
from .replay import command
from .workloads import Difference, Workload

__all__ = ["COUNTS", "Done", "Levels", "words_of"]

# Items of an operator, and results of an engine, on each level unless the request says how many.
COUNTS = {
    "compiled": (10_000, 4_000),
    "cocotb": (400, 200),
    "icarus": (1_000, 400),
    "gates": (4_000, 300),
    "words": (4_000, 0),
}
# Requests of a host on level system.
_REQUESTS = 2
# Items of an operator behind streams on level gates: every copy takes all of them, with pauses.
_STREAMED = 300
# Items of each copy of a pipeline, on level gates.
_ROW = 16
# Cycles of a run that a reset ends, beyond the latency.
_CUT_OFF = 61
_MOST_CYCLES = 200_000
_BENCH = "holigrail_hw.testbenches.design_bench"
_PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4), (0.9, 0.0), (0.0, 0.9))
# Cycles of a pattern of pauses of a source, and of a sink: they meet in every way.
_PERIODS = {"in": 251, "out": 241}

Done = tuple[str, int, bool, int]
"""Simulator, results checked, whether all operand codes were tried, cycles."""


@functools.lru_cache(maxsize=1)
def words_of(top: Top) -> Words | None:
    """The design for level words; none if it is not covered there."""
    if top.clocked or top.stream:
        return None
    return Words.covering(top.rtlil)


@dataclass(frozen=True)
class Levels:
    """One verification, with a method for each level.

    ``only`` is the index of the one item that is judged; a job of an engine is judged as a whole.
    """

    top: Top
    simulator: str
    wanted: int | None
    seed: int
    only: int | None
    progress: Progress

    def compiled(self) -> Done:
        chosen, top = self._chosen("compiled"), self.top
        design = Compiled(top.asked, top.timing, progress=self.progress)
        self._tell("compiled", chosen)
        if not top.stream:
            if not chosen.exhaustive:
                # A run that is cut off by the reset of the next one must leave no trace.
                design.run({name: codes[:7] for name, codes in chosen.items["i"].items()})
            self._judge(chosen, {"o": design.run(chosen.items["i"])}, "compiled")
            return "cxxrtl", self._checked(chosen), chosen.exhaustive, design.cycles
        rng = np.random.default_rng(self.seed)
        for idle, stall in _PAUSES:
            often = {"in": idle, "out": stall}
            pauses = {
                stream.name: rng.random(_PERIODS[stream.direction]) < often[stream.direction]
                for stream in top.handshakes()
            }
            more: dict[str, Any] = {"pauses": pauses, "quiet": top.spec.quiet_cycles}
            more["drain"] = 64 + top.latency
            # Here, too.
            cycles = top.latency + _CUT_OFF
            design.run_streams(chosen.items, chosen.counts, cycles=cycles, **more)
            found = design.run_streams(chosen.items, chosen.counts, **more)
            self._judge(chosen, found.results, "compiled")
            if not idle and not stall:
                self._judge_pace(chosen, found.cycles)
        return "cxxrtl", len(_PAUSES) * self._checked(chosen), chosen.exhaustive, design.cycles

    def system(self) -> tuple[Done, str]:
        """What a host is answered by the whole system; and what else was found."""
        top = self.top
        if self.only is not None:
            raise RequestError("verify: --only must not be given for level system")
        if top.part:
            raise RequestError(
                f"{top.asked.name}: level system needs the shell plain or stream, not"
                f" {top.timing.shell}",
                hint="behind a bus the design is verified without its system, by the other levels",
            )
        whole = top.spec.whole_system(top.timing)
        if whole is None:
            raise RequestError(
                f"{top.spec.name}: level system needs a design that is part of a system with a"
                " programme",
                hint="where there are processors, ask for one",
            )
        whole.check_request()
        flash = whole.flash()
        program = system_run.program_of(
            whole.component(top.timing), whole.sources(), self.progress, flash=flash is not None
        )
        with system_run.SimulatedSystem(program, flash=flash) as line:
            say = lambda text: self.progress(f"system: {text}")  # noqa: E731
            checked = whole.check(line, self.seed, self.wanted or _REQUESTS, say)
        return ("verilator", checked.results, False, line.cycles), f"verify: {checked.text}"

    def gates(self) -> Done:
        chosen, top = self._chosen("gates"), self.top
        network = Network.of(top)
        self._tell("gates", chosen)
        if top.stream:
            return self._gate_streams(network, chosen)
        design, codes = Gates.of(top, network), chosen.items["i"]
        if top.clocked and not top.spec.stateful:
            # Copies side by side, each with a row of items one after the other.
            lanes = max(1, len(chosen) // _ROW)
            order = np.minimum(np.arange(-(-len(chosen) // lanes) * lanes), len(chosen) - 1)
            codes = {name: v[order].reshape(-1, lanes) for name, v in codes.items()}
        found = design.run(codes, cut_off=min(7, len(chosen)) if top.clocked else 0)
        flat = {name: v.reshape(-1)[: len(chosen)] for name, v in found.items()}
        self._judge(chosen, {"o": flat}, "gates")
        cycles = len(next(iter(codes.values())))
        return "numpy", self._checked(chosen), chosen.exhaustive, cycles

    def _gate_streams(self, network: Network, chosen: Workload) -> Done:
        top, lanes, promised = self.top, lane_streams.LANES, self._promised(chosen)
        found = lane_streams.run_lanes(
            network,
            lane_streams.lanes_of(top, chosen),
            lanes,
            lane_streams.pauses(top, self.seed),
            most=_MOST_CYCLES if promised is None else 100 * promised * top.interleave,
            cuts=lane_streams.cuts(lanes, self.seed) if top.clocked else [],
            drain=64 + top.latency,
        )
        lane, reason = found.first()
        place = Difference(found.stream[lane], int(found.index[lane]))
        if reason == lane_streams.WRONG:
            codes: dict[str, int | None] = {}
            start = 0
            for port in self._payload(place):
                codes[str(port.operand)] = found.code[lane] >> start & ((1 << port.width) - 1)
                start += port.width
            raise self._difference(chosen, place, codes, "gates")
        if reason:
            raise DesignError(
                f"{top.name}: {reason}, item {place.index} of stream {place.stream} (gates)\n"
                f"  {self._replay('gates', chosen)}"
            )
        self._judge_pace(chosen, int(found.cycles[0]) + 1)
        return "numpy", lanes * len(chosen), chosen.exhaustive, int(found.cycles.max()) + 1

    def words(self) -> Done:
        netlist = words_of(self.top)
        if netlist is None:
            raise RequestError(
                f"verify: level words must have a netlist of sums, products and logic without"
                f" registers or parts, in at most 64 bits, not that of {self.top.name}",
                hint="level gates takes any design",
            )
        chosen = self._chosen("words")
        self._tell("words", chosen)
        codes = {port.name: chosen.items["i"][str(port.operand)] for port in self.top.inputs()}
        ports = {str(port.operand): port.name for port in self.top.outputs()}
        self._judge(chosen, {"o": netlist.run(codes, ports)}, "words")
        return "numpy", self._checked(chosen), chosen.exhaustive, len(chosen)

    def cocotb(self) -> Done:
        # Read before the simulation starts: an index out of range is found at once.
        chosen = self._chosen("cocotb")
        with scratch() as name:
            report = cocotb_job.run(
                self.top,
                self.simulator,
                _BENCH,
                name,
                {"count": self._count("cocotb"), "seed": self.seed, "only": self.only},
                progress=lambda: self._tell("cocotb", chosen, f" in {self.simulator}"),
            )
        failure = report.get("failure")
        if failure and "rule" in failure:
            raise DesignError(
                f"{self.top.name}: {failure['rule']} (cocotb test '{failure['test']}',"
                f" cycle {failure['cycle']}, {self.simulator})\n"
                f"  {self._replay('cocotb', chosen)}"
            )
        if failure:
            place = Difference(failure["stream"], failure["index"])
            raise self._difference(chosen, place, failure["found"], "cocotb")
        tests = report["tests"]
        checked = len(tests) if self.only is not None else sum(test["vectors"] for test in tests)
        return self.simulator, checked, chosen.exhaustive, sum(test["cycles"] for test in tests)

    def icarus(self) -> Done:
        chosen, count = self._chosen("icarus"), self._count("icarus")
        assert count is not None
        self._tell("icarus", chosen)
        cycles, output = icarus_job.run(self.top, count, self.seed, len(chosen))
        if cycles is not None:
            return "icarus", self._checked(chosen), False, cycles
        line = r"^stream (\w+) item (\d+): (\w+) expected \w+ got (\w+)$"
        wrong = re.findall(line, output, re.M)
        if self.only is not None:
            verdict = f"FAIL: {len(wrong)} wrong of {count} vectors, {count} checked"
            wrong = [entry for entry in wrong if int(entry[1]) == self.only]
            # All that is wrong must be other vectors, and this one must have been compared.
            if not wrong and verdict in output.splitlines():
                return "icarus", 1, False, count + self.top.latency
        if not wrong:
            raise DesignError(
                f"{self.top.name}: the Verilog bench must pass\n{output.strip()}\n"
                f"  {self._replay('icarus', chosen)}"
            )
        place = Difference(wrong[0][0], int(wrong[0][1]))
        found: dict[str, int | None] = {}
        for port in self._payload(place):
            name = str(port.operand)
            sides = chosen.expected[place.stream][name]
            found[name] = int(sides[0][place.index]) if sides else None
            for stream, index, field, digits in wrong:
                if Difference(stream, int(index)) == place and field == port.name:
                    known = re.fullmatch("[0-9a-f]+", digits)
                    found[name] = int(digits, 16) if known else None
        raise self._difference(chosen, place, found, "icarus")

    def _chosen(self, level: str) -> Workload:
        """The workload of a level; ``only`` is the index of one of its items."""
        spec = self.top.spec
        if self.only is not None and not spec.planned:
            raise RequestError(
                f"verify: --only must not be given for {spec.name}: a job is judged as a whole"
            )
        count = self._count(level)
        chosen = workloads.choose(spec, count, self.seed, timing=self.top.timing)
        if self.only is not None and self.only >= len(chosen):
            raise RequestError(f"verify: only must be below {len(chosen)}, not {self.only}")
        return chosen

    def _count(self, level: str) -> int | None:
        """Items or results of a level; ``None`` for all operand codes."""
        spec, streamed = self.top.spec, self.top.stream
        if self.wanted is not None:
            return self.wanted
        if level == "gates" and spec.planned and streamed:
            return _STREAMED
        if level in ("compiled", "gates", "words") and workloads.is_exhaustive(spec):
            return None
        return COUNTS[level][0 if spec.planned else 1]

    def _checked(self, chosen: Workload) -> int:
        return len(chosen) if self.only is None else 1

    def _tell(self, level: str, chosen: Workload, where: str = "") -> None:
        jobs = f"results of {chosen.jobs} jobs"
        what = "vectors" if self.top.spec.planned else jobs
        self.progress(f"{level}: {len(chosen)} {what}{where}")

    def _payload(self, place: Difference) -> tuple[Port, ...]:
        (stream,) = (s for s in self.top.streams() if s.name == place.stream)
        return stream.payload

    def _judge(self, chosen: Workload, found: Items, level: str) -> None:
        wrong = workloads.differences(chosen, found)
        if self.only is not None:
            wrong = [one for one in wrong if one.index == self.only]
        if wrong:
            place = wrong[0]
            one = {name: int(codes[place.index]) for name, codes in found[place.stream].items()}
            raise self._difference(chosen, place, one, level, len(wrong))

    def _promised(self, chosen: Workload) -> int | None:
        return self.top.spec.cycles(self.top.timing, **chosen.items)

    def _judge_pace(self, chosen: Workload, cycles: int) -> None:
        promised = self._promised(chosen)
        if promised not in (None, cycles):
            raise DesignError(
                f"{self.top.name}: {len(chosen)} results must take {promised} cycles without"
                f" pauses, as promised, not {cycles}"
            )

    def _difference(
        self,
        chosen: Workload,
        place: Difference,
        found: Mapping[str, int | None],
        level: str,
        wrong: int = 1,
    ) -> DesignError:
        spec, more = self.top.spec, f", {wrong} wrong in all" if wrong > 1 else ""
        return DesignError(
            f"{spec.name}: result differs from the golden model at"
            f" {workloads.where(spec, chosen, place)} ({level}{more})\n"
            f"{workloads.report(spec, chosen, place, found)}\n"
            f"  {self._replay(level, chosen, place.index if spec.planned else None)}"
        )

    def _replay(self, level: str, chosen: Workload, only: int | None = None) -> str:
        words = ["--level", level]
        if level == "cocotb" and self.simulator != "verilator":
            words += ["--simulator", self.simulator]
        words += ["--seed", str(self.seed)]
        words += [] if chosen.exhaustive else ["--count", str(self._count(level))]
        words += [] if only is None else ["--only", str(only)]
        line = command("verify", self.top.asked, self.top.timing, *words)
        return f"seed {self.seed}; replay: {line}"
