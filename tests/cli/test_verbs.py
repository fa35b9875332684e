"""Every verb on a small design: text and JSON, exit status, files left behind."""

import json
import re
import sys
from pathlib import Path

import pytest

from holigrail_hw.core import Clock, DesignError, Engine, OperatorSpec, operators
from holigrail_hw.flow import tools
from holigrail_hw.flow.explore.catalogue import recipe_folder
from holigrail_hw.flow.explore.sweep import point as point_module
from holigrail_hw.flow.synth import measure, synth
from holigrail_hw.flow.verify import verify

SMALL = ["mac", "--a", "int4", "--b", "int4", "--accumulator", "int16"]
TOP = "mac_int4_int4_int16"
MULTIPLY = ["multiply", "--a", "int3", "--b", "int3"]


def test_list(holigrail):
    answer = holigrail("list")
    assert answer.status == 0 and answer.err == ""
    assert answer.out.split()[:3] == ["name", "maturity", "summary"]
    assert [line.split()[0] for line in answer.out.splitlines()[1:]] == [*operators()]
    shown = holigrail("list", "--json").json
    assert [row["name"] for row in shown["operators"]] == [*operators()]


@pytest.mark.parametrize("kind", ["formats", "recipes", "boards", "devices"])
def test_list_of_everything_else(holigrail, kind):
    rows = holigrail("list", kind, "--json").json[kind]
    assert len(rows) > 3
    text = holigrail("list", kind).out
    assert [line.split()[0] for line in text.splitlines()[1:]] == [row["name"] for row in rows]


def test_list_recipes_shows_the_shipped_ones(holigrail):
    names = {row["name"] for row in holigrail("list", "recipes", "--json").json["recipes"]}
    assert names == {f"generators/{path.name}" for path in recipe_folder().glob("*.toml")}


def test_a_broken_plug_in_is_listed_with_its_reason(holigrail, monkeypatch):
    from holigrail_hw.core import registry

    monkeypatch.setitem(registry._broken, "posit-add", "ImportError: no module named universal")
    assert re.search(
        r"^posit-add +unavailable +ImportError: no module named universal$",
        holigrail("list").out,
        re.M,
    )


def test_info(holigrail):
    answer = holigrail("info", *SMALL, "--period", "4")
    assert answer.status == 0 and answer.err == ""
    assert re.search(r"^a +int4 +a format name +format of operand a$", answer.out, re.M)
    assert re.search(r"^result +out +16 +int16 +16-bit signed integer", answer.out, re.M)
    assert re.search(r"^no clock target +1 +1 +1 ", answer.out, re.M)
    assert re.search(r"^4 ns ", answer.out, re.M)


@pytest.mark.parametrize(
    "words, most", [(MULTIPLY, 1), ([*MULTIPLY, "--period", "9"], 1), (SMALL, 2)]
)
def test_the_plan_is_built_no_oftener_than_it_is_asked(holigrail, monkeypatch, words, most):
    """Without a clock to judge or sums to interleave: once, for the hardware."""
    built = []
    real = OperatorSpec.plan
    monkeypatch.setattr(
        OperatorSpec, "plan", lambda spec, timing=None: built.append(1) or real(spec, timing)
    )
    assert holigrail("verify", *words, "--level", "gates").status == 0
    assert len(built) == most


def test_info_json(holigrail):
    shown = holigrail("info", *SMALL, "--json").json
    assert shown["parameters"][0] == {
        "name": "a",
        "value": "int4",
        "legal": "a format name",
        "help": "format of operand a",
    }
    assert {port["name"] for port in shown["ports"]} == {"a", "b", "clear", "enable", "result"}
    assert shown["timing"][0]["latency"] == 1
    assert set(shown["cost"]) >= {"adders", "one_bit_adders", "luts", "dsps", "memory_bits"}


def test_info_says_when_sums_interleave(holigrail):
    shown = holigrail("info", "mac", "--accumulator", "fp16", "--period", "3", "--json").json
    assert shown["timing"][0]["interleave"] == 1
    assert shown["timing"][-1]["interleave"] > 1
    assert shown["timing"][-1]["initiation_interval"] == 1


@pytest.mark.heavy
def test_info_on_every_recipe(holigrail):
    for path in sorted(recipe_folder().glob("*.toml")):
        if path.stem in ("jet_ulx3s", "kws_ulx3s"):
            # Their models do not come with the package.
            continue
        shown = holigrail("info", f"generators/{path.name}", "--json").json
        assert shown["status"] == 0, path.name
        # An engine has a pace of its own and no table of latencies.
        is_engine = issubclass(operators()[shown["operator"]], Engine)
        assert (shown["timing"] == []) == is_engine, path.name
        assert is_engine or shown["timing"][-1]["met"], path.name


