"""What is asked for and what is given are the same, or the difference is said."""

import json
import re

import pytest
from amaranth.back import rtlil

from holigrail_hw.cli.main import VERBS
from holigrail_hw.core import Clock, DesignError, Engine, Timing, find, operators
from holigrail_hw.flow.board import build
from holigrail_hw.flow.emit.recipe import load
from holigrail_hw.flow.synth import measure
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import verify

DESIGN_VERBS = ("generate", "simulate", "verify", "prove", "synth", "explore", "report")
ON_A_BOARD = ("build", "flash")
FAST = ["--period", "0.5", "--device", "ecp5"]
REFUSED = (
    "mac: the clock must be one that the model ecp5 can promise, the nearest 4.212 ns"
    " (237.4 MHz), not 0.5 ns (2000 MHz)"
)
TWO_SUMS = "mac: holds 2 interleaved sums; item t belongs to sum t mod 2"


class TestClocks:
    @pytest.mark.parametrize("verb", [*DESIGN_VERBS, *ON_A_BOARD])
    def test_one_that_cannot_be_met_is_refused(self, holigrail, tmp_path, verb):
        words = ["--board", "ulx3s"] if verb in ON_A_BOARD else []
        answer = holigrail(verb, "mac", "--period", "0.5", "--device", "ecp5", *words)
        assert answer.status == 1
        assert REFUSED in answer.err and "--best-effort" in answer.err
        assert [*tmp_path.iterdir()] == []

    def test_best_effort_goes_on_and_says_so(self, holigrail, tmp_path):
        answer = holigrail("generate", "mac", *FAST, "--best-effort", "-o", "here")
        missed = "mac: the model ecp5 promises 4.212 ns (237.4 MHz), not the 0.5 ns (2000 MHz)"
        assert answer.status == 0
        assert f"note: {TWO_SUMS}\n" in answer.err and f"note: {missed} asked for\n" in answer.err
        manifest = json.loads((tmp_path / "here" / "manifest.json").read_text())
        assert manifest["remarks"] == [TWO_SUMS, f"{missed} asked for"]
        assert (manifest["clock_asked_ns"], manifest["clock_promised_ns"]) == (0.5, 4.212)
        assert (manifest["clock_met"], manifest["interleave"]) == (False, 2)

    def test_info_answers(self, holigrail):
        answer = holigrail("info", "mac", *FAST)
        assert answer.status == 0
        assert re.search(r"^0\.5 ns .* 4\.212 +237\.4 +[0-9.]+ +no$", answer.out, re.M)
        assert TWO_SUMS in answer.err

    @pytest.mark.parametrize("verb", ["generate", "simulate", "report"])
    def test_other_sums_are_said(self, holigrail, verb):
        answer = holigrail(verb, "mac", "--period", "5", "--device", "ecp5", "--json")
        assert answer.status == 0
        assert answer.json["remarks"] == [TWO_SUMS]
        assert answer.err.splitlines().count(f"note: {TWO_SUMS}") == 1

    def test_other_sums_are_said_of_a_sweep(self, holigrail):
        words = ["--a", "int4", "--b", "int4", "--accumulator", "int12,int32", "--device", "ecp5"]
        answer = holigrail("explore", "mac", *words, "--period", "5", "--json")
        assert [point["interleave"] for point in answer.json["points"]] == [1, 2]
        (remark,) = answer.json["remarks"]
        assert remark.startswith("mac: 1 of 2 combinations hold interleaved sums")

    def test_a_sweep_marks_what_cannot_be_met(self, holigrail):
        words = ["--a", "int4,int8", "--b", "int4", "--accumulator", "int9"]
        words += ["--period", "4.1", "--device", "ecp5", "--json"]
        answer = holigrail("explore", "mac", *words)
        assert answer.status == 0
        first, second = (point["error"] for point in answer.json["points"])
        assert first is None and "the clock must be one that the model ecp5" in second
        both = holigrail("explore", "mac", *words, "--best-effort").json["points"]
        assert [point["error"] for point in both] == [None, None]

    def test_shells_hold_the_sums_of_what_is_inside(self, holigrail, tmp_path):
        words = ["--period", "5", "--device", "ecp5", "--shell", "axi-stream", "-o", "here"]
        answer = holigrail("generate", "mac", *words)
        top = "mac_int8_int8_int32_5ns_ecp5_axi_stream"
        assert (answer.status, TWO_SUMS in answer.err) == (0, True)
        assert json.loads((tmp_path / "here" / "manifest.json").read_text())["interleave"] == 2
        assert ", 2 interleaved sums;" in (tmp_path / "here" / f"{top}.v").read_text()

    def test_without_a_model_it_is_said(self, holigrail):
        answer = holigrail("info", "gemm", "--period", "5")
        assert answer.status == 0
        assert "gemm: has no model of its clock; whether 5 ns (200 MHz) are met" in answer.err

    @pytest.mark.sampled
    @pytest.mark.parametrize("name", operators())
    @pytest.mark.parametrize("device", ["generic", "ecp5", "ice40up5k"])
    def test_the_nearest_one_can_be_asked_for(self, name, device):
        spec = find(name)()
        clock = spec.clock(Timing(period_ns=0.01, device=device))
        if clock.promise_ns is None:
            assert isinstance(spec, Engine) and clock.met is None
            return
        with pytest.raises(DesignError, match=f"the nearest {clock.nearest_ns}"):
            clock.require()
        nearest = Timing(period_ns=clock.nearest_ns, device=device)
        assert spec.clock(nearest).met
        assert spec.clock(Timing()).met is None

    def test_from_python(self):
        spec = find("mac")()
        for shell in ("plain", "stream"):
            timing = Timing(period_ns=0.5, device="ecp5", shell=shell)
            component = spec.component(timing)
            assert "module" in rtlil.convert(component, name="mac", emit_src=False)
            clock = component.clock
            assert clock == spec.clock(timing) == Clock("mac", "ecp5", 0.5, clock.promise_ns, 2)
            assert clock.met is False and round(clock.promise_ns, 3) == 4.212

    def test_recipes_meet_theirs(self, recipes):
        for path in recipes:
            spec, timing, _ = load(path)
            assert spec.clock(timing).met in (True, None), path


