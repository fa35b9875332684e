"""Designs as compiled functions: every width, state, streams with stalls, both backends."""

import numpy as np
import pytest
from amaranth import Module, Signal
from amaranth.lib.wiring import Component, In, Out
from sample_operators import Accumulate, Broken, MultiplyAdd

from holigrail_hw.core import DesignError, RequestError, Timing, ToolError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.trials import random_codes
from holigrail_hw.flow.simulate import backends, compiled
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.simulate.item_words import counted_codes
from holigrail_hw.formats import parse
from holigrail_hw.shells.stream import shell as stream_shell

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

STREAM = Timing(shell="stream")


class Wide(OperatorSpec):
    """Inverts words that need more than one 64-bit word; with a 1-bit neighbour."""

    name, summary = "test-wide", "inverts"
    words = {"x": 1, "y": 64, "z": 65}

    def inputs(self):
        formats = {name: parse("uint64") for name in self.words}
        for name, width in self.words.items():
            object.__setattr__(formats[name], "width", width)
        return formats

    def outputs(self):
        return {f"{name}_inverted": format for name, format in self.inputs().items()}

    def golden(self, **codes):
        return {
            f"{name}_inverted": ((1 << width) - 1) ^ np.asarray(codes[name]).astype(object)
            for name, width in self.words.items()
        }

    def datapath(self, plan, **wires):
        return {
            f"{name}_inverted": plan.step(f"not_{name}", wire.shape, lambda v: ~v, wire, wrap=True)
            for name, wire in wires.items()
        }


def same(found, expected) -> bool:
    return all(np.array_equal(found[name], np.asarray(expected[name])) for name in expected)


@pytest.mark.parametrize("backend", compiled.BACKENDS)
def test_words_of_every_width(backend):
    spec = Wide()
    rng = np.random.default_rng(1)
    codes = {name: random_codes(rng, width, 50) for name, width in spec.words.items()}
    design = Compiled(spec, Timing(), backend=backend)
    found = design.run(codes)
    assert found["z_inverted"].dtype == object
    assert found["y_inverted"].dtype == np.uint64
    assert same(found, spec.golden(**codes))


@pytest.fixture(scope="module")
def plain_designs():
    requests = [
        (MultiplyAdd(), Timing()),
        (MultiplyAdd(a_width=40, b_width=40), Timing(period_ns=3)),
        (Accumulate(), Timing()),
        (Accumulate(slow=True), Timing(period_ns=4)),
        (Accumulate(width=64), Timing(latency=1)),
    ]
    return compile_all(requests)


class TestRuns:
    def test_results_equal_golden(self, plain_designs):
        assert [design.latency for design in plain_designs] == [0, 1, 1, 5, 1]
        assert [design.interleave for design in plain_designs] == [1, 1, 1, 5, 1]
        for design in plain_designs:
            spec = design.top.spec
            codes = spec.items(777, np.random.default_rng(2))
            assert same(design.run(codes), spec.reference(codes, design.interleave))

    def test_a_run_starts_from_reset(self, plain_designs):
        for design in plain_designs:
            spec = design.top.spec
            first, second = (spec.items(31, np.random.default_rng(seed)) for seed in (3, 4))
            alone = design.run(second)
            design.run(first)
            assert same(design.run(second), alone)

    def test_no_items(self, plain_designs):
        found = plain_designs[0].run({name: np.zeros(0, np.uint64) for name in "abc"})
        assert len(found["r"]) == 0

    def test_all_codes(self, plain_designs):
        design, total = plain_designs[0], 0
        for codes, found in design.exhaustive(chunk=100):
            assert same(found, design.top.spec.golden(**codes))
            total += len(codes["a"])
        assert total == 512
        ((codes, found),) = design.exhaustive(start=500, stop=503)
        assert [codes[name].tolist() for name in "abc"] == [[15] * 3, [10, 10, 11], [0, 1, 0]]
        assert same(found, design.top.spec.golden(**codes))

    def test_counting_needs_no_state_and_64_bits(self, plain_designs):
        with pytest.raises(RequestError, match="at most 64 bits, not 81 bits"):
            next(plain_designs[1].exhaustive())
        with pytest.raises(RequestError, match="no state"):
            next(plain_designs[2].exhaustive())

    def test_operands_must_be_complete(self, plain_designs):
        with pytest.raises(ValueError, match=r"operands must be \['a', 'b', 'c'\]"):
            plain_designs[0].run({"a": [1]})
        with pytest.raises(ValueError, match="one length"):
            plain_designs[0].run({"a": [1], "b": [1, 2], "c": [1]})

    def test_stalls_need_a_stream(self, plain_designs):
        with pytest.raises(RequestError, match="stalls need the stream shell"):
            plain_designs[0].run_stream({name: [1] for name in "abc"})

    def test_plain_ports_are_streams_that_never_wait(self, plain_designs):
        for design in plain_designs:
            codes = design.top.spec.items(9, np.random.default_rng(2))
            found = design.run_streams({"i": codes}, {"o": 9})
            assert same(found.results["o"], design.run(codes))
            assert (found.cycles, found.moved) == (9 + design.latency, {"i": 9, "o": 9})
            for more in ({"pauses": {"i": [0, 1]}}, {"cycles": 3}):
                with pytest.raises(RequestError, match="stalls need the stream shell"):
                    design.run_streams({"i": codes}, {"o": 9}, **more)


