"""The layers: imports point downwards only, and nothing above the operators knows one by name."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import holigrail_hw
from holigrail_hw.core import operators

ROOT = Path(holigrail_hw.__file__).parent

# From the bottom to the top; families of operators stand where `FAMILIES` is.
LAYERS = ["formats", "golden", "hdl", "core", "FAMILIES", "flow", "ui", "cli"]
FAMILIES = {
    path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in {*LAYERS}
}

# ui draws what it is given: it stands beside the others and knows none of them.
ALLOWED_FOR_UI = {"ui"}


def layer_of(part: str) -> int:
    return LAYERS.index("FAMILIES" if part in FAMILIES else part)


def imports_of(path: Path, package: str) -> list[tuple[str, int]]:
    """Absolute names of the modules a file imports, with the line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, base]).rstrip(".")
            found.append((base, node.lineno))
            found += [(f"{base}.{alias.name}", node.lineno) for alias in node.names]
    return found


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def violations(path: Path, root: Path = ROOT) -> list[str]:
    parts = path.relative_to(root).parts
    package = ".".join(["holigrail_hw", *parts[:-1]])
    own = layer_of(parts[0])
    wrong = []
    for name, line in imports_of(path, package):
        words = name.split(".")
        if words[0] in ("amaranth", "cocotb") and parts[0] in ("formats", "golden", "ui"):
            wrong.append(f"{'/'.join(parts)}:{line} imports {words[0]}")
        if words[0] != "holigrail_hw" or len(words) < 2:
            continue
        target = words[1]
        if target not in LAYERS and target not in FAMILIES:
            continue
        if parts[0] == "ui" and target not in ALLOWED_FOR_UI:
            wrong.append(f"{'/'.join(parts)}:{line} imports {name}: ui imports no other layer")
        if layer_of(target) > own:
            wrong.append(f"{'/'.join(parts)}:{line} imports {name}, which is above it")
    return wrong


def test_imports_point_downwards():
    assert len(modules()) > 20
    assert [text for path in modules() for text in violations(path)] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("formats/new.py", "import amaranth"),
        ("golden/new.py", "from amaranth.hdl import Signal"),
        ("golden/new.py", "from holigrail_hw.core import operator"),
        ("formats/new.py", "from ..golden import add"),
        ("core/new.py", "from ..flow.tools import find"),
        ("flow/new.py", "from ..cli import main"),
        ("ui/new.py", "from ..core import errors"),
        ("hdl/new.py", "def f():\n    import holigrail_hw.core.spec"),
    ],
)
def test_an_upward_import_is_found(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(line + "\n")
    assert violations(path, tmp_path)


def names_in(path: Path, names: set[str]) -> list[str]:
    """Operator names that stand as words of their own in a file's string constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        f"{path.name}:{node.lineno} {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value in names
        and id(node) not in documentation
    ]


def operator_imports(path: Path) -> list[str]:
    package = ".".join(["holigrail_hw", *path.relative_to(ROOT).parts[:-1]])
    return [
        f"{path.name}:{line} {name}"
        for name, line in imports_of(path, package)
        if name.startswith("holigrail_hw.") and name.split(".")[1] in FAMILIES
    ]


def test_flow_and_cli_name_no_operator():
    names = {*operators()}
    assert names
    # A Python class name is a name of the operator, too. A few operators are named as verbs are
    # that Python and sets have, so only whole string constants count.
    names |= {cls.__name__ for cls in operators().values()}
    files = [path for part in ("flow", "cli", "ui") for path in (ROOT / part).rglob("*.py")]
    assert len(files) > 15
    assert [text for path in files for text in names_in(path, names)] == []
    assert [text for path in files for text in operator_imports(path)] == []


def test_a_named_operator_is_found(tmp_path):
    name = next(iter(operators()))
    path = tmp_path / "new.py"
    path.write_text(f'if spec.name == "{name}":\n    pass\n')
    assert names_in(path, {name})


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import holigrail_hw", "numpy amaranth rich networkx"),
        ("import holigrail_hw.formats, holigrail_hw.golden", "amaranth"),
        (
            "from holigrail_hw.cli.main import main; main(['--help'])",
            "numpy amaranth rich networkx",
        ),
        ("from holigrail_hw.cli.main import main; main(['--version'])", "numpy amaranth rich"),
        ("import holigrail_hw.cli.main as m; m.main(['list'])", "matplotlib cocotb pyosys jinja2"),
        (
            "import holigrail_hw.cli.main as m; m.main(['info', 'mac'])",
            "matplotlib cocotb pyosys jinja2 networkx",
        ),
    ],
)
def test_what_is_not_loaded(statement, forbidden):
    program = f"{statement}\nimport sys; print('LOADED', *sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = answer.stdout.rpartition("LOADED")[2].split()
    assert loaded
    assert [name for name in forbidden.split() if name in loaded] == []
