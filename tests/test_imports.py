"""The layers: imports point downwards only, and nothing above the operators knows one by name."""

import ast
import subprocess
import sys
from pathlib import Path

import networkx
import pytest

import holigrail_hw
from holigrail_hw.core import operators

ROOT = Path(holigrail_hw.__file__).parent

# From the bottom to the top; what stands in one row may import within itself only.
LINE = [
    ("formats",),
    ("golden", "estimate"),
    ("models",),
    ("hdl",),
    ("core",),
    ("kernels",),
    ("shells",),
    ("arith",),
    ("functions",),
    ("mcm",),
    ("arrays",),
    ("sparse", "nn"),
    ("soc",),
    ("flow",),
    ("torch",),
    ("cli",),
    ("__main__",),
]
# ui draws what it is given: it stands beside the others and knows only what there is to draw.
BESIDE, DRAWN = "ui", "holigrail_hw.core.views"
LEVELS = {part: level for level, row in enumerate(LINE) for part in row}
FAMILIES = {"arith", "functions", "mcm", "arrays", "sparse", "nn", "soc"}
# What a host and a compiler need of an accelerator.
SOFTWARE = ("descriptors", "registers", "executor", "compiler", "firmware", "hosts")
WITHOUT_AMARANTH = ("formats", "golden", "estimate", "models", "kernels", "ui", "cli")
WITHOUT_AMARANTH += ("core/store", "core/run", "nn/plants", "nn/training")
WITHOUT_AMARANTH += tuple(f"soc/{part}" for part in SOFTWARE)
SEARCHES = ("problem", "graph", "single", "truncation", "matrix", "native")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path, package: str) -> list[tuple[str, int]]:
    """Absolute names of the modules a file imports, with the line; also where types are checked."""
    found = []
    for node in ast.walk(parsed(path)):
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


def modules(root: Path = ROOT) -> list[Path]:
    return sorted(root.rglob("*.py"))


def package_of(path: Path, root: Path = ROOT) -> str:
    return ".".join(["holigrail_hw", *path.relative_to(root).parts[:-1]])


def part_of(path: Path, root: Path) -> str:
    """The room of a file, or its own name if it lies in none."""
    return path.relative_to(root).with_suffix("").parts[0]


def violations(path: Path, root: Path = ROOT) -> list[str]:
    place = path.relative_to(root).as_posix()
    own = part_of(path, root)
    if own not in {*LEVELS, BESIDE, "__init__"}:
        return [f"{place}: {own} has no place in the line"]
    wrong = []
    for name, line in imports_of(path, package_of(path, root)):
        words = name.split(".")
        bare = any(place.startswith(f"{folder}/") for folder in WITHOUT_AMARANTH)
        if words[0] in ("amaranth", "cocotb") and bare:
            wrong.append(f"{place}:{line} imports {words[0]}")
        if words[0] != "holigrail_hw" or len(words) < 2 or words[1] == own:
            continue
        if words[1] not in {*LEVELS, BESIDE}:
            continue
        if own == BESIDE and (name == DRAWN or name.startswith(f"{DRAWN}.")):
            continue
        if own in (BESIDE, "__init__"):
            wrong.append(f"{place}:{line} imports {name}: it must import no room")
        elif words[1] == BESIDE:
            continue
        elif LEVELS[words[1]] >= LEVELS[own]:
            wrong.append(f"{place}:{line} imports {name}, which is not below it")
    return wrong


def circles(root: Path = ROOT) -> list[list[str]]:
    """Groups of modules that import each other, whether when loaded, later, or for types only."""
    known = {}
    for path in modules(root):
        words = ["holigrail_hw", *path.relative_to(root).with_suffix("").parts]
        known[".".join(words[:-1] if words[-1] == "__init__" else words)] = path
    graph = networkx.DiGraph()
    for name, path in known.items():
        found = {target for target, _ in imports_of(path, package_of(path, root))}
        graph.add_edges_from((name, target) for target in found if target in known)
    groups = [sorted(group) for group in networkx.strongly_connected_components(graph)]
    alone = [name for name in graph if graph.has_edge(name, name)]
    return sorted(group for group in groups if len(group) > 1 or group[0] in alone)


def test_imports_point_downwards():
    assert len(modules()) > 200
    assert [text for path in modules() for text in violations(path)] == []


