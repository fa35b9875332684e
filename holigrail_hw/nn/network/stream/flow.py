"""When the beats of a unit come and go, as data: what schedules and depths of queues follow from.

Output n of a unit starts at S(n) = max(S(n - 1) + gap, A_i(need_i[n] - 1) for every input i), and
is emitted ``latency`` cycles later. Beat m of an input is accepted at A_i(m) = max(A_i(m - 1) +
pace_i, the cycle from which it is offered, S(q) + 1), where q is the first output with free_i[q]
>= m + 1 - capacity_i: when there is room. With a capacity of 0 no beat waits inside: the one that
completes an output is accepted in the cycle in which that output starts. Those before it go along
with the outputs, as if they were some, and vanish before the last of the ``latency`` stages.

An output that cannot leave waits, and those behind it move up; with ``latency`` outputs waiting,
none can start. Beats are accepted while there is room. All counts go on from frame to frame.

The model is a Kahn process network (1974) whose firing times are max-plus expressions.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Flow", "Side"]


@dataclass(frozen=True, eq=False)
class Side:
    """One input of a unit.

    Parameters
    ----------
    tokens : int
        Beats per frame.
    need : array of int
        For every output beat of a frame: input beats of the frame accepted before it can start.
    free : array of int
        For every output beat: input beats of the frame released when it has started.
    capacity : int
        Beats that the unit stores.
    pace : int
        Cycles between acceptances.
    """

    tokens: int
    need: np.ndarray
    free: np.ndarray
    capacity: int
    pace: int = 1


@dataclass(frozen=True, eq=False)
class Flow:
    """A unit.

    Parameters
    ----------
    inputs : tuple of Side
    outputs : int
        Beats per frame.
    gap : int
        Cycles between starts of outputs.
    latency : int
        Cycles from the start of an output to its emission.
    """

    inputs: tuple[Side, ...]
    outputs: int
    gap: int = 1
    latency: int = 1

    @property
    def cycles(self) -> int:
        """Cycles per frame that the unit takes at least."""
        return max(self.outputs * self.gap, *(side.tokens * side.pace for side in self.inputs))
