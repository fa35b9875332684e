"""Compiled accelerators of the searches: a C++ source of this package, built where it is used.

Each source ``NAME.cc``, here or in the folder of another search, exports functions with C linkage
and no dependency but the standard library. It is compiled once per machine with the user's C++
compiler and kept in the cache folder under a digest of source, headers, compiler and flags, or for
this process only if that folder cannot be written. A damaged file is built again. Every
accelerated search has a twin in Python with the same interface and the same answers, used when
there is no compiler.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from holigrail_hw.core.run.child_process import finished
from holigrail_hw.core.store import kept_files
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.work_folder import process_folder

__all__ = ["load", "why_not"]

_FLAGS = ("-O2", "-std=c++17", "-fPIC", "-shared")
_reasons: dict[str, str] = {}


@functools.cache
def load(name: str, folder: Path | None = None) -> ctypes.CDLL | None:
    """The library built from ``NAME.cc``, or ``None``; :func:`why_not` gives the reason.

    The source lies in ``folder``, or beside this module.
    """
    chosen = os.environ.get("CXX")
    names = [chosen] if chosen else ["g++", "c++", "clang++"]
    compiler = next(filter(None, map(shutil.which, names)), None)
    if compiler is None:
        _reasons[name] = f"no C++ compiler found ({', '.join(names)})"
        return None
    source = (folder or Path(__file__).parent) / f"{name}.cc"
    try:
        find = functools.partial(_built, name, source, compiler)
        return kept_files.using(find, lambda path: ctypes.CDLL(str(path)))
    except subprocess.CalledProcessError as error:
        _reasons[name] = f"{compiler} failed with status {error.returncode}: {error.stderr[-500:]}"
    except OSError as error:
        _reasons[name] = f"{name} could not be built or loaded ({error})"
    return None


def why_not(name: str) -> str | None:
    """Why :func:`load` returned ``None``; ``None`` if it did not."""
    return _reasons.get(name)


def _built(name: str, source: Path, compiler: str) -> Path:
    asked = finished([compiler, "--version"])
    asked.check_returncode()
    files = [source, *sorted(source.parent.glob("*.h"))]
    parts = (*(file.read_text(encoding="utf-8") for file in files), asked.stdout, *_FLAGS)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]

    def make(work: Path) -> Path:
        built = work / "library.so"
        finished([compiler, *_FLAGS, str(source), "-o", str(built)]).check_returncode()
        return built

    file = f"{name}-{digest}.so"
    try:
        return kept_files.fetch(cache_folder() / file, make)
    except OSError:
        # What is found within a time limit must not depend on whether the cache can be written.
        return kept_files.fetch(process_folder() / "libraries" / file, make)
