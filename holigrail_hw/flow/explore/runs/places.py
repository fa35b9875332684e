"""Places on this machine.

Estimates are Python code, of which one thread runs at a time: several at once need processes.
Measurements wait for tools, which are processes already: threads are enough.
"""

import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.process import Progress

from ..sweep.point import How, Point, Question, answers

__all__ = ["Place", "here", "in_flight", "processes", "threads"]

Chunk = list[Question]
# Enough that a process does not wait for its next chunk, few enough that all end together.
_CHUNK = 16


@dataclass(frozen=True)
class Place:
    """Where questions are answered.

    Attributes
    ----------
    chunk : int
        How many questions go there at once.
    run : callable
        Takes chunks, one when there is room for it, and gives each back with its points, as soon
        as they are known and in any order.
    """

    chunk: int
    run: Callable[[Iterator[Chunk]], Iterator[tuple[Chunk, list[Point]]]]


@contextlib.contextmanager
def here(how: How, progress: Progress | None = None) -> Iterator[Place]:
    """In this thread, one after the other, each given back at once."""

    def run(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, list[Point]]]:
        for chunk in chunks:
            for question in chunk:
                yield [question], answers(how, [question], progress)

    yield Place(_CHUNK, run)


@contextlib.contextmanager
def threads(how: How, jobs: int, progress: Progress | None = None) -> Iterator[Place]:
    """In threads of this process, for work that waits for tools."""
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        yield Place(
            1,
            lambda chunks: in_flight(
                lambda chunk: pool.submit(answers, how, chunk, progress), chunks, lambda: jobs
            ),
        )
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def processes(how: How, jobs: int) -> Iterator[Place]:
    """In processes of their own, which end with the block, whatever they are doing then.

    Raises
    ------
    ToolError
        If one of them dies.
    """
    others = {*multiprocessing.active_children()}
    pool = concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        yield Place(
            _CHUNK,
            lambda chunks: in_flight(
                lambda chunk: pool.submit(answers, how, chunk), chunks, lambda: 2 * jobs + 1
            ),
        )
    except BrokenProcessPool:
        raise ToolError(
            f"explore: every one of the {jobs} processes must live to its end, not die",
            hint="what they had finished is kept; with fewer --jobs they need less memory",
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in {*multiprocessing.active_children()} - others:
            child.terminate()
            child.join()


def in_flight(
    submit: Callable[[Chunk], Any],
    chunks: Iterator[Chunk],
    most: Callable[[], int],
    wait: Callable[..., Any] = concurrent.futures.wait,
) -> Iterator[tuple[Chunk, list[Point]]]:
    """Chunks with their points, at most ``most()`` of them under way at once.

    ``submit`` returns futures, and ``wait`` waits for one of several.
    """
    waiting: dict[Any, Chunk] = {}

    def finished() -> Iterator[tuple[Chunk, list[Point]]]:
        done, _ = wait([*waiting], return_when="FIRST_COMPLETED")
        for future in done:
            yield waiting.pop(future), future.result()

    for chunk in chunks:
        waiting[submit(chunk)] = chunk
        while len(waiting) >= most():
            yield from finished()
    while waiting:
        yield from finished()


def _begin() -> None:
    # Ctrl-C reaches every process of a terminal; this one ends when its parent says so, or dies.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
