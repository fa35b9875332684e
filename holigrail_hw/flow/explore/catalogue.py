"""What there is: formats, recipes and devices, as rows of plain data for ``holigrail list``."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from holigrail_hw.core import registry
from holigrail_hw.core.documents import parse_toml
from holigrail_hw.core.parameters import parameters_of
from holigrail_hw.formats import named, parse, patterns
from holigrail_hw.formats.registry import unavailable

from ..board import board
from ..folders import is_there
from ..synth.devices import TARGETS

__all__ = [
    "boards",
    "devices",
    "formats",
    "operators",
    "recipe_folder",
    "recipe_path",
    "recipes",
    "summaries",
]

_SUMMARY = ("name", "maturity", "summary")


def operators() -> list[dict[str, Any]]:
    """Every operator; a plug-in that could not be loaded comes last, with the reason."""
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "maturity": cls.maturity,
            "summary": cls.summary,
            "parameters": [*parameters_of(cls)],
        }
        for name, cls in registry.operators().items()
    ]
    for name, reason in registry.unavailable().items():
        rows.append({"name": name, "maturity": "unavailable", "summary": reason, "parameters": []})
    return rows


def summaries() -> list[dict[str, Any]]:
    """The same without their parameters; no operator is imported if that can be avoided."""
    found = registry.summaries()
    if found is None:
        return [{key: row[key] for key in _SUMMARY} for row in operators()]
    return [dict(zip(_SUMMARY, row, strict=True)) for row in found]


def formats() -> list[dict[str, Any]]:
    """The named formats, the patterns of the families, what could not be loaded and why."""
    rows: list[dict[str, Any]] = [
        {"name": name, "kind": parse(name).kind, "width": parse(name).width}
        | {"summary": parse(name).summary}
        for name in named()
    ]
    for pattern, (kind, summary) in patterns().items():
        rows.append({"name": pattern, "kind": kind, "width": None, "summary": summary})
    for name, reason in unavailable().items():
        rows.append({"name": name, "kind": "unavailable", "width": None, "summary": reason})
    return rows


def recipe_folder() -> Path:
    """The folder of the recipes that come with the package."""
    found = find_spec("holigrail_hw.generators")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("generators")
    return Path(next(iter(found.submodule_search_locations)))


def recipe_path(name: str | Path) -> Path:
    """A recipe file: as named, or else the one of that name that comes with the package."""
    path = Path(name)
    if not is_there(path) and path.parts[:1] == ("generators",):
        shipped = recipe_folder().joinpath(*path.parts[1:])
        return shipped if is_there(shipped) else path
    return path


def recipes() -> list[dict[str, Any]]:
    """The recipes that come with the package: name, operator, summary."""
    rows = []
    for path in sorted(recipe_folder().glob("*.toml")):
        content = parse_toml(path.read_text(encoding="utf-8"))
        rows.append(
            {
                "name": f"generators/{path.name}",
                "operator": content.get("operator"),
                "summary": content.get("summary"),
            }
        )
    return rows


def devices() -> list[dict[str, Any]]:
    """The devices `synth` knows."""
    return [
        {"name": name, "family": goal.family, "dsp": goal.has_dsp, "summary": goal.summary}
        for name, goal in TARGETS.items()
    ]


def boards() -> list[dict[str, Any]]:
    """The boards `build` knows."""
    return [
        {
            "name": name,
            "clock_mhz": entry.clock_hz / 1e6,
            "device": entry.target,
            "bitstream": entry.target is not None,
            "summary": entry.summary,
        }
        for name, entry in sorted(board.boards().items())
    ]
