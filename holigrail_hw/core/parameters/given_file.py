"""Parameters that are the content of a file: a trained network, samples.

The content is read once, when the request is made, and it alone is what the design depends on: its
digest stands in names of modules and in generated files, never the place where the file was. A file
that comes with the package is known by a single word.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .kind import Kind, shown

__all__ = ["LARGEST", "FileContent", "GivenFile"]

LARGEST = 1 << 28
"""Bytes of the largest file that is read."""

_DIGEST = 12


@dataclass(frozen=True)
class GivenFile:
    """A file that was read: its name without folders, its bytes, and how it was asked for."""

    name: str
    content: bytes = field(repr=False)
    place: str = field(compare=False)
    shipped: bool = field(default=False, compare=False)
    """Whether it comes with the package, so that ``place`` is known everywhere."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, its first 12 hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()[:_DIGEST]

    @property
    def word(self) -> str:
        """The name without its ending, in letters that may stand in a name of Verilog."""
        return re.sub(r"[^a-z0-9]+", "_", Path(self.name).stem.lower()).strip("_") or "file"

    @property
    def stated(self) -> str:
        """What generated files say of it."""
        return self.place if self.shipped else f"{self.name}, sha256 {self.digest}"

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True)
class FileContent(Kind):
    """A file by its path, one of the package by its word, or a file that was read already."""

    endings: tuple[str, ...]
    shipped: Callable[[], Mapping[str, Path]] = dict
    """The files that come with the package, by their words."""

    type = GivenFile

    @property
    def legal(self) -> str:
        *most, last = self.endings
        path = f"the path of a file {', '.join(most)} or {last}" if most else f"a file {last}"
        words = ", ".join(self.shipped())
        return f"{words}, or {path}" if words else path

    def parse(self, given: Any) -> GivenFile:
        if isinstance(given, GivenFile):
            return given
        if not isinstance(given, str | os.PathLike) or not os.fspath(given):
            raise ValueError(f"must be {self.legal}, not {shown(given)}")
        text = os.fspath(given)
        if text in self.shipped():
            path = self.shipped()[text]
            return GivenFile(path.name, path.read_bytes(), text, shipped=True)
        path = Path(text)
        if path.suffix.lower() not in self.endings:
            raise ValueError(f"must be {self.legal}, not {shown(given)}")
        return GivenFile(path.name, _bytes(path), text)


def _bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise ValueError(f"must have at most {LARGEST >> 20} MiB, not {size >> 20}, in {path}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError) and "MiB" in str(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"must be a readable file, not {path} ({reason})") from None