class TestValues:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--value", "a=inf"], "a: a value must fit int8 (8-bit signed integer, -128 to 127)"),
            (["--value", "a=1,nan"], "a: a value must fit int8"),
            (["--value", "a=128"], "a: a value must fit int8"),
            (["--value", "a=-128.5"], "a: a value must fit int8"),
            (["--value", "enable=2"], "enable: a value must fit uint1"),
            (["--value", "enable=-1"], "enable: a value must fit uint1"),
            (["--a", "binary", "--value", "a=0"], "a: a value must fit binary (1 bit: -1 and +1)"),
            (["--value", "a=1", "--value", "a=2"], "--value must be given once for a, not twice"),
        ],
    )
    def test_one_that_does_not_fit_is_refused(self, holigrail, words, message):
        answer = holigrail("simulate", "mac", *words)
        assert answer.status == 2
        assert f"error: mac: {message}" in answer.err

    @pytest.mark.parametrize("value", ["449", "-500", "inf", "-inf"])
    def test_so_is_a_float_beyond_the_largest(self, holigrail, value):
        answer = holigrail("simulate", "multiply", "--value", f"a={value}")
        assert answer.status == 2
        assert f"largest 448), not {value}" in answer.err

    def test_rounding_is_said(self, holigrail):
        words = ["--value", "a=0.3,1e-9,-1e-9,nan,448,-0", "--value", "b=1"]
        answer = holigrail("simulate", "multiply", *words, "--json")
        assert answer.status == 0
        assert answer.json["remarks"] == [
            "multiply: a: 0.3 is rounded to 0x2a (0.3125)",
            "multiply: a: 1e-9 is rounded to 0x00 (0)",
            "multiply: a: -1e-9 is rounded to 0x80 (-0)",
        ]
        codes = [item["a"].split()[0] for item in answer.json["items"]]
        assert codes == ["0x2a", "0x00", "0x80", "0x7f", "0x7e", "0x80"]

    def test_infinity_where_there_is_one(self, holigrail):
        words = ["--a", "fp16", "--b", "fp16", "--result", "fp16"]
        answer = holigrail("simulate", "multiply", *words, "--value", "a=inf,65504", "--json")
        assert (answer.status, answer.json["remarks"]) == (0, [])
        assert holigrail("simulate", "multiply", *words, "--value", "a=65505").status == 2

    def test_what_becomes_zero_in_a_format_without_subnormals(self, holigrail):
        words = ["--a", "e4m3_flush", "--value", "a=0.001", "--json"]
        answer = holigrail("simulate", "multiply", *words)
        assert answer.status == 0
        assert answer.json["remarks"] == ["multiply: a: 0.001 is rounded to 0x00 (0)"]


