"""A plant as data: its differential equation, what a controller sees of it, and what is safe.

x' = f(x, u) with states x; every period a controller sees y = g(x), and its output z becomes the
control u = h(z), which is held until the next one (zero-order hold). The margin says by how much a
state is inside what is safe; below 0 it is outside.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Plant", "starts"]

Box = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Plant:
    """Arrays of states are (trajectories, states); SI units unless a name says otherwise.

    Parameters
    ----------
    name, summary : str
        The word for it, and one line.
    states, observations : tuple of str
        Names of what makes up a state, and of what a controller sees.
    initial : pairs of float
        The box of states to begin in.
    region : pairs of float
        A box of observations that those of the safe trajectories lie in: what a controller is
        trained on.
    period_s, step_s, horizon_s : float
        Time between two controls, that of one integration step, and that of a trajectory. Both
        others are multiples of a step.
    derivative : callable
        x' for states (trajectories, states) and controls (trajectories,).
    observe : callable
        Observations (trajectories, observations) of states.
    command : callable
        Controls for outputs of the network.
    margin : callable
        For times (instants,) and states (instants, trajectories, states) the distance from what is
        unsafe, (instants, trajectories); infinite where nothing is demanded.
    demand, unit : str
        What must hold, in words, and the unit of the margin.
    """

    name: str
    summary: str
    states: tuple[str, ...]
    observations: tuple[str, ...]
    initial: Box
    region: Box
    period_s: float
    step_s: float
    horizon_s: float
    derivative: Callable[[np.ndarray, np.ndarray], np.ndarray]
    observe: Callable[[np.ndarray], np.ndarray]
    command: Callable[[np.ndarray], np.ndarray]
    margin: Callable[[np.ndarray, np.ndarray], np.ndarray]
    demand: str
    unit: str

    @property
    def controls(self) -> int:
        """How often a controller is asked on a trajectory."""
        return round(self.horizon_s / self.period_s)

    @property
    def steps(self) -> int:
        """Integration steps in a period."""
        return round(self.period_s / self.step_s)


def starts(plant: Plant, count: int, seed: int) -> np.ndarray:
    """All corners of the initial box, then ``count`` states drawn from it, (states, values)."""
    low, high = (np.array(ends, np.float64) for ends in zip(*plant.initial, strict=True))
    free = np.flatnonzero(high > low)
    corners = np.tile(low, (1 << len(free), 1))
    for place, state in enumerate(free):
        chosen = (np.arange(len(corners)) >> (len(free) - 1 - place)) & 1
        corners[:, state] = np.where(chosen, high[state], low[state])
    drawn = np.random.default_rng(seed).uniform(low, high, (count, len(low)))
    return np.concatenate([corners, drawn])
