"""A shell is one file: the one in outside_shell.py is in no list, and every verb takes it."""

import json
import subprocess
from importlib.metadata import EntryPoint

import pytest

from holigrail_hw.core import DesignError, RequestError, Timing, find, shell_registry
from holigrail_hw.core.shell_registry import find_shell, shell, shell_names
from holigrail_hw.flow.emit import emit
from holigrail_hw.flow.explore.describe import describe
from holigrail_hw.flow.top import Top
from holigrail_hw.flow.verify import verify
from holigrail_hw.shells.base import Shell

DESIGNS = {
    "multiply": {"a": "int5", "b": "uint3"},
    "mac": {"a": "int3", "b": "int3", "accumulator": "int9"},
    "run-length-decoder": {"symbol": "uint3", "run_width": 2, "pairs": 2},
}


@pytest.fixture(autouse=True)
def outside_shell():
    """The shell is there for these tests only: other tests name all shells there are."""
    import outside_shell

    shell(outside_shell.RequestGrant)
    yield outside_shell
    del shell_registry._SHELLS["request-grant"]


def design(name):
    return find(name)(**DESIGNS[name])


def granted(period_ns=None):
    return Timing(shell="request-grant", period_ns=period_ns)


def test_it_has_its_place_among_the_others(outside_shell):
    assert shell_names()[:2] == ("plain", "stream")
    assert {"axi-stream", "wishbone", "request-grant"} <= {*shell_names()}
    assert isinstance(find_shell("request-grant"), outside_shell.RequestGrant)


def test_the_ports():
    top = Top(design("multiply"), granted())
    assert top.name == "multiply_int5_uint3_int8_request_grant"
    assert [(port.name, port.direction, port.width) for port in top.ports()] == [
        ("to_i_request", "in", 1),
        ("to_i_grant", "out", 1),
        ("to_i_a", "in", 5),
        ("to_i_b", "in", 3),
        ("from_o_request", "out", 1),
        ("from_o_grant", "in", 1),
        ("from_o_result", "out", 8),
    ]


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("period_ns", [None, 4.0])
def test_it_is_verified(name, period_ns):
    result = verify.run(design(name), granted(period_ns), levels=["gates"], seed=5)
    assert [level.level for level in result.levels] == ["gates"] and result.vectors > 100


@pytest.mark.cocotb
@pytest.mark.heavy
def test_its_verilog_is_simulated():
    result = verify.run(design("run-length-decoder"), granted(), levels=["cocotb"], seed=5)
    assert result.vectors > 100


@pytest.mark.icarus
@pytest.mark.parametrize("name", DESIGNS)
def test_what_is_handed_over(name, tmp_path):
    spec = design(name)
    generated = emit.generate(spec, granted(), tmp_path)
    assert generated.manifest["timing"]["shell"] == "request-grant"
    assert json.loads((tmp_path / "manifest.json").read_text()) == generated.manifest
    files = [str(path) for path in tmp_path.glob("*.v")]
    subprocess.run(["iverilog", "-g2005", "-o", tmp_path / "bench", *files], check=True)
    said = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith("PASS")
    assert describe(spec, granted())["top"] == generated.manifest["top"]


def test_a_wrong_answer_is_seen(monkeypatch, outside_shell):
    right = outside_shell.Granted.golden

    def wrong(self, **items):
        answer = right(self, **items)
        answer["from_o"]["result"] = answer["from_o"]["result"] ^ (
            len(answer["from_o"]["result"]) > 3
        )
        return answer

    monkeypatch.setattr(outside_shell.Granted, "golden", wrong)
    with pytest.raises(DesignError, match="must equal|differs"):
        verify.run(design("multiply"), granted(), levels=["gates"], seed=5)


def test_a_name_belongs_to_one_shell():
    class Thief(Shell):
        name = "request-grant"

    with pytest.raises(RequestError, match=r"^shell request-grant: the name must belong to one"):
        shell(Thief)
    Thief.name = "wishbone"
    with pytest.raises(RequestError, match=r"^shell wishbone: the name must "):
        shell(Thief)


def test_a_plug_in_that_cannot_be_loaded(monkeypatch):
    broken = EntryPoint("broken", "no_such_module_anywhere:Shell", shell_registry.ENTRY_POINTS)
    monkeypatch.setattr(shell_registry, "_others", lambda: {"broken": broken})
    assert "broken" in shell_names()
    with pytest.raises(RequestError, match=r"^shell broken: this plug-in could not be loaded: Mod"):
        find_shell("broken")


def test_a_shell_that_nobody_has():
    with pytest.raises(RequestError, match=r"^timing: shell must be one of plain, stream, .*'axi'"):
        Timing(shell="axi")
    with pytest.raises(RequestError, match=r"^timing: shell must be one of plain, stream, .*'axi'"):
        find_shell("axi")
