"""Finding operators: in-tree families are scanned, others come through entry points.

A family is any sub-package of ``holigrail_hw`` that is no layer of the tool itself; there is no
list to edit. An operator ``fine-name`` is best found in ``FAMILY/fine_name.py`` or
``FAMILY/fine_name/operator.py``: then nothing else is imported for it. A plug-in that cannot be
imported, or wants a name that is taken, breaks nothing: it is listed with its reason, and none of
its operators is there.
"""

import ast
import difflib
import importlib
import pkgutil
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from .errors import RequestError
from .registration import DISPLACED, OPERATORS, is_ours
from .spec import OperatorSpec

__all__ = ["ENTRY_POINTS", "find", "operators", "summaries", "unavailable"]

ENTRY_POINTS = "holigrail_hw.operators"

_ROOT = Path(__file__).resolve().parent.parent
_LAYERS = {
    *("formats", "golden", "estimate", "kernels", "hdl", "core", "shells", "models"),
    *("flow", "torch", "ui", "cli"),
    *("boards", "testbenches", "generators"),
}
_broken: dict[str, str] = {}


@cache
def operators() -> dict[str, type[OperatorSpec]]:
    """All operators by name."""
    for module in _modules():
        importlib.import_module(module)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: (p.name, p.value)):
        _load(point)
    return dict(sorted(OPERATORS.items()))


@cache
def _modules() -> tuple[str, ...]:
    """Where operators of this package may be: ``FAMILY/*.py`` and ``FAMILY/*/operator.py``."""
    found = []
    for family in pkgutil.iter_modules([str(_ROOT)]):
        if not family.ispkg or family.name in _LAYERS:
            continue
        package = importlib.import_module(f"holigrail_hw.{family.name}")
        for member in pkgutil.iter_modules(package.__path__):
            name = f"{package.__name__}.{member.name}"
            if not member.ispkg:
                found.append(name)
            elif any(Path(p, member.name, "operator.py").exists() for p in package.__path__):
                found.append(f"{name}.operator")
    return tuple(found)


def summaries() -> list[tuple[str, str, str]] | None:
    """Name, maturity and summary of every operator, as its source says, without importing it.

    ``None`` where that cannot tell: there are operators of others, some could not be imported, or
    what a decorator is given is no plain text.
    """
    if (
        list(entry_points(group=ENTRY_POINTS))
        or _broken
        or not all(map(is_ours, OPERATORS.values()))
    ):
        return None
    rows = []
    for module in _modules():
        source = find_spec(module)
        if source is None or source.origin is None:
            return None
        text = Path(source.origin).read_text(encoding="utf-8")
        # Most files of a family have no operator: they are not worth reading further.
        found = _declared(ast.parse(text)) if "@operator(" in text else []
        if found is None:
            return None
        rows += found
    return sorted(rows)


def _declared(tree: ast.Module) -> list[tuple[str, str, str]] | None:
    """What the decorators ``@operator(...)`` of a module are given; ``None`` if not in words."""
    rows = []
    for statement in tree.body:
        for call in getattr(statement, "decorator_list", []):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "operator"):
                continue
            given = {one.arg: one.value for one in call.keywords}
            words = [*call.args[:1], given.get("maturity", ast.Constant("stable"))]
            words.append(given.get("summary", ast.Name("")))
            if len(words) < 3 or not all(isinstance(word, ast.Constant) for word in words):
                return None
            rows.append(tuple(ast.literal_eval(word) for word in words))
    return rows


def _at_once(name: str) -> type[OperatorSpec] | None:
    """The operator of this package whose module has its name, with no other one imported."""
    file = name.replace("-", "_")
    for module in _modules():
        if file in module.removesuffix(".operator").split(".")[2:]:
            importlib.import_module(module)
            return OPERATORS.get(name)
    return None


def _load(point: EntryPoint) -> None:
    before = set(OPERATORS)
    try:
        point.load()
    except Exception as error:  # a plug-in may fail in any way, and must not break the tool
        # Python forgets a module whose import fails; what it had registered before must go, too.
        for name in set(OPERATORS) - before:
            if OPERATORS[name].__module__ not in sys.modules:
                del OPERATORS[name]
        reasons = [_broken[point.name]] if point.name in _broken else []
        _broken[point.name] = "; ".join([*reasons, f"{type(error).__name__}: {error}"])


def unavailable() -> dict[str, str]:
    """Plug-ins that could not be loaded, with the reason."""
    operators()
    return {**DISPLACED, **_broken}


def find(name: str) -> type[OperatorSpec]:
    """The operator called ``name``; raises RequestError with the nearest names."""
    at_once = _at_once(name)
    if at_once is not None:
        return at_once
    found = operators()
    if name in found:
        return found[name]
    if name in _broken:
        raise RequestError(f"{name}: this plug-in could not be loaded: {_broken[name]}")
    near = difflib.get_close_matches(name, found, n=2)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise RequestError(
        f"no operator named {name!r}", hint=f"{hint}`holigrail list` shows all of them"
    )
