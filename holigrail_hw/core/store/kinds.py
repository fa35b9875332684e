"""What is kept in the cache folder, by kind, for people to look at, verify and clear.

A module that keeps answers in a folder of its own below the cache folder registers a kind. All
other files there are compiled ones, made again whenever they are missing; they are one kind
together.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..work_folder import UNFINISHED, is_abandoned
from . import kept_files
from .folder import cache_folder

__all__ = [
    "COMPILED",
    "Entry",
    "Kind",
    "clear",
    "compiled",
    "damaged_compiled",
    "entries",
    "keep",
    "kinds",
    "lose",
    "losses",
    "register",
    "size_of",
]

COMPILED = "compiled"
# An unfinished document that old belongs to no running process.
_LEFT_BEHIND_S = 3600.0


@dataclass(frozen=True)
class Entry:
    """One answer: what was asked, its cost as text, how good it is, how long it took."""

    problem: str
    cost: str
    proved: bool
    bound: int | None
    seconds: float


@dataclass(frozen=True)
class Kind:
    """Files of one folder; ``read`` checks one completely, and raises ValueError if damaged.

    ``mend`` removes what is damaged of a file: all of it, unless it holds many answers.
    """

    name: str
    summary: str
    folder: str
    pattern: str
    read: Callable[[Path], Entry]
    mend: Callable[[Path], None] = partial(Path.unlink, missing_ok=True)


_KINDS: dict[str, Kind] = {}
_LOSSES: list[str] = []


def register(kind: Kind) -> None:
    """Make a kind known; the module that keeps the files calls this whenever it is loaded.

    Raises ValueError if the name, or the folder, is that of another module's kind.
    """
    for known in _KINDS.values():
        shared = known.name == kind.name or known.folder == kind.folder
        if shared and known.read.__module__ != kind.read.__module__:
            raise ValueError(
                f"cache kind {kind.name}: name and folder must be its own, not those of"
                f" {known.read.__module__} too"
            )
    _KINDS[kind.name] = kind


def kinds() -> dict[str, Kind]:
    """The registered kinds by name."""
    return dict(sorted(_KINDS.items()))


def entries(kind: Kind) -> Iterator[Path]:
    """The finished files of a kind, in order of their names."""
    yield from sorted((cache_folder() / kind.folder).glob(kind.pattern))


def clear(name: str) -> int:
    """Remove everything of a kind; returns how many files or folders there were.

    What another process is just writing stays, and what it has just removed is no error.
    """
    home = cache_folder()
    found = compiled() if name == COMPILED else _members(home / _KINDS[name].folder)
    count = 0
    for path in found:
        if path.name.startswith(UNFINISHED) and not _is_left_behind(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        count += 1
    return count


def keep(path: Path, data: dict[str, Any]) -> None:
    """Write an answer with its digest; where that fails, :func:`losses` says so once."""
    try:
        kept_files.write_document(path, data)
    except OSError as error:
        reason = error.strerror or str(error)
        lose(f"the result is not kept for later: {path.parent} ({reason})")


def lose(line: str) -> None:
    """Note what could not be kept, or was lost, for :func:`losses`."""
    _LOSSES.append(line)


def losses() -> list[str]:
    """What could not be kept since the last call, one line each."""
    found = [*dict.fromkeys(_LOSSES)]
    _LOSSES.clear()
    return found


def damaged_compiled() -> list[Path]:
    """Compiled files that are not what their digest says, or have none."""
    found = []
    for path in compiled():
        if not path.name.startswith(UNFINISHED):
            found += [path, *(sorted(path.iterdir()) if path.is_dir() else [])]
    files = [path for path in found if path.suffix in kept_files.COMPILED_ENDINGS]
    return [path for path in files if path.is_file() and not kept_files.is_whole(path)]


def size_of(path: Path) -> int:
    """Bytes of a file or a whole folder; what vanishes meanwhile counts nothing."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(size_of(member) for member in path.iterdir())
    except FileNotFoundError:
        return 0


def compiled() -> list[Path]:
    """Files and folders that belong to no registered kind."""
    own = {kind.folder for kind in _KINDS.values()}
    return [path for path in _members(cache_folder()) if path.name not in own]


def _members(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _is_left_behind(path: Path) -> bool:
    if path.is_dir():
        return is_abandoned(path)
    try:
        return time.time() - path.stat().st_mtime > _LEFT_BEHIND_S
    except FileNotFoundError:
        return False