def test_options_override_a_recipe(holigrail):
    words = ["info", "generators/mac_int4.toml", "--json"]
    assert holigrail(*words).json["timing"][-1]["request"] == "10 ns"
    assert holigrail(*words, "--latency", "3").json["timing"][-1]["latency"] == 3
    assert holigrail(*words, "--device", "ecp5").json["device"] == "ecp5"


def test_generate(holigrail, tmp_path):
    answer = holigrail("generate", *SMALL, "-o", "here")
    assert answer.status == 0
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {f"{TOP}.v", f"{TOP}_bench.v", f"{TOP}.core", "manifest.json"}
    manifest = json.loads((tmp_path / "here/manifest.json").read_text())
    assert manifest["parameters"]["a"] == "int4"
    assert f"here/{TOP}.v" in answer.out
    shown = holigrail("generate", *SMALL, "--json").json
    assert shown["manifest"] == manifest
    assert (tmp_path / "out" / TOP / f"{TOP}.v").read_bytes() == (
        tmp_path / "here" / f"{TOP}.v"
    ).read_bytes()


def test_interrupted_generation_leaves_nothing(holigrail, tmp_path, monkeypatch):
    from holigrail_hw.flow.emit import emit

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(emit.verilog_bench, "bench", interrupted)
    answer = holigrail("generate", *SMALL, "-o", "here")
    assert (answer.status, answer.out) == (130, "")
    assert not (tmp_path / "here").exists()


def test_simulate(holigrail, tmp_path):
    answer = holigrail(
        *("simulate", *SMALL, "--value", "a=2,-3,0x7", "--value", "b=5,4,1"),
        *("--value", "enable=1", "--vcd", "wave.vcd"),
    )
    assert answer.status == 0
    rows = [re.split(r"  +", line) for line in answer.out.splitlines()]
    assert rows[0] == ["item", "a", "b", "clear", "enable", "result", "equals_golden"]
    assert [row[-2:] for row in rows[1:]] == [
        ["0x000a (10)", "yes"],
        ["0xfffe (-2)", "yes"],
        ["0x0005 (5)", "yes"],
    ]
    assert "$enddefinitions" in (tmp_path / "wave.vcd").read_text()


def test_simulate_takes_values_exactly(holigrail):
    answer = holigrail(
        *("simulate", "max", "--format", "int64", "--json"),
        *("--value", "a=9007199254740993", "--value", "b=-9223372036854775807"),
    )
    assert type(answer.json["status"]) is int
    row = answer.json["items"][0]
    assert row["a"].startswith("0x0020000000000001 ")
    assert row["b"].startswith("0x8000000000000001 ")


@pytest.mark.heavy
def test_a_result_wider_than_any_format_with_a_name(holigrail):
    words = ("verify", "multiply", "--a", "uint64", "--b", "int4", "--result", "int68")
    assert holigrail(*words, "--level", "cocotb", "--count", "20").status == 0


def test_simulate_finds_a_difference(holigrail, monkeypatch):
    cls = operators()["mac"]
    monkeypatch.setattr(cls, "golden", lambda self, **codes: {"result": codes["a"]})
    answer = holigrail("simulate", *SMALL, "--value", "a=2", "--value", "b=5", "--json")
    assert answer.status == 1
    assert answer.json["items"][0]["equals_golden"] is False
    answer = holigrail("simulate", *SMALL, "--value", "a=2,1", "--value", "b=5", "--seed", "3")
    assert answer.status == 1
    assert answer.err.startswith(
        "error: mac: the hardware must equal the golden model, not differ in 2 of 2 items\n"
    )


def test_verify(holigrail):
    answer = holigrail("verify", *MULTIPLY, "--level", "compiled")
    assert answer.status == 0
    assert re.search(r"^compiled +cxxrtl +64 +yes +64 ", answer.out, re.M)
    shown = holigrail("verify", *MULTIPLY, "--level", "compiled", "--json").json
    assert shown["vectors"] == 64 and shown["levels"][0]["exhaustive"] is True


def test_verify_finds_a_difference_and_says_how_to_repeat_it(holigrail, monkeypatch):
    cls = operators()["multiply"]
    right = cls.golden

    def wrong(self, **codes):
        result = right(self, **codes)["result"].copy()
        result[(codes["a"] == 3) & (codes["b"] == 2)] ^= 1
        return {"result": result}

    monkeypatch.setattr(cls, "golden", wrong)
    answer = holigrail("verify", *MULTIPLY, "--level", "compiled", "--seed", "7")
    assert answer.status == 1 and answer.out == ""
    assert answer.err.startswith(
        "error: multiply: result differs from the golden model at vector 26 of 64 (compiled)\n"
    )
    assert "0x3 (3)" in answer.err and "0x2 (2)" in answer.err
    replay = re.search(r"replay: holigrail (.*)", answer.err)
    assert replay
    again = holigrail(*replay[1].split())
    assert again.status == 1 and "vector 26 of 64" in again.err
    monkeypatch.setattr(cls, "golden", right)
    assert holigrail(*replay[1].split()).status == 0


