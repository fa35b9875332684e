"""Files kept between runs: damage of every kind is told, and what is damaged is made again."""

import ctypes
import json
import shutil

import pytest

from holigrail_hw.core.run import compiled_library
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store import kept_files
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.mcm.matrix import kept_designs as matrix_cache
from holigrail_hw.mcm.matrix.design import MatrixRequest
from holigrail_hw.mcm.native import closure as native_closure
from holigrail_hw.mcm.native import library as native_library
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single import kept_solutions as solution_cache
from holigrail_hw.mcm.single.problem import Problem


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


DAMAGE = {
    "empty": lambda data: b"",
    "first half": lambda data: data[: len(data) // 2],
    "one byte less": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\0",
    "one bit": lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:],
    "zeros": lambda data: bytes(len(data)),
    "no digest": lambda data: data[:-83],
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("size", [6, 100, 5000])
def test_a_damaged_file_is_made_again(home, name, size):
    content = bytes(i * 7 % 251 for i in range(size))
    made = []

    def make(work):
        made.append(work)
        (work / "file").write_bytes(content)
        return work / "file"

    path = cache.fetch("some.so", make)
    assert path == cache.fetch("some.so", make) and len(made) == 1
    whole = path.read_bytes()
    assert whole[:size] == content and len(whole) == size + 83
    path.write_bytes(DAMAGE[name](whole))
    assert not kept_files.is_whole(path)
    assert cache_kinds.damaged_compiled() == [path]
    cache.fetch("some.so", make)
    assert len(made) == 2 and path.read_bytes() == whole
    assert cache_kinds.damaged_compiled() == []
    assert [item.name for item in home.iterdir()] == ["some.so"]


@pytest.mark.parametrize("name", ["empty", "first half", "zeros"])
def test_a_damaged_search_library_is_built_again(home, name):
    """A truncated library that is loaded would end this process with a bus error."""
    compiler = shutil.which("g++") or "c++"
    source = home.parent / "answer.cc"
    source.write_text('extern "C" int answer() { return 42; }')
    path = compiled_library._built("answer", source, compiler)
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    again = compiled_library._built("answer", source, compiler)
    assert again == path and ctypes.CDLL(str(again)).answer() == 42


def test_a_search_library_without_a_cache(home):
    """The compiled search serves this process though nothing can be kept."""
    home.write_text("a file in the way")
    source = home.parent / "answer.cc"
    source.write_text('extern "C" int answer() { return 43; }')
    path = compiled_library._built("answer", source, shutil.which("g++") or "c++")
    assert home not in path.parents and ctypes.CDLL(str(path)).answer() == 43


@pytest.mark.parametrize("key", ["engine", "seconds", "time_limit"])
def test_a_changed_fact_is_not_believed(home, monkeypatch, key):
    """Facts that cannot be computed again are as they were written, or nothing is believed."""
    for module in (native_library, native_closure):
        monkeypatch.setattr(module, "load", lambda name: None)
    request = MatrixRequest(((7, -3), (5, 1)), ((-8, 7),) * 2, (0, 0), (0, 0), iterations=0)
    matrix_cache.design_cached(request, time_limit=1)
    solution_cache.solve_cached(Problem((7, 19)), time_limit=1)
    for module in (matrix_cache, solution_cache):
        (path,) = module.entries()
        module.read(path)
        data = json.loads(path.read_text())
        data[key] = "a miracle" if key == "engine" else 12345.0
        path.write_text(json.dumps(data))
        with pytest.raises(GraphError, match="not what its digest says"):
            module.read(path)
        del data["sha256"]
        path.write_text(json.dumps(data))
        with pytest.raises(GraphError, match="no digest"):
            module.read(path)


@pytest.mark.parametrize("data", [{}, {"a": (1, 2), "b": {"3": [None, 1.5, "x"]}}, {"n": 1 << 90}])
def test_documents_come_back(tmp_path, data):
    path = tmp_path / "new" / "one.json"
    kept_files.write_document(path, data)
    assert kept_files.read_document(path) == json.loads(json.dumps(data))
    assert [item.name for item in path.parent.iterdir()] == ["one.json"]
