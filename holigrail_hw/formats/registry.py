"""Which number systems there are: found by a scan of two packages, others when they register.

The packages are ``scalar`` and ``block``.

A number system is a class derived from :class:`.base.Format` under the decorator
:func:`number_system`. Other packages offer theirs in the entry-point group
``holigrail_hw.formats``; one that cannot be loaded breaks nothing and is listed with its reason.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import TypeVar

from .base import Format

__all__ = ["ENTRY_POINTS", "number_system", "plug_ins", "systems", "unavailable"]

ENTRY_POINTS = "holigrail_hw.formats"

_System = TypeVar("_System", bound=type[Format])
_systems: list[type[Format]] = []
_broken: dict[str, str] = {}


def number_system(cls: _System) -> _System:
    """Register a class of formats: its names can be parsed and are listed."""
    _systems.append(cls)
    return cls


def systems() -> tuple[type[Format], ...]:
    """The systems of this package and those registered so far, this package's first."""
    _scan()
    own = [system for system in _systems if system.__module__.startswith("holigrail_hw.")]
    return (*own, *(system for system in _systems if system not in own))


def plug_ins() -> tuple[type[Format], ...]:
    """All systems, those of entry points too."""
    _load()
    return systems()


def unavailable() -> dict[str, str]:
    """Entry points that could not be loaded, with the reason."""
    _load()
    return dict(_broken)


@cache
def _scan() -> None:
    for kind in ("scalar", "block"):
        package = importlib.import_module(f"holigrail_hw.formats.{kind}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")


@cache
def _load() -> None:
    _scan()
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: (p.name, p.value)):
        try:
            point.load()
        except Exception as error:  # a plug-in may fail in any way, and must not break the tool
            _broken[point.name] = f"{type(error).__name__}: {error}"
