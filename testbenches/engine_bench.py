"""The cocotb bench of every engine: emitted Verilog against the golden model, stream by stream.

The environment variable ``HOLIGRAIL_BENCH`` names a JSON file as for ``operator_bench``. Every
source pauses and every sink refuses at random; the rules of the handshake are checked.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from holigrail_hw.flow.emit import manifest
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import workloads

JOB = json.loads(Path(os.environ["HOLIGRAIL_BENCH"]).read_text(encoding="utf-8"))
for _module in JOB["modules"]:
    importlib.import_module(_module)
SPEC, TIMING = manifest.rebuild(JOB["operator"], JOB["parameters"], JOB["timing"], who="bench")
TOP = Top(SPEC, TIMING).driven()
SPEC = TOP.spec
WORKLOAD = workloads.choose(SPEC, JOB["count"], JOB["seed"])
REPORT = Path(JOB["report"])
STREAMS = TOP.handshakes()
SOURCES = [stream for stream in STREAMS if stream.direction == "in"]
SINKS = [stream for stream in STREAMS if stream.direction == "out"]
PAUSES = (0.0, 0.4)


class Bench:
    """The design, its clock, and a count of what was checked."""

    def __init__(self, dut, name: str):
        self.dut, self.name = dut, name
        self.checked = self.cycles = 0

    def set(self, port: str, value: int) -> None:
        getattr(self.dut, port).value = value

    def offer(self, stream, index: int | None, rng: np.random.Generator) -> None:
        """One item on a source, or noise that must not matter."""
        for port in stream.payload:
            if index is None:
                code = int.from_bytes(rng.bytes(-(-port.width // 8)), "little")
                self.set(port.name, code % (1 << port.width))
            else:
                self.set(port.name, int(WORKLOAD.items[stream.name][port.operand][index]))
        self.set(stream.valid, int(index is not None))

    def read(self, stream) -> tuple[bool, dict[str, int | None]]:
        """Whether a sink shows an item, and its fields; ``None`` if a bit is unknown."""
        values = {}
        for port in stream.payload:
            value = getattr(self.dut, port.name).value
            values[port.operand] = int(value) if value.is_resolvable else None
        return getattr(self.dut, stream.valid).value == 1, values

    def check(self, stream, index: int, found: dict[str, int | None]) -> None:
        self.checked += 1
        for field, sides in WORKLOAD.expected[stream.name].items():
            if sides is None or workloads.agrees(sides, index, found[field]):
                continue
            what = {"test": self.name, "stream": stream.name, "index": index, "found": found}
            note("failure", what)
            raise AssertionError(f"stream {stream.name}, item {index} differs from golden: {found}")

    def broken(self, rule: str) -> None:
        note("failure", {"test": self.name, "rule": rule, "cycle": self.cycles})
        raise AssertionError(rule)

    async def edge(self) -> None:
        self.cycles += 1
        if TOP.clocked:
            self.dut.clk.value = 1
        await Timer(5, "ns")
        if TOP.clocked:
            self.dut.clk.value = 0
        await Timer(1, "ns")

    async def reset(self) -> None:
        if TOP.clocked:
            self.dut.clk.value = 0
            self.dut.rst.value = 1
        for stream in SOURCES:
            self.set(stream.valid, 0)
            for port in stream.payload:
                self.set(port.name, 0)
        for stream in SINKS:
            self.set(stream.ready, 1)
        for _ in range(2):
            await Timer(2, "ns")
            await self.edge()
        if TOP.clocked:
            self.dut.rst.value = 0

    async def run(self, idle: float, stall: float, stop: int | None = None) -> None:
        """The whole workload, or its first ``stop`` cycles, which are not judged."""
        rng = np.random.default_rng(JOB["seed"])
        sent = dict.fromkeys((s.name for s in SOURCES), 0)
        received = dict.fromkeys((s.name for s in SINKS), 0)
        offering = dict.fromkeys(sent, False)
        before = dict.fromkeys(received)
        quiet = cycle = 0
        while received != WORKLOAD.counts and (stop is None or cycle < stop):
            cycle, quiet = cycle + 1, quiet + 1
            if quiet > SPEC.quiet_cycles:
                self.broken(f"the streams must deliver {WORKLOAD.counts}, not stop at {received}")
            for stream in SOURCES:
                name = stream.name
                left = len(next(iter(WORKLOAD.items[name].values()))) - sent[name]
                offering[name] = left > 0 and (offering[name] or rng.random() >= idle)
                self.offer(stream, sent[name] if offering[name] else None, rng)
            ready = {s.name: rng.random() >= stall for s in SINKS}
            seen = []
            for turned in (True, False):
                for stream in SINKS:
                    self.set(stream.ready, int(ready[stream.name] != turned))
                await Timer(2, "ns")
                seen.append({s.name: self.read(s) for s in SINKS})
            for stream in SINKS:
                name = stream.name
                other, (valid, found) = seen[0][name], seen[1][name]
                if other[0] != valid or (valid and other[1] != found):
                    self.broken(f"valid and payload of {name} must not depend on ready")
                if before[name] is not None and not valid:
                    self.broken(f"valid of {name} must stay high until the item is accepted")
                if before[name] is not None and found != before[name]:
                    self.broken(f"the payload of {name} must stay until it is accepted")
                if valid and ready[name]:
                    if received[name] >= WORKLOAD.counts[name]:
                        self.broken(f"stream {name} must end after {received[name]} items")
                    if stop is None:
                        self.check(stream, received[name], found)
                    received[name] += 1
                    quiet = 0
                before[name] = found if valid and not ready[name] else None
            for stream in SOURCES:
                name = stream.name
                if offering[name] and getattr(self.dut, stream.ready).value == 1:
                    sent[name] += 1
                    offering[name], quiet = False, 0
            await self.edge()


def note(kind: str, what: dict) -> None:
    """Add to the report, which survives a crash of the simulator."""
    content: dict[str, Any] = {"tests": []}
    if REPORT.exists():
        content = json.loads(REPORT.read_text(encoding="utf-8"))
    if kind == "failure":
        content["failure"] = what
    else:
        content["tests"].append(what)
    REPORT.write_text(json.dumps(content), encoding="utf-8")


@cocotb.test()
@cocotb.parametrize(idle=PAUSES, stall=PAUSES)
async def streamed(dut, idle, stall):
    """Every combination of pauses in the sources and in the sinks."""
    bench = Bench(dut, f"streamed, idle {idle:g}, stall {stall:g}")
    await bench.reset()
    await bench.run(idle, stall)
    note("test", {"name": bench.name, "vectors": bench.checked, "cycles": bench.cycles})


@cocotb.test(skip=not TOP.clocked)
async def reset_in_the_middle(dut):
    """After a reset in the middle of a job, nothing of it is left."""
    bench = Bench(dut, "reset")
    await bench.reset()
    for stop in (7, 60, 201):
        await bench.run(0.1, 0.3, stop)
        await bench.reset()
    for _ in range(40):
        await Timer(2, "ns")
        for stream in SINKS:
            if bench.read(stream)[0]:
                bench.broken(f"a reset must clear stream {stream.name}")
        await bench.edge()
    await bench.run(0.2, 0.2)
    note("test", {"name": bench.name, "vectors": bench.checked, "cycles": bench.cycles})
