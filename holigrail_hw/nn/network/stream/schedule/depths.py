"""Depths of queues that neither deadlock nor slow a network down, without simulating hardware.

Frames enter evenly, one per interval, and every queue is as long as it gets. The most that a queue
ever holds is its depth. A bounded queue is an unbounded one with a stream of free places back;
the schedule just computed obeys these, too, so it exists in the bounded network; and as firing
times are max-plus expressions, which only grow with what they depend on, no other environment
brings the network to a standstill or below this rate (Kahn, 1974; Baccelli et al., 1992).

An edge with a single reader whose queue never holds more than two beats becomes a wire, if the
network stays as fast: what its producer waits for is then part of the schedule.
"""

from collections.abc import Collection
from dataclasses import dataclass

from holigrail_hw.models.errors import ModelError

from .dataflow import UNBOUNDED, WIRE, Dataflow, Run
from .running import run

__all__ = ["Sizes", "sized"]

_ROUNDS = 6
_LEAST = 2


@dataclass(frozen=True, eq=False)
class Sizes:
    """Depths of all queues, with the schedule that they follow from.

    Parameters
    ----------
    depths : tuple of int
        For every edge; 0 for a wire.
    interval : int
        Cycles from frame to frame that are kept up.
    schedule : Run
        Of frames that enter evenly.
    """

    depths: tuple[int, ...]
    interval: int
    schedule: Run


def sized(
    dataflow: Dataflow, *, wires: Collection[int] = (), frames: int = 4, name: str = "network"
) -> Sizes:
    """Depths of the queues of a network.

    Parameters
    ----------
    wires : collection of int
        Edges that may become wires; each the only one that its producer writes to.
    frames : int
        The least number of frames to look at.

    Raises
    ------
    ModelError
        If the network stops even with queues without limit, or does not settle.
    """
    many = len(dataflow.edges)
    unbounded = [UNBOUNDED] * many
    interval, schedule = _steady(dataflow, unbounded, dataflow.cycles, frames, name)
    short = [at for at in wires if schedule.levels[at] <= _LEAST]
    if short:
        trial = [WIRE if at in short else unbounded[at] for at in range(many)]
        found = _attempt(dataflow, trial, interval, frames)
        if found is not None:
            unbounded, schedule = trial, found
    depths = tuple(
        WIRE if kind == WIRE else max(most, _LEAST)
        for kind, most in zip(unbounded, schedule.levels, strict=True)
    )
    return Sizes(depths, interval, schedule)


def _attempt(dataflow: Dataflow, depths: list[int], interval: int, frames: int) -> Run | None:
    """The schedule of frames that come every so many cycles, if they leave as fast in the end."""
    count = frames
    for _ in range(_ROUNDS):
        found = run(dataflow, count, depths, interval=interval)
        if not found.complete:
            return None
        if len(set(found.intervals[-2:])) == 1 and found.intervals[-1] == interval:
            return found
        count *= 2
    return None


def _steady(
    dataflow: Dataflow, depths: list[int], interval: int, frames: int, name: str
) -> tuple[int, Run]:
    """The least interval that the network settles at, and its schedule."""
    for _ in range(_ROUNDS):
        found = run(dataflow, frames, depths, interval=interval)
        if not found.complete:
            raise ModelError(f"{name}: the units must keep each other going, not come to a stop")
        last = max(found.intervals[-2:])
        if last <= interval and (settled := _attempt(dataflow, depths, interval, frames)):
            return interval, settled
        # A unit with too little room is slower than its work: frames enter at its own pace.
        interval = max(last, interval)
        frames += 2
    raise ModelError(f"{name}: the interval between frames must settle, not stay at {interval}")
