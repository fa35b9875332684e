"""Compiled files that are kept between runs, named by a digest of everything they depend on."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from ..errors import ToolError
from . import kept_files
from .folder import cache_folder

__all__ = ["digest", "fetch", "use"]

_T = TypeVar("_T")


def digest(parts: Iterable[str]) -> str:
    """A name for everything a file depends on."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:".encode())
        total.update(part.encode())
    return total.hexdigest()[:40]


def fetch(name: str, make: Callable[[Path], Path]) -> Path:
    """The cached file ``name``, whole; ``make(work)`` makes it in an empty folder when it is not.

    Raises
    ------
    ToolError
        If the cache folder cannot be written, or is full; nothing is left there.
    """
    home = cache_folder()
    try:
        return kept_files.fetch(home / name, make)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolError(
            f"cache: the folder must take compiled files, not fail: {home} ({reason})",
            hint="make room there, or set HOLIGRAIL_CACHE to another folder",
        ) from None


def use(name: str, make: Callable[[Path], Path], use: Callable[[Path], _T]) -> _T:
    """What ``use`` makes of the cached file ``name``, though the cache may be cleared meanwhile.

    Raises
    ------
    ToolError
        As :func:`fetch`.
    OSError
        Of ``use``.
    """
    return kept_files.using(lambda: fetch(name, make), use)
