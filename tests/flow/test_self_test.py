"""The self-test shell: generator, signature, protocol, and the whole exchange in simulation."""

import shutil

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.board import self_test
from holigrail_hw.flow.board.self_test_shell import SelfTestShell
from holigrail_hw.flow.board.uart_simulation import Exchange, simulate
from holigrail_hw.formats import parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

STREAM = Timing(shell="stream")


def _mac(a="int8", b="int8", accumulator="int32", **parameters):
    return Mac(a=parse(a), b=parse(b), accumulator=parse(accumulator), **parameters)


def test_generator_is_marsaglias():
    """First values of xorshift32 from state 1, from the paper's shifts 13, 17, 5."""
    spec = _mac(a="uint16", b="uint14", accumulator="uint64")
    assert sum(format.width for format in spec.inputs().values()) == 32
    items = self_test.items(spec, 1, 4)
    low, words = 0, np.zeros(4, np.uint64)
    for name, format in spec.inputs().items():
        words |= items[name] << np.uint64(low)
        low += format.width
    assert words.tolist() == [1, 270369, 67634689, 2647435461]


def test_items_fill_every_bit_and_depend_on_the_seed():
    spec = _mac(a="int64", b="int33", accumulator="int64", overflow="wrap")
    one, two = (self_test.items(spec, seed, 500) for seed in (1, 2))
    for name, format in spec.inputs().items():
        values = [int(code) for code in one[name]]
        assert max(values) < 1 << format.width
        for bit in range(format.width):
            assert 0.35 < np.mean([value >> bit & 1 for value in values]) < 0.65, (name, bit)
        assert [int(code) for code in two[name]] != values


def test_signature_sees_every_bit_and_the_order():
    spec = _mac(accumulator="int64")
    (name,) = spec.outputs()
    results = np.arange(20, dtype=np.uint64)
    plain = self_test.signature(spec, {name: results})
    seen = {plain}
    for bit in range(64):
        changed = results.copy()
        changed[7] ^= np.uint64(1 << bit)
        seen.add(self_test.signature(spec, {name: changed}))
    # Words are folded, so two bits of one result may stand for each other, but none is lost.
    assert plain not in (seen - {plain}) and len(seen) > 32
    assert self_test.signature(spec, {name: results[::-1]}) != plain
    assert self_test.signature(spec, {name: results[:0]}) == 0xFFFFFFFF


def test_command_bytes_and_limits():
    assert self_test.command(0x01020304, 5) == b"T\x04\x03\x02\x01\x05\x00\x00\x00"
    with pytest.raises(RequestError) as caught:
        self_test.command(-1, 0)
    assert caught.value.violations == (
        "self-test: the seed must be between 0 and 4294967295, not -1",
        "self-test: the count must be between 1 and 4294967295, not 0",
    )


def test_identity_tells_designs_apart():
    names = {self_test.identity(_mac(a=a, b=b)) for a in ("int8", "int9") for b in ("int8", "int7")}
    assert len(names) == 4
    assert self_test.identity(_mac()) == self_test.identity(_mac())


def test_board_clock_is_the_default_period():
    timing = self_test.shell_timing(Timing(), 40.0, "ecp5")
    assert (timing.period_ns, timing.shell, timing.device) == (40.0, "stream", "ecp5")
    assert self_test.shell_timing(Timing(latency=2), 40.0, "ecp5").period_ns is None
    assert self_test.shell_timing(Timing(period_ns=9.0), 40.0, "ecp5").period_ns == 9.0


def _run(spec, timing, exchanges, divisor=4):
    """Answers of the shell to (seed, count) commands, one after the other."""
    shell, answers = SelfTestShell(spec, timing, divisor), []

    async def bench(ctx):
        ctx.set(shell.rx, 1)
        await ctx.tick().repeat(8)
        for seed, count in exchanges:
            for byte in self_test.command(seed, count):
                for bit in [0, *((byte >> index) & 1 for index in range(8)), 1]:
                    ctx.set(shell.rx, bit)
                    await ctx.tick().repeat(divisor)
            answer = b""
            for _ in range(self_test.ANSWER_BYTES):
                while ctx.get(shell.tx):
                    await ctx.tick()
                await ctx.tick().repeat(divisor + divisor // 2)
                byte = 0
                for index in range(8):
                    byte |= ctx.get(shell.tx) << index
                    await ctx.tick().repeat(divisor)
                answer += bytes([byte])
            answers.append(answer)

    simulator = Simulator(shell)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return shell, answers


@pytest.mark.parametrize(
    "spec, timing",
    [
        (_mac(), STREAM),
        (_mac(), Timing(shell="stream", latency=3)),
        (_mac(a="int20", b="int17", accumulator="int48"), STREAM),
        (_mac(a="fp8_e4m3", b="fp8_e5m2", accumulator="fp16"), STREAM),
        (
            _mac(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16"),
            Timing(shell="stream", period_ns=3.0),
        ),
    ],
    ids=["plain", "latency 3", "two lanes", "float", "interleaved float"],
)
def test_shell_answers_as_golden(spec, timing):
    exchanges = [(1, 60), (0xDEADBEEF, 33), (1, 60), (7, 1)]
    shell, answers = _run(spec, timing, exchanges)
    expected = [
        self_test.expected_answer(spec, seed, count, shell.interleave) for seed, count in exchanges
    ]
    assert answers == expected
    # The same command has the same answer: nothing is left over from the run between.
    assert answers[0] == answers[2] != answers[1]


def test_noise_before_a_command_is_dropped():
    spec = _mac()
    shell = SelfTestShell(spec, STREAM, 4)
    seen = []

    async def bench(ctx):
        ctx.set(shell.rx, 1)
        await ctx.tick().repeat(8)
        for byte in b"xyz" + self_test.command(3, 10):
            for bit in [0, *((byte >> index) & 1 for index in range(8)), 1]:
                ctx.set(shell.rx, bit)
                await ctx.tick().repeat(4)
        for _ in range(600):
            seen.append(ctx.get(shell.tx))
            await ctx.tick()

    simulator = Simulator(shell)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert 0 in seen


@pytest.mark.cocotb
@pytest.mark.icarus
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs the package iverilog")
def test_exchange_on_the_emitted_verilog(tmp_path):
    spec = _mac(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    shell = SelfTestShell(spec, STREAM, 8)
    source = tmp_path / "shell.v"
    source.write_text(verilog.convert(shell, name="shell", strip_internal_attrs=True))

    def exchange(answer):
        return Exchange(5, 100, answer, 8, clock="clk", rx="rx", tx="tx", reset="rst")

    answer = self_test.expected_answer(spec, 5, 100, shell.interleave)
    simulate([source], "shell", exchange(answer), log=tmp_path / "log")
    wrong = self_test.expected_answer(spec, 6, 100, shell.interleave)
    with pytest.raises(DesignError) as caught:
        simulate([source], "shell", exchange(wrong), log=tmp_path / "log")
    assert str(caught.value) == (f"self-test: the answer must be {wrong.hex()}, not {answer.hex()}")
    # A planted fault: the signature register's polynomial.
    text = source.read_text()
    broken = text.replace("32'd79764919", "32'd79764917")
    assert broken != text
    source.write_text(broken)
    with pytest.raises(DesignError, match="^self-test: the answer must be "):
        simulate([source], "shell", exchange(answer), log=tmp_path / "log")
