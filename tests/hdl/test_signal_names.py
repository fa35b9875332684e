"""Signals have the names of their variables, in RTLIL, Verilog and waveforms.

Amaranth finds the name where a call is assigned at once to one variable; not where several are made
in one statement, nor where a signal is made inside an expression.
"""

import ast
from pathlib import Path

import pytest

import holigrail_hw

ROOT = Path(holigrail_hw.__file__).parent


def nameless(text: str) -> list[int]:
    """Lines in which a signal of Amaranth is made that gets no name."""
    tree = ast.parse(text)
    imported = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "amaranth"
        for name in node.names
    }
    if "Signal" not in imported:
        return []
    named = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign | ast.NamedExpr)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Attribute))
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Signal", "Signal.like")
        and not any(word.arg == "name" for word in node.keywords)
        and id(node) not in named
    ]


@pytest.mark.parametrize(
    "line, wrong",
    [
        ("a = Signal(3)", False),
        ("self.a = Signal.like(b)", False),
        ("a: Any = Signal(3)", False),
        ("a, b = Signal(), Signal()", True),
        ("a = [Signal(), Signal()]", True),
        ("a = [Signal(name=f'a_{k}') for k in range(3)]", False),
        ("take(Signal.like(b))", True),
    ],
)
def test_what_counts(line, wrong):
    assert bool(nameless(f"from amaranth import Module, Signal\n{line}\n")) is wrong
    assert nameless(f"from other import Signal\n{line}\n") == []


def test_every_signal_has_a_name():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(ROOT.rglob("*.py"))
        for line in nameless(path.read_text(encoding="utf-8"))
    }
    assert found == set()
