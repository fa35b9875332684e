"""Operators by the name that their class was registered under."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .errors import RequestError
from .keywords import is_keyword

__all__ = ["DISPLACED", "OPERATORS", "is_ours", "operator"]

OPERATORS: dict[str, Any] = {}
DISPLACED: dict[str, str] = {}
"""Operators from elsewhere whose name turned out to be one of this package's, with the reason."""

_MATURITY = ("stable", "preview")
_Class = TypeVar("_Class", bound=type)


def operator(
    name: str,
    *,
    summary: str,
    references: Sequence[str] = (),
    maturity: str = "stable",
    module: str | None = None,
) -> Callable[[_Class], _Class]:
    """Register an operator class under its command-line name.

    A name belongs to one class, known by its module and its name there: a module may be loaded
    again, and its classes take the place of the old ones. Where this package has an operator of
    the same name, that one counts, whichever was loaded first.

    Parameters
    ----------
    name : kebab-case name on the command line
    summary : one line
    references : papers or standards the method comes from, with year
    maturity : ``stable`` or ``preview``
    module : what names of modules begin with, where the name is a word of Verilog

    Raises
    ------
    RequestError
        Another class has this name, or the class another name.
    ValueError
        The name or the maturity is none.
    """

    def register(cls: _Class) -> _Class:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            raise ValueError(f"operator {name!r}: the name must be kebab-case")
        if is_keyword(module or name):
            raise ValueError(
                f"operator {name!r}: the name must be no word of Verilog, SystemVerilog or VHDL"
            )
        if maturity not in _MATURITY:
            raise ValueError(f"operator {name!r}: maturity must be one of {_MATURITY}")
        _claim(name, cls)
        known: Any = cls
        known.name, known.module, known.summary = name, module or "", summary
        known.references, known.maturity = tuple(references), maturity
        OPERATORS[name] = cls
        return cls

    return register


def _claim(name: str, cls: type) -> None:
    """Refuse a name that is taken; raises RequestError."""
    other = next((n for n, known in OPERATORS.items() if known is cls and n != name), None)
    if other is not None:
        raise RequestError(f"operator {name}: {_place(cls)} must have one name, not {other} too")
    known = OPERATORS.get(name)
    if known is None or _place(known) == _place(cls):
        return
    places = f"by {_place(known)} and by {_place(cls)}"
    if is_ours(cls) and not is_ours(known):
        DISPLACED[name] = f"operator {name}: the name must be registered once, not {places}"
    else:
        raise RequestError(f"operator {name}: the name must be registered once, not {places}")


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def is_ours(cls: type) -> bool:
    """Whether a class is one of this package."""
    return cls.__module__.split(".")[0] == __name__.split(".")[0]
