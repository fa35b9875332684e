"""Translational oscillations by a rotational actuator: a cart on a spring, damped by an arm.

x1' = x2, x2' = -x1 + 0.1 sin x3, x3' = x4, x4' = u. Two controllers are known: one of ReLUs with
u = z - 10 every second, where all states must stay within 2 for 20 s; and one of sigmoids with
u = 11 z every half second, that must reach a box within 5 s. ARCH-COMP AINNCS, benchmark 9 TORA
(Johnson et al., 2021; after Dutta et al., Sherlock, 2019).
"""

import numpy as np

from .plant import Plant

__all__ = ["TORA", "TORA_SIGMOID"]

_NAMES = ("x1", "x2", "x3", "x4")
_GOAL_X1, _GOAL_X2 = (-0.1, 0.2), (-0.9, -0.6)


def _derivative(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.stack([x[:, 1], 0.1 * np.sin(x[:, 2]) - x[:, 0], x[:, 3], u], axis=1)


def _reached(times: np.ndarray, x: np.ndarray) -> np.ndarray:
    """At the end alone: how far the state is inside the box that must be reached."""
    ends = [x[..., 0] - _GOAL_X1[0], _GOAL_X1[1] - x[..., 0]]
    ends += [x[..., 1] - _GOAL_X2[0], _GOAL_X2[1] - x[..., 1]]
    demanded = times > TORA_SIGMOID.horizon_s - TORA_SIGMOID.step_s / 2
    return np.where(demanded[:, None], np.min(ends, axis=0), np.inf)


TORA = Plant(
    name="tora",
    summary="cart on a spring damped by an arm; controller of ReLUs, u = z - 10",
    states=_NAMES,
    observations=_NAMES,
    initial=((0.6, 0.7), (-0.7, -0.6), (-0.4, -0.3), (0.5, 0.6)),
    region=((-2, 2), (-2, 2), (-2, 2), (-2, 2)),
    period_s=1,
    step_s=0.01,
    horizon_s=20,
    derivative=_derivative,
    observe=lambda x: x,
    command=lambda z: z - 10,
    margin=lambda times, x: 2 - np.abs(x).max(axis=-1),
    demand="all states within 2, always",
    unit="",
)

TORA_SIGMOID = Plant(
    name="tora-sigmoid",
    summary="cart on a spring damped by an arm; controller of sigmoids, u = 11 z",
    states=_NAMES,
    observations=_NAMES,
    initial=((-0.77, -0.75), (-0.45, -0.43), (0.51, 0.54), (-0.3, -0.28)),
    region=((-1, 1), (-1, 1), (-1, 40), (-1, 17)),
    period_s=0.5,
    step_s=0.005,
    horizon_s=5,
    derivative=_derivative,
    observe=lambda x: x,
    command=lambda z: 11 * z,
    margin=_reached,
    demand="-0.1 <= x1 <= 0.2 and -0.9 <= x2 <= -0.6 at 5 s",
    unit="",
)
