"""The compiled searches of this folder (:mod:`holigrail_hw.core.run.compiled_library`).

Without a compiler their Python twins search. They stay in the package for that reason, and because
they take what the compiled ones do not: factors and error bounds of any width.
"""

import ctypes
from pathlib import Path

from holigrail_hw.core.run import compiled_library
from holigrail_hw.core.run.compiled_library import why_not

__all__ = ["load", "slow_remark", "why_not"]

_NAMES = ("closure", "truncated", "matrix_search")


def load(name: str) -> ctypes.CDLL | None:
    """The library built from ``NAME.cc`` here, or ``None``; :func:`why_not` gives the reason."""
    return compiled_library.load(name, Path(__file__).parent)


def slow_remark(stopped: str | None = None) -> str | None:
    """What to tell whoever waited: how a search was ``stopped``, and why it was slow.

    None if there is nothing to tell. A search is slow if a library was asked for and was not there.
    """
    reason = next(filter(None, map(why_not, _NAMES)), None)
    slow = reason and f"searched in Python, tens of times slower than in C++: {reason}"
    return "; ".join(filter(None, (stopped, slow))) or None
