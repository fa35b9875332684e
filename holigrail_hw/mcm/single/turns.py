"""Searches that take turns by the work they have done, so that no clock decides which is first.

A search is a generator that now and then yields the work it has done so far. The one with less work
goes on; if equal, the first one. Two searches together need at most about twice the work of
the one that finds the answer, and the answer is the same on every machine, under any load.
"""

from collections.abc import Callable, Iterator

__all__ = ["PAUSE", "take_turns"]

PAUSE = 20_000
"""Work between two turns: a few hundredths of a second in the compiled searches."""


def take_turns(
    leader: Iterator[int],
    follower: Iterator[int],
    *,
    ahead: int,
    is_done: Callable[[], bool],
) -> None:
    """Run both until the leader ends, or ``is_done`` returns true after a turn.

    Parameters
    ----------
    leader, follower : iterators over int
        Each yields its own work so far. The leader goes on if the follower ends.
    ahead : int
        Work of the leader before the follower begins.
    """
    led, followed = 0, ahead
    while not is_done():
        if led <= followed:
            work = next(leader, None)
            if work is None:
                return
            led = work
        else:
            work = next(follower, None)
            if work is None:
                followed = 1 << 200
                continue
            followed = ahead + work
