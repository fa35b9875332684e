"""``verify``: every level passes a right design, and says how to see a wrong one again."""

import re
import shlex

import needs
import pytest
from sample_operators import Accumulate, Broken, BrokenAccumulate, MultiplyAdd

from holigrail_hw.core import DesignError, RequestError, Timing, ToolError, operators
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.verify import replay, verify, workloads

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

STREAM = Timing(shell="stream")


def message(error) -> list[str]:
    return str(error.value).splitlines()


class TestPasses:
    def test_all_codes_of_a_small_operator(self):
        (level,) = verify.run(MultiplyAdd(), levels="compiled").levels
        assert (level.vectors, level.exhaustive, level.simulator) == (512, True, "cxxrtl")

    def test_corners_and_random_codes_of_a_large_one(self):
        spec = MultiplyAdd(a_width=40, b_width=40)
        result = verify.run(spec, Timing(period_ns=3), levels=["compiled"], count=500, seed=3)
        assert (result.vectors, result.levels[0].exhaustive, result.seed) == (500, False, 3)

    def test_stream(self):
        result = verify.run(Accumulate(), STREAM, levels=["compiled"], count=200)
        # Six combinations of pauses.
        assert result.vectors == 6 * 200
        assert result.levels[0].cycles > 6 * 200

    @needs.iverilog
    @pytest.mark.icarus
    @pytest.mark.cocotb
    @pytest.mark.parametrize("simulator", ["verilator", "icarus"])
    def test_one_bit_results(self, simulator):
        """A simulator shows a port of one bit as another kind of value than a vector."""
        spec = operators()["compare"]()
        result = verify.run(spec, levels=["cocotb"], simulator=simulator, count=30)
        assert result.vectors == 30

    @needs.iverilog
    @pytest.mark.icarus
    @pytest.mark.cocotb
    @pytest.mark.parametrize(
        "spec, timing",
        [
            (MultiplyAdd(), Timing()),
            (MultiplyAdd(a_width=40, b_width=40), Timing(period_ns=3)),
            (Accumulate(slow=True), Timing(period_ns=4, shell="stream")),
        ],
        ids=["combinational", "pipelined", "interleaved stream"],
    )
    def test_icarus(self, spec, timing):
        levels = ("cocotb", "icarus")
        result = verify.run(spec, timing, levels=levels, simulator="icarus", count=60)
        assert [level.simulator for level in result.levels] == ["icarus", "icarus"]
        tests = 4 if timing.shell == "stream" else 1
        resets = 0 if timing == Timing() else 60 if timing.shell == "stream" else 40
        assert result.levels[0].vectors == 60 * tests + resets
        assert result.levels[1].vectors == 60

    @pytest.mark.cocotb
    def test_verilator(self):
        timing = Timing(period_ns=4, shell="stream")
        result = verify.run(Accumulate(slow=True), timing, levels=["cocotb"], count=60)
        assert result.levels[0].simulator == "verilator"
        assert result.vectors == 60 * 5

    def test_progress_is_told(self):
        told = []
        verify.run(MultiplyAdd(), levels=["compiled"], progress=told.append)
        assert "compiled: 512 vectors" in told


LEVELS = [
    pytest.param("compiled", "verilator"),
    pytest.param("cocotb", "verilator", marks=pytest.mark.cocotb),
    pytest.param(
        "cocotb", "icarus", marks=[pytest.mark.cocotb, pytest.mark.icarus, needs.iverilog]
    ),
    pytest.param("icarus", "verilator", marks=[pytest.mark.icarus, needs.iverilog]),
]


