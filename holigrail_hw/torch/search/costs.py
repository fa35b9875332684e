"""What a layer costs in a format: functions of a layer and a choice, from the project's estimates.

They add up over layers. Energies and look-up tables are those of one multiply-accumulate unit of
the formats, as ``info mac`` shows them before any tool runs.
"""

import functools
from collections.abc import Callable
from typing import Any

from holigrail_hw.core import find
from holigrail_hw.flow.energy.estimate import estimate

from ..exporting.export import exported
from .layers import Choice, Layer

__all__ = ["Cost", "adders", "energy", "luts", "network_luts", "weight_bits"]

Cost = Callable[[Layer, Choice], float]


@functools.cache
def _unit(choice: Choice) -> Any:
    formats = {"a": choice.weight, "b": choice.input, "accumulator": choice.sums()}
    return find("mac")(**formats)


@functools.cache
def _pj(choice: Choice) -> float:
    return estimate(_unit(choice)).logic


def energy() -> Cost:
    """pJ at 45 nm of all products with their additions, for one sample, without registers."""
    return lambda layer, choice: layer.products * _pj(choice)


def luts() -> Cost:
    """Look-up tables of one unit a layer."""
    return lambda layer, choice: float(_unit(choice).cost()["luts"])


def network_luts(style: str = "parallel", **options: Any) -> Cost:
    """Look-up tables of each layer as a network of its own in hardware, with the weights it has.

    Parameters
    ----------
    style, **options
        Of the operator ``network``, as :meth:`.IntegerNetwork.design` takes them.

    Raises
    ------
    ValueError
        For formats of floats, when costs are counted.
    """

    def cost(layer: Layer, choice: Choice) -> float:
        if not (choice.weight.codes_are_integers and choice.input.codes_are_integers):
            raise ValueError(
                f"network_luts: formats must be integers or fixed point, not {choice.name}"
            )
        assert layer.alone is not None
        network = exported(*layer.alone(choice), "layer")
        return float(network.design(style, **options).cost()["luts"])

    return cost


def adders() -> Cost:
    """One-bit adders of one unit a layer."""
    return lambda layer, choice: float(_unit(choice).cost()["one_bit_adders"])


def weight_bits() -> Cost:
    """Bits of all weights."""
    return lambda layer, choice: float(layer.weights * choice.weight.width)
