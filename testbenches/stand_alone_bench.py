"""Checks the Verilog module @TOP@ against the results that it must give.

``pytest test_@TOP@.py``, or ``python test_@TOP@.py``, compiles ``@TOP@.v`` and simulates it. It
needs cocotb 2 and a simulator, and nothing else: the environment variable SIM names the simulator,
``icarus`` (which it is without one) or ``verilator``. The vectors are in ``test_@TOP@.json``.

Items go in and results come out in every combination of pauses; a reset in the middle must leave no
trace. The first wrong result ends a test, with its place among the results and the codes. Inputs
change while the clock is low; outputs are read just before it rises.
"""

import json
import os
import random
import sys
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

NAME = "@TOP@"
HERE = Path(__file__).resolve().parent
DESIGN = json.loads((HERE / f"test_{NAME}.json").read_text(encoding="utf-8"))
IS_PLAIN, IS_BUS = (DESIGN["ports"] == kind for kind in ("plain", "wishbone"))
PAUSES = (0.0, 0.4)
# Cycles after the last result in which there must not be another one.
DRAIN = 64


class Stream:
    """The items of one stream: operands, or results as (lowest, highest, mask) of every port."""

    def __init__(self, name, direction, valid, ready, ports, items):
        self.name, self.valid, self.ready, self.ports = name, valid, ready, ports
        self.is_source = direction == "in"
        self.items = [[[*self._numbers(code)] for code in item.split()] for item in items]

    @staticmethod
    def _numbers(code):
        return (int(number, 16) for number in code.split("/"))

    def codes(self, index, rng):
        """The codes of one item; without one, some that must not matter."""
        if index is None:
            return [rng.getrandbits(width) for _, width in self.ports]
        return [code for (code,) in self.items[index]]


STREAMS = [Stream(**stream) for stream in DESIGN["streams"]]
SOURCES = [stream for stream in STREAMS if stream.is_source]
SINKS = [stream for stream in STREAMS if not stream.is_source]
TOTAL = sum(len(stream.items) for stream in SINKS)


