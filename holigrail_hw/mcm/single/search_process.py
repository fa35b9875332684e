"""Searches in child processes that can be killed, several at once, with the best answer so far.

A call names a function as ``module:function`` and its arguments, which must be picklable. In the
child the function gets one more argument, ``report``, to call with every answer worth keeping.
Answers and the result come back through a pipe. Each child leads its own session, so that Ctrl-C
reaches only the parent, which then asks the children to stop (SIGINT) and kills those that do not.
A child whose parent dies ends at once.
"""

import contextlib
import importlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holigrail_hw.core.run.child_process import PYTHON, python_path

__all__ = ["Call", "Outcome", "SearchDied", "run_searches"]

GRACE_S = 0.7
"""Seconds after which a child that was asked to stop is killed."""

_HEAD = struct.Struct("<Q")
_CHILD = "from holigrail_hw.mcm.single.search_process import serve; serve()"


@dataclass(frozen=True)
class Call:
    """What one child does: ``function(*arguments, report=..., **options)``."""

    function: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """``results``: what each call returned, None if it was stopped first. ``interrupted``: Ctrl-C
    ended the searches. ``late``: the time limit was reached, and children were killed.
    """

    results: list[Any]
    interrupted: bool = False
    late: bool = False


class SearchDied(RuntimeError):
    """A child ended without a result and without being asked to."""


def run_searches(
    calls: Sequence[Call],
    *,
    time_limit: float | None,
    report: Callable[[int, Any], bool],
) -> Outcome:
    """Run every call at once until all have returned, or enough is known.

    Parameters
    ----------
    calls : sequence of Call
    time_limit : float or None
        Seconds after which children are asked to stop, and killed if they go on; functions should
        stop by themselves earlier.
    report : callable
        Called with the index of a call and an answer, or its result; True ends all calls.

    Raises
    ------
    Exception
        Whatever a function raised; other calls are then stopped.
    SearchDied
        If a child died.
    KeyboardInterrupt
        At a second Ctrl-C, while children are asked to stop after the first one. SIGTERM and
        SIGHUP are the same where they raise it.
    """
    messages: queue.SimpleQueue[tuple[int, str, Any]] = queue.SimpleQueue()
    outcome = Outcome([None] * len(calls))
    children: list[subprocess.Popen] = []
    logs: list[Any] = []
    running = set(range(len(calls)))
    end = None if time_limit is None else time.monotonic() + time_limit

    def handle(wait: float | None) -> bool:
        """Take one message; whether enough is known. Raises queue.Empty after ``wait`` seconds."""
        index, kind, content = messages.get(timeout=wait)
        if kind == "answer":
            return report(index, content)
        died = kind == "end" and index in running and not stopping
        running.discard(index)
        if kind == "result":
            outcome.results[index] = content
            return report(index, content)
        if kind == "error":
            raise content
        if died:
            raise SearchDied(_obituary(calls[index], content, logs[index]))
        return False

    stopping = False
    try:
        for index, call in enumerate(calls):
            logs.append(tempfile.TemporaryFile())
            child = _start(call, logs[index])
            children.append(child)
            reader = threading.Thread(target=_receive, args=(index, child, messages), daemon=True)
            reader.start()
        try:
            while running:
                left = None if end is None else max(0.0, end - time.monotonic())
                try:
                    if handle(left):
                        return outcome
                except queue.Empty:
                    outcome.late = True
                    break
            else:
                return outcome
        except KeyboardInterrupt:
            outcome.interrupted = True
        stopping = True
        for index in running:
            with contextlib.suppress(ProcessLookupError):
                children[index].send_signal(signal.SIGINT)
        end = time.monotonic() + GRACE_S
        with contextlib.suppress(queue.Empty):
            while running and (left := end - time.monotonic()) > 0:
                if handle(left):
                    break
        return outcome
    finally:
        for child in children:
            _end(child)
        for log in logs:
            log.close()


def _end(child: subprocess.Popen) -> None:
    # The child leads a process group: whatever it started is killed with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert child.stdin is not None
    with contextlib.suppress(OSError):
        child.stdin.close()


def serve() -> None:
    """The child's side: read a call from standard input, send answers to standard output."""
    # A process in the background of a script ignores SIGINT, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    source = sys.stdin.buffer
    # Solvers may print; their output must not be mixed into the messages.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lock = threading.Lock()

    def send(kind: str, content: Any) -> None:
        body = pickle.dumps((kind, content))
        with lock:
            sink.write(_HEAD.pack(len(body)) + body)
            sink.flush()

    function, arguments, options = pickle.loads(_read(source))
    threading.Thread(target=_leave_with_parent, args=(source,), daemon=True).start()
    try:
        module, name = function.split(":")
        found = getattr(importlib.import_module(module), name)
        result = found(*arguments, report=lambda answer: send("answer", answer), **options)
    except KeyboardInterrupt:
        os._exit(1)
    except BrokenPipeError:
        os._exit(1)
    except Exception as error:
        send("error", error)
    else:
        send("result", result)
    # Solver threads that ignore their time limit must not keep the process alive.
    sys.stderr.flush()
    os._exit(0)


def _leave_with_parent(source: Any) -> None:
    """End when the other side of standard input is closed, by the parent or by its death."""
    source.read(1)
    os._exit(1)


def _start(call: Call, log: Any) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(python_path())}
    child = subprocess.Popen(
        [*PYTHON, "-c", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )
    body = pickle.dumps((call.function, call.arguments, dict(call.options)))
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(_HEAD.pack(len(body)) + body)
        child.stdin.flush()
    return child


def _obituary(call: Call, status: int, log: Any) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()[-20:]
    how = f"be killed by signal {-status}" if status < 0 else f"end with status {status}"
    said = "".join(f"\n  {line}" for line in lines) or "\n  (it printed nothing)"
    return f"search {call.function}: must return an answer, not {how}; the end of its log:{said}"


def _receive(index: int, child: subprocess.Popen, messages: queue.SimpleQueue) -> None:
    """Pass on what a child sends until it ends."""
    assert child.stdout is not None
    with child.stdout as source:
        try:
            while True:
                messages.put((index, *pickle.loads(_read(source))))
        except (EOFError, OSError, pickle.UnpicklingError):
            pass
    messages.put((index, "end", child.wait()))


def _read(source: Any) -> bytes:
    """One message; raises EOFError."""
    head = source.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    body = source.read(_HEAD.unpack(head)[0])
    if not body:
        raise EOFError
    return body
