"""The master of cocotbext-wishbone in front of emitted slaves, classic and pipelined.

A host moves one item after the other on each stream, the streams in random order, word by word or
byte by byte in random order. It looks at the status first, or tries and is refused. First it is cut
off by a reset in the middle of an item, which must leave nothing behind; then the whole work is
done and compared item by item. The report says for each design how many items were right, or the
first that was wrong.
"""

import json
import logging
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.wishbone.driver import WBOp, WishboneMaster

JOB = json.loads(Path(os.environ["HOLIGRAIL_BENCH"]).read_text(encoding="utf-8"))
SIGNALS = {name: name for name in ("cyc", "stb", "we", "adr", "ack")}
SIGNALS |= {"datwr": "dat_w", "datrd": "dat_r"}
ACK, ERR = 1, 2
MOVABLE, PARTLY, REFUSED = 1, 2, 4
QUIET_ROUNDS = 600


class Host:
    """One design with its master."""

    def __init__(self, dut, work, seed):
        self.work, self.rng = work, random.Random(seed)
        bus = f"{work['prefix']}_wb"
        self.master = WishboneMaster(dut, bus, dut.clk, timeout=2000, signals_dict=SIGNALS)
        self.master.log.setLevel(logging.WARNING)
        assert hasattr(self.master.bus, "err") and hasattr(self.master.bus, "sel")
        assert hasattr(self.master.bus, "stall") == (work["prefix"] in JOB["pipelined"])
        self.refused = 0
        registers = work["registers"]
        self.status = {r["stream"]: r["address"] for r in registers if r["word"] is None}
        self.words = {
            name: [r for r in registers if r["stream"] == name and r["word"] is not None]
            for name in work["streams"]
        }

    async def access(self, address, value=None, select=15):
        """How the slave answered, and what was read."""
        operation = WBOp(
            address, value, sel=select, idle=self.rng.choice((0, 0, 1, 3)), acktimeout=200
        )
        (result,) = await self.master.send_cycle([operation])
        return result.ack, int(result.datrd) if value is None and result.ack == ACK else None

    async def status_of(self, name):
        answer, value = await self.access(self.status[name])
        assert answer == ACK and value < 8
        return value

    def parts(self, name):
        """Accesses that move an item: (register, byte select), in random order."""
        found = []
        for register in self.words[name]:
            selects = [15]
            if self.rng.random() < 0.5:
                # The bytes in two or more accesses, those without a field in some of them.
                first = self.rng.randrange(16)
                selects = [first, 15 ^ first]
            found += [(register, select) for select in selects]
        self.rng.shuffle(found)
        return found

    async def move(self, name, item):
        """Move an item: the one read, ``True`` for one written, ``None`` if there was no place."""
        rng, is_in, data = self.rng, item is not None, 0
        tries = rng.random() < 0.1
        if not tries and not await self.status_of(name) & MOVABLE:
            return None
        offsets, place = {}, 0
        for field, width in self.work["streams"][name]["fields"]:
            offsets[field] = place
            place += width
        before, left = True, sum(one["needed"].bit_count() for one in self.words[name])
        for register, select in self.parts(name):
            if not left:
                break  # the item has moved, and the next bytes would be of another one
            value = None
            if is_in:
                value = rng.getrandbits(32)
                for field, start, low, width in register["pieces"]:
                    bits = item >> offsets[field] + start & (1 << width) - 1
                    value = value & ~((1 << width) - 1 << low) | bits << low
                value = self._noisy(value, select)
            answer, found = await self.access(register["address"], value, select)
            if answer == ERR:
                assert before and tries, "only the first access of an item may be refused"
                self.refused += 1
                assert await self.status_of(name) & REFUSED
                await self.access(self.status[name], REFUSED)
                assert not await self.status_of(name) & REFUSED
                return None
            before, left = False, left - (select & register["needed"]).bit_count()
            if not is_in:
                data |= self._bits(register, select, found, offsets)
        return True if is_in else data

    def _noisy(self, value, select):
        """The value, with noise in the bytes that are not selected."""
        mask = sum(255 << 8 * byte for byte in range(4) if select >> byte & 1)
        return value & mask | self.rng.getrandbits(32) & ~mask & 0xFFFFFFFF

    @staticmethod
    def _bits(register, select, found, offsets):
        """What the selected bytes of a word are of an item."""
        mask = sum(255 << 8 * byte for byte in range(4) if select >> byte & 1)
        data, known = 0, 0
        for field, start, low, width in register["pieces"]:
            ones = (1 << width) - 1
            data |= ((found & mask) >> low & ones) << offsets[field] + start
            known |= ones << low
        assert not found & ~known, "bits without a field must be read as 0"
        return data

    async def run(self, most=None):
        """The work, or the first ``most`` items of it; the verdict."""
        streams = self.work["streams"]
        moved, quiet = dict.fromkeys(streams, 0), 0
        while quiet < QUIET_ROUNDS and (most is None or sum(moved.values()) < most):
            open_ones = [n for n, s in streams.items() if moved[n] < len(s["items"])]
            if not open_ones:
                break
            name = self.rng.choice(open_ones)
            stream, index = streams[name], moved[name]
            is_in = stream["direction"] == "in"
            found = await self.move(name, stream["items"][index] if is_in else None)
            quiet = quiet + 1 if found is None else 0
            if found is None:
                continue
            moved[name] += 1
            if not is_in and most is None:
                low, high, mask = stream["items"][index]
                if (found ^ low) & mask and (found ^ high) & mask:
                    wrong = {"stream": name, "index": index, "found": found, "wanted": low}
                    return {"name": self.work["name"], "wrong": wrong, "refused": self.refused}
        verdict = {"name": self.work["name"], "wrong": None, "refused": self.refused}
        if quiet >= QUIET_ROUNDS:
            verdict["wrong"] = {"stream": "all", "index": sum(moved.values()), "found": None}
        outs = [name for name, stream in streams.items() if stream["direction"] == "out"]
        if most is None and verdict["wrong"] is None:
            for name in outs:
                assert not await self.status_of(name) & MOVABLE, "there must be no item more"
        return verdict | {"items": sum(moved[name] for name in outs)}

    async def cut_off(self):
        """Some items, and part of one more."""
        await self.run(self.rng.randrange(5, 25))
        for name, words in self.words.items():
            if self.work["streams"][name]["direction"] == "in":
                if await self.status_of(name) & MOVABLE:
                    await self.access(words[0]["address"], self.rng.getrandbits(32), 1)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def every_design(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.rst.value = 1
    # In Icarus a value put into a register at time 0 does not reach those that read it.
    await ClockCycles(dut.clk, 1)
    hosts = [Host(dut, work, seed) for seed, work in enumerate(JOB["designs"])]
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    for task in [cocotb.start_soon(host.cut_off()) for host in hosts]:
        await task
    dut.rst.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    for host in hosts:
        for name, stream in host.work["streams"].items():
            expected = MOVABLE if stream["direction"] == "in" else 0
            assert await host.status_of(name) == expected, "a reset must leave nothing behind"
    tasks = [cocotb.start_soon(host.run()) for host in hosts]
    verdicts = [await task for task in tasks]
    Path(JOB["report"]).write_text(json.dumps({"designs": verdicts}), encoding="utf-8")
