"""Verification of an operator with one item in, one item out: what each level does."""

import functools
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.work_folder import scratch

from ..simulate import cocotb_job, icarus_job, lane_streams
from ..simulate.compiled import Compiled
from ..simulate.gates import Gates, Network
from ..simulate.words import Words
from ..top import Top
from . import workloads
from .replay import command
from .workloads import Difference, Workload

__all__ = ["COUNTS", "OperatorTask", "words_of"]

# Items of each level unless the request says how many.
COUNTS = {"compiled": 10_000, "cocotb": 400, "icarus": 1_000, "gates": 4_000, "words": 4_000}
# Items of each copy of a pipeline, on level gates.
_ROW = 16
_STREAMED = 300
_BENCH = "holigrail_hw.testbenches.operator_bench"


@functools.lru_cache(maxsize=1)
def words_of(top: Top) -> Words | None:
    """The design for level words; none if it is not covered there."""
    if top.clocked or top.stream:
        return None
    return Words.covering(top.rtlil)


@dataclass(frozen=True)
class OperatorTask:
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
                design.run({name: codes[:7] for name, codes in chosen.items["i"].items()})
            self._judge(chosen, design.run(chosen.items["i"]), "compiled")
            checked = 1 if self.only is not None else len(chosen)
        return "cxxrtl", checked, chosen.exhaustive, design.cycles

    def _compiled_stream(self, design: Compiled, chosen: Workload) -> int:
        rng, checked = np.random.default_rng(self.seed), 0
        for idle, stall in ((0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4)):
            patterns: dict[str, Any] = {
                "idle": rng.random(251) < idle,
                "stall": rng.random(241) < stall,
            }
            design.run_stream(chosen.items["i"], **patterns, cycles=self.top.latency + 5)
            found = design.run_stream(chosen.items["i"], **patterns)
            self._judge(chosen, found.results, "compiled")
            wanted = len(chosen) + self.top.latency
            if not idle and not stall and found.cycles != wanted:
                raise DesignError(
                    f"{self.top.name}: {len(chosen)} items must take {wanted} cycles without"
                    f" pauses, not {found.cycles}"
                )
            checked += 1 if self.only is not None else len(chosen)
        return checked

    def gates(self) -> tuple[str, int, bool, int]:
        top = self.top
        if top.stream and self.wanted is None:
            # Every copy takes all items, with pauses.
            return replace(self, wanted=_STREAMED).gates()
        chosen = self._vectors("gates")
        network = Network.of(top)
        self.progress(f"gates: {len(chosen)} vectors")
        if top.stream:
            return self._lane_streams(network, chosen)
        design, codes = Gates.of(top, network), chosen.items["i"]
        if top.clocked and not top.spec.stateful:
            # Copies side by side, each with a row of items one after the other.
            lanes = max(1, len(chosen) // _ROW)
            order = np.minimum(np.arange(-(-len(chosen) // lanes) * lanes), len(chosen) - 1)
            codes = {name: v[order].reshape(-1, lanes) for name, v in codes.items()}
        found = design.run(codes, cut_off=min(7, len(chosen)) if top.clocked else 0)
        flat = {name: v.reshape(-1)[: len(chosen)] for name, v in found.items()}
        self._judge(chosen, flat, "gates")
        checked = 1 if self.only is not None else len(chosen)
        return "numpy", checked, chosen.exhaustive, len(next(iter(codes.values())))

    def words(self) -> tuple[str, int, bool, int]:
        netlist = words_of(self.top)
        if netlist is None:
            raise RequestError(
                f"verify: level words must have a netlist of sums, products and logic without"
                f" registers or parts, in at most 64 bits, not that of {self.top.name}",
                hint="level gates takes any design",
            )
        chosen = self._vectors("words")
        self.progress(f"words: {len(chosen)} vectors")
        codes = {port.name: chosen.items["i"][str(port.operand)] for port in self.top.inputs()}
        ports = {str(port.operand): port.name for port in self.top.outputs()}
        self._judge(chosen, netlist.run(codes, ports), "words")
        checked = 1 if self.only is not None else len(chosen)
        return "numpy", checked, chosen.exhaustive, len(chosen)

    def _lane_streams(self, network: Network, chosen) -> tuple[str, int, bool, int]:
        sides = lane_streams.lanes_of(self.top, chosen)
        pauses = lane_streams.pauses(self.top, self.seed)
        most = 200 * (len(chosen) + self.top.latency + 8) * self.top.interleave
        lanes, latency = lane_streams.LANES, self.top.latency
        cuts = lane_streams.cuts(lanes, self.seed) if self.top.clocked else []
        found = lane_streams.run_lanes(
            network, sides, lanes, pauses, most=most, cuts=cuts, drain=latency + 2
        )
        lane, reason = found.first()
        if reason == lane_streams.WRONG:
            index, codes, place = int(found.index[lane]), {}, 0
            for port in self.top.outputs():
                codes[port.operand] = found.code[lane] >> place & ((1 << port.width) - 1)
                place += port.width
            raise self._difference(chosen, index, codes, "gates")
        if reason:
            raise DesignError(
                f"{self.top.name}: {reason}, item {found.index[lane]} of stream"
                f" {found.stream[lane]} (gates)\n  {self._replay('gates', None)}"
            )
        wanted = len(chosen) + self.top.latency
        if found.cycles[0] + 1 != wanted:
            raise DesignError(
                f"{self.top.name}: {len(chosen)} items must take {wanted} cycles without pauses,"
                f" not {found.cycles[0] + 1}"
            )
        checked = lanes * len(chosen)
        return "numpy", checked, chosen.exhaustive, int(found.cycles.max()) + 1

    def cocotb(self) -> tuple[str, int, bool, int]:
        # Read before the simulation starts: an index out of range is found at once.
        chosen = self._vectors("cocotb")
        with scratch() as name:
            report = cocotb_job.run(
                self.top,
                self.simulator,
                _BENCH,
                name,
                {
                    "count": None if chosen.exhaustive else len(chosen),
                    "seed": self.seed,
                    "only": self.only,
                },
                progress=lambda: self.progress(
                    f"cocotb: {len(chosen)} vectors in {self.simulator}"
                ),
            )
        failure = report.get("failure")
        if failure and "rule" in failure:
            raise DesignError(
                f"{self.top.name}: {failure['rule']} (cocotb test '{failure['test']}',"
                f" cycle {failure['cycle']}, {self.simulator})\n  {self._replay('cocotb', None)}"
            )
        if failure:
            found = failure["found"] or dict.fromkeys(chosen.expected["o"])
            raise self._difference(chosen, failure["index"], found, "cocotb")
        tests = report["tests"]
        checked = sum(test["vectors"] for test in tests)
        if self.only is not None:
            checked = len(tests)
        return self.simulator, checked, chosen.exhaustive, sum(test["cycles"] for test in tests)

    def icarus(self) -> tuple[str, int, bool, int]:
        count = self.wanted or COUNTS["icarus"]
        chosen = self._vectors("icarus")
        self.progress(f"icarus: {count} vectors")
        cycles, output = icarus_job.run(self.top, count, self.seed, count)
        if cycles is not None:
            return "icarus", 1 if self.only is not None else count, False, cycles
        wrong = re.findall(r"^vector (\d+): (\w+) expected \w+ got (\w+),", output, re.M)
        if self.only is not None:
            verdict = f"FAIL: {len(wrong)} wrong of {count} vectors, {count} checked"
            wrong = [entry for entry in wrong if int(entry[0]) == self.only]
            # All that is wrong must be other vectors, and this one must have been compared.
            if not wrong and verdict in output.splitlines():
                return "icarus", 1, False, count + self.top.latency
        if not wrong:
            raise DesignError(f"{self.top.name}: the Verilog bench must pass\n{output.strip()}")
        index = int(wrong[0][0])
        names = {port.name: str(port.operand) for port in self.top.outputs()}
        found: dict[str, int | None] = {
            name: int(sides[0][index]) for name, sides in chosen.expected["o"].items() if sides
        }
        for entry, port, digits in wrong:
            if int(entry) == index:
                known = re.fullmatch("[0-9a-f]+", digits)
                found[names[port]] = int(digits, 16) if known else None
        raise self._difference(chosen, index, found, "icarus")

    def _vectors(self, level: str) -> Workload:
        spec, count = self.top.spec, self.wanted
        everything = level in ("compiled", "gates", "words") and workloads.is_exhaustive(spec)
        if count is None and not everything:
            count = COUNTS[level]
        chosen = workloads.choose(spec, count, self.seed, timing=self.top.timing)
        if self.only is not None and self.only >= len(chosen):
            raise RequestError(f"verify: only must be below {len(chosen)}, not {self.only}")
        return chosen

    def _judge(self, chosen: Workload, found: dict[str, Any], level: str) -> None:
        wrong = [one.index for one in workloads.differences(chosen, {"o": found})]
        if self.only is not None:
            wrong = [index for index in wrong if index == self.only]
        if wrong:
            index = wrong[0]
            one = {name: int(values[index]) for name, values in found.items()}
            raise self._difference(chosen, index, one, level, len(wrong))

    def _difference(self, chosen, index, found, level, wrong=None) -> DesignError:
        spec = self.top.spec
        place = f"vector {index} of {len(chosen)}"
        more = f", {wrong} wrong in all" if wrong and wrong > 1 else ""
        return DesignError(
            f"{spec.name}: result differs from the golden model at {place} ({level}{more})\n"
            f"{workloads.report(spec, chosen, Difference('o', index), found)}\n"
            f"  {self._replay(level, index, None if chosen.exhaustive else len(chosen))}"
        )

    def _replay(self, level: str, index: int | None, count: int | None = None) -> str:
        words = ["--level", level]
        if level == "cocotb" and self.simulator != "verilator":
            words += ["--simulator", self.simulator]
        words += ["--seed", str(self.seed)]
        words += [] if count is None else ["--count", str(count)]
        words += [] if index is None else ["--only", str(index)]
        line = command("verify", self.top.spec, self.top.timing, *words)
        return f"seed {self.seed}; replay: {line}"
