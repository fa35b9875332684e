"""The compiled searches of this folder (:mod:`holigrail_hw.core.run.compiled_library`)."""

import ctypes
from pathlib import Path

from holigrail_hw.core.run import compiled_library
from holigrail_hw.core.run.compiled_library import why_not

__all__ = ["load", "why_not"]


def load(name: str) -> ctypes.CDLL | None:
    """The library built from ``NAME.cc`` here, or ``None``; :func:`why_not` gives the reason."""
    return compiled_library.load(name, Path(__file__).parent)
