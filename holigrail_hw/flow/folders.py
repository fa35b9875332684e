"""Output folders: checked before the work starts, filled only with finished files.

Work happens in a hidden sibling folder; finished files are renamed into place. Logs are the
exception: they are written in place, because they matter most when the work fails.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import RequestError

__all__ = ["is_there", "prepare", "staging"]


def prepare(folder: Path, who: str) -> Path:
    """Make ``folder`` and prove that a file can be written there; returns it as absolute path.

    Raises
    ------
    RequestError
        If it cannot be made or written.
    """
    folder = Path(folder).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"{who}: the output folder must be writable, not {folder} ({error.strerror})",
            hint="choose another one with -o",
        ) from None
    return folder


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; a name that the system takes for none does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def staging(folder: Path, who: str) -> Iterator[Path]:
    """A folder to work in: its content moves into ``folder`` on success, else it vanishes."""
    folder = prepare(folder, who)
    work = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    try:
        yield work
        for item in sorted(work.iterdir()):
            target = folder / item.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            item.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
