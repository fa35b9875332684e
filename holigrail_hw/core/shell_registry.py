"""Finding shells: those of this package by the names of their folders, others when they register.

A shell is a class that says how a specification looks from outside and what is put around its
hardware. The ones of this package are ``holigrail_hw/shells/NAME/shell.py``; there is no list to
edit. Others call :func:`shell`, from the entry-point group ``holigrail_hw.shells`` for instance.
"""

import importlib
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .errors import RequestError

__all__ = ["ENTRY_POINTS", "find_shell", "shell", "shell_names"]

ENTRY_POINTS = "holigrail_hw.shells"
_FOLDER = Path(__file__).resolve().parent.parent / "shells"
_FIRST = ("plain", "stream")
_SHELLS: dict[str, Any] = {}


def shell(cls: type) -> type:
    """Register a shell class, which has no arguments, under its ``name``.

    Raises
    ------
    RequestError
        Another class has this name.
    """
    name = cls.name  # type: ignore[attr-defined]
    known = _SHELLS.get(name)
    if known is not None and _home(type(known)) != _home(cls):
        raise RequestError(
            f"shell {name}: the name must belong to one class,"
            f" not by {_home(type(known))} and by {_home(cls)}"
        )
    if name in _own() and not cls.__module__.startswith("holigrail_hw.shells."):
        raise RequestError(f"shell {name}: the name must be new, not one of this package's")
    _SHELLS[name] = cls()
    return cls


def shell_names() -> tuple[str, ...]:
    """The names of all shells; nothing is imported for those of this package."""
    return tuple(dict.fromkeys([*_own(), *_SHELLS, *_others()]))


def find_shell(name: str) -> Any:
    """The shell called ``name``: an object of a class derived from ``shells.base.Shell``.

    Raises
    ------
    RequestError
        There is none, or the plug-in that announces it could not be loaded.
    """
    if name not in _SHELLS:
        if name in _own():
            importlib.import_module(f"holigrail_hw.shells.{name.replace('-', '_')}.shell")
        elif name in _others():
            _load(name)
    if name not in _SHELLS:
        raise RequestError(f"timing: shell must be one of {', '.join(shell_names())}, not {name!r}")
    return _SHELLS[name]


@cache
def _own() -> tuple[str, ...]:
    found = sorted(path.parent.name.replace("_", "-") for path in _FOLDER.glob("*/shell.py"))
    return (*_FIRST, *(name for name in found if name not in _FIRST))


@cache
def _others() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(name: str) -> None:
    try:
        _others()[name].load()
    except Exception as error:  # a plug-in may fail in any way, and must not break the tool
        raise RequestError(
            f"shell {name}: this plug-in could not be loaded: {type(error).__name__}: {error}"
        ) from None


def _home(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
