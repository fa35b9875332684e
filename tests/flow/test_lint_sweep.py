"""scripts/lint_sweep: each kind of linter finds what is planted; the designs that it takes."""

import runpy
import sys
from pathlib import Path

import pytest

from holigrail_hw.core import operators

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CLEAN = """module leaf(input [7:0] a, output [7:0] y);
  assign y = a;
endmodule
"""
# Read by nobody and not driven; of a module that is not there; driven twice.
PLANTED = {
    "verilator": "  wire unread;\n  assign y = a;\n",
    "iverilog": "  nowhere inner (.a(a));\n",
    "yosys": "  assign y = a;\n  assign y = ~a;\n",
}


@pytest.fixture(scope="module")
def scripts():
    """What both files define."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        sweep = runpy.run_path(str(SCRIPTS / "lint_sweep"))
        return runpy.run_path(str(SCRIPTS / "linters.py")) | sweep
    finally:
        sys.path.remove(str(SCRIPTS))
        for name in ("emitted_designs", "linters"):
            sys.modules.pop(name, None)


def linters(scripts, kind):
    found = [one for one in scripts["found"]() if one.kind == kind]
    if not found:
        pytest.skip(f"{kind} is not there")
    return found


@pytest.mark.parametrize("kind", PLANTED)
def test_linters_find_what_is_planted(scripts, tmp_path, kind):
    design = tmp_path / "leaf.v"
    for one in linters(scripts, kind):
        design.write_text(CLEAN)
        assert one.judge([design], "leaf", tmp_path) == ""
        design.write_text(CLEAN.replace("  assign y = a;\n", PLANTED[kind]))
        said = one.judge([design], "leaf", tmp_path)
        assert said and str(tmp_path) not in said


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_said_about_files_of_others_does_not_count(scripts, tmp_path, kind):
    design, foreign = tmp_path / "outer.v", tmp_path / "theirs.v"
    design.write_text(
        "module outer(input [7:0] a, output [7:0] y);\n"
        "  leaf inner (\n    .a(a),\n    .y(y)\n  );\nendmodule\n"
    )
    foreign.write_text(CLEAN.replace("assign", "wire unread;\n  assign"))
    for one in linters(scripts, kind):
        assert one.judge([design], "outer", tmp_path, foreign=[foreign]) == ""
        assert one.judge([design], "outer", tmp_path) != ""


def test_programs_that_are_given(scripts, tmp_path):
    for text in ("verilator", "slang=/bin/true", f"yosys={tmp_path}/none"):
        with pytest.raises(ValueError, match="a linter must be verilator or iverilog or yosys"):
            scripts["found"]([text])
    program = tmp_path / "yosys"
    program.write_text("#!/bin/sh\necho Yosys 0.99\n")
    program.chmod(0o755)
    given = scripts["found"]([f"yosys={program}"])[-1]
    assert given.name == "yosys 0.99"
    design = tmp_path / "leaf.v"
    design.write_text(CLEAN)
    assert given.judge([design], "leaf", tmp_path) == "nothing was checked"


def test_every_operator_and_shell_is_swept(scripts):
    names = [name for name, cls in operators().items() if cls.__module__.startswith("holigrail_hw")]
    assert set(scripts["FURTHER"]) <= set(names)
    for name in ("divide", "run-length-encoder"):
        places = [design.where for design in scripts["designs"](name, 1, 1)]
        wanted = ["plain", "stream", "axi-stream", "wishbone", "board"]
        if name == "run-length-encoder":
            wanted.remove("stream")
        assert places[: len(wanted)] == wanted and len(places) > len(wanted)


def test_the_script_says_what_it_found(scripts, monkeypatch, capsys):
    main, quick = scripts["main"], linters(scripts, "yosys")[:1]
    monkeypatch.setitem(main.__globals__, "found", lambda given: quick)
    monkeypatch.setattr(sys, "argv", ["lint_sweep", "min", "--variants", "0"])
    assert main() == 0
    assert "6 designs, 0 findings" in capsys.readouterr().out
    wrong = type(quick[0])("yosys", "0.1", ("/bin/false",))
    monkeypatch.setitem(main.__globals__, "found", lambda given: [*quick, wrong])
    assert main() == 1
    out = capsys.readouterr().out
    assert "6 complaints" in out and "(wishbone), yosys 0.1: status 1" in out


@pytest.mark.heavy
@pytest.mark.slow
def test_nothing_is_found(scripts, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lint_sweep"])
    assert scripts["main"]() == 0, capsys.readouterr().out
