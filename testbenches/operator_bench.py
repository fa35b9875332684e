"""The cocotb bench of every operator: emitted Verilog against the golden model.

The environment variable ``HOLIGRAIL_BENCH`` names a JSON file with the design (operator,
parameters, timing, and the Python module that defines the operator), the vectors (count, seed, and
the index of the one to report, if only one) and the report file. The report lists what each test
checked, and the first wrong item.

The bench drives the clock itself: inputs change while it is low, outputs are read before it rises.
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
TOP = Top(SPEC, TIMING)
VECTORS = workloads.choose(SPEC, JOB["count"], JOB["seed"], timing=TIMING)
REPORT = Path(JOB["report"])
PAUSES = (0.0, 0.4)


class Bench:
    """The design, its clock, and a count of what was checked."""

    def __init__(self, dut, name: str):
        self.dut, self.name = dut, name
        self.checked = self.cycles = 0

    def drive(self, index: int) -> None:
        """Put the operands of one item on the ports."""
        for port in TOP.inputs():
            getattr(self.dut, port.name).value = int(VECTORS.items["i"][str(port.operand)][index])

    def drive_noise(self, rng: np.random.Generator) -> None:
        """Put operands that must not matter on the ports."""
        for port in TOP.inputs():
            code = int.from_bytes(rng.bytes(-(-port.width // 8)), "little") % (1 << port.width)
            getattr(self.dut, port.name).value = code

    def read(self) -> dict[str, int] | None:
        """The results on the ports; ``None`` if any bit is unknown."""
        values = {port.operand: getattr(self.dut, port.name).value for port in TOP.outputs()}
        if not all(value.is_resolvable for value in values.values()):
            return None
        return {str(name): int(value) for name, value in values.items()}

    def check(self, index: int, found: dict[str, int] | None) -> None:
        """Compare one item with the golden model; stops the run at the first wrong one."""
        self.checked += 1
        if JOB["only"] is not None and index != JOB["only"]:
            return
        right = found is not None and all(
            workloads.agrees(sides, index, found[name])
            for name, sides in VECTORS.expected["o"].items()
            if sides
        )
        if not right:
            note("failure", {"test": self.name, "index": index, "found": found})
            raise AssertionError(f"item {index} differs from the golden model: {found}")

    def broken(self, rule: str) -> None:
        """Report that a rule of the handshake is broken."""
        note("failure", {"test": self.name, "rule": rule, "cycle": self.cycles})
        raise AssertionError(rule)

    async def settle(self) -> None:
        await Timer(2, "ns")

    async def edge(self) -> None:
        """Wait for one rising edge."""
        self.cycles += 1
        if TOP.clocked:
            self.dut.clk.value = 1
        await Timer(5, "ns")
        if TOP.clocked:
            self.dut.clk.value = 0
        await Timer(1, "ns")

    async def reset(self, cycles: int = 2) -> None:
        if TOP.clocked:
            self.dut.clk.value = 0
            self.dut.rst.value = 1
        if TOP.stream:
            self.dut.i_valid.value = 0
            self.dut.o_ready.value = 1
        for port in TOP.inputs():
            getattr(self.dut, port.name).value = 0
        for _ in range(cycles):
            await self.settle()
            await self.edge()
        if TOP.clocked:
            self.dut.rst.value = 0

    async def feed(self, count: int) -> None:
        """Plain ports: one item per cycle, results ``latency`` cycles later."""
        for cycle in range(count + TOP.latency):
            self.drive(min(cycle, count - 1))
            await self.settle()
            if cycle >= TOP.latency:
                self.check(cycle - TOP.latency, self.read())
            await self.edge()

    async def stream(self, count: int, idle: float, stall: float) -> None:
        """Stream ports, with pauses on both sides; checks the rules of the handshake."""
        dut, rng = self.dut, np.random.default_rng(JOB["seed"])
        patience = (count + TOP.latency + 4) * (TOP.interleave + 8)
        sent = received = start = 0
        offering, waiting, before = False, False, None
        while received < count:
            if start == patience:
                self.broken(f"the stream must deliver {count} results, not stop at {received}")
            start += 1
            offering = sent < count and (offering or rng.random() >= idle)
            ready = rng.random() >= stall
            if offering:
                self.drive(sent)
            else:
                self.drive_noise(rng)
            dut.i_valid.value = int(offering)
            dut.o_ready.value = int(not ready)
            await self.settle()
            other = dut.o_valid.value == 1, self.read()
            dut.o_ready.value = int(ready)
            await self.settle()
            valid, found = dut.o_valid.value == 1, self.read()
            if other[0] != valid or (valid and other[1] != found):
                self.broken("valid and the payload must not depend on ready")
            if waiting and not valid:
                self.broken("valid must stay high until the item is accepted")
            if waiting and found != before:
                self.broken("the payload must stay the same until it is accepted")
            accepted = offering and dut.i_ready.value == 1
            if valid and ready:
                if received >= sent + accepted:
                    self.broken("there must be one result for each item, not more")
                self.check(received, found)
                received += 1
            waiting, before = valid and not ready, found
            sent += accepted
            offering = offering and not accepted
            await self.edge()
        if not idle and not stall and start != count + TOP.latency:
            self.broken(f"{count} items must take {count + TOP.latency} cycles, not {start}")


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


async def run(dut, name: str, *steps) -> None:
    bench = Bench(dut, name)
    for step in steps:
        await bench.reset()
        await step(bench)
    note("test", {"name": name, "vectors": bench.checked, "cycles": bench.cycles})


@cocotb.test(skip=TOP.stream)
async def plain(dut):
    """One item in every cycle."""
    await run(dut, "plain", lambda bench: bench.feed(len(VECTORS)))


@cocotb.test(skip=TOP.stream or not TOP.clocked)
async def plain_reset(dut):
    """A reset in the middle leaves no trace."""

    async def cut(bench: Bench) -> None:
        for index in range(min(TOP.latency + 5, len(VECTORS))):
            bench.drive(index)
            await bench.settle()
            await bench.edge()

    await run(dut, "plain_reset", cut, lambda bench: bench.feed(min(40, len(VECTORS))))


@cocotb.test(skip=not TOP.stream)
@cocotb.parametrize(idle=PAUSES, stall=PAUSES)
async def streamed(dut, idle, stall):
    """Every combination of pauses in the source and in the sink."""
    await run(
        dut,
        f"streamed, idle {idle:g}, stall {stall:g}",
        lambda bench: bench.stream(len(VECTORS), idle, stall),
    )


@cocotb.test(skip=not TOP.stream or not TOP.clocked)
async def streamed_reset(dut):
    """After a reset in the middle of a stream nothing of it comes out."""

    async def cut(bench: Bench) -> None:
        for index in range(min(TOP.latency + 5, len(VECTORS))):
            bench.drive(index)
            dut.i_valid.value = 1
            dut.o_ready.value = int(index % 3 != 0)
            await bench.settle()
            await bench.edge()

    async def quiet(bench: Bench) -> None:
        for _ in range(TOP.latency + 2):
            await bench.settle()
            if dut.o_valid.value != 0:
                bench.broken("a reset must clear the stream")
            await bench.edge()

    count = min(40, len(VECTORS))
    await run(dut, "streamed_reset", cut, quiet, lambda bench: bench.stream(count, 0.2, 0.2))