def test_counted_codes_are_fields_of_a_counter():
    codes = counted_codes({"a": 2, "b": 1}, 3, 4)
    assert codes["a"].tolist() == [1, 2, 2, 3]
    assert codes["b"].tolist() == [1, 0, 1, 0]


@pytest.fixture(scope="module")
def stream_designs():
    requests = [
        (MultiplyAdd(), STREAM),
        (MultiplyAdd(), Timing(shell="stream", latency=3)),
        (Accumulate(), STREAM),
        (Accumulate(slow=True), Timing(shell="stream", period_ns=4)),
    ]
    return compile_all(requests)


class TestStreams:
    def test_stalls_on_both_sides(self, stream_designs):
        rng = np.random.default_rng(5)
        for design in stream_designs:
            spec = design.top.spec
            codes = spec.items(300, rng)
            expected = spec.reference(codes, design.interleave)
            for idle, stall in ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5), (0.9, 0.1)):
                run = design.run_stream(
                    codes, idle=rng.random(97) < idle, stall=rng.random(89) < stall
                )
                assert same(run.results, expected)
                assert run.sent == run.received == 300

    def test_full_speed_without_stalls(self, stream_designs):
        for design in stream_designs:
            run = design.run_stream(design.top.spec.items(100, np.random.default_rng(6)))
            assert run.cycles == 100 + design.latency

    def test_reset_in_mid_stream(self, stream_designs):
        rng = np.random.default_rng(7)
        for design in stream_designs:
            spec = design.top.spec
            codes = spec.items(50, rng)
            cut = design.run_stream(codes, stall=[0, 1], cycles=design.latency + 9)
            assert cut.received < 50
            again = spec.items(50, rng)
            found = design.run_stream(again, idle=[0, 0, 1])
            assert same(found.results, spec.reference(again, design.interleave))

    def test_a_pattern_must_leave_free_cycles(self, stream_designs):
        with pytest.raises(RequestError, match="must leave some cycles free"):
            stream_designs[0].run_stream({name: [1] for name in "abc"}, stall=[1])


class BadStream(Component):
    """A stream of one register that breaks one rule of the handshake."""

    latency, interleave = 1, 1

    def __init__(self, rule: str):
        self.rule = rule
        super().__init__(
            {"i_valid": In(1), "i_ready": Out(1), "i_a": In(4), "i_clear": In(1)}
            | {"o_valid": Out(1), "o_ready": In(1), "o_s": Out(8)}
        )

    def elaborate(self, platform):
        m = Module()
        full, value, beat = Signal(), Signal(4), Signal(2)
        m.d.sync += beat.eq(beat + 1)
        m.d.comb += [self.o_valid.eq(full), self.o_s.eq(value)]
        m.d.comb += self.i_ready.eq(~full | self.o_ready)
        with m.If(self.i_ready):
            m.d.sync += [full.eq(self.i_valid), value.eq(self.i_a)]
        match self.rule:
            case "withdraw":
                with m.If(beat == 3):
                    m.d.sync += full.eq(0)
            case "change":
                m.d.comb += self.o_s.eq(value + beat)
            case "ready":
                m.d.comb += self.o_valid.eq(full & self.o_ready)
            case "extra":
                m.d.comb += self.o_valid.eq(1)
            case "stop":
                with m.If(value == 9):
                    m.d.comb += [self.i_ready.eq(0), self.o_valid.eq(0)]
        return m


