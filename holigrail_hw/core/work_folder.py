"""Folders to work in: removed by their makers, or by the next one if those were killed.

A folder is locked (``flock``) as long as its maker lives, however that ends; one whose lock is free
is litter. Tools that hand paths to a shell, to make or to a script of their own must not meet a
space, a quote or a dollar sign there: :func:`plain` gives such a path another name, a link in a
folder of this process below a temporary folder with an ordinary name.
"""

import atexit
import contextlib
import fcntl
import functools
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_abandoned", "odd_character", "plain", "process_folder", "scratch", "unfinished"]

UNFINISHED = ".unfinished-"
_ODD = re.compile(r"[^A-Za-z0-9_./+-]")
_OTHERS = ("/tmp", "/var/tmp")


def odd_character(path: str | Path) -> str | None:
    """The first character of a path that some tool would not take as a part of a name."""
    found = _ODD.search(str(path))
    return found.group() if found else None


@contextlib.contextmanager
def unfinished(place: Path) -> Iterator[Path]:
    """A new folder in ``place``, which exists; what dead processes left there is removed first.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    _sweep(place, UNFINISHED)
    work, lock = _locked(place, UNFINISHED)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _release(lock)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder with a plain path."""
    with tempfile.TemporaryDirectory(dir=process_folder(), ignore_cleanup_errors=True) as work:
        yield Path(work)


@functools.cache
def process_folder() -> Path:
    """The temporary folder of this process, with a plain path; it vanishes at the end.

    Raises
    ------
    ToolError
        If no temporary folder with a plain path can be written.
    """
    home = _home()
    _sweep(home, "run-")
    work, lock = _locked(home, "run-")
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(work, ignore_errors=True)
            _release(lock)

    atexit.register(remove)
    return work


def plain(path: str | Path) -> Path:
    """The same file or folder by a path without odd characters; absolute."""
    absolute = Path(path).absolute()
    return absolute if odd_character(absolute) is None else _link_to(absolute)


def is_abandoned(folder: Path) -> bool:
    """Whether nobody works in the folder any more."""
    lock = _lock(folder, fcntl.LOCK_EX)
    if lock is None:
        return False
    _release(lock)
    return True


@functools.cache
def _link_to(path: Path) -> Path:
    suffix = "" if odd_character(path.suffix) else path.suffix
    link = Path(tempfile.mkdtemp(prefix="link-", dir=process_folder())) / f"to{suffix}"
    link.symlink_to(path)
    return link


def _home() -> Path:
    """A folder of this user with a plain path, below the usual temporary folder if that has one."""
    wanted = tempfile.gettempdir()
    for base in (wanted, *_OTHERS):
        if odd_character(base) is not None or not os.access(base, os.W_OK | os.X_OK):
            continue
        home = Path(base) / f"holigrail-{os.getuid()}"
        with contextlib.suppress(FileExistsError):
            home.mkdir(mode=0o700)
        facts = home.lstat()
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid():
            return home
        return Path(tempfile.mkdtemp(prefix="holigrail-", dir=base))
    from .errors import ToolError

    odd = odd_character(wanted)
    what = f"have no {odd!r} in its path" if odd else "be writable"
    raise ToolError(
        f"tools: a temporary folder must {what}, not be {wanted}",
        hint="set TMPDIR to a folder with letters and digits only",
    )


def _locked(place: Path, prefix: str) -> tuple[Path, int | None]:
    """A new folder and its lock; who sweeps waits until it has one."""
    gate = _lock(place, fcntl.LOCK_SH, wait=True)
    try:
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        return work, _lock(work, fcntl.LOCK_EX)
    finally:
        _release(gate)


def _sweep(place: Path, prefix: str) -> None:
    gate = _lock(place, fcntl.LOCK_EX)
    if gate is None:
        return
    try:
        for folder in place.glob(f"{prefix}*"):
            if folder.is_dir() and not folder.is_symlink() and is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        _release(gate)


def _lock(folder: Path, kind: int, *, wait: bool = False) -> int | None:
    """A lock on a folder; None if another has it, or the file system knows none."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
