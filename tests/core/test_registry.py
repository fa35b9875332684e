"""Names of operators, boards, devices and kinds of cached files belong to one each."""

import ast
import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import OperatorSpec, RequestError, find, operator, registry
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.flow import tools
from holigrail_hw.flow.board import board
from holigrail_hw.flow.synth import devices
from holigrail_hw.formats.scalar import float_names

PLUGIN = '''"""A plug-in with {names}."""

from dataclasses import dataclass

from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.core import operator
'''
OPERATOR = '''

@operator("{name}", summary="{summary}")
@dataclass(frozen=True, kw_only=True)
class {cls}(Multiply):
    """Something of a plug-in."""
'''


def plug_in(folder: Path, module: str, **classes: str) -> None:
    """An installed package of one module with operators, class by class."""
    text = PLUGIN.format(names=", ".join(classes.values()))
    for cls, name in classes.items():
        text += OPERATOR.format(name=name, cls=cls, summary=f"of {module}")
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    points = f"[holigrail_hw.operators]\n{module.replace('_', '-')} = {module}\n"
    (info / "entry_points.txt").write_text(points)


def python(folder: Path, program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=tools.environment(PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SHOW = """
from holigrail_hw.core import operators, registry
for name, cls in operators().items():
    print(name, cls.__module__ + "." + cls.__qualname__)
for name, reason in registry.unavailable().items():
    print("unavailable", name, reason)
"""


def test_a_plug_in_cannot_take_a_name(tmp_path):
    """Not even with a class of the same name; and nothing of it stays."""
    plug_in(tmp_path, "a_first", First="first-of-all", Shared="twice")
    plug_in(tmp_path, "b_thief", Innocent="innocent", Mac="mac")
    plug_in(tmp_path, "c_late", Shared="twice")
    shown = python(tmp_path, SHOW)
    assert "mac holigrail_hw.arith.mac.operator.Mac" in shown
    assert "first-of-all a_first.First" in shown and "twice a_first.Shared" in shown
    assert not [line for line in shown if line.startswith("innocent")]
    assert [line for line in shown if line.startswith("unavailable")] == [
        "unavailable b-thief RequestError: operator mac: the name must be registered once, "
        "not by holigrail_hw.arith.mac.operator.Mac and by b_thief.Mac",
        "unavailable c-late RequestError: operator twice: the name must be registered once, "
        "not by a_first.Shared and by c_late.Shared",
    ]


def test_the_package_keeps_its_names_whatever_comes_first(tmp_path):
    plug_in(tmp_path, "thief", Mac="mac")
    shown = python(tmp_path, f"import thief{SHOW}")
    assert "mac holigrail_hw.arith.mac.operator.Mac" in shown
    assert [line for line in shown if line.startswith("unavailable")] == [
        "unavailable mac operator mac: the name must be registered once, "
        "not by thief.Mac and by holigrail_hw.arith.mac.operator.Mac",
    ]


def test_a_module_may_be_loaded_again(tmp_path, monkeypatch):
    plug_in(tmp_path, "again", Again="loaded-again")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        old = importlib.import_module("again").Again
        new = importlib.reload(sys.modules["again"]).Again
        assert new is not old and OPERATORS["loaded-again"] is new
        del sys.modules["again"]
        assert importlib.import_module("again").Again is OPERATORS["loaded-again"] is not new
    finally:
        OPERATORS.pop("loaded-again", None)
        sys.modules.pop("again", None)


def test_a_second_class_is_refused():
    with pytest.raises(
        RequestError, match=r"not by holigrail_hw.arith.mac.operator.Mac and by .*\.Mac$"
    ):

        @operator("mac", summary="another")
        @dataclass(frozen=True, kw_only=True)
        class Mac(OperatorSpec):
            pass

    assert find("mac") is globals()["Mac"]


def test_a_second_name_is_refused():
    with pytest.raises(RequestError, match="operator mac2: .*Mac must have one name, not mac too"):
        operator("mac2", summary="the same class")(Mac)
    assert Mac.name == "mac" and "mac2" not in OPERATORS


def test_boards_with_one_name_are_refused(monkeypatch):
    real = importlib.import_module

    def load(name: str, *package: str):
        return real("holigrail_hw.boards.ulx3s" if ".boards." in name else name, *package)

    monkeypatch.setattr(board.importlib, "import_module", load)
    message = r"board ulx3s: the name must be given once, not by \w+.py and by \w+.py"
    with pytest.raises(RequestError, match=message):
        board.boards.__wrapped__()


def test_every_device_and_every_short_name_is_one():
    names = [target.name for target in devices._TARGETS]
    assert len(set(names)) == len(names) and not set(devices._ALIASES) & set(names)
    assert set(devices._ALIASES.values()) <= set(names)


def test_every_named_float_has_fields_of_its_own():
    assert len(float_names._BY_FIELDS) == len(float_names.NAMED_FLOATS)


def test_kinds_of_cached_files_share_neither_name_nor_folder(tmp_path):
    registry.operators()
    known = next(iter(cache_kinds.kinds().values()))
    cache_kinds.register(known)
    for changed in ({"name": "other-name"}, {"folder": "other-folder"}):
        fields = {**vars(known), "read": lambda path: None, **changed}
        with pytest.raises(
            ValueError, match=f"must be its own, not those of {known.read.__module__}"
        ):
            cache_kinds.register(cache_kinds.Kind(**fields))
    assert known.name in cache_kinds.kinds() and "other-name" not in cache_kinds.kinds()


def test_summaries_are_those_of_the_operators_read_from_their_sources():
    """In a process of its own: other tests register operators of theirs."""
    program = (
        "from holigrail_hw.core import registry\nfound = registry.summaries()\n"
        "known = registry.operators().items()\n"
        "print(len(found), found == sorted((n, c.maturity, c.summary) for n, c in known))"
    )
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(answer[0]) > 40 and answer[1] == "True"


def test_summaries_that_are_not_in_words_are_not_guessed():
    def declared(text):
        return registry._declared(ast.parse(text))

    told = "@operator('one', summary='first')\nclass One: pass\n"
    assert declared(told) == [("one", "stable", "first")]
    assert declared("@operator('one', summary='f' + x)\nclass One: pass\n") is None
    assert declared("@operator('one')\nclass One: pass\n") is None
    assert declared("@other('one', summary='first')\nclass One: pass\n") == []