def test_no_modules_import_each_other():
    assert circles() == []


def test_a_circle_is_found(tmp_path):
    folder = tmp_path / "flow"
    folder.mkdir()
    (folder / "one.py").write_text("from .two import b\n")
    (folder / "two.py").write_text("def b():\n    from . import three\n")
    (folder / "three.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .one import a\n"
    )
    (folder / "four.py").write_text("from .three import c\n")
    names = [f"holigrail_hw.flow.{name}" for name in ("one", "three", "two")]
    assert circles(tmp_path) == [names]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("formats/new.py", "import amaranth"),
        ("golden/new.py", "from amaranth.hdl import Signal"),
        ("core/store/new.py", "import amaranth"),
        ("golden/new.py", "from holigrail_hw.core import operator"),
        ("golden/new.py", "from ..estimate import primitives"),
        ("formats/new.py", "from ..golden import add"),
        ("models/new.py", "import amaranth"),
        ("kernels/new.py", "import amaranth"),
        ("kernels/new.py", "from ..shells import plain"),
        ("nn/plants/new.py", "import amaranth"),
        ("nn/training/new.py", "from amaranth.hdl import Signal"),
        ("soc/compiler/new.py", "import amaranth"),
        ("nn/new.py", "from holigrail_hw.soc.descriptors import bits"),
        ("models/new.py", "from holigrail_hw.core.errors import RequestError"),
        ("core/new.py", "from ..flow.tools import find"),
        ("core/new.py", "from holigrail_hw.shells import plain"),
        ("arith/new.py", "from holigrail_hw.mcm.single.solve import solve"),
        ("nn/new.py", "from holigrail_hw.sparse.eie import host"),
        ("flow/new.py", "from ..cli import main"),
        ("ui/new.py", "from ..core import errors"),
        ("hdl/new.py", "def f():\n    import holigrail_hw.core.spec"),
        ("helpers.py", "import os"),
        ("__init__.py", "from .formats import parse"),
    ],
)
def test_an_upward_import_is_found(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n")
    assert violations(path, tmp_path)


def names_in(path: Path, names: set[str]) -> list[str]:
    """Operator names that stand as words of their own in a file's string constants."""
    tree = parsed(path)
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
    return [
        f"{path.name}:{line} {name}"
        for name, line in imports_of(path, package_of(path))
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
        ("import holigrail_hw.models", "amaranth onnx tflite networkx"),
        ("import holigrail_hw.kernels", "amaranth networkx rich torch"),
        ("import holigrail_hw, holigrail_hw.flow, holigrail_hw.nn, holigrail_hw.soc", "torch"),
        ("from holigrail_hw.core.registry import operators; operators()", "torch pulp matplotlib"),
        ("import holigrail_hw.torch", "amaranth onnx tflite networkx matplotlib"),
        (
            "import holigrail_hw.nn.plants.views, holigrail_hw.nn.training.retrain",
            "amaranth matplotlib torch",
        ),
        (
            "import holigrail_hw.soc.compiler.compile, holigrail_hw.soc.hosts.host",
            "amaranth onnx tflite matplotlib",
        ),
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


@pytest.mark.parametrize(
    ("words", "most"),
    [("['--help']", 10), ("['list']", 128), ("['info', 'mac']", 240)],
)
def test_a_command_loads_what_it_needs(words, most):
    """Modules of this package; those of all operators are more than 500."""
    program = (
        f"from holigrail_hw.cli.main import main; main({words})\nimport sys\n"
        "print('LOADED', sum(name.startswith('holigrail_hw') for name in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 5 < int(answer.stdout.rpartition("LOADED")[2]) <= most


def test_searches_do_not_load_amaranth():
    folders = [ROOT / "mcm" / part for part in SEARCHES]
    found = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    assert len(found) > 40
    names = [f"{package_of(path)}.{path.stem}" for path in found if path.stem != "__init__"]
    test_what_is_not_loaded(f"import {', '.join(names)}", "amaranth")


def test_only_the_operator_asked_for_is_loaded():
    statement = "import holigrail_hw.cli.main as m; m.main(['info', 'multiply'])"
    forbidden = [f"holigrail_hw.{family}" for family in ("mcm.mcm", "arrays.gemm.operator")]
    test_what_is_not_loaded(statement, " ".join([*forbidden, "holigrail_hw.arith.mac.operator"]))
