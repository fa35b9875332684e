"""Compiled files that are kept between runs, named by a digest of everything they depend on."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from ..cache_folder import cache_folder
from ..core.errors import RequestError
from ..work_folder import unfinished

__all__ = ["digest", "fetch"]


def digest(parts: Iterable[str]) -> str:
    """A name for everything a file depends on."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:".encode())
        total.update(part.encode())
    return total.hexdigest()[:40]


def fetch(name: str, make: Callable[[Path], Path]) -> Path:
    """The cached file ``name``; ``make(work)`` makes it in an empty folder when it is not there.

    Two processes may make the same file at once: each works in its own folder, and the finished
    file is renamed into place.

    Raises
    ------
    RequestError
        If the cache folder cannot be written.
    """
    home = cache_folder()
    target = home / name
    if target.is_file():
        return target
    with contextlib.ExitStack() as stack:
        try:
            home.mkdir(parents=True, exist_ok=True)
            work = stack.enter_context(unfinished(home))
        except OSError as error:
            raise RequestError(
                f"cache: the folder must be writable, not {home} ({error.strerror})",
                hint="set HOLIGRAIL_CACHE to another folder",
            ) from None
        make(work).replace(target)
    return target