@pytest.mark.parametrize(
    "rule, message",
    [
        ("withdraw", "valid must stay high until the item is accepted"),
        ("change", "the payload must stay the same until it is accepted"),
        ("ready", "valid and the payload must not depend on ready"),
        ("extra", "there must be one result for each item, not more"),
        ("stop", "the stream must deliver 40 results, not stop at"),
    ],
)
def test_broken_handshakes_are_noticed(monkeypatch, rule, message):
    monkeypatch.setattr(stream_shell, "StreamPorts", lambda spec, timing: BadStream(rule))
    design = Compiled(Accumulate(), STREAM)
    codes = {"a": np.arange(40) % 16, "clear": np.ones(40, int)}
    with pytest.raises(DesignError, match=message):
        design.run_stream(codes, stall=[0, 1, 1])


class TestVerilatorBackend:
    @pytest.mark.heavy
    def test_streams_and_state(self):
        """One compilation for several designs, from the emitted Verilog."""
        requests = [
            (Accumulate(slow=True), Timing(shell="stream", period_ns=4)),
            (MultiplyAdd(a_width=40, b_width=40), Timing(period_ns=3)),
        ]
        for design in compile_all(requests, backend="verilator"):
            spec = design.top.spec
            codes = spec.items(200, np.random.default_rng(8))
            assert same(design.run(codes), spec.reference(codes, design.interleave))

    def test_unknown_backend(self):
        with pytest.raises(RequestError) as caught:
            Compiled(MultiplyAdd(), backend="spice")
        assert str(caught.value) == (
            "simulate: backend must be one of cxxrtl, verilator, not 'spice'"
        )


class TestCache:
    def test_second_build_needs_no_compiler(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
        spec = MultiplyAdd(a_width=3)
        Compiled(spec)
        monkeypatch.setattr(backends, "run", None)
        found = Compiled(spec).run({"a": [5], "b": [9], "c": [1]})
        assert found["r"].tolist() == [46]
        assert [path.suffix for path in (tmp_path / "cache").glob("*")].count(".so") == 1

    def test_other_designs_are_other_files(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
        right, wrong = Compiled(MultiplyAdd()), Compiled(Broken())
        codes = {"a": [11], "b": [13], "c": [0]}
        assert right.run(codes)["r"].tolist() == [143]
        assert wrong.run(codes)["r"].tolist() == [142]

    def test_failure_leaves_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))

        def make(work):
            (work / "half").write_text("")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cache.fetch("name", make)
        assert list(tmp_path.iterdir()) == []

    def test_unwritable_folder(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "file" / "cache"))
        with pytest.raises(ToolError, match="cache: the folder must take compiled") as caught:
            Compiled(MultiplyAdd())
        assert caught.value.hint == "make room there, or set HOLIGRAIL_CACHE to another folder"

    def test_digest_separates_its_parts(self):
        assert cache.digest(["ab", "c"]) != cache.digest(["a", "bc"])


def test_waveform(tmp_path):
    design = Compiled(Accumulate(), trace=True)
    design.run({"a": [1, 2, 3], "clear": [0, 0, 0]})
    design.trace(tmp_path / "wave.vcd")
    text = (tmp_path / "wave.vcd").read_text()
    assert text.startswith("$timescale 1 ns $end")
    for name in ("clk", "rst", "a", "s", "sum"):
        assert f" {name} " in text
    assert "b00000110" in text
    with pytest.raises(RequestError, match="the waveform must be writable, not"):
        design.trace(tmp_path)


def test_waveform_needs_cxxrtl():
    with pytest.raises(RequestError, match="only cxxrtl writes waveforms, not verilator"):
        Compiled(MultiplyAdd(), backend="verilator", trace=True)
