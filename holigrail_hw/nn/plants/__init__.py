"""Plants that networks control, and networks in the loop.

>>> from holigrail_hw.nn.plants import PLANTS, simulate, starts
>>> plant = PLANTS["acc"]
>>> run = simulate(plant, graph, starts(plant, 200, seed=1))

``run.worst`` is the least margin of all trajectories; it was found by sampling.
"""

from .cart_pole import CART_POLE
from .closed_loop import Trajectories, controller, simulate
from .cruise_control import CRUISE_CONTROL
from .pendulum import PENDULUM
from .plant import Plant, starts
from .tora import TORA, TORA_SIGMOID

__all__ = ["PLANTS", "Plant", "Trajectories", "controller", "simulate", "starts"]

PLANTS = {plant.name: plant for plant in (CRUISE_CONTROL, PENDULUM, TORA, TORA_SIGMOID, CART_POLE)}
