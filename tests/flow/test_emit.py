"""``generate``: complete, repeatable, readable, and nothing half-written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sample_operators import SAMPLES, Accumulate, MultiplyAdd

from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit, manifest
from holigrail_hw.flow.top import Top
from holigrail_hw.formats import parse

DESIGNS = [
    (MultiplyAdd(), Timing()),
    (MultiplyAdd(a_width=40, b_width=40), Timing(period_ns=3)),
    (Accumulate(slow=True), Timing(period_ns=4)),
    (Accumulate(slow=True), Timing(period_ns=4, shell="stream")),
    (MultiplyAdd(), Timing(shell="stream")),
]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for cls in SAMPLES:
        monkeypatch.setitem(OPERATORS, cls.name, cls)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_folder_is_complete(tmp_path):
    generated = emit.generate(MultiplyAdd(), Timing(latency=2), tmp_path)
    top = "test_multiply_add_l2"
    assert [path.name for path in generated.files] == [
        f"{top}.v",
        f"{top}_bench.v",
        f"{top}.core",
        "manifest.json",
    ]
    assert sorted(generated.files) == sorted(tmp_path.iterdir())
    found = json.loads((tmp_path / "manifest.json").read_text())
    assert found == generated.manifest
    assert found["top"] == top
    assert (found["clock"], found["reset"]) == ("clk", "rst")
    assert (found["latency"], found["initiation_interval"], found["interleave"]) == (2, 1, 1)
    assert found["ports"][2] == {"name": "a", "direction": "in", "width": 4, "format": "uint4"}
    assert found["cost"]["adders"] == 2
    assert found["files"] == [path.name for path in generated.files[:-1]]
    core = (tmp_path / f"{top}.core").read_text()
    assert core.startswith("CAPI=2:\n")
    assert all(name in core for name in found["files"][:-1])


def test_combinational_design_has_no_clock(tmp_path):
    found = emit.generate(MultiplyAdd(), Timing(), tmp_path).manifest
    assert (found["clock"], found["reset"], found["latency"]) == (None, None, 0)
    assert [port["name"] for port in found["ports"]] == ["a", "b", "c", "r"]


@pytest.mark.parametrize("spec, timing", DESIGNS, ids=lambda value: getattr(value, "shell", ""))
def test_manifest_round_trip(tmp_path, spec, timing):
    emit.generate(spec, timing, tmp_path, vectors=4)
    assert manifest.load(tmp_path / "manifest.json") == (spec, timing)


def test_manifest_of_a_result_wider_than_any_format_with_a_name(tmp_path):
    spec = find("multiply")(a=parse("uint64"), b=parse("int4"))
    emit.generate(spec, Timing(), tmp_path, vectors=4)
    path = tmp_path / "manifest.json"
    assert spec.parameters()["result"] == "int68"
    assert manifest.load(path) == (spec, Timing())
    path.write_text(path.read_text().replace("int68", "int69"))
    with pytest.raises(RequestError, match="result: int69: width must be between 1 and 64"):
        manifest.load(path)


def test_same_bytes_in_another_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from sample_operators import Accumulate\n"
        "from holigrail_hw.core import Timing; from holigrail_hw.flow.emit import emit\n"
        "timing = Timing(period_ns=4, shell='stream')\n"
        "emit.generate(Accumulate(slow=True), timing, Path(sys.argv[1]), vectors=20, seed=5)\n"
    )
    for name, seed in (("one", "1"), ("two", "2")):
        here = str(Path(__file__).parent)
        environment = tools.environment(PYTHONHASHSEED=seed)
        environment["PYTHONPATH"] += os.pathsep + here
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        subprocess.run(command, env=environment, check=True, timeout=120)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 4


def test_text_holds_no_path_and_no_date(tmp_path):
    emit.generate(Accumulate(), Timing(shell="stream"), tmp_path)
    for name, content in contents(tmp_path).items():
        text = content.decode()
        assert not re.search(r"/(home|root|tmp|usr|work)\b", text), name
        assert not re.search(r"20[2-9]\d-\d\d-\d\d|\d\d:\d\d:\d\d", text), name


@pytest.mark.parametrize("spec, timing", DESIGNS, ids=lambda value: getattr(value, "shell", ""))
def test_lint_is_silent(tmp_path, spec, timing):
    text = emit.verilog(Top(spec, timing))
    (tmp_path / "top.v").write_text(text)
    verilator = tools.require("verilator", who="test")["verilator"].path
    command = [verilator, "--lint-only", "--no-timing", "--quiet-stats", "top.v"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, re.findall(r"%\w+.*", done.stderr)) == (0, [])


def test_identifiers_are_plain():
    text = emit.verilog(Top(Accumulate(slow=True), Timing(period_ns=4, shell="stream")))
    assert "\\" not in text
    assert "$" not in text.replace("$signed", "")
    assert "module test_accumulate_slow_true_4ns_stream(\n  clk,\n  rst,\n  i_valid," in text


def test_a_port_may_be_called_like_an_intermediate_name():
    """A name of our own must not swallow one that is already there."""
    text = emit.verilog(Top(MultiplyAdd(), Timing(period_ns=3)))
    declared = re.findall(r"^  (?:wire|reg) (?:\[\d+:0\] )?(\w+)[ ;]", text, re.M)
    assert len(declared) == len(set(declared))


class TestNothingHalfWritten:
    @pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError])
    def test_after_an_interruption(self, tmp_path, monkeypatch, failure):
        emit.generate(MultiplyAdd(), Timing(), tmp_path)
        before = contents(tmp_path)

        def interrupt(*arguments):
            raise failure

        monkeypatch.setattr(emit.core_file, "core_file", interrupt)
        with pytest.raises(failure):
            emit.generate(MultiplyAdd(c_width=2), Timing(), tmp_path)
        assert contents(tmp_path) == before

    def test_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(RequestError, match="the output folder must be writable, not"):
            emit.generate(MultiplyAdd(), Timing(), tmp_path / "file" / "out")

    def test_no_vectors(self, tmp_path):
        with pytest.raises(RequestError) as caught:
            emit.generate(MultiplyAdd(), Timing(), tmp_path / "out", vectors=0)
        assert str(caught.value) == "generate: vectors must be at least 1, not 0"
        assert not (tmp_path / "out").exists()


class TestCorruptManifest:
    def load(self, tmp_path, text: str) -> str:
        path = tmp_path / "manifest.json"
        path.write_text(text)
        with pytest.raises(RequestError) as caught:
            manifest.load(path)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(str(path), "FILE")

    def test_missing_file(self, tmp_path):
        with pytest.raises(RequestError, match="the file must be readable"):
            manifest.load(tmp_path / "none.json")

    def test_no_json(self, tmp_path):
        assert self.load(tmp_path, '{"schema": 1,').startswith(
            "manifest FILE: the file must be JSON, not broken (Expecting property name"
        )
        assert "the file must be JSON" in self.load(tmp_path, "[" * 100_000)

    def test_not_a_manifest(self, tmp_path):
        assert self.load(tmp_path, "[]") == "manifest FILE: schema must be 1, not None"
        assert self.load(tmp_path, '{"schema": 2}') == "manifest FILE: schema must be 1, not 2"

    def test_missing_parts(self, tmp_path):
        assert self.load(tmp_path, '{"schema": 1, "operator": "add"}') == (
            "manifest FILE: parameters, timing must be given, not missing"
        )

    def test_everything_wrong_is_said_at_once(self, tmp_path):
        content = {
            "schema": 1,
            "operator": "test-multiply-add",
            "parameters": {"a_width": "65"},
            "timing": {"latency": 99, "shell": "ring"},
        }
        assert self.load(tmp_path, json.dumps(content)).splitlines() == [
            "manifest FILE: test-multiply-add: a_width must be between 1 and 64, not 65"
            " (width of a)",
            "manifest FILE: timing: latency must be between 0 and 64 cycles, not 99",
            "manifest FILE: timing: shell must be one of plain, stream, axi-stream, wishbone,"
            " not 'ring'",
        ]

    @pytest.mark.parametrize("timing", [[], 3, {"period_ns": "fast"}, {"speed": 1}])
    def test_timing_of_another_kind(self, tmp_path, timing):
        content = {"schema": 1, "operator": "test-accumulate", "parameters": {}, "timing": timing}
        assert "timing" in self.load(tmp_path, json.dumps(content))

    def test_unknown_operator(self, tmp_path):
        content = {"schema": 1, "operator": "divde", "parameters": {}, "timing": {}}
        assert self.load(tmp_path, json.dumps(content)) == (
            "manifest FILE: no operator named 'divde'"
        )