class TestNoticesFaults:
    @pytest.mark.parametrize("level, simulator", LEVELS)
    def test_wrong_sum(self, level, simulator):
        options = {"levels": [level], "simulator": simulator, "count": 400, "seed": 5}
        with pytest.raises(DesignError) as caught:
            verify.run(BrokenAccumulate(width=5), Timing(), **options)
        first, operands, result, replay = message(caught)
        match = re.fullmatch(
            r"test-broken-accumulate: result differs from the golden model at vector (\d+) of 400"
            rf" \({level}(, \d+ wrong in all)?\)",
            first,
        )
        assert match
        assert re.fullmatch(r"  a = 0x[0-9a-f] \(-?\d\)   clear = 0x[01] \([01]\)", operands)
        assert re.fullmatch(r"  s: expected 0x.. \(-?\d+\)   got 0x.. \(-?\d+\)   WRONG", result)
        chosen = "" if (level, simulator) != ("cocotb", "icarus") else "--simulator icarus "
        assert replay == (
            "  seed 5; replay: holigrail verify test-broken-accumulate --width 5"
            f" --level {level} {chosen}--seed 5 --count 400 --only {match.group(1)}"
        )
        # The same vector alone fails again; the one before it does not.
        index = int(match.group(1))
        if level != "compiled" and simulator == "verilator":
            return
        with pytest.raises(DesignError) as again:
            verify.run(BrokenAccumulate(width=5), Timing(), only=index, **options)
        assert message(again)[1:] == message(caught)[1:]
        assert verify.run(
            BrokenAccumulate(width=5), Timing(), only=index - 1, **options
        ).vectors == (1 if level != "cocotb" else 2)

    def test_all_codes_find_one_wrong_pair(self):
        with pytest.raises(DesignError) as caught:
            verify.run(Broken(), Timing(latency=2), levels=["compiled"])
        assert message(caught) == [
            "test-broken: result differs from the golden model at vector 378 of 512"
            " (compiled, 2 wrong in all)",
            "  a = 0xb (11)   b = 0xd (13)   c = 0x0 (0)",
            "  r: expected 0x8f (143)   got 0x8e (142)   WRONG",
            "  seed 0; replay: holigrail verify test-broken --latency 2 --level compiled"
            " --seed 0 --only 378",
        ]
        assert caught.value.exit_code == 1

    def test_wide_stream(self):
        with pytest.raises(DesignError, match="differs from the golden model at vector"):
            verify.run(BrokenAccumulate(), STREAM, levels=["compiled"])

    @needs.iverilog
    @pytest.mark.icarus
    def test_unknown_bits_are_wrong(self, monkeypatch):
        original = emit.verilog

        def without_driver(top):
            text = original(top)
            return re.sub(r"^  assign r = .*\n", "", text, flags=re.M)

        monkeypatch.setattr(emit, "verilog", without_driver)
        with pytest.raises(DesignError, match="expected 0x.*got unknown bits   WRONG"):
            verify.run(MultiplyAdd(c_width=3), levels=["icarus"], count=20)


class TestRefusals:
    def test_everything_wrong_at_once(self):
        with pytest.raises(RequestError) as caught:
            verify.run(MultiplyAdd(), levels=["spice"], simulator="vcs", count=0, only=-1)
        assert caught.value.violations == (
            "verify: level must be one of compiled, cocotb, icarus, gates, words, system, not 'spice'",
            "verify: simulator must be one of verilator, icarus, not 'vcs'",
            "verify: count must be at least 1, not 0",
            "verify: only must be the index of a vector, not -1",
        )

    def test_no_level_at_all(self):
        with pytest.raises(RequestError, match="there must be at least one level, not none"):
            verify.run(MultiplyAdd(), levels=[])

    def test_index_beyond_the_vectors(self):
        with pytest.raises(RequestError) as caught:
            verify.run(MultiplyAdd(), levels=["compiled"], only=512)
        assert str(caught.value) == "verify: only must be below 512, not 512"

    def test_missing_tool_is_found_before_anything_starts(self, monkeypatch):
        started = []
        original = tools.find
        monkeypatch.setattr(tools, "find", lambda n: None if n == "iverilog" else original(n))
        with pytest.raises(ToolError) as caught:
            verify.run(MultiplyAdd(), levels=["compiled", "icarus"], progress=started.append)
        assert (
            "verify: iverilog (simulates the emitted Verilog) must be installed, not missing"
            in str(caught.value)
        )
        assert caught.value.exit_code == 3
        assert started == []

    def test_a_run_that_checked_nothing_fails(self, monkeypatch):
        monkeypatch.setattr(verify.Levels, "compiled", lambda self: ("cxxrtl", 0, True, 0))
        with pytest.raises(DesignError) as caught:
            verify.run(MultiplyAdd(), levels=["compiled"])
        assert str(caught.value) == (
            "test_multiply_add: compiled must check at least one result, not none"
        )


FAITHFUL = workloads.Workload(
    1, {"i": {"x": [1, 2, 3]}}, {"o": {"y": ([5, 5, 5], [6, 5, 6], -1)}}, {"o": 3}
)


class TestVectors:
    def test_the_same_request_gives_the_same_vectors(self):
        one, two = (workloads.choose(Accumulate(), 50, seed=4) for _ in range(2))
        other = workloads.choose(Accumulate(), 50, seed=5)
        codes = [chosen.items["i"]["a"].tolist() for chosen in (one, two, other)]
        assert codes[0] == codes[1] != codes[2]

    def test_a_faithful_result_may_be_either_of_two(self):
        wrong = workloads.differences(FAITHFUL, {"o": {"y": [6, 6, 5]}})
        assert wrong == [workloads.Difference("o", 1)]

    @pytest.mark.parametrize("found", [[], [5], [5, 5, 5, 5]])
    def test_results_that_are_missing_are_not_right(self, found):
        with pytest.raises(DesignError, match=f"stream o must have 3 items, not {len(found)}"):
            workloads.differences(FAITHFUL, {"o": {"y": found}})

    def test_command_can_be_pasted(self):
        timing = Timing(period_ns=62.5, device="ice40up5k", shell="stream")
        line = replay.command("verify", MultiplyAdd(a_width=9), timing, "--seed", "3")
        assert shlex.split(line) == [
            *("holigrail", "verify", "test-multiply-add", "--a-width", "9", "--period", "62.5"),
            *("--device", "ice40up5k", "--shell", "stream", "--seed", "3"),
        ]
