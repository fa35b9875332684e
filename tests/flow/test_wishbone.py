"""Streams behind a Wishbone slave: names, registers, rules of the bus, benches on every level."""

import random
import subprocess
from dataclasses import replace

import needs
import numpy as np
import pytest
from amaranth import Module
from bus_host import on_the_bus
from sample_engines import Repeat
from sample_operators import MultiplyAdd

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core import Timing
from holigrail_hw.core.shelled import shelled
from holigrail_hw.core.streams import Stream
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.flow.simulate.compiled import compile_all
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import workloads
from holigrail_hw.formats import parse
from holigrail_hw.shells.wishbone.c_header import header
from holigrail_hw.shells.wishbone.register_map import WORD, register_map
from holigrail_hw.shells.wishbone.shell import Wishbone
from holigrail_hw.shells.wishbone.slave import Slave

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

BUS = Timing(shell="wishbone")
WAIT = 20
ENGINE = shelled(Repeat(width=40), replace(BUS, wait_cycles=WAIT))
REQUESTS = {
    "engine": (Repeat(width=40), BUS),
    "combinational": (MultiplyAdd(), BUS),
    "matrix engine": (Gemm(rows=1, columns=2, activation_depth=4, accumulator_depth=3), BUS),
}


@pytest.fixture(scope="module")
def designs():
    return dict(zip(REQUESTS, compile_all(list(REQUESTS.values()), short=True), strict=True))


def test_ports():
    top = Top(Repeat(width=13), BUS)
    assert (top.name, top.handshakes()) == ("test_repeat_width_13_wishbone", [])
    assert [(port.name, port.direction, port.width) for port in top.ports()] == [
        ("clk", "in", 1),
        ("rst", "in", 1),
        ("wb_cyc", "in", 1),
        ("wb_stb", "in", 1),
        ("wb_we", "in", 1),
        ("wb_adr", "in", 3),
        ("wb_sel", "in", 4),
        ("wb_dat_w", "in", 32),
        ("wb_dat_r", "out", 32),
        ("wb_ack", "out", 1),
        ("wb_err", "out", 1),
    ]


def test_registers():
    rows = [(r.name, r.access, r.meaning) for r in register_map(Repeat(width=40).streams())]
    takes = "takes an item now; bit 1: partly written"
    has = "has an item now; bit 1: partly read"
    rest = "(write 1: begin again); bit 2: refused (write 1: clear)"
    assert rows == [
        ("value status", "read, write", f"bit 0: {takes} {rest}"),
        ("value data 0", "write", "a [31:0]"),
        ("value data 1", "write", "a [7:0]"),
        ("count status", "read, write", f"bit 0: {takes} {rest}"),
        ("count data 0", "write", "n [3:0]"),
        ("result status", "read, write", f"bit 0: {has} {rest}"),
        ("result data 0", "read", "a [31:0]"),
        ("result data 1", "read", "a [7:0]"),
        ("result data 2", "read", "last [0]"),
    ]


def stream(*widths):
    return Stream("in", {f"f{k}": parse(f"uint{width}") for k, width in enumerate(widths)})


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ((20, 20, 12), ["f0 [19:0]", "f1 [19:0], f2 [31:20]"]),
        ((1, 32, 31), ["f0 [0]", "f1 [31:0]", "f2 [30:0]"]),
        ((7, 33, 1), ["f0 [6:0]", "f1 [31:0]", "f1 [0]", "f2 [0]"]),
        ((64, 8, 8), ["f0 [31:0]", "f0 [31:0]", "f1 [7:0], f2 [15:8]"]),
        ((16, 16), ["f0 [15:0], f1 [31:16]"]),
        ((32,), ["f0 [31:0]"]),
        ((), [""]),
    ],
)
def test_where_fields_lie(widths, words):
    registers = register_map({"s": stream(*widths)})[1:]
    assert [register.meaning for register in registers] == words


