"""How this package starts other programs: none outlives it, none runs what lies in a folder.

A child interpreter never looks for modules in the folder where it is started: a file ``struct.py``
there is the user's and nobody's module. And it gets no folder of our own standard library, which
another Python of another version may read.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..work_folder import plain, process_folder

__all__ = ["PYTHON", "dismiss", "finished", "guard", "python_path"]

PYTHON = (sys.executable, "-P")
"""The words that start this Python."""

_GUARD = 'read -r line; kill -s KILL -- "-$1"'


def python_path() -> list[str]:
    """What a child needs in PYTHONPATH to find the modules that this process finds.

    This package's parent comes first; links stand for paths that tools cannot take.
    """
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    library |= {str(Path(path) / "lib-dynload") for path in library}
    library.add(sys.base_prefix)
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    root = str(Path(__file__).resolve().parents[3])
    found = [root, *(str(Path(path).absolute()) for path in sys.path if path)]
    paths = [path for path in found if path not in library and Path(path).name != archive]
    return [str(plain(path)) for path in dict.fromkeys(paths) if Path(path).exists()]


def guard(child: subprocess.Popen) -> subprocess.Popen | None:
    """What kills the process group that a child leads when this process is gone.

    None without a shell; give it to :func:`dismiss` when the child has ended.
    """
    shell = shutil.which("sh")
    if shell is None:
        return None
    return subprocess.Popen(
        [shell, "-c", _GUARD, "guard", str(child.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(found: subprocess.Popen | None) -> None:
    """End a guard; it must be gone before its pipe is closed: that would be its sign."""
    if found is not None:
        found.kill()
        found.wait()
        assert found.stdin is not None
        found.stdin.close()


def finished(
    words: Sequence[str],
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end, and kill it and its children when this process ends.

    ``text`` is its standard input. Raises OSError if it cannot be started.
    """
    child = subprocess.Popen(
        [*words],
        stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**(environment or os.environ), "TMPDIR": str(process_folder())},
    )
    watcher = guard(child)
    try:
        out, err = child.communicate(text)
    finally:
        if child.poll() is None:
            _kill_group(child)
        dismiss(watcher)
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def _kill_group(child: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