def test_prove(holigrail):
    shown = holigrail("prove", *MULTIPLY, "--json").json
    assert (shown["result"], shown["status"]) == ("proved", 0)
    text = holigrail("prove", *MULTIPLY).out
    assert re.search(r"^result +proved$", text, re.M)


def test_synth_on_gates(holigrail):
    answer = holigrail("synth", *MULTIPLY)
    assert answer.status == 0
    assert answer.out.startswith("multiply_int3_int3_int6 on generic\n\nquantity ")
    assert re.search(r"^transistors +- +\d+ +-$", answer.out, re.M)


@pytest.mark.synth
def test_synth_compares_model_and_measurement(holigrail):
    answer = holigrail("synth", "generators/mac_int4.toml", "--json")
    shown = answer.json
    rows = {row["quantity"]: row for row in shown["comparison"]}
    assert rows["Fmax"]["unit"] == "MHz" and rows["Fmax"]["measured"] == max(shown["fmax_mhz"])
    assert shown["failures"] == [] and answer.status == 0
    for path in shown["files"]:
        assert Path(path).is_file()


@pytest.mark.synth
@pytest.mark.heavy
def test_synth_fails_when_the_period_is_missed(holigrail, monkeypatch):
    words = ["synth", *SMALL, "--device", "up5k", "--period", "1"]
    accepted = holigrail(*words, "--best-effort")
    assert accepted.status == 0
    assert "note: mac: the period must be at most 1 ns after place and route" in accepted.err
    monkeypatch.setattr(Clock, "require", lambda self: None)
    answer = holigrail(*words)
    assert answer.status == 1
    assert re.search(
        r"^error: mac: the period must be at most 1 ns after place and route, not \d+\.\d\d ns "
        r"\(\d+\.\d MHz\)$",
        answer.err,
        re.M,
    )
    assert "Fmax" in answer.out
    found = holigrail("synth", *SMALL, "--device", "up5k", "--period", "1", "--json").json
    assert found["status"] == 1 and type(found["status"]) is int


def test_a_promise_that_is_not_kept_is_a_failure_only_without_a_period():
    spec, timing = operators()["mac"](), measure.Timing()
    promise = 1000 / spec.promise_ns(timing)

    def figures(measured, off):
        return f"{promise:.1f} MHz promised, {measured:.1f} MHz measured ({off} %)"

    for factor in (0.85, 1.2, 1.24):
        assert measure.judge(spec, timing, [promise * factor]) == ([], [], None)
    failures, notes, hint = measure.judge(spec, timing, [promise * 0.8])
    assert (
        not notes
        and hint
        and failures
        == [
            "mac: the model generic must promise at most 20% more than what is measured, not "
            + figures(promise * 0.8, "+25.0")
        ]
    )
    failures, notes, hint = measure.judge(spec, timing, [promise * 1.6])
    assert not failures and notes == [
        "mac: faster than the model generic says: " + figures(promise * 1.6, "-37.5")
    ]
    # With a period that was met it is the same on either side.
    slow = measure.Timing(period_ns=1e4)
    failures, notes, hint = measure.judge(spec, slow, [promise / 2])
    assert not failures and notes == [
        "mac: slower than the model generic says: " + figures(promise / 2, "+100.0")
    ]


def test_the_printed_difference_is_the_one_that_is_judged():
    """The table prints the very percentage of the note."""
    spec, timing = operators()["mac"](), measure.Timing()
    promise = 1000 / spec.promise_ns(timing)
    result = synth.SynthResult("up5k", "mac", 1, 0, 0, 0, 0, {}, fmax_mhz=[promise * 1.346])
    shown = {row["quantity"]: row for row in measure.comparison(spec, timing, result)}
    _, notes, _ = measure.judge(spec, timing, result.fmax_mhz)
    assert f"({shown['Fmax']['difference_percent']} %)" in notes[0]
    assert shown["Fmax"]["difference_percent"] == pytest.approx(100 / 1.346 - 100, abs=0.2)