def test_no_field_is_split_that_fits_a_word():
    """Of random fields: every bit once, no overlap, wide ones in words of their own."""
    rng = random.Random(7)
    for _ in range(300):
        kind = stream(*(rng.choice((1, 2, 7, 8, 31, 32, 33, 63, 64)) for _ in range(9)))
        seen, used = {}, set()
        for register in register_map({"s": kind})[1:]:
            for piece in register.pieces:
                span = range(piece.low, piece.low + piece.width)
                assert not used & {(register.word, bit) for bit in span}
                assert span.stop <= WORD and piece.word == register.word
                used |= {(register.word, bit) for bit in span}
                assert all(register.needed >> bit // 8 & 1 for bit in span)
                seen.setdefault(piece.field, []).append(piece)
                if kind.fields[piece.field].width > WORD:
                    assert register.pieces == (piece,) and piece.low == 0
        for name, pieces in seen.items():
            assert len(pieces) == -(-kind.fields[name].width // WORD)
            starts = [piece.field_low for piece in pieces]
            assert starts == [WORD * place for place in range(len(pieces))]
            assert sum(piece.width for piece in pieces) == kind.fields[name].width
        assert list(seen) == list(kind.fields)


@pytest.mark.parametrize("name", REQUESTS)
def test_streams_through_the_bus(name, designs):
    """With pauses on the outside of the bus master, and after a reset in the middle."""
    design, rng = designs[name], np.random.default_rng(4)
    spec = design.top.spec
    assert isinstance(spec, Wishbone)
    chosen = workloads.choose(spec, 150, seed=3, largest=40)
    for idle, stall in ((0.0, 0.0), (0.5, 0.5)):
        pauses = {
            stream.name: rng.random(97) < (idle if stream.direction == "in" else stall)
            for stream in design.top.handshakes()
        }
        more = {"pauses": pauses, "quiet": spec.quiet_cycles}
        design.run_streams(chosen.items, chosen.counts, cycles=77, **more)
        run = design.run_streams(chosen.items, chosen.counts, **more)
        assert run.complete and not workloads.differences(chosen, run.results)


async def copies(master, count):
    """Results of the engine as a host takes them out."""
    found = []
    for _ in range(count):
        low, high, last = [await master.access(place) for place in (6, 7, 8)]
        found.append(low | high << 32)
        assert last == (len(found) == count)
    return found


def test_a_host_that_waits():
    """Writes and reads of items that the engine is not ready for are answered later."""

    async def play(master, ctx):
        assert [await master.access(place) for place in (0, 3, 5)] == [1, 1, 0]
        for value, count in ((0x5A_1234_5678, 3), (7, 1), ((1 << 40) - 1, 15)):
            await master.access(1, value & 0xFFFFFFFF)
            await master.access(2, value >> 32)
            await master.access(4, count)
            assert await copies(master, count) == [value] * count
        await master.access(4, 9)
        assert await master.access(3) == 0
        # The second count has no place until a value comes; no value ever does.
        assert await master.access(4, 1) is None
        assert await master.access(3) == 0b100

    on_the_bus(play, ENGINE)


def test_a_wait_ends_with_err():
    """After the cycles asked for, not one earlier; nothing moves, and the status says so."""

    async def play(master, ctx):
        await master.access(1, 5)
        await master.access(2, 0)
        await master.access(4, 2)
        assert await master.access(1, 6) is not None
        assert await master.access(2, 9, select=1) is not None
        # The engine has the first value, the second is held; there is no place for a third.
        assert await master.access(0) == 0
        for word, value in ((1, 7), (2, 8)):
            assert await master.access(word, value) is None
            assert master.waited == WAIT + 1
            assert await master.access(0) == 0b100
            assert [await master.access(place) for place in (3, 5)] == [1, 1]
            await master.access(0, 0b100, select=0b1110)
            await master.access(0, 0b011)
            assert await master.access(0) == 0b100
            await master.access(0, 0b100)
            assert await master.access(0) == 0
        assert await copies(master, 2) == [5, 5]
        assert await master.access(7) is None
        assert [await master.access(place) for place in (0, 3, 5)] == [0, 1, 0b100]
        await master.access(4, 1)
        assert await copies(master, 1) == [6 | 9 << 32]
        assert [await master.access(place) for place in (0, 3, 5)] == [1, 1, 0b100]

    on_the_bus(play, ENGINE, quick=True)


@pytest.mark.parametrize("wait", [0, 1, 3])
def test_the_longest_wait(wait):
    async def play(master, ctx):
        assert await master.access(7) is None
        assert master.waited == wait + 1
        assert await master.access(5) == 0b100

    on_the_bus(play, shelled(Repeat(width=40), replace(BUS, wait_cycles=wait)), quick=True)


def test_a_master_that_gives_up_has_moved_nothing():
    """Without a strobe in the cycle of the answer there is no access."""

    async def play(master, ctx):
        await master.access(1, 5)
        await master.access(2, 0)
        await master.access(4, 2)
        assert await master.access(6) == 5 and await master.access(7) == 0
        for _ in range(4):
            assert await master.access(8, give_up_after=1) is None
        assert await copies(master, 2) == [5, 5]
        await master.access(1, 6)
        assert await master.access(2, 1, give_up_after=1) is None
        assert await master.access(0) == 0b11

    on_the_bus(play, ENGINE, quick=True)


def test_waiting_ends_by_itself():
    """A result is read while it is still on its way through the pipeline."""
    spec = MultiplyAdd(a_width=4, b_width=5, c_width=6)
    view = shelled(spec, Timing(shell="wishbone", latency=9, wait_cycles=WAIT))
    widths = [format.width for format in spec.inputs().values()]
    assert [one.name for one in view.registers()] == [
        "i status",
        "i data 0",
        "o status",
        "o data 0",
    ]

    async def play(master, ctx):
        for a, b, c in ((3, 5, 7), (1, 1, 1), (0, 9, 2)):
            await master.access(1, a | b << widths[0] | c << sum(widths[:2]))
            assert await master.access(3) == a * b + c
            assert master.waited >= 7

    on_the_bus(play, view, quick=True)


def test_an_item_moves_when_all_its_bytes_have():
    """Written and read byte by byte, in every order that chance gives, some of them twice."""
    rng = random.Random(2)

    async def play(master, ctx):
        for count in (1, 2, 3):
            value = rng.getrandbits(40)
            places = [(1 + byte // 4, byte % 4) for byte in range(5)]
            *before, end = rng.sample(places, 5)
            again = rng.sample(before, 2)
            order = [*again, *before, end]
            for index, (word, byte) in enumerate(order):
                is_first = index < 2
                code = rng.getrandbits(8) if is_first else value >> 8 * (4 * word - 4 + byte) & 255
                # The other bytes of the bus are noise.
                noise = rng.getrandbits(32) & ~(255 << 8 * byte)
                assert await master.access(0) == (0b11 if index else 1)
                await master.access(word, code << 8 * byte | noise, select=1 << byte)
            await master.access(4, 0xFF, select=0b1110)
            assert await master.access(3) == 1
            await master.access(4, count, select=1)
            for copy in range(count):
                found = 0
                places = [(6, 0), (6, 1), (6, 2), (6, 3), (7, 0), (8, 0)]
                for index, (word, byte) in enumerate(rng.sample(places, 6)):
                    assert await master.access(5) == (0b11 if index else 1)
                    data = await master.access(word, select=1 << byte)
                    found |= (data >> 8 * byte & 255) << 8 * (4 * (word - 6) + byte)
                assert found == value | (copy == count - 1) << 64

    on_the_bus(play, ENGINE)


def test_an_item_can_be_begun_again():
    async def play(master, ctx):
        await master.access(1, 0x11111111)
        await master.access(0, 0b010, select=0b1110)
        assert await master.access(0) == 0b11
        await master.access(0, 0b010)
        assert await master.access(0) == 1
        await master.access(2, 0x22)
        await master.access(4, 1)
        assert await master.access(0) == 0b11
        await master.access(1, 0x33333333)
        for place in (6, 7):
            await master.access(place)
        assert await master.access(5) == 0b11
        await master.access(5, 0b010)
        assert await master.access(8) == 1
        assert await master.access(5) == 0b11
        assert await master.access(7) == 0x22
        assert await master.access(6) == 0x33333333
        assert await master.access(5) == 0

    on_the_bus(play, ENGINE)


def test_byte_selects_and_what_is_not_there():
    async def play(master, ctx):
        for place in (1, 2, 4, 9, 15):
            assert await master.access(place) == 0
        for place in (6, 7, 8, 9, 15):
            await master.access(place, 0xFFFFFFFF)
        assert [await master.access(place) for place in (0, 3, 5)] == [1, 1, 0]
        await master.access(1, 0x11223344)
        await master.access(1, 0xAABBCCDD, select=0b0101)
        await master.access(2, 0xEE)
        await master.access(4, 1)
        assert await copies(master, 1) == [0xEE_11BB_33DD]

    on_the_bus(play, ENGINE)


def test_a_reset_forgets_part_of_an_item_and_a_refusal():
    """A job that was cut off leaves nothing behind."""

    async def play(master, ctx):
        await master.access(1, 0x11111111)
        assert await master.access(7) is None
        assert [await master.access(place) for place in (0, 5)] == [0b11, 0b100]
        ctx.set(master.reset, 1)
        await ctx.tick("sync")
        ctx.set(master.reset, 0)
        assert [await master.access(place) for place in (0, 5)] == [1, 0]

    on_the_bus(play, ENGINE)


def test_a_broken_rule_is_noticed():
    class Eager(Slave):
        """Answers whoever strobes."""

        def elaborate(self, platform):
            m = Module()
            m.submodules.inner = self._inner
            m.d.comb += self.bus.ack.eq(self.bus.stb)
            m.d.sync += self.bus.dat_r.eq(self.bus.dat_w)
            return m

    async def play(master, ctx):
        for _ in range(20):
            await master.access(0)

    with pytest.raises(AssertionError, match="an answer must need"):
        on_the_bus(play, ENGINE, slave_class=Eager)


@needs.iverilog
@pytest.mark.icarus
def test_the_folder_has_a_bench_that_passes(tmp_path):
    made = emit.generate(Repeat(width=40), BUS, tmp_path, vectors=30)
    top = made.manifest["top"]
    assert (tmp_path / f"{top}.h").read_text() == header(top, shelled(Repeat(width=40), BUS))
    assert f"{top}.h" in made.manifest["files"]
    assert made.manifest["registers"][2]["fields"] == [
        {"field": "a", "format": "uint40", "field_bit": 32, "bit": 0, "width": 8}
    ]
    assert [one["address"] for one in made.manifest["registers"]] == list(range(9))
    place = tmp_path / manifest.NAME
    assert manifest.load(place) == (Repeat(width=40), BUS)
    words = ["iverilog", "-g2012", "-o", "bench", f"{top}.v", f"{top}_bench.v"]
    subprocess.run(words, cwd=tmp_path, check=True)
    found = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True)
    assert "PASS: " in found.stdout
    text, place = (tmp_path / f"{top}.v").read_text(), "assign result__payload[39:0] = held;"
    assert text.count(place) == 1
    (tmp_path / f"{top}.v").write_text(text.replace("= held;", "= ~held;"))
    subprocess.run(words, cwd=tmp_path, check=True)
    found = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True)
    assert "FAIL: " in found.stdout