class TestOnce:
    @pytest.mark.parametrize("verb", VERBS)
    def test_options_of_every_verb(self, holigrail, verb):
        answer = holigrail(verb, "--seed", "1", "--seed", "1")
        assert answer.status == 2
        assert f"error: {verb}: --seed: must be given once, not twice" in answer.err

    @pytest.mark.parametrize(
        ("words", "option"),
        [
            (["info", "mac", "--a", "int8", "--a=int4"], "--a"),
            (["info", "mac", "--period", "5", "--period", "6"], "--period"),
            (["info", "systolic-array", "--guard", "--guard", "false"], "--guard"),
            (["--seed", "1", "simulate", "mac", "--seed", "2"], "--seed"),
            (["simulate", "mac", "--count", "3", "--count", "4"], "--count"),
            (["generate", "mac", "-o", "here", "--output", "there"], "-o/--output"),
            (["info", "mac", "--json", "--json"], "--json"),
        ],
    )
    def test_aliases_parameters_and_flags(self, holigrail, tmp_path, words, option):
        answer = holigrail(*words)
        assert answer.status == 2
        assert f"{option}: must be given once, not twice" in answer.err
        assert [*tmp_path.iterdir()] == []

    def test_but_lists(self, holigrail):
        words = ["--value", "a=1", "--value", "b=2", "--value", "enable=1"]
        assert holigrail("simulate", "mac", *words).status == 0


