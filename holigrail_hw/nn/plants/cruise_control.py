"""Adaptive cruise control: a car keeps its distance from a lead car that brakes.

Both have x' = v, v' = g, g' = -2 g + 2 a - mu v^2, the lead car with a = -2. Safe is a distance of
at least 10 m + 1.4 s times the own velocity. ARCH-COMP AINNCS, benchmark ACC (Johnson et al.,
ARCH-COMP21 category report: Artificial intelligence and neural network control systems, 2021).
"""

import numpy as np

from .plant import Plant

__all__ = ["CRUISE_CONTROL"]

_FRICTION, _LEAD = 1e-4, -2.0
_SET_VELOCITY, _TIME_GAP, _STANDSTILL = 30.0, 1.4, 10.0


def _derivative(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    found = np.empty_like(x)
    for first, wanted in ((0, _LEAD), (3, u)):
        velocity, acceleration = x[:, first + 1], x[:, first + 2]
        found[:, first], found[:, first + 1] = velocity, acceleration
        found[:, first + 2] = -2 * acceleration + 2 * wanted - _FRICTION * velocity**2
    return found


def _observe(x: np.ndarray) -> np.ndarray:
    found = np.empty((len(x), 5))
    found[:, 0], found[:, 1], found[:, 2] = _SET_VELOCITY, _TIME_GAP, x[:, 4]
    found[:, 3], found[:, 4] = x[:, 0] - x[:, 3], x[:, 1] - x[:, 4]
    return found


def _margin(times: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (x[..., 0] - x[..., 3]) - (_STANDSTILL + _TIME_GAP * x[..., 4])


CRUISE_CONTROL = Plant(
    name="acc",
    summary="adaptive cruise control: a car behind one that brakes",
    states=("x_lead", "v_lead", "g_lead", "x_ego", "v_ego", "g_ego"),
    observations=("v_set", "t_gap", "v_ego", "d_rel", "v_rel"),
    initial=((90, 110), (32, 32.2), (0, 0), (10, 11), (30, 30.2), (0, 0)),
    region=((30, 30), (1.4, 1.4), (27, 31), (70, 105), (-6.5, 3)),
    period_s=0.1,
    step_s=0.005,
    horizon_s=5,
    derivative=_derivative,
    observe=_observe,
    command=lambda z: z,
    margin=_margin,
    demand="distance at least 10 m + 1.4 s v_ego, always",
    unit="m",
)
