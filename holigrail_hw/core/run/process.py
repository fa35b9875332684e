"""Start one tool, keep its log, and turn its death into one clear message.

A tool that fails is reported with its command, its exit status or signal, the last lines of its log
and the path of the log, so that a missing output file is never the message.

No tool outlives this process, however that ends: a guard, a shell that waits for the end of a pipe
from this process, then kills the tool and its children.
"""

import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..disk import unwritable
from ..errors import HoligrailError, ToolError
from ..store.folder import cache_folder
from .child_process import dismiss, guard
from .limits import Limits

__all__ = ["Exhausted", "Finished", "Progress", "kill_all", "run", "tail"]

Progress = Callable[[str], None]
"""Called with one line of text about what is happening; the caller decides how to draw it."""

_TAIL_LINES = 20

# What a program says that did not come to its work: it is no judgement on a design.
_CANNOT_RUN = re.compile(
    r"^(?:ModuleNotFoundError|ImportError|PermissionError): "
    r"|error while loading shared libraries|No space left on device|Read-only file system",
    re.M,
)
_NOT_STARTED = (126, 127)

_running: set[subprocess.Popen] = set()


@dataclass(frozen=True)
class Finished:
    """A tool that ended with status 0: what was started, its output, seconds and log path."""

    command: tuple[str, ...]
    output: str
    seconds: float
    log: Path


class Exhausted(ToolError):
    """A tool that asked for more time or memory than it was given."""


def run(
    command: Sequence[str | Path],
    *,
    who: str,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    time_limit: float | None = None,
    processor_limit: float | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    failure: type[HoligrailError] = ToolError,
    hint: str | None = None,
    explain: Callable[[str], HoligrailError | None] | None = None,
    makes: Sequence[Path] = (),
) -> Finished:
    """Run ``command`` to its end and return what it printed.

    Parameters
    ----------
    command
        Program and arguments, no shell.
    who : str
        The name the message starts with.
    log : Path
        Receives standard output and standard error together, while the tool runs.
    time_limit : float or None
        Seconds after which the tool and its children are killed.
    processor_limit : float or None
        Seconds of processor time for the tool and each of its children, where the system can do
        that (Linux): unlike a time limit it does not ask what else the machine does.
    memory_limit : int or None
        Bytes of address space for the tool and each of its children, where the system can do that
        (Linux).
    progress
        Called with every line the tool prints.
    failure
        Error class for an exit status other than 0; a signal, the time limit or a program that
        cannot run is always a :class:`ToolError`.
    explain
        Looks at the whole output of a failed run and may return a better error.
    makes
        Files the tool must have written when it ends; older ones are removed before.

    Raises
    ------
    Exhausted
        A :class:`ToolError`: the program ran past a limit.
    ToolError
        The program cannot be started, died of a signal, or left out a file that it
        ``makes``.
    RequestError
        The log cannot be written where the caller chose its folder; a :class:`ToolError` if that
        is the cache, or the disk is full.
    """
    words = [str(word) for word in command]
    limits = Limits(time_limit, processor_limit, memory_limit)
    sink = _opened(log, who)
    for file in makes:
        file.unlink(missing_ok=True)
    start = time.monotonic()
    with sink:
        child = _started(words, cwd, environment, who, hint)

        def said(line: str) -> None:
            sink.write(line)
            if progress is not None and line.strip():
                progress(f"{who}: {line.strip()}")

        status, output, expired = _waited_for(child, limits, said)
    seconds = time.monotonic() - start
    left_out = [str(file) for file in makes if not file.is_file()]
    if status == 0 and not left_out:
        return Finished(tuple(words), output, seconds, log)
    if status == 0:
        reason, failure = f"must write {', '.join(left_out)}, not end without it", ToolError
    elif passed := limits.passed(status, output, expired):
        reason, failure = passed, Exhausted
    elif status < 0:
        reason = f"must finish with status 0, not be killed by signal {_signal_text(-status)}"
        failure = ToolError
    else:
        reason = f"must finish with status 0, not {status}"
        better = explain(output) if explain else None
        if better is not None:
            raise better
        if status in _NOT_STARTED or _CANNOT_RUN.search(output):
            failure = ToolError
    raise failure(_report(who, reason, words, output, log), hint=hint)


def kill_all() -> None:
    """Kill every tool that runs, in whatever thread: nothing is wanted any more."""
    for child in [*_running]:
        _kill(child)


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """The last non-empty lines of a log."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def _opened(log: Path, who: str) -> TextIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("w", encoding="utf-8", errors="replace")
    except OSError as error:
        message = f"{who}: the folder of its log must be writable, not {log.parent}"
        if not log.is_relative_to(cache_folder()):
            raise unwritable(message, error, "choose another output folder") from None
        raise ToolError(
            f"{message} ({error.strerror})", hint="set HOLIGRAIL_CACHE to another folder"
        ) from None


def _started(
    words: Sequence[str],
    cwd: Path | None,
    environment: Mapping[str, str] | None,
    who: str,
    hint: str | None,
) -> subprocess.Popen:
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(
            f"{who}: the tool must start, not fail with '{error.strerror}'\n"
            f"command: {shlex.join(words)}",
            hint=hint or "`holigrail doctor` lists what is installed",
        ) from None


def _waited_for(
    child: subprocess.Popen, limits: Limits, said: Callable[[str], None]
) -> tuple[int, str, bool]:
    """Status, output, and whether its time ran out; ``said`` is called with every line.

    However this ends, the child and its guard have ended too.
    """
    expired = threading.Event()
    timer = threading.Timer(limits.time or 0, _expire, (child, expired))
    if limits.time is not None:
        timer.start()
    lines = []
    assert child.stdout is not None
    watcher = guard(child)
    limits.impose(child)
    _running.add(child)
    try:
        for line in child.stdout:
            lines.append(line)
            said(line)
        status = child.wait()
    except BaseException:
        _kill(child)
        child.wait()
        raise
    finally:
        _running.discard(child)
        timer.cancel()
        dismiss(watcher)
        child.stdout.close()
    return status, "".join(lines), expired.is_set()


def _report(who: str, reason: str, words: Sequence[str], output: str, log: Path) -> str:
    last = tail(output)
    body = "\n".join(f"  {line}" for line in last.splitlines()) or "  (it printed nothing)"
    return f"{who}: {reason}\ncommand: {shlex.join(words)}\nend of the log {log}:\n{body}"


def _signal_text(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return str(number)
    cause = ", probably out of memory" if name == "SIGKILL" else ""
    return f"{number} ({name}{cause})"


def _expire(child: subprocess.Popen, expired: threading.Event) -> None:
    expired.set()
    _kill(child)


def _kill(child: subprocess.Popen) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
