"""How many cycles SCNN takes for a layer, for grids of any size: the published model, NumPy only.

Elements share a plane in equal tiles. For a group of output channels and an input channel an
element takes ceil(weights / F) * ceil(activations / I) cycles, counting only non-zero ones; at the
end of a group, elements wait for the slowest. The model has no bank conflicts, and halos and
results take no time. The dense engine has as many multipliers and the same tiles; an element adds
F * I products of neighbouring channels per cycle.

References: Parashar et al., "SCNN: An accelerator for compressed-sparse convolutional neural
networks", ISCA 2017; the layers are those of Szegedy et al., "Going deeper with convolutions",
CVPR 2015.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["GOOGLENET", "Convolution", "Grid", "Share", "crossover", "share_of"]


@dataclass(frozen=True)
class Convolution:
    """A layer: a plane of ``size`` x ``size``, filters of ``filter`` x ``filter``."""

    name: str
    size: int
    channels: int
    filters: int
    filter: int

    @property
    def products(self) -> int:
        """Multiplications of the dense layer, with an output at every place."""
        return self.size**2 * self.channels * self.filters * self.filter**2


@dataclass(frozen=True)
class Grid:
    """Elements and what each of them has; the defaults are those of the paper."""

    side: int = 8
    weight_lanes: int = 4
    activation_lanes: int = 4
    sums: int = 1024
    most_filters: int = 64

    @property
    def multipliers(self) -> int:
        """Multipliers of all elements."""
        return self.side**2 * self.weight_lanes * self.activation_lanes

    def tile(self, layer: Convolution) -> int:
        """Inputs of a tile along one axis."""
        return -(-layer.size // self.side)

    def filters(self, layer: Convolution) -> int:
        """Output channels of a group: a power of two whose sums fit, or all channels."""
        each = (self.tile(layer) + layer.filter - 1) ** 2
        found = 1
        while 2 * found * each <= self.sums and found < self.most_filters:
            found *= 2
        return min(found, layer.filters)

    def dense_cycles(self, layer: Convolution) -> int:
        """Cycles of the dense engine."""
        lanes = self.weight_lanes * self.activation_lanes
        outputs = self.tile(layer) ** 2 * layer.filters
        return outputs * layer.filter**2 * -(-layer.channels // lanes)

    def cycles(self, activations: Any, weights: Any) -> int:
        """Cycles for given numbers of non-zero operands.

        Parameters
        ----------
        activations : integers, elements x channels
        weights : integers, groups x channels
        """
        a = -(-np.asarray(activations) // self.activation_lanes)
        w = -(-np.asarray(weights) // self.weight_lanes)
        return int((w @ a.T).max(axis=1).sum())

    def sample(
        self, layer: Convolution, weight: float, activation: float, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        """Arguments for ``cycles``, for zeros at random places; densities up to 1."""
        tile, filters = self.tile(layer), self.filters(layer)
        sides = np.clip(layer.size - tile * np.arange(self.side), 0, tile)
        places = np.outer(sides, sides).ravel()
        groups = np.full(-(-layer.filters // filters), filters)
        groups[-1] = layer.filters - filters * (len(groups) - 1)
        taps = groups * layer.filter**2
        return (
            rng.binomial(places[:, None], activation, (len(places), layer.channels)),
            rng.binomial(taps[:, None], weight, (len(groups), layer.channels)),
        )


@dataclass(frozen=True)
class Share:
    """What a network takes on a grid: cycles, those of the dense engine, non-zero products."""

    cycles: int
    dense_cycles: int
    products: int
    multipliers: int

    @property
    def speedup(self) -> float:
        """Speed-up over the dense engine."""
        return self.dense_cycles / self.cycles

    @property
    def utilization(self) -> float:
        """Share of the multiplier cycles that compute a product."""
        return self.products / (self.cycles * self.multipliers)


def share_of(
    layers: Iterable[Convolution], grid: Grid, weight: float, activation: float, seed: int = 0
) -> Share:
    """A network with zeros at random places."""
    rng = np.random.default_rng(seed)
    cycles = dense = products = 0
    for layer in layers:
        activations, weights = grid.sample(layer, weight, activation, rng)
        cycles += grid.cycles(activations, weights)
        dense += grid.dense_cycles(layer)
        products += int((activations.sum(axis=0) * weights.sum(axis=0)).sum())
    return Share(cycles, dense, products, grid.multipliers)


def crossover(layers: Iterable[Convolution], grid: Grid, seed: int = 0) -> float:
    """The density of both operands, within 0.002, above which the dense engine is faster."""
    layers = list(layers)
    low, high = 0.05, 1.0
    while high - low > 0.002:
        middle = (low + high) / 2
        if share_of(layers, grid, middle, middle, seed).speedup > 1:
            low = middle
        else:
            high = middle
    return (low + high) / 2


# Name, size of the plane, channels, then filters: 1x1, before 3x3, 3x3, before 5x5, 5x5, pooled.
_INCEPTIONS = (
    ("3a", 28, 192, 64, 96, 128, 16, 32, 32),
    ("3b", 28, 256, 128, 128, 192, 32, 96, 64),
    ("4a", 14, 480, 192, 96, 208, 16, 48, 64),
    ("4b", 14, 512, 160, 112, 224, 24, 64, 64),
    ("4c", 14, 512, 128, 128, 256, 24, 64, 64),
    ("4d", 14, 512, 112, 144, 288, 32, 64, 64),
    ("4e", 14, 528, 256, 160, 320, 32, 128, 128),
    ("5a", 7, 832, 256, 160, 320, 32, 128, 128),
    ("5b", 7, 832, 384, 192, 384, 48, 128, 128),
)


def _inception(name: str, size: int, channels: int, *filters: int) -> tuple[Convolution, ...]:
    one, before_three, three, before_five, five, pooled = filters
    return (
        Convolution(f"{name}/1x1", size, channels, one, 1),
        Convolution(f"{name}/3x3 reduce", size, channels, before_three, 1),
        Convolution(f"{name}/3x3", size, before_three, three, 3),
        Convolution(f"{name}/5x5 reduce", size, channels, before_five, 1),
        Convolution(f"{name}/5x5", size, before_five, five, 5),
        Convolution(f"{name}/pool", size, channels, pooled, 1),
    )


GOOGLENET = tuple(layer for module in _INCEPTIONS for layer in _inception(*module))
