"""Verification of an engine, an operator with several streams: what each level does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.work_folder import scratch

from ..simulate import cocotb_job, icarus_job, lane_streams
from ..simulate.compiled import Compiled
from ..simulate.gates import Network
from ..top import Top
from . import workloads
from .replay import command

__all__ = ["COUNTS", "EngineTask"]

# Results of each level unless the request says how many.
COUNTS = {"compiled": 4_000, "cocotb": 200, "icarus": 400, "gates": 300}
_MOST_CYCLES = 200_000
_BENCH = "holigrail_hw.testbenches.engine_bench"
_PAUSES = ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4), (0.9, 0.0), (0.0, 0.9))


@dataclass(frozen=True)
class EngineTask:
    """One verification; each level returns simulator, results checked, exhaustive, cycles."""

    top: Top
    simulator: str
    wanted: int | None
    seed: int
    only: int | None
    progress: Progress

    def compiled(self) -> tuple[str, int, bool, int]:
        chosen = self._workload("compiled")
        design = Compiled(self.top.asked, self.top.timing, progress=self.progress)
        spec = self.top.spec
        rng, checked = np.random.default_rng(self.seed), 0
        for idle, stall in _PAUSES:
            self.progress(f"compiled: {len(chosen)} results of {chosen.jobs} jobs")
            pauses = {
                stream.name: rng.random(251) < (idle if stream.direction == "in" else stall)
                for stream in self.top.handshakes()
            }
            more: dict[str, Any] = {"pauses": pauses, "quiet": spec.quiet_cycles}
            # A job that is cut off by a reset must leave no trace.
            design.run_streams(chosen.items, chosen.counts, cycles=61, **more)
            found = design.run_streams(chosen.items, chosen.counts, **more)
            self._judge(chosen, found.results, "compiled")
            promised = spec.cycles(self.top.timing, **chosen.items)
            if not idle and not stall and promised not in (None, found.cycles):
                raise DesignError(
                    f"{self.top.name}: {chosen.jobs} jobs must take {promised} cycles without"
                    f" pauses, as promised, not {found.cycles}"
                )
            checked += len(chosen)
        return "cxxrtl", checked, False, design.cycles

    def gates(self) -> tuple[str, int, bool, int]:
        chosen, spec = self._workload("gates"), self.top.spec
        network = Network.of(self.top)
        self.progress(f"gates: {len(chosen)} results of {chosen.jobs} jobs")
        sides = lane_streams.lanes_of(self.top, chosen)
        pauses = lane_streams.pauses(self.top, self.seed)
        lanes = lane_streams.LANES
        cuts = lane_streams.cuts(lanes, self.seed)
        found = lane_streams.run_lanes(network, sides, lanes, pauses, most=_MOST_CYCLES, cuts=cuts)
        lane, reason = found.first()
        if reason == lane_streams.WRONG:
            place = workloads.Difference(found.stream[lane], int(found.index[lane]))
            (stream,) = (s for s in self.top.handshakes() if s.name == place.stream)
            codes, start = {}, 0
            for port in stream.payload:
                codes[port.operand] = found.code[lane] >> start & ((1 << port.width) - 1)
                start += port.width
            raise self._difference(chosen, place, codes, "gates")
        if reason:
            raise DesignError(
                f"{self.top.name}: {reason}, item {found.index[lane]} of stream"
                f" {found.stream[lane]} (gates)\n  {self._replay('gates')}"
            )
        promised = spec.cycles(self.top.timing, **chosen.items)
        if promised not in (None, found.cycles[0] + 1):
            raise DesignError(
                f"{self.top.name}: {chosen.jobs} jobs must take {promised} cycles without"
                f" pauses, as promised, not {found.cycles[0] + 1}"
            )
        checked = lanes * len(chosen)
        return "numpy", checked, False, int(found.cycles.max()) + 1

    def cocotb(self) -> tuple[str, int, bool, int]:
        chosen = self._workload("cocotb")
        with scratch() as name:
            report = cocotb_job.run(
                self.top,
                self.simulator,
                _BENCH,
                name,
                {"count": self.wanted or COUNTS["cocotb"], "seed": self.seed},
                progress=lambda: self.progress(f"cocotb: {chosen.jobs} jobs in {self.simulator}"),
            )
        failure = report.get("failure")
        if failure and "rule" in failure:
            raise DesignError(
                f"{self.top.name}: {failure['rule']} (cocotb test '{failure['test']}',"
                f" cycle {failure['cycle']}, {self.simulator})\n  {self._replay('cocotb')}"
            )
        if failure:
            place = workloads.Difference(failure["stream"], failure["index"])
            raise self._difference(chosen, place, failure["found"], "cocotb")
        tests = report["tests"]
        checked = sum(test["vectors"] for test in tests)
        return self.simulator, checked, False, sum(test["cycles"] for test in tests)

    def icarus(self) -> tuple[str, int, bool, int]:
        count = self.wanted or COUNTS["icarus"]
        chosen = self._workload("icarus")
        self.progress(f"icarus: {chosen.jobs} jobs")
        cycles, output = icarus_job.run(self.top, count, self.seed, len(chosen))
        if cycles is not None:
            return "icarus", len(chosen), False, cycles
        raise DesignError(
            f"{self.top.name}: the Verilog bench must pass\n{output.strip()}\n"
            f"  {self._replay('icarus')}"
        )

    def _workload(self, level: str) -> workloads.Workload:
        if self.only is not None:
            raise RequestError(
                f"verify: --only must not be given for {self.top.spec.name}:"
                " a job is judged as a whole"
            )
        return workloads.choose(self.top.spec, self.wanted or COUNTS[level], self.seed)

    def _judge(self, chosen: workloads.Workload, found: Mapping[str, Any], level: str) -> None:
        wrong = workloads.differences(chosen, found)
        if wrong:
            one = {
                field: int(values[wrong[0].index])
                for field, values in found[wrong[0].stream].items()
            }
            raise self._difference(chosen, wrong[0], one, level, len(wrong))

    def _difference(self, chosen, place, found, level, wrong=1) -> DesignError:
        more = f", {wrong} wrong in all" if wrong > 1 else ""
        return DesignError(
            f"{self.top.spec.name}: result differs from the golden model at"
            f" {workloads.where(self.top.spec, chosen, place)} ({level}{more})\n"
            f"{workloads.report(self.top.spec, chosen, place, found)}\n"
            f"  {self._replay(level)}"
        )

    def _replay(self, level: str) -> str:
        words = ["--level", level]
        if level == "cocotb" and self.simulator != "verilator":
            words += ["--simulator", self.simulator]
        words += ["--seed", str(self.seed), "--count", str(self.wanted or COUNTS[level])]
        line = command("verify", self.top.asked, self.top.timing, *words)
        return f"seed {self.seed}; replay: {line}"