class Bench:
    """The module, its clock, and what has moved on every stream since the last reset."""

    def __init__(self, dut):
        self.dut, self.rng, self.cycles, self.judges = dut, random.Random(1), 0, True
        self.moved = dict.fromkeys((stream.name for stream in STREAMS), 0)

    def put(self, port, value):
        self.dut[port].value = value

    def get(self, port):
        """The code at a port; None if a bit of it is unknown."""
        value = self.dut[port].value
        return int(value) if value.is_resolvable else None

    def shown(self, stream):
        return [self.get(port) for port, _ in stream.ports]

    def offer(self, stream, index):
        """Put one item, or noise, on the ports of a stream."""
        for (port, _), code in zip(stream.ports, stream.codes(index, self.rng), strict=True):
            self.put(port, code)

    def happens(self, probability):
        return self.rng.random() < probability

    def left(self, stream):
        return len(stream.items) - self.moved[stream.name]

    @property
    def done(self):
        return not any(self.left(stream) for stream in SINKS)

    def fail(self, rule):
        raise AssertionError(f"{NAME}, cycle {self.cycles}: {rule}")

    def take(self, stream, found):
        """One result has come: compare it."""
        index = self.moved[stream.name]
        self.moved[stream.name] += 1
        if index >= len(stream.items):
            self.fail(f"stream {stream.name} must end after {index} items")
        rows = zip(stream.ports, found, stream.items[index], strict=True)
        for (port, _), code, (low, high, mask) in rows:
            right = code is not None and code & mask in (low & mask, high & mask)
            if self.judges and not right:
                wanted = f"{low:#x}" if low == high else f"{low:#x} or {high:#x}"
                got = "unknown" if code is None else f"{code:#x}"
                self.fail(f"stream {stream.name}, item {index}: {port} must be {wanted}, not {got}")

    async def settle(self):
        await Timer(2, "ns")

    async def edge(self):
        """A rising edge of the clock; a module without one only settles."""
        self.cycles += 1
        if DESIGN["clock"]:
            self.put(DESIGN["clock"], 1)
        await Timer(5, "ns")
        if DESIGN["clock"]:
            self.put(DESIGN["clock"], 0)
        await Timer(1, "ns")

    async def reset(self):
        if DESIGN["clock"]:
            self.put(DESIGN["clock"], 0)
            self.put(DESIGN["reset"], 1)
        if IS_BUS:
            for signal in ("cyc", "stb", "we", "adr", "sel", "dat_w"):
                self.put(f"wb_{signal}", 0)
        else:
            for stream in SOURCES:
                self.offer(stream, None)
                if stream.valid:
                    self.put(stream.valid, 0)
            for stream in SINKS:
                if stream.ready:
                    self.put(stream.ready, 1)
        for _ in range(2):
            await self.settle()
            await self.edge()
        if DESIGN["clock"]:
            self.put(DESIGN["reset"], 0)
        self.moved = dict.fromkeys(self.moved, 0)

    async def run(self, idle, stall, stop=None):
        """All items, or those of the first ``stop`` cycles, whose results are not judged."""
        self.judges = stop is None
        end = None if stop is None else self.cycles + stop
        run = self.run_plain if IS_PLAIN else self.run_bus if IS_BUS else self.run_streams
        await run(idle, stall, end)
        if end is None and self.moved != {s.name: len(s.items) for s in STREAMS}:
            self.fail(f"all items must move, not {self.moved}")

    def is_over(self, end):
        return self.done if end is None else self.cycles >= end

    async def run_plain(self, idle, stall, end):
        """One item a cycle; between those that are independent also noise."""
        (source,), (sink,), latency = SOURCES, SINKS, DESIGN["latency"]
        on_their_way = []
        while not self.is_over(end):
            index = self.moved[source.name] if self.left(source) else None
            if DESIGN["independent"] and self.happens(idle):
                index = None
            self.offer(source, index)
            self.moved[source.name] += index is not None
            on_their_way.append(index is not None)
            await self.settle()
            if len(on_their_way) > latency and on_their_way.pop(0):
                self.take(sink, self.shown(sink))
            await self.edge()

    async def run_streams(self, idle, stall, end):
        """Streams with valid and ready, whose rules are checked as well."""
        offering = dict.fromkeys((stream.name for stream in SOURCES), False)
        waiting = {}
        quiet = drained = 0
        while (drained < DRAIN) if end is None else not self.is_over(end):
            drained = drained + 1 if self.done else 0
            quiet += 1
            if quiet > DESIGN["quiet_cycles"] and not self.done:
                self.fail(f"the streams must not come to a standstill: {self.moved}")
            for stream in SOURCES:
                new = bool(self.left(stream)) and not self.happens(idle)
                offering[stream.name] = offering[stream.name] or new
                offers = offering[stream.name]
                self.offer(stream, self.moved[stream.name] if offers else None)
                self.put(stream.valid, int(offers))
            ready = {stream.name: not self.happens(stall) for stream in SINKS}
            seen = []
            for turned in (True, False):
                for stream in SINKS:
                    self.put(stream.ready, int(ready[stream.name] != turned))
                await self.settle()
                seen.append([(self.get(stream.valid), self.shown(stream)) for stream in SINKS])
            for stream, (other, before), (valid, found) in zip(SINKS, *seen, strict=True):
                name = stream.name
                if valid is None:
                    self.fail(f"it must be known whether stream {name} has an item")
                if other != valid or (valid and before != found):
                    self.fail(f"valid and payload of stream {name} must not depend on ready")
                if name in waiting and not (valid and found == waiting[name]):
                    self.fail(f"the item of stream {name} must stay until it is accepted")
                waiting.pop(name, None)
                if valid and not ready[name]:
                    waiting[name] = found
                if valid and ready[name]:
                    self.take(stream, found)
                    quiet = 0
            for stream in SOURCES:
                if offering[stream.name] and self.get(stream.ready) == 1:
                    self.moved[stream.name] += 1
                    offering[stream.name], quiet = False, 0
            await self.edge()

    async def run_bus(self, idle, stall, end):
        """A Wishbone master: it looks which streams can move an item, and moves its words."""
        registers = DESIGN["registers"]
        last = self.cycles
        turns = 0
        while (turns < 2) if end is None else not self.is_over(end):
            turns = turns + 1 if self.done else 0
            if self.cycles - last > DESIGN["quiet_cycles"] and not self.done:
                self.fail(f"the streams must not come to a standstill: {self.moved}")
            for stream in self.rng.sample(STREAMS, len(STREAMS)):
                pause = idle if stream.is_source else stall
                if self.happens(pause) or (stream.is_source and not self.left(stream)):
                    continue
                mine = [register for register in registers if register["stream"] == stream.name]
                (status,) = (register for register in mine if register["word"] is None)
                words = [register for register in mine if register["word"] is not None]
                if not (await self.access(status["address"], None, pause) or 0) & 1:
                    continue
                last = self.cycles
                if stream.is_source:
                    await self.give(stream, words, pause)
                else:
                    await self.fetch(stream, words, pause)

    async def give(self, stream, words, pause):
        codes = stream.codes(self.moved[stream.name], self.rng)
        for word in words:
            value = self.rng.getrandbits(32)
            for field, field_low, low, width in word["fields"]:
                ones = (1 << width) - 1
                value = value & ~(ones << low) | (codes[field] >> field_low & ones) << low
            await self.access(word["address"], value, pause)
        self.moved[stream.name] += 1

    async def fetch(self, stream, words, pause):
        codes = [0] * len(stream.ports)
        for word in words:
            value = await self.access(word["address"], None, pause)
            for field, field_low, low, width in word["fields"]:
                codes[field] |= (value >> low & (1 << width) - 1) << field_low
        self.take(stream, codes)

    async def access(self, address, value, pause):
        """Write a word, or read one with the value None; returns what was read."""
        while self.happens(pause):
            self.put("wb_cyc", 0)
            self.put("wb_stb", 0)
            await self.settle()
            await self.edge()
        for signal in ("cyc", "stb"):
            self.put(f"wb_{signal}", 1)
        self.put("wb_we", int(value is not None))
        self.put("wb_adr", address)
        self.put("wb_sel", 0xF)
        self.put("wb_dat_w", self.rng.getrandbits(32) if value is None else value)
        for _ in range(DESIGN["quiet_cycles"]):
            await self.settle()
            answer, error, found = (self.get(f"wb_{signal}") for signal in ("ack", "err", "dat_r"))
            await self.edge()
            if answer is None or error != 0:
                self.fail(
                    f"register {address} must be answered with ack, not ack {answer}, err {error}"
                )
            if answer:
                self.put("wb_stb", 0)
                self.put("wb_cyc", 0)
                await self.settle()
                await self.edge()
                if value is None and found is None:
                    self.fail(f"register {address} must hold no unknown bit")
                return found
        self.fail(f"register {address} must be answered")


