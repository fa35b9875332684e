"""Which hardware a number system has: found by a scan, never listed.

Every module of this package, or of one in it, is imported before the first rule is looked up, and
so is what other packages offer in the entry-point group ``holigrail_hw.numbers``. What cannot be
imported breaks nothing: its reason is kept for the message that says that a format has no hardware.
"""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from holigrail_hw.formats.rules import Rules

__all__ = ["ENTRY_POINTS", "hardware_rules", "unavailable"]

ENTRY_POINTS = "holigrail_hw.numbers"

_broken: dict[str, str] = {}


def hardware_rules(what: str) -> Rules:
    """A table of hardware, filled by the modules that the scan finds."""
    return Rules(what, _scan)


def unavailable() -> dict[str, str]:
    """Entry points that could not be loaded, with the reason."""
    _scan()
    return dict(_broken)


@cache
def _scan() -> None:
    package = importlib.import_module("holigrail_hw.hdl.number")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda p: (p.name, p.value)):
        try:
            point.load()
        except Exception as error:  # a plug-in may fail in any way, and must not break the tool
            _broken[point.name] = f"{type(error).__name__}: {error}"
