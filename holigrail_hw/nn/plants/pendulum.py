"""A single pendulum that is driven upright: theta'' = g / l sin(theta) + u / (m l^2).

With l = m = 0.5 and g = 1: theta'' = 2 sin(theta) + 8 u. The angle must lie in [0, 1] from 0.5 s to
1 s. ARCH-COMP AINNCS, benchmark Single Pendulum (Johnson et al., 2021).
"""

import numpy as np

from .plant import Plant

__all__ = ["PENDULUM"]


def _derivative(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.stack([x[:, 1], 2 * np.sin(x[:, 0]) + 8 * u], axis=1)


def _margin(times: np.ndarray, x: np.ndarray) -> np.ndarray:
    angle = x[..., 0]
    # Instants are multiples of a step, so that half a step is far from any rounding.
    demanded = times > 0.5 - PENDULUM.step_s / 2
    return np.where(demanded[:, None], np.minimum(angle, 1 - angle), np.inf)


PENDULUM = Plant(
    name="pendulum",
    summary="single pendulum, driven towards the upright position",
    states=("theta", "omega"),
    observations=("theta", "omega"),
    initial=((1.0, 1.2), (0.0, 0.2)),
    region=((0.0, 1.3), (-2.5, 0.5)),
    period_s=0.05,
    step_s=0.005,
    horizon_s=1,
    derivative=_derivative,
    observe=lambda x: x,
    command=lambda z: z,
    margin=_margin,
    demand="0 <= theta <= 1 from 0.5 s to 1 s",
    unit="rad",
)