class TestNothingIsDropped:
    def test_the_clock_counts_in_the_cycles_of_a_product(self, holigrail):
        words = ["gemm", "--rows", "8", "--columns", "8", "--m", "196", "--k", "192", "--n", "384"]
        slow = holigrail("info", *words, "--json").json["facts"]
        fast = holigrail("info", *words, "--period", "5", "--json").json["facts"]
        product = "196 x 192 x 384"
        cycles = [int(re.search(r"(\d+) cycles", f[product])[1]) for f in (slow, fast)]
        spec = find("gemm")(rows=8, columns=8, m=196, k=192, n=384)
        assert cycles[1] > cycles[0]
        for timing, facts in ((Timing(), slow), (Timing(period_ns=5), fast)):
            assert spec.facts(timing) == facts

    @pytest.mark.parametrize("name", ["mac", "gemm"])
    @pytest.mark.parametrize("shell", ["stream", "axi-stream", "wishbone"])
    def test_the_shell_counts_in_names_and_components(self, holigrail, name, shell):
        timing = Timing(shell=shell)
        spec = find(name)()
        top = holigrail("info", name, "--shell", shell, "--json").json["top"]
        assert top == Top(spec, timing).name
        members, plain = (set(self.members(spec, request)) for request in (timing, Timing()))
        if shell == "axi-stream":
            assert all(re.match("[sm]_axis_", member) for member in members)
        elif shell == "wishbone":
            assert members == {"bus"}
        else:
            assert members == (plain if isinstance(spec, Engine) else {"i", "o"})

    @staticmethod
    def members(spec, timing):
        """Members of a component that is also elaborated."""
        component = spec.component(timing)
        assert "module" in rtlil.convert(component, name="top", emit_src=False)
        return component.signature.members

    @pytest.mark.parametrize("verb", ON_A_BOARD)
    def test_a_board_has_no_such_shell(self, holigrail, verb):
        answer = holigrail(verb, "mac", "--shell", "wishbone", "--board", "icebreaker")
        assert answer.status == 2
        assert "mac: the shell must be plain or stream on a board, not wishbone" in answer.err

    @pytest.mark.parametrize(
        "words", [["synth"], ["report", "--synth"], ["explore", "--synth"]], ids=lambda w: w[0]
    )
    def test_the_seed_reaches_the_placer(self, holigrail, monkeypatch, words):
        seeds = []

        def stopped(*_, **options):
            seeds.append(options["seed"])
            raise DesignError("enough")

        monkeypatch.setattr(measure.synth, "run", stopped)
        verb, *more = words
        holigrail(verb, "mac", "--device", "up5k", "--seed", "7", *more)
        assert seeds == [7]

    @pytest.mark.parametrize("verb", ON_A_BOARD)
    def test_the_seed_reaches_the_builder(self, holigrail, monkeypatch, verb):
        seeds = []

        def stopped(*_, **options):
            seeds.append(options["seed"])
            raise DesignError("enough")

        monkeypatch.setattr(build, "run", stopped)
        monkeypatch.setattr("holigrail_hw.flow.board.flash.ready", lambda *_, **options: None)
        assert holigrail(verb, "mac", "--board", "icebreaker", "--seed", "7").status == 1
        assert seeds == [7]

    def test_a_replay_asks_for_the_same_clock(self):
        from holigrail_hw.flow.verify.replay import command

        spec = find("mac")()
        exact = command("verify", spec, Timing(period_ns=1000 / 12))
        assert exact == f"holigrail verify mac --period {1000 / 12!r}"
        missed = command("verify", spec, Timing(period_ns=0.5))
        assert missed == "holigrail verify mac --period 0.5 --best-effort"


@pytest.fixture
def recipes():
    from holigrail_hw.flow.explore.catalogue import recipe_folder

    # The models of these two do not come with the package.
    found = [p for p in recipe_folder().glob("*.toml") if p.stem not in ("jet_ulx3s", "kws_ulx3s")]
    assert len(found) > 10
    return found


def test_verify_says_what_it_runs_instead_of_a_compiler(holigrail, monkeypatch):
    words = ("verify", "cmvm", "--matrix", "7,-3;19,5", "--count", "50")
    monkeypatch.setattr(verify, "LARGE", 1)
    answer = holigrail(*words)
    assert answer.status == 0 and "words" in answer.out and "cocotb" not in answer.out
    assert answer.err.count("note: verify: a compiler would take long for") == 1
    found = json.loads(holigrail(*words, "--json").out)
    assert [level["level"] for level in found["levels"]] == ["words"]
    (remark,) = found["remarks"]
    assert "--level compiled --level cocotb compiles" in remark
    asked = holigrail(*words, "--level", "words")
    assert asked.status == 0 and "note" not in asked.err


class TestHints:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["info", "gemm", "--rows", "0"], "holigrail info gemm"),
            (["certify", "generators/mac.toml"], "holigrail certify"),
            (["synth", "mac", "--liberty", "cells.lib"], "holigrail synth mac"),
        ],
    )
    def test_a_wrong_request_always_has_one(self, holigrail, words, line):
        answer = holigrail(*words)
        assert answer.status == 2
        assert answer.err.splitlines()[-1].startswith(f"  hint: `{line}")
        assert answer.err.endswith(" --help` shows what may be given\n")
        assert holigrail(*words, "--json").json["error"]["hint"].startswith(f"`{line}")