def test_explore(holigrail, tmp_path):
    words = ["explore", "mac", "--a", "int4,int8", "--b", "int4,int0", "--plot"]
    answer = holigrail(*words)
    assert answer.status == 0
    rows = [re.split(r"  +", line) for line in answer.out.splitlines()]
    assert rows[0][:3] == ["a", "b", "latency (cycles)"]
    assert [row[:2] for row in rows[1:5]] == [
        ["int4", "int4"],
        ["int4", "int0"],
        ["int8", "int4"],
        ["int8", "int0"],
    ]
    assert "int0: width must be between 1 and 64, not 0" in rows[2][-1]
    assert (tmp_path / "out/explore_mac/pareto.svg").read_text().startswith("<?xml")
    assert (tmp_path / "out/explore_mac/pareto.png").read_bytes().startswith(b"\x89PNG")
    points = holigrail(*words, "--json").json["points"]
    assert len(points) == 4 and points[0]["luts"] < points[2]["luts"]


def test_explore_needs_one_legal_combination(holigrail):
    answer = holigrail("explore", "mac", "--a", "int0,int99")
    assert answer.status == 2
    assert answer.err == (
        "error: mac: at least one combination must be legal, not none of 2\n"
        "  mac: a: int99: width must be between 1 and 64, not 99\n"
        "  hint: `holigrail explore mac --help` shows what may be given\n"
    )


def test_interrupted_exploration_keeps_what_it_found(holigrail, monkeypatch):
    right = point_module.answer
    seen = []

    def second_is_interrupted(*arguments, **options):
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return right(*arguments, **options)

    monkeypatch.setattr(point_module, "answer", second_is_interrupted)
    answer = holigrail("explore", "mac", "--a", "int4,int8", "--again")
    assert answer.status == 130
    assert re.search(r"^int4 ", answer.out, re.M) and "int8" not in answer.out
    assert answer.err.endswith("interrupted\n")
    seen.clear()
    found = holigrail("explore", "mac", "--a", "int4,int8", "--again", "--json").json
    assert (found["status"], found["complete"], len(found["points"])) == (130, False, 1)


def test_report(holigrail, tmp_path):
    answer = holigrail("report", *SMALL, "--period", "5", "-o", "here")
    assert (answer.status, answer.out) == (0, "written  here/report.html\n")
    page = (tmp_path / "here/report.html").read_text()
    assert "Nothing was verified for this report." in page
    assert "<td>enable</td>" in page and "<td>int16</td>" in page
    assert f"holigrail report {' '.join(SMALL)} --period 5 -o here" in page
    assert not re.search(r"https?://|<script|<link|src=", page)


def test_report_with_pictures(holigrail, tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    words = ["report", "mcm", "--constants=7,-19,31,0", "--metric", "one-bit-adders", "--error=20"]
    pages = []
    for _ in range(2):
        answer = holigrail(*words, "-o", "here")
        assert answer.status == 0
        pages.append((tmp_path / "here/report.html").read_text())
    assert pages[0] == pages[1]
    assert pages[0].count("<svg") == 2 and len(pages[0]) < 60_000
    for text in ("<h2>Adder graph</h2>", "<h2>Error</h2>", "All 256 inputs.", ">depth 1</text>"):
        assert text in pages[0]
    assert "<td>one-bit-adders, truncated</td>" in pages[0] and "Always 0: result3." in pages[0]
    assert not re.search(r"https?://|<script|<link|src=", pages[0])


def test_report_with_results(holigrail, tmp_path):
    answer = holigrail("report", *MULTIPLY, "--synth", "--json")
    page = Path(answer.json["file"]).read_text()
    assert answer.status == 0 and "Estimate beside measurement on generic." in page


def test_doctor(holigrail, monkeypatch):
    found = tools.find
    monkeypatch.setattr(tools, "find", lambda name: None if name == "iverilog" else found(name))
    answer = holigrail("doctor")
    assert answer.status == 3
    assert re.search(r"^iverilog +.* +missing$", answer.out, re.M)
    assert re.search(r"^verify +(.*, )?iverilog$", answer.out, re.M)
    assert "to install what is missing: apt install iverilog\n" in answer.out
    shown = holigrail("doctor", "--json").json
    assert {row["name"] for row in shown["tools"]} == {*tools.TOOLS}
    assert shown["python"] == sys.version.split()[0]


def test_progress_and_quiet(holigrail):
    loud = holigrail("verify", *MULTIPLY, "--level", "compiled", "-v")
    assert "compiled: 64 vectors" in loud.err
    assert holigrail("verify", *MULTIPLY, "--level", "compiled", "-q").err == ""


def test_a_failed_verification_is_json_too(holigrail, monkeypatch):
    def refuse(*_, **__):
        raise DesignError("mac: wrong", hint="look")

    monkeypatch.setattr(verify, "run", refuse)
    shown = holigrail("verify", *SMALL, "--json").json
    assert shown["error"] == {"status": 1, "messages": ["mac: wrong"], "hint": "look"}
