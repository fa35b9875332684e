"""Recipes: one named design per file, in TOML.

::

    summary = "FP8 products summed in FP16"
    operator = "mac"
    name = "sum_of_products"
    [parameters]
    a = "fp8_e4m3"
    [timing]
    period_ns = 20.0
    [board]
    name = "icebreaker"
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from holigrail_hw.core.documents import parse_toml
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import old_names
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from . import manifest

__all__ = ["Recipe", "device", "load", "old_keys", "operator_name", "text"]

_KEYS = ("summary", "operator", "name", "parameters", "timing", "board")


class Recipe(NamedTuple):
    """A design and, if the recipe names one, its board."""

    spec: OperatorSpec
    timing: Timing
    board: str | None


def load(path: Path, given: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe; parameters that are ``given`` take the place of those in the file.

    Raises
    ------
    RequestError
        If the file cannot be read or anything in it is wrong; one message for all of it.
    """
    path = Path(path)
    who = f"recipe {path}"
    if path.suffix != ".toml":
        raise RequestError(f"{who}: the file must be TOML with the ending .toml")
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(
            f"{who}: the file must be readable ({error.strerror})",
            hint="`holigrail list recipes` shows those that come with the package",
        ) from None
    except ValueError as error:
        raise RequestError(f"{who}: the file must be TOML, not broken ({error})") from None
    wrong = [
        f"{who}: no key named {key!r}; there are {', '.join(_KEYS)}"
        for key in content
        if key not in _KEYS
    ]
    if "operator" not in content:
        wrong.append(f"{who}: operator must be given, not missing")
    board = content.get("board", {})
    name = board.get("name") if isinstance(board, dict) else board
    if "board" in content and (not isinstance(name, str) or set(board) - {"name"}):
        wrong.append(f"{who}: [board] must hold a name and nothing else, not {board!r}")
    timing = content.get("timing", {})
    if isinstance(timing, dict):
        if "name" in timing:
            wrong.append(f"{who}: name must be given before all tables, not in [timing]")
        elif "name" in content:
            timing = {**timing, "name": content["name"]}
    if wrong:
        raise RequestError(wrong)
    parameters = content.get("parameters", {})
    spec, request = manifest.rebuild(
        content["operator"], parameters, timing, who=who, instead=given
    )
    return Recipe(spec, request, name)


def operator_name(path: Path) -> str | None:
    """The operator of a recipe; ``None`` where :func:`load` will say what is wrong."""
    try:
        name = parse_toml(Path(path).read_text(encoding="utf-8")).get("operator")
    except (OSError, ValueError):
        return None
    return name if isinstance(name, str) else None


def old_keys(path: Path, cls: type) -> list[tuple[str, str]]:
    """Parameters in a recipe that have a new name: the key there, and what it is called today."""
    parameters = parse_toml(Path(path).read_text(encoding="utf-8")).get("parameters", {})
    return old_names(cls, parameters)


def device(path: Path) -> str | None:
    """The device that a recipe names, as it stands there: a model of delays, or a part."""
    return parse_toml(Path(path).read_text(encoding="utf-8")).get("timing", {}).get("device")


def text(spec: OperatorSpec, timing: Timing, board: str | None = None, summary: str = "") -> str:
    """The recipe of a design; :func:`load` gives the same design back."""
    lines = [f"summary = {json.dumps(summary or spec.summary)}", f'operator = "{spec.name}"']
    lines += _table({"name": timing.name})
    lines += ["", "[parameters]", *_table(spec.parameters())]
    lines += ["", "[timing]"]
    lines += _table({key: getattr(timing, key) for key in ("period_ns", "latency")})
    lines += _table({key: getattr(timing, key) for key in ("device", "shell", "wait_cycles")})
    if board is not None:
        lines += ["", "[board]", *_table({"name": board})]
    return "\n".join(lines) + "\n"


def _table(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