@cocotb.test()
@cocotb.parametrize(idle=PAUSES, stall=PAUSES)
async def items(dut, idle, stall):
    """All items, with pauses on either side, on both, and on none."""
    assert TOTAL, "there must be something to check"
    bench = Bench(dut)
    await bench.reset()
    await bench.run(idle, stall)


@cocotb.test(skip=not DESIGN["clock"])
async def reset_in_the_middle(dut):
    """After a reset in the middle nothing is left of what was before it."""
    bench = Bench(dut)
    await bench.reset()
    for cycles in (7, 60, 201):
        await bench.run(0.1, 0.3, cycles)
        await bench.reset()
    await bench.run(0.2, 0.2)


def test_verilog():
    """For pytest: compile the module and run the tests above in the simulator."""
    from cocotb_tools.runner import get_runner

    simulator = os.environ.get("SIM", "icarus")
    options = {"icarus": ["-g2005"], "verilator": ["-Wno-fatal"]}
    folder = HERE / "sim_build" / f"{NAME}_{simulator}"
    scale: dict = {} if simulator == "verilator" else {"timescale": ("1ns", "1ps")}
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    runner = get_runner(simulator)
    runner.build(
        sources=[HERE / f"{NAME}.v"],
        hdl_toplevel=NAME,
        build_dir=folder,
        build_args=options.get(simulator, []),
        timescale=("1ns", "1ps"),
        always=True,
    )
    runner.test(
        test_module=f"test_{NAME}",
        hdl_toplevel=NAME,
        hdl_toplevel_lang="verilog",
        build_dir=folder,
        **scale,
    )


if __name__ == "__main__":
    test_verilog()
