"""The compiled accelerators: no warnings here, and no warning in the way of a user's compiler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import holigrail_hw
from holigrail_hw.core.run import compiled_library

# Those around a simulated design need what is made of the design.
SOURCES = [
    path
    for path in sorted(Path(holigrail_hw.__file__).parent.rglob("*.cc"))
    if '"Vtop.h"' not in path.read_text()
]


def test_sources_are_there():
    assert {"closure", "dataflow_run", "gemm32", "matrix_search", "truncated"} <= {
        path.stem for path in SOURCES
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_warnings(source):
    compiler = os.environ.get("CXX") or shutil.which("g++") or "c++"
    flags = [*compiled_library.FLAGS, "-Wall", "-Wextra", "-Werror"]
    if "kernels" in source.parts:
        # Hundreds of loops made of templates: all are checked, none is optimised.
        flags.append("-fsyntax-only")
    found = subprocess.run(
        [compiler, *flags, str(source), "-o", os.devnull], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


def test_a_warning_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path))
    source = tmp_path / "warned.cc"
    source.write_text('extern "C" int answer() { int unused; return 42; }')
    compiler = os.environ.get("CXX") or shutil.which("g++") or "c++"
    library = compiled_library._built("warned", source, compiler)
    assert library.is_file()
    source.write_text("int answer( {")
    with pytest.raises(subprocess.CalledProcessError):
        compiled_library._built("warned", source, compiler)


@pytest.mark.parametrize(
    "words", [("cmvm", "--matrix", "3,5;7,9"), ("mcm", "--constants", "45,77")], ids=lambda w: w[0]
)
def test_a_search_in_python_says_why(words, tmp_path):
    """In a process of its own: what a process has compiled stays with it."""
    environment = {**os.environ, "HOLIGRAIL_CACHE": str(tmp_path), "CXX": "/none"}
    command = [sys.executable, "-m", "holigrail_hw", "info", *words]
    found = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert found.returncode == 0
    assert found.stderr == (
        f"{words[0]}: searched in Python, tens of times slower than in C++: "
        "no C++ compiler found (/none)\n"
    )
