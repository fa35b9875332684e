"""What was given by name, in the names of today, and as the parts of a design take it.

Parameters of a part come as a table of its own (``requantiser = {scale_width = 12}``), as a TOML
file has it, or under dotted names (``requantiser.scale_width``), as options have them. Some have
an older name, which an operator's class lists in ``renamed``: ``name`` or ``name=value``, with
what it is called today. A name that the class lists in ``jointly`` stands for several parameters.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import RequestError
from .kind import shown
from .parameter import parameters_of
from .parts import AUTO, Part
from .text import to_text

__all__ = ["flattened", "nested", "old_names", "overridden", "renamed_in"]


def flattened(cls: type, given: Mapping[str, Any], *, who: str) -> dict[str, Any]:
    """Tables as dotted names, old names as today's, and several parameters for a joint name.

    Raises
    ------
    RequestError
        If one parameter is given under two names.
    """
    found: dict[str, Any] = {}
    twice = []
    jointly: Mapping[str, tuple[str, ...]] = getattr(cls, "jointly", {})
    for old, value in given.items():
        today, value = _today(cls, old.replace("-", "_"), value)
        for each in jointly.get(today, (today,)):
            for name, one in _leaves(cls, each, value).items():
                name, one = _today(cls, name, one)
                if name in found:
                    twice.append(f"{who}: {name} must be given once, not again as {old}")
                found[name] = one
    if twice:
        raise RequestError(twice)
    return found


def nested(given: Mapping[str, Any], *, who: str) -> dict[str, Any]:
    """Dotted names as tables: those of one part together.

    Raises
    ------
    RequestError
        If a part is given as a whole, and parameters of it besides.
    """
    found = {name: value for name, value in given.items() if "." not in name}
    wrong = []
    for name, value in given.items():
        first, _, rest = name.partition(".")
        if not rest:
            continue
        part = found.setdefault(first, {})
        if isinstance(part, str) and part.lower() not in ("none", "", AUTO):
            part = found[first] = {"operator": part}
        elif isinstance(part, str) and part.lower() != "none":
            part = found[first] = {}
        if not isinstance(part, dict):
            what = part if isinstance(part, str) else shown(part)
            wrong.append(f"{who}: {first} must be given without {name} if it is {what}")
            continue
        part[rest] = value
    if wrong:
        raise RequestError(wrong)
    return found


def overridden(
    cls: type, given: Mapping[str, Any], more: Mapping[str, Any], *, who: str
) -> dict[str, Any]:
    """What was given, with ``more`` in its place: a part as a whole, or single parameters of it."""
    below, above = flattened(cls, given, who=who), flattened(cls, more, who=who)
    whole = {name for name in above if "." not in name}
    inside = {name.partition(".")[0] for name in above if "." in name}
    kept = {
        name: value
        for name, value in below.items()
        if name.partition(".")[0] not in whole
        and not (name in inside and to_text(value).lower() == "none")
    }
    return kept | above


def old_names(cls: type, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Which of the names given are old ones, each with what it is called today.

    Both as ``name`` or as ``name=value``, with underscores.
    """
    renamed = renamed_in(cls)
    names = {old.partition("=")[0] for old in renamed}
    found = []
    for key, value in given.items():
        name = key.replace("-", "_")
        if name in names:
            old = f"{name}={to_text(value)}"
            found += [(one, renamed[one]) for one in (old, name) if one in renamed][:1]
    return found


def renamed_in(cls: Any) -> dict[str, str]:
    """What has an older name in a design and in its parts, with what it is called today."""
    found = dict(getattr(cls, "renamed", {}))
    for name, parameter in parameters_of(cls).items():
        if isinstance(parameter.kind, Part):
            for operator in parameter.kind.operators:
                inside = renamed_in(operator).items()
                found |= {f"{name}.{old}": f"{name}.{today}" for old, today in inside}
    return found


def _today(cls: type, name: str, value: Any) -> tuple[str, Any]:
    found = old_names(cls, {name: value})
    if not found:
        return name, value
    today, equals, text = found[0][1].partition("=")
    return today, text if equals else value


def _leaves(cls: Any, name: str, value: Any) -> dict[str, Any]:
    """The parameters in a table; everything else stays as it is."""
    parameter = parameters_of(cls).get(name)
    if parameter is None or not isinstance(parameter.kind, Part) or not isinstance(value, Mapping):
        return {name: value}
    found: dict[str, Any] = {}
    for key, one in value.items():
        inner = str(key).replace("-", "_")
        leaves = {inner: one}
        for operator in parameter.kind.operators:
            if inner in parameters_of(operator):
                leaves = _leaves(operator, inner, one)
                break
        found |= {f"{name}.{leaf}": held for leaf, held in leaves.items()}
    return found or {name: AUTO}
