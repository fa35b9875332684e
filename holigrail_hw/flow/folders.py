"""Output folders: checked before the work starts, filled only with finished files.

Work happens in a hidden sibling folder; finished files are renamed into place. Logs are the
exception: they are written in place, because they matter most when the work fails.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from holigrail_hw.core.disk import CLOSED, FULL, unwritable
from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.work_folder import unfinished

__all__ = ["is_there", "output_folder", "staging"]


@contextmanager
def output_folder(folder: Path, who: str) -> Iterator[Path]:
    """``folder``, made where it does not exist, a file can be written to it; as absolute path.

    If the work within ends with an exception, of whatever kind, folders that were made for it and
    are empty vanish again.

    Raises
    ------
    RequestError
        If it cannot be made or written.
    ToolError
        If the disk is full.
    """
    folder = Path(folder).absolute()
    new = [one for one in (folder, *folder.parents) if not is_there(one)]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise unwritable(
                f"{who}: the output folder must be writable, not {folder}",
                error,
                "choose another one with -o",
            ) from None
        yield folder
    except BaseException:
        for one in new:
            with suppress(OSError):
                one.rmdir()
        raise


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; a name that the system takes for none does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def _explained(folder: Path, who: str) -> Iterator[None]:
    """Writing says no path when a disk is full: the folder is named, and what becomes of it.

    Nor does it where a file is written by its name alone, in the current folder.
    """
    try:
        yield
    except OSError as error:
        place = folder / error.filename if isinstance(error.filename, str) else folder
        ours = error.errno in CLOSED and place.is_relative_to(folder)
        if error.errno not in FULL and not ours:
            raise
        raise ToolError(
            f"{who}: the output folder must take the files, not fail: {place} ({error.strerror});"
            " they are lost",
            hint="make room there, or choose another folder with -o",
        ) from None


@contextmanager
def staging(folder: Path, who: str, last: str | None = None) -> Iterator[Path]:
    """A folder to work in: its content moves into ``folder`` on success, else it vanishes.

    The file ``last`` says what the others are: an old one goes before anything moves, and the new
    one comes when all is there. So it never stands beside files of another run.
    """
    with (
        output_folder(folder, who) as place,
        _explained(place, who),
        unfinished(place) as work,
    ):
        yield work
        if last is not None and (work / last).exists():
            (place / last).unlink(missing_ok=True)
        for item in sorted(work.iterdir(), key=lambda item: (item.name == last, item.name)):
            target = place / item.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            item.replace(target)
