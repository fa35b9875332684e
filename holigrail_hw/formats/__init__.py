"""Number formats as data: names, codes, exact values, rounding. NumPy only.

``parse(name)`` gives a :class:`Format`; see there for what a format can do.
"""

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
