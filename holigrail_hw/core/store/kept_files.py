"""Files that are kept between runs: whole, or made again.

A finished file is renamed into place, and says by a SHA-256 digest of its own what it must hold: a
document as one of its items, a compiled file in its last 83 bytes, which loaders and linkers of ELF
files pass over. What a full disk, a crash or a copy cut short left is told from the real thing
before anything of it is used: a truncated library that is loaded ends the process.
"""

import contextlib
import hashlib
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..documents import parse_json
from ..work_folder import unfinished

__all__ = [
    "COMPILED_ENDINGS",
    "content",
    "fetch",
    "is_whole",
    "keep",
    "read_document",
    "seal",
    "using",
    "write_document",
]

COMPILED_ENDINGS = (".so", ".o", ".sim")
"""Endings of the compiled files that have a digest."""

_MARK = b"\nholigrail sha256 "
_TRAILER = re.compile(rb"\nholigrail sha256 ([0-9a-f]{64})\n")
_LENGTH = len(_MARK) + 64 + 1
_DIGEST = "sha256"
_TRIES = 5

_T = TypeVar("_T")


def seal(path: Path) -> None:
    """Put the digest behind a file that has none; raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("ab") as file:
        file.write(_MARK + digest.encode() + b"\n")


def is_whole(path: Path) -> bool:
    """Whether a sealed file is there and holds what it held when it was sealed."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    found = _TRAILER.fullmatch(data[-_LENGTH:])
    return found is not None and hashlib.sha256(data[:-_LENGTH]).hexdigest().encode() == found[1]


def content(path: Path) -> bytes:
    """What a sealed file holds, without its digest; raises OSError."""
    return path.read_bytes()[:-_LENGTH]


def fetch(target: Path, make: Callable[[Path], Path]) -> Path:
    """The file, whole; ``make(work)`` makes it in an empty folder when it is not.

    Two processes may make the same file at once: each works in its own folder, and the finished
    file is renamed into place.

    Raises
    ------
    OSError
        If the folder cannot be written, beside all that ``make`` raises.
    """
    if is_whole(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target.parent) as work:
        made = make(work)
        seal(made)
        made.replace(target)
    return target


def using(find: Callable[[], Path], use: Callable[[Path], _T]) -> _T:
    """What ``use`` makes of the file that ``find`` gives, by :func:`fetch` for instance.

    Another process may clear the cache between the two: a file that is gone is found, or made, and
    used again. Raises what ``find`` raises, and the OSError of ``use`` if the file is there.
    """
    for _ in range(_TRIES - 1):
        path = find()
        try:
            return use(path)
        except OSError:
            if path.exists():
                raise
    return use(find())


def keep(made: Path, target: Path) -> None:
    """A sealed copy of a file, unless it is there already; raises OSError."""
    if made.is_file() and not is_whole(target):
        data = made.read_bytes()

        def copy(work: Path) -> Path:
            copied = work / target.name
            copied.write_bytes(data)
            copied.chmod(made.stat().st_mode)
            return copied

        fetch(target, copy)


def write_document(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON document with its digest; raises OSError, and leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a handle, no path
            json.dump({**data, _DIGEST: _digest_of(data)}, file, indent=1)
        Path(name).replace(path)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)


def read_document(path: Path) -> dict[str, Any]:
    """A JSON document as it was written.

    Raises
    ------
    ValueError
        It is no document, or not as it was written.
    OSError
        It cannot be read.
    """
    data = parse_json(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or _DIGEST not in data:
        raise ValueError("it has no digest")
    digest = data.pop(_DIGEST)
    if digest != _digest_of(data):
        raise ValueError("it is not what its digest says")
    return data


def _digest_of(data: dict[str, Any]) -> str:
    # As read back: lists for tuples, texts for keys.
    text = json.dumps(json.loads(json.dumps(data)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
