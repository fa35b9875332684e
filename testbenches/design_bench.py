"""The cocotb bench of every design: emitted Verilog against the golden model, stream by stream.

The environment variable ``HOLIGRAIL_BENCH`` names a JSON file with the design (operator,
parameters, timing, and the Python module that defines the operator), the workload (count, seed, and
the index of the item to judge, if only one) and the report file. The report lists what each test
checked, and the first wrong item.

Plain ports take an item in every cycle. Sources of streams pause and sinks refuse at random; the
rules of the handshake are checked. The bench drives the clock itself: inputs change while it is
low, outputs are read before it rises.
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
from holigrail_hw.flow.top import Handshake, Top
from holigrail_hw.flow.verify import workloads

JOB = json.loads(Path(os.environ["HOLIGRAIL_BENCH"]).read_text(encoding="utf-8"))
for _module in JOB["modules"]:
    importlib.import_module(_module)
_ASKED, TIMING = manifest.rebuild(
    JOB["operator"], JOB["parameters"], JOB["timing"], who="bench", folder=Path(JOB["folder"])
)
TOP = Top(_ASKED, TIMING).driven()
SPEC = TOP.spec
WORKLOAD = workloads.choose(SPEC, JOB["count"], JOB["seed"], timing=TIMING)
REPORT = Path(JOB["report"])
SOURCES = [stream for stream in TOP.streams() if stream.direction == "in"]
SINKS = [stream for stream in TOP.streams() if stream.direction == "out"]
PAUSES = (0.0, 0.4)

Found = dict[str, int | None]


class Bench:
    """The design, its clock, and a count of what was checked."""

    def __init__(self, dut: Any, name: str):
        self.dut, self.name = dut, name
        self.checked = self.cycles = 0

    def set(self, port: str, value: int) -> None:
        getattr(self.dut, port).value = value

    def is_high(self, port: str) -> bool:
        return getattr(self.dut, port).value == 1

    def drive(self, stream: Handshake, index: int | None, rng: np.random.Generator) -> None:
        """Put the fields of one item on the ports, or noise that must not matter."""
        for port in stream.payload:
            if index is None:
                code = int.from_bytes(rng.bytes(-(-port.width // 8)), "little")
                self.set(port.name, code % (1 << port.width))
            else:
                self.set(port.name, int(WORKLOAD.items[stream.name][str(port.operand)][index]))

    def read(self, stream: Handshake) -> Found:
        """The fields that a sink shows; ``None`` if a bit is unknown."""
        values = {port.operand: getattr(self.dut, port.name).value for port in stream.payload}
        return {str(n): int(v) if v.is_resolvable else None for n, v in values.items()}

    def check(self, stream: str, index: int, found: Found) -> None:
        """Compare one item with the golden model; stops the run at the first wrong one."""
        self.checked += 1
        if JOB["only"] is not None and index != JOB["only"]:
            return
        for field, sides in WORKLOAD.expected[stream].items():
            if sides is None or workloads.agrees(sides, index, found[field]):
                continue
            what = {"test": self.name, "stream": stream, "index": index, "found": found}
            note("failure", what)
            raise AssertionError(f"stream {stream}, item {index} differs from golden: {found}")

    def broken(self, rule: str) -> None:
        """Report that a rule of the handshake is broken."""
        note("failure", {"test": self.name, "rule": rule, "cycle": self.cycles})
        raise AssertionError(rule)

    async def edge(self) -> None:
        """Wait for one rising edge."""
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
            for port in stream.payload:
                self.set(port.name, 0)
            if TOP.stream:
                self.set(stream.valid, 0)
        for stream in SINKS if TOP.stream else ():
            self.set(stream.ready, 1)
        for _ in range(2):
            await Timer(2, "ns")
            await self.edge()
        if TOP.clocked:
            self.dut.rst.value = 0

    async def feed(self, count: int, judged: bool = True) -> None:
        """Plain ports: one item per cycle, results ``latency`` cycles later."""
        (source,), (sink,), rng = SOURCES, SINKS, np.random.default_rng(JOB["seed"])
        for cycle in range(count + TOP.latency if judged else count):
            self.drive(source, min(cycle, count - 1), rng)
            await Timer(2, "ns")
            if judged and cycle >= TOP.latency:
                self.check(sink.name, cycle - TOP.latency, self.read(sink))
            await self.edge()

    async def run(self, idle: float, stall: float, stop: int | None = None) -> None:
        """Streams: the whole workload, or its first ``stop`` cycles, which are not judged."""
        rng = np.random.default_rng(JOB["seed"])
        sent = dict.fromkeys((s.name for s in SOURCES), 0)
        received = dict.fromkeys((s.name for s in SINKS), 0)
        offering = dict.fromkeys(sent, False)
        waiting: dict[str, Found | None] = dict.fromkeys(received)
        quiet = cycle = 0
        while received != WORKLOAD.counts and (stop is None or cycle < stop):
            cycle, quiet, moved = cycle + 1, quiet + 1, False
            if quiet > SPEC.quiet_cycles:
                self.broken(f"the streams must deliver {WORKLOAD.counts}, not stop at {received}")
            for stream in SOURCES:
                name = stream.name
                left = len(next(iter(WORKLOAD.items[name].values()))) - sent[name]
                offering[name] = left > 0 and (offering[name] or rng.random() >= idle)
                self.drive(stream, sent[name] if offering[name] else None, rng)
                self.set(stream.valid, int(offering[name]))
            ready = {stream.name: rng.random() >= stall for stream in SINKS}
            shown = await self._shown(ready)
            for stream in SOURCES:
                if offering[stream.name] and self.is_high(stream.ready):
                    sent[stream.name] += 1
                    offering[stream.name], moved = False, True
            for stream in SINKS:
                name, (valid, found) = stream.name, shown[stream.name]
                if waiting[name] is not None and not valid:
                    self.broken(f"valid of {name} must stay high until the item is accepted")
                if waiting[name] is not None and found != waiting[name]:
                    self.broken(f"the payload of {name} must stay until it is accepted")
                waiting[name] = found if valid and not ready[name] else None
                if not (valid and ready[name]):
                    continue
                if received[name] >= (sent["i"] if SPEC.planned else WORKLOAD.counts[name]):
                    self.broken(f"stream {name} must end after {received[name]} items")
                if stop is None:
                    self.check(name, received[name], found)
                received[name], moved = received[name] + 1, True
            quiet = 0 if moved else quiet
            await self.edge()
        promised = SPEC.cycles(TIMING, **WORKLOAD.items)
        if not idle and not stall and promised not in (None, cycle):
            self.broken(f"{WORKLOAD.counts} items must take {promised} cycles, not {cycle}")

    async def _shown(self, ready: dict[str, bool]) -> dict[str, tuple[bool, Found]]:
        """Valid and payload of every sink, which must be the same with ready the other way."""
        seen = []
        for turned in (True, False):
            for stream in SINKS:
                self.set(stream.ready, int(ready[stream.name] != turned))
            await Timer(2, "ns")
            seen.append({s.name: (self.is_high(s.valid), self.read(s)) for s in SINKS})
        for name, (valid, found) in seen[1].items():
            if seen[0][name][0] != valid or (valid and seen[0][name][1] != found):
                self.broken(f"valid and the payload of {name} must not depend on ready")
        return seen[1]


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


def done(bench: Bench) -> None:
    """Note what a test has checked."""
    note("test", {"name": bench.name, "vectors": bench.checked, "cycles": bench.cycles})


@cocotb.test(skip=TOP.stream)
async def plain(dut):
    """One item in every cycle."""
    bench = Bench(dut, "plain")
    await bench.reset()
    await bench.feed(len(WORKLOAD))
    done(bench)


@cocotb.test(skip=TOP.stream or not TOP.clocked)
async def plain_reset(dut):
    """A reset in the middle leaves no trace."""
    bench = Bench(dut, "plain_reset")
    await bench.reset()
    await bench.feed(min(TOP.latency + 5, len(WORKLOAD)), judged=False)
    await bench.reset()
    await bench.feed(min(40, len(WORKLOAD)))
    done(bench)


@cocotb.test(skip=not TOP.stream)
@cocotb.parametrize(idle=PAUSES, stall=PAUSES)
async def streamed(dut, idle, stall):
    """Every combination of pauses in the sources and in the sinks."""
    bench = Bench(dut, f"streamed, idle {idle:g}, stall {stall:g}")
    await bench.reset()
    await bench.run(idle, stall)
    done(bench)


@cocotb.test(skip=not TOP.stream or not TOP.clocked)
async def streamed_reset(dut):
    """After a reset in the middle of a job, nothing of it is left."""
    bench = Bench(dut, "streamed_reset")
    await bench.reset()
    for stop in (7, 60, 201):
        await bench.run(0.1, 0.3, stop)
        await bench.reset()
    for _ in range(40 + TOP.latency):
        await Timer(2, "ns")
        for stream in SINKS:
            if getattr(dut, stream.valid).value != 0:
                bench.broken(f"a reset must clear stream {stream.name}")
        await bench.edge()
    await bench.run(0.2, 0.2)
    done(bench)
