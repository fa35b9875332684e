"""Boxes of inputs of controllers that are used as benchmarks, by the words for them.

====================  ==========================================================================
acc                   adaptive cruise control: speed, distance and relative speed on the way to a
                      stop behind a braking car (ARCH-COMP AINNCS, 2021)
acasxu                ACAS Xu, property 3 of Katz et al., Reluplex, 2017, normalised
acasxu-units          the same in feet, radians and feet per second
cartpole              around the initial set of ARCH-COMP's cart-pole
pendulum              angle and its rate on the way to the goal of ARCH-COMP's single pendulum
tora                  ARCH-COMP's translational oscillator, half of its safe set
vcas                  VerticalCAS, an intruder between 100 and 160 feet above, 15 to 25 s ahead
vcas-normalised       the same, in the numbers that the network takes
====================  ==========================================================================

The words that they have for inputs are this project's; files of networks name none.
"""

from pathlib import Path

__all__ = ["boxes"]


def boxes() -> dict[str, Path]:
    """Files of boxes by their words."""
    folder = Path(__file__).parent
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.json"))}
