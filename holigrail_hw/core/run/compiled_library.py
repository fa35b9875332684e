"""Compiled accelerators: a C++ source of this package, built where it is used.

Each source ``NAME.cc`` exports functions with C linkage and no dependency but the standard library.
It is compiled once per machine with the user's C++ compiler and kept in the cache folder under a
digest of source, headers, compiler and flags, or for this process only if that folder cannot be
written. A damaged file is built again. Everything accelerated has a twin in Python with the same
interface and the same answers, used when there is no compiler.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from ..store import kept_files
from ..store.folder import cache_folder
from ..work_folder import process_folder
from .child_process import finished

__all__ = ["FLAGS", "load", "why_not"]

FLAGS = ("-O2", "-std=c++17", "-fPIC", "-shared")
_reasons: dict[str, str] = {}


@functools.cache
def load(name: str, folder: Path, flags: tuple[str, ...] = ()) -> ctypes.CDLL | None:
    """The library built from ``folder/NAME.cc``, or ``None``; :func:`why_not` gives the reason.

    ``flags`` follow those of all libraries.
    """
    chosen = os.environ.get("CXX")
    names = [chosen] if chosen else ["g++", "c++", "clang++"]
    compiler = next(filter(None, map(shutil.which, names)), None)
    if compiler is None:
        _reasons[name] = f"no C++ compiler found ({', '.join(names)})"
        return None
    try:
        find = functools.partial(_built, name, folder / f"{name}.cc", compiler, flags)
        return kept_files.using(find, lambda path: ctypes.CDLL(str(path)))
    except subprocess.CalledProcessError as error:
        _reasons[name] = f"{compiler} failed with status {error.returncode}: {error.stderr[-500:]}"
    except OSError as error:
        _reasons[name] = f"{name} could not be built or loaded ({error})"
    return None


def why_not(name: str) -> str | None:
    """Why :func:`load` returned ``None``; ``None`` if it did not."""
    return _reasons.get(name)


def _built(name: str, source: Path, compiler: str, flags: tuple[str, ...] = ()) -> Path:
    asked = finished([compiler, "--version"])
    asked.check_returncode()
    files = [source, *sorted(source.parent.glob("*.h"))]
    parts = (*(file.read_text(encoding="utf-8") for file in files), asked.stdout, *FLAGS, *flags)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]

    def make(work: Path) -> Path:
        built = work / "library.so"
        finished([compiler, *FLAGS, *flags, str(source), "-o", str(built)]).check_returncode()
        return built

    file = f"{name}-{digest}.so"
    try:
        return kept_files.fetch(cache_folder() / file, make)
    except OSError:
        # What is found within a time limit must not depend on whether the cache can be written.
        return kept_files.fetch(process_folder() / "libraries" / file, make)
