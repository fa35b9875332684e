"""AXI4-Stream sources and sinks of cocotbext-axi in front of emitted designs.

Every side pauses at random. First a reset comes in the middle of frames, which must leave nothing
behind; then the whole work is done and compared item by item. The report says for each design how
many items were right, or the first that was wrong.
"""

import json
import logging
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

JOB = json.loads(Path(os.environ["HOLIGRAIL_BENCH"]).read_text(encoding="utf-8"))
QUIET_CYCLES = 3000


def pauses(seed: int, share: float):
    """Whether to pause, cycle by cycle; in runs, since a pause is seldom one cycle long."""
    rng = random.Random(seed)
    while True:
        pause = rng.random() < share
        yield from [pause] * rng.choice((1, 1, 1, 2, 5))


class Driven:
    """One design with its sources and sinks."""

    def __init__(self, dut, work, seed):
        self.work, self.dut = work, dut
        self.ends = {}
        for place, (name, stream) in enumerate(work["streams"].items()):
            kind = AxiStreamSource if stream["direction"] == "in" else AxiStreamSink
            bus = AxiStreamBus.from_prefix(dut, f"{work['prefix']}_{name}")
            end = kind(bus, dut.clk, dut.rst)
            end.log.setLevel(logging.WARNING)
            share = (0.0, 0.3, 0.6)[(seed + place) % 3]
            end.set_pause_generator(pauses(seed * 17 + place, share))
            self.ends[name] = end

    def frames(self, name):
        """The items of a source as frames, as its mark says."""
        stream, lanes = self.work["streams"][name], self.ends[name].byte_lanes
        has_last = [field for field, _ in stream["fields"]] == ["tdata", "tlast"]
        found, data = [], bytearray()
        for item in stream["items"]:
            data += (item & (1 << 8 * lanes) - 1).to_bytes(lanes, "little")
            if not has_last or item >> 8 * lanes:
                found.append(AxiStreamFrame(data))
                data = bytearray()
        assert not data, "the work must end with a whole frame"
        return found

    def offer(self):
        for name, stream in self.work["streams"].items():
            if stream["direction"] == "in":
                for frame in self.frames(name):
                    self.ends[name].send_nowait(frame)

    def clear(self):
        """Forget what was not sent, and what came before a reset."""
        for end in self.ends.values():
            end.clear()

    def received(self, name):
        """Items that a sink has, with the mark where the stream has one."""
        end, stream = self.ends[name], self.work["streams"][name]
        has_last = len(stream["fields"]) == 2
        while not end.empty():
            data, lanes = bytes(end.recv_nowait(compact=False).tdata), end.byte_lanes
            for start in range(0, len(data), lanes):
                is_last = start + lanes == len(data)
                item = int.from_bytes(data[start : start + lanes], "little")
                yield item | (has_last and is_last) << 8 * lanes

    def judge(self, found):
        """The first item that is wrong, or ``None``; ``found`` has what came so far."""
        for name, stream in self.work["streams"].items():
            if stream["direction"] == "in":
                continue
            for item in self.received(name):
                index = found[name]
                found[name] += 1
                wanted = stream["items"]
                if index >= len(wanted):
                    return {"stream": name, "index": index, "found": item, "wanted": None}
                low, high, mask = wanted[index]
                if (item ^ low) & mask and (item ^ high) & mask:
                    return {"stream": name, "index": index, "found": item, "wanted": low}
        return None

    async def run(self):
        """The work; the verdict."""
        self.offer()
        wanted = {
            name: len(stream["items"])
            for name, stream in self.work["streams"].items()
            if stream["direction"] == "out"
        }
        found, quiet = dict.fromkeys(wanted, 0), 0
        while found != wanted:
            before = dict(found)
            await ClockCycles(self.dut.clk, 8)
            wrong = self.judge(found)
            if wrong:
                return {"name": self.work["name"], "wrong": wrong}
            quiet = 0 if before != found else quiet + 8
            if quiet > QUIET_CYCLES:
                wrong = {"stream": "all", "index": sum(found.values()), "found": None}
                return {"name": self.work["name"], "wrong": wrong}
        await ClockCycles(self.dut.clk, 40)
        wrong = self.judge(found)
        return {"name": self.work["name"], "wrong": wrong, "items": sum(wanted.values())}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_design(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.rst.value = 1
    # In Icarus a value put into a register at time 0 does not reach those that read it.
    await ClockCycles(dut.clk, 1)
    driven = [Driven(dut, work, seed) for seed, work in enumerate(JOB["designs"])]
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 1)
    for cycles in (23, 61):
        for one in driven:
            one.offer()
        await ClockCycles(dut.clk, cycles)
        dut.rst.value = 1
        await ClockCycles(dut.clk, 3)
        for one in driven:
            one.clear()
        dut.rst.value = 0
        await ClockCycles(dut.clk, 60)
        late = [one.work["name"] for one in driven if not all(e.empty() for e in one.ends.values())]
        assert not late, f"a reset must leave nothing behind, not items of {late}"
    tasks = [cocotb.start_soon(one.run()) for one in driven]
    verdicts = [await task for task in tasks]
    Path(JOB["report"]).write_text(json.dumps({"designs": verdicts}), encoding="utf-8")
