"""README.md and the guide: blocks are executed or compared, tables and figures made anew."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "holigrail_hw" / "guide").glob("*.md")))
}
WHOLE = "\n".join(PAGES.values())

CONFTEST = """
from pathlib import Path

import holigrail_hw.arith

holigrail_hw.arith.__path__.append(str(Path(__file__).parent))
"""


def script(name):
    """A script of the project as a module."""
    loader = SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", WHOLE, re.M | re.S)


def test_every_block_has_a_kind_that_is_checked():
    kinds = re.findall(r"^```(.+)$", WHOLE, re.M)
    assert set(kinds) == {"console", "sh", "yaml", "python", "python operator", "python test"}
    assert len(re.findall(r"^```$", WHOLE, re.M)) == len(kinds)


@pytest.mark.parametrize(
    "commands", ["holigrail info", pytest.param("", marks=pytest.mark.heavy, id="all")]
)
def test_tables_and_outputs_are_true(commands):
    """Of all commands in the heavy run, of short ones always."""
    answer = subprocess.run(
        [sys.executable, ROOT / "scripts/make_pages", "--check", "--only", commands],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_wrong_table_or_output_is_noticed(tmp_path, monkeypatch, capsys):
    module = script("make_pages")
    text = module.with_tables(PAGES["formats.md"] + PAGES["first-steps.md"])
    assert module.with_tables(text.replace("| `int8` | 8 |", "| `int8` | 9 |")) == text
    assert "| `int8` | 8 |" in text
    page = tmp_path / "page.md"
    monkeypatch.setattr(module, "PAGES", (page,))
    monkeypatch.setattr(sys, "argv", ["make_pages", "--check", "--only", "explore"])
    page.write_text(text)
    assert module.main() == 0
    page.write_text(re.sub(r"^(int4 +int8 .*)\S$", r"\1x", text, flags=re.M))
    assert module.main() == 1
    assert "page.md must show what is true now" in capsys.readouterr().err


def test_shell_blocks_name_scripts_that_run():
    for line in "".join(blocks("sh")).splitlines():
        path = ROOT / line.split()[0]
        assert os.access(path, os.X_OK), path
        subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize(
    "page",
    [
        # Engines are compiled there.
        pytest.param(name, marks=[pytest.mark.heavy] if name == "arrays.md" else [])
        for name, text in PAGES.items()
        if "```python\n" in text
    ],
)
def test_python_blocks_run(page):
    for block in re.findall(r"^```python\n(.*?)^```$", PAGES[page], re.M | re.S):
        exec(compile(block, page, "exec"), {"__name__": "page"})


def test_the_readme_is_short():
    assert len(README.encode()) <= 8000
    assert all(f"`{Path(name).stem}`" in README for name in PAGES if name != "README.md")


def test_the_operator_example_is_complete(tmp_path):
    (operator,), (test,) = blocks("python operator"), blocks("python test")
    (tmp_path / "absolute_difference.py").write_text(operator)
    (tmp_path / "test_absolute_difference.py").write_text(test)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "4 passed" in answer.stdout, answer.stdout + answer.stderr
    lint = ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    answer = subprocess.run([sys.executable, "-m", *lint], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_the_picture_is_drawn_by_its_script():
    module = script("make_picture.py")
    assert module.STORED.read_text(encoding="utf-8") == module.picture()


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", WHOLE)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_a_python_that_is_missing_is_said():
    answer = subprocess.run(
        [sys.executable, ROOT / "scripts/check_wheel", "9.98", "9.99"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = "not checked, as there is no python9.98, python9.99\n"
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, "", said)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    program = f"import pdm.backend; print(pdm.backend.build_wheel({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_tracked_file(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "holigrail_hw", "boards", "generators", "testbenches"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert len(tracked) > 60
    for name in tracked:
        place = name if name.startswith("holigrail_hw/") else f"holigrail_hw/{name}"
        assert place in inside or not (ROOT / name).exists(), place
    assert not any(name.startswith(("tests/", "scripts/")) for name in inside)


def test_the_wheel_holds_the_licence(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
    assert archive.read(name) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.heavy
def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    commands = (
        ["list", "boards"],
        ["list", "recipes"],
        ["generate", "generators/mac_int4.toml"],
        ["verify", "multiply", "--a", "int2", "--b", "int2", "--level", "cocotb"],
    )
    for words in commands:
        answer = subprocess.run(
            [sys.executable, "-P", "-m", "holigrail_hw", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr
    where = "import holigrail_hw, holigrail_hw.boards as b; print(b.__file__)"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", where],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()).is_relative_to(tmp_path / "installed")
