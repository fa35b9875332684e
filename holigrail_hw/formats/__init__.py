"""Number formats as data: names, codes, exact values, rounding. NumPy only.

``parse(name)`` gives a :class:`Format`; see there for what a format can do. Names are imported when
they are first asked for, so that searches, which need plain integers only, do not wait for NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Format
    from .errors import FormatError
    from .exact import FINITE, INFINITE, NAN, Exact
    from .names import named, parse, patterns
    from .rounding import Rounding
    from .scalar.fixed import FixedFormat
    from .scalar.floating import FloatFormat
    from .scalar.small import BinaryFormat, TernaryFormat

__all__ = [
    "FINITE",
    "INFINITE",
    "NAN",
    "BinaryFormat",
    "Exact",
    "FixedFormat",
    "FloatFormat",
    "Format",
    "FormatError",
    "Rounding",
    "TernaryFormat",
    "named",
    "parse",
    "patterns",
]

_HOMES = {
    "base": ("Format",),
    "errors": ("FormatError",),
    "exact": ("FINITE", "INFINITE", "NAN", "Exact"),
    "names": ("named", "parse", "patterns"),
    "rounding": ("Rounding",),
    "scalar.fixed": ("FixedFormat",),
    "scalar.floating": ("FloatFormat",),
    "scalar.small": ("BinaryFormat", "TernaryFormat"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
