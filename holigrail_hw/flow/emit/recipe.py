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
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from holigrail_hw.core.documents import parse_toml
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import leaf_parameters, old_names, overridden, to_text
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from . import manifest

__all__ = [
    "Content",
    "Recipe",
    "Sweep",
    "device",
    "load",
    "old_keys",
    "operator_name",
    "read",
    "read_sweep",
    "text",
]

_KEYS = ("summary", "operator", "name", "parameters", "timing", "board")


class Content(NamedTuple):
    """What stands in a recipe; of the board its name, or ``None``."""

    operator: Any
    parameters: Any
    timing: Any
    board: str | None


class Sweep(NamedTuple):
    """The lists of an exploration, as texts by parameter, and where they are from."""

    operator: type[OperatorSpec]
    texts: dict[str, str]
    timing: Timing
    board: str | None


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
    found = read(path)
    spec, request = manifest.rebuild(
        found.operator, found.parameters, found.timing, who=f"recipe {path}", instead=given
    )
    return Recipe(spec, request, found.board)


def read(path: Path) -> Content:
    """What a recipe says, with its parameters and its timing not judged yet.

    Raises
    ------
    RequestError
        If the file cannot be read, or its keys are wrong; one message for all of it.
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
    return Content(content["operator"], content.get("parameters", {}), timing, name)


def read_sweep(path: Path, given: Mapping[str, str]) -> Sweep:
    """The lists and ranges of a recipe, whose values may be both; ``given`` take their place.

    The name of the design is left out, for there will be many.

    Raises
    ------
    RequestError
        As :func:`read`, or if the operator, the timing or the form of the parameters is wrong.
    """
    found, who = read(path), f"recipe {path}"
    cls, request = manifest.request_of(found.operator, found.timing, who=who)
    if not isinstance(found.parameters, Mapping):
        raise RequestError(f"{who}: parameters must be a table, not {found.parameters!r}")
    known = leaf_parameters(cls)
    values = overridden(cls, found.parameters, given, who=cls.name)
    texts = {
        name: known[name].listed(value) if name in known else to_text(value)
        for name, value in values.items()
    }
    return Sweep(cls, texts, replace(request, name=None), found.board)


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
