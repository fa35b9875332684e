"""A network in the loop: trajectories of a plant from many states at once, and their margins.

Between two controls the plant is integrated by the classical method of Runge and Kutta of order 4
with fixed steps (Kutta, 1901). An integer graph is evaluated exactly, as its hardware does: codes
of the observations in, codes of the outputs out. Trajectories are samples: they prove nothing about
the states between them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError

from .plant import Plant

__all__ = ["Trajectories", "controller", "simulate"]

Controller = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """What happened.

    Parameters
    ----------
    plant : Plant
    times : array
        The instants in s, (instants,): every integration step.
    states : array
        (instants, trajectories, states).
    observations : array
        What the controller saw, (controls, trajectories, observations).
    controls : array
        What it did, after the plant's command, (controls, trajectories).
    """

    plant: Plant
    times: np.ndarray
    states: np.ndarray
    observations: np.ndarray
    controls: np.ndarray

    @property
    def margins(self) -> np.ndarray:
        """The least margin of every trajectory."""
        return self.plant.margin(self.times, self.states).min(axis=0)

    @property
    def worst(self) -> tuple[float, int, float]:
        """The least margin of all, its trajectory, and the time in s when it is reached."""
        margins = self.plant.margin(self.times, self.states)
        instant, trajectory = np.unravel_index(int(margins.argmin()), margins.shape)
        return float(margins.min()), int(trajectory), float(self.times[instant])


def controller(network: FloatGraph | IntegerGraph | Controller) -> Controller:
    """A network as a function from observations (samples, inputs) to outputs (samples,).

    Raises
    ------
    ModelError
        If it has another number of inputs or outputs than one.
    """
    if not isinstance(network, FloatGraph | IntegerGraph):
        return network
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ModelError(f"{network.name}: a controller must have one input and one output")
    shape = network.inputs[0].shape
    if isinstance(network, IntegerGraph):
        shape = network.inputs[0].file_shape
    size = int(np.prod(shape))

    def outputs(observations: np.ndarray) -> np.ndarray:
        if observations.shape[1] != size:
            raise ModelError(
                f"{network.name}: the plant must have {size} observations, not"
                f" {observations.shape[1]}"
            )
        samples = observations.reshape(-1, *shape)
        answer: Any
        if isinstance(network, IntegerGraph):
            answer = network.run(samples)
        else:
            answer = network.evaluate(samples)
        answer = np.asarray(answer).reshape(len(observations), -1)
        if answer.shape[1] != 1:
            raise ModelError(f"{network.name}: there must be one control, not {answer.shape[1]}")
        return answer[:, 0]

    return outputs


def _step(plant: Plant, x: np.ndarray, u: np.ndarray) -> np.ndarray:
    h, slope = plant.step_s, plant.derivative
    k1 = slope(x, u)
    k2 = slope(x + h / 2 * k1, u)
    k3 = slope(x + h / 2 * k2, u)
    k4 = slope(x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def simulate(
    plant: Plant, network: FloatGraph | IntegerGraph | Controller, states: np.ndarray
) -> Trajectories:
    """Trajectories from given states, (trajectories, states), over the horizon of the plant.

    Raises
    ------
    ModelError
        If the states or the network do not fit the plant.
    """
    x = np.array(states, np.float64)
    if x.ndim != 2 or x.shape[1] != len(plant.states) or not len(x):
        raise ModelError(
            f"{plant.name}: states must be rows of {', '.join(plant.states)}, not of shape"
            f" {x.shape}"
        )
    act = controller(network)
    found = np.empty((plant.controls * plant.steps + 1, *x.shape))
    seen = np.empty((plant.controls, len(x), len(plant.observations)))
    done = np.empty((plant.controls, len(x)))
    found[0] = x
    for turn in range(plant.controls):
        seen[turn] = plant.observe(x)
        done[turn] = plant.command(act(seen[turn]))
        for step in range(plant.steps):
            x = _step(plant, x, done[turn])
            found[turn * plant.steps + step + 1] = x
    times = np.arange(len(found)) * plant.step_s
    return Trajectories(plant, times, found, seen, done)
