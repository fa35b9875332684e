"""Other machines, or processes that may die, by Dask distributed.

A worker needs nothing but the installed package and Dask. It says by a fingerprint of its code that
it would answer as this process does. What a worker that dies was working on, or had not handed over
yet, is given to another one by the scheduler.
"""

import contextlib
import importlib
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

from holigrail_hw.core.errors import RequestError, ToolError

from ..sweep.kept import fingerprint
from ..sweep.point import How, Point, Question, answers
from .places import Place, in_flight

__all__ = ["LOCAL", "check_address", "cluster"]

LOCAL = "local"
_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://([^\s/:]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?")
_PORTS = range(1, 1 << 16)
_CHUNK = 32
_REACH_S = 5
# Chunks under way for each thread of a worker: one it works on, others on their way.
_AHEAD = 3

_one_at_a_time = threading.Lock()


def check_address(scheduler: str) -> None:
    """Raise RequestError for what is neither ``local`` nor the address of a scheduler."""
    found = _ADDRESS.fullmatch(scheduler)
    if scheduler != LOCAL and (found is None or int((found[3] or ":1")[1:]) not in _PORTS):
        raise RequestError(
            f"explore: --scheduler must be local or an address such as tcp://host:8786,"
            f" not {scheduler}"
        )


@contextlib.contextmanager
def cluster(how: How, scheduler: str, jobs: int) -> Iterator[Place]:
    """The workers of a scheduler, or ``jobs`` worker processes of a new one for ``local``.

    Raises
    ------
    RequestError
        If the address is none.
    ToolError
        If Dask is missing, the scheduler cannot be reached or goes away, a worker has other code,
        or a chunk has cost several workers their life.
    """
    check_address(scheduler)
    distributed = _distributed()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if scheduler == LOCAL:
            local = distributed.LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(distributed.Client(stack.enter_context(local)))
        else:
            client = stack.enter_context(_client(distributed, scheduler))
        own = fingerprint(how.cls)

        def submit(chunk: list[Question]) -> Any:
            return client.submit(_answers, how, chunk, own, pure=False)

        def most() -> int:
            return _AHEAD * max(1, sum(client.nthreads().values()))

        def run(chunks: Iterator[list[Question]]) -> Iterator[tuple[list[Question], list[Point]]]:
            return in_flight(submit, chunks, most, distributed.wait)

        try:
            yield Place(1 if how.device is not None else _CHUNK, run)
        except distributed.KilledWorker as error:
            raise ToolError(
                f"explore: a worker must live to its end, not die; several died one after the other"
                f" ({str(error).splitlines()[0]})",
                hint="what was finished is kept; workers need memory for the largest design",
            ) from None
        except (OSError, TimeoutError, distributed.client.FutureCancelledError) as error:
            raise ToolError(
                f"explore: the scheduler {scheduler} must answer to the end, not go away"
                f" ({type(error).__name__})",
                hint="what was finished is kept; run the same command again to go on",
            ) from None


def _answers(how: How, questions: list[Question], asker: str) -> list[Point]:
    """What a worker does with a chunk."""
    if fingerprint(how.cls) != asker:
        raise ToolError(
            "explore: every worker must have the same holigrail_hw, amaranth, numpy and Python as"
            " this machine, not others",
            hint="install the same versions there, and start the workers again",
        )
    if how.device is not None:
        return answers(how, questions)
    # A worker with several threads gains nothing: one of them runs at a time in any case.
    with _one_at_a_time:
        return answers(how, questions)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        raise ToolError(
            f"explore: --scheduler needs the Python package {error.name}, which is missing",
            hint="pip install 'holigrail_hw[dask]'",
        ) from None


def _client(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout=_REACH_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise ToolError(
            f"explore: the scheduler must be reachable, not fail: {scheduler} ({_reason(error)})",
            hint="`dask scheduler` starts one, and `dask worker ADDRESS --nthreads 1` its workers",
        ) from None


def _reason(error: BaseException) -> str:
    """The innermost reason in a few words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).splitlines()[0] if str(error) else type(error).__name__
