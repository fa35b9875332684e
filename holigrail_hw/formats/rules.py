"""Tables of functions by number system: who does what with formats of which classes.

A rule is registered for one class per format, and found through the ancestors of the formats'
classes, nearest first; of several formats the first one's class counts most. A rule for
:class:`.base.Format` therefore serves every system that has none of its own.
"""

from collections.abc import Callable
from itertools import product
from typing import Any, TypeVar

__all__ = ["OPERATION_NAMES", "Rules"]

OPERATION_NAMES = (
    "add",
    "subtract",
    "multiply",
    "fma",
    "convert",
    "divide",
    "square-root",
    "reciprocal",
    "reciprocal-square-root",
)
"""Operations that number systems may have rules of their own for, golden and in hardware."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Rules:
    """The functions for one operation; ``what`` says which, for messages.

    ``load`` is called before the first rule is looked up: it imports the modules that register.
    """

    def __init__(self, what: str, load: Callable[[], object] | None = None):
        self.what = what
        self._load = load
        self._rules: dict[tuple[type, ...], Callable[..., Any]] = {}

    def rule(self, *systems: type) -> Callable[[_Function], _Function]:
        """Register the decorated function for formats of these classes.

        Raises
        ------
        ValueError
            These classes have another rule already.
        """

        def register(function: _Function) -> _Function:
            known = self._rules.get(systems)
            if known is not None and _home(known) != _home(function):
                names = ", ".join(system.__name__ for system in systems)
                raise ValueError(
                    f"{self.what}: {names} must have one rule, not {_home(known)}"
                    f" and {_home(function)}"
                )
            self._rules[systems] = function
            return function

        return register

    def find(self, *formats: Any) -> Callable[..., Any] | None:
        """The rule for these formats, None if there is none."""
        if self._load is not None:
            self._load()
        for systems in product(*(type(format).__mro__ for format in formats)):
            if systems in self._rules:
                return self._rules[systems]
        return None


def _home(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
