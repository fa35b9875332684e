"""A cart with a pole: x'' = 2 u, J theta'' = 0.08 0.41 (9.8 sin theta - 2 u cos theta) - 0.0021 w.

J = 0.0105. From a box around the upright rest, position, angle and angular velocity must lie within
0.001 from 8 s to 10 s. ARCH-COMP AINNCS, benchmark CartPole (Lopez et al., ARCH-COMP23 category
report, 2023).
"""

import numpy as np

from .plant import Plant

__all__ = ["CART_POLE"]

_WITHIN = 0.001


def _derivative(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    force = 9.8 * np.sin(x[:, 2]) - 2 * u * np.cos(x[:, 2])
    turning = (0.08 * 0.41 * force - 0.0021 * x[:, 3]) / 0.0105
    return np.stack([x[:, 1], 2 * u, x[:, 3], turning], axis=1)


def _margin(times: np.ndarray, x: np.ndarray) -> np.ndarray:
    largest = np.abs(x[..., (0, 2, 3)]).max(axis=-1)
    demanded = times > 8 - CART_POLE.step_s / 2
    return np.where(demanded[:, None], _WITHIN - largest, np.inf)


CART_POLE = Plant(
    name="cart-pole",
    summary="cart with a pole that is kept upright",
    states=("x", "v", "theta", "omega"),
    observations=("x", "v", "theta", "omega"),
    initial=((-0.1, 0.1), (-0.05, 0.05), (-0.1, 0.1), (-0.05, 0.05)),
    region=((-0.5, 0.5), (-1, 1), (-0.3, 0.3), (-1, 1)),
    period_s=0.02,
    step_s=0.005,
    horizon_s=10,
    derivative=_derivative,
    observe=lambda x: x,
    command=lambda z: z,
    margin=_margin,
    demand="x, theta and omega within 0.001 from 8 s to 10 s",
    unit="",
)
