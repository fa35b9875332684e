"""A name of the user's own: in every file, in the manifest and recipes, and in every verb."""

import json
import re

import pytest

from holigrail_hw.cli.main import main
from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.core.shell_registry import shell_names
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import emit, manifest, recipe
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import replay

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

NAME = "Own_name2"


@pytest.mark.parametrize("shell", shell_names())
@pytest.mark.parametrize("operator", ["mac", "run-length-decoder"])
def test_every_file_and_module_has_it(tmp_path, shell, operator):
    spec, timing = find(operator)(), Timing(shell=shell, name=NAME)
    generated = emit.generate(spec, timing, tmp_path, vectors=4, bench="cocotb")
    assert generated.manifest["top"] == NAME
    names = [path.name for path in generated.files]
    assert all(NAME in name for name in names if name != "manifest.json")
    text = (tmp_path / f"{NAME}.v").read_text()
    # Whatever else is called as it was without the name, no module is.
    assert all(name.startswith(NAME) for name in re.findall(r"^module (\w+)", text, re.M))
    default = emit.verilog(Top(spec, Timing(shell=shell)))
    assert text == default.replace(spec.top_name(Timing(shell=shell)), NAME)
    assert manifest.load(tmp_path / "manifest.json") == (spec, timing)


def test_a_recipe_has_it(tmp_path):
    spec, timing = find("mac")(), Timing(latency=1, name=NAME)
    path = tmp_path / "own.toml"
    path.write_text(recipe.text(spec, timing))
    assert recipe.load(path) == (spec, timing, None)
    assert f'name = "{NAME}"' in path.read_text().split("[parameters]")[0]
    for text, message in (
        ('operator = "mac"\nname = "wire"\n', "must be no word of Verilog"),
        ('operator = "mac"\nname = 3\n', "timing: name must be text, not 3"),
        (
            'operator = "mac"\n[timing]\nname = "x"\n',
            "name must be given before all tables, not in \\[timing\\]",
        ),
    ):
        path.write_text(text)
        with pytest.raises(RequestError, match=message):
            recipe.load(path)


def test_a_command_line_that_replays_has_it():
    line = replay.command("verify", find("mac")(), Timing(name=NAME))
    assert line == f"holigrail verify mac --name {NAME}"


@pytest.mark.parametrize(
    "words",
    ["info", "generate", "simulate --count 2", "prove", "report", "verify --level compiled"],
)
def test_verbs_take_it(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(
        f'operator = "add"\nname = "{NAME}"\n[parameters]\na = "int3"\nb = "int2"\n'
    )
    verb, *more = words.split()
    for design, name in ((["add", "--a", "int3", "--b", "int2"], "given"), (["own.toml"], NAME)):
        named = ["--name", name] if design[0] == "add" else []
        assert main([verb, *design, *named, *more, "--json"]) == 0
        assert name in capsys.readouterr().out
    folders = {"generate": {"given", NAME}, "report": {"given", NAME}}.get(verb, set())
    found = {path.name for path in (tmp_path / "out").glob("*")}
    assert found == folders


@pytest.mark.parametrize("name", ["dut", "inner", "a", "sum", "master", "clk"])
@pytest.mark.parametrize("shell", ["plain", "axi-stream"])
def test_words_of_the_design_and_its_benches_are_names_like_others(tmp_path, name, shell):
    import subprocess

    emit.generate(find("mac")(), Timing(latency=1, shell=shell, name=name), tmp_path, vectors=4)
    verilator = tools.require("verilator", who="test")["verilator"].path
    files = [path.name for path in tmp_path.glob("*.v")]
    command = [verilator, "--lint-only", "--timing", "--quiet-stats", "--top-module"]
    done = subprocess.run(
        [*command, f"{name}_bench", *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, re.findall(r"%Error.*", done.stderr)) == (0, [])
    assert json.loads((tmp_path / "manifest.json").read_text())["top"] == name
