"""A convolution engine that multiplies only non-zero weights by non-zero activations, after SCNN.

out[k, y, x] = sum over c, s, r of in[c, stride*y + s - p, stride*x + r - p] * weight[k, c, s, r].

Each processing element owns a compressed tile of every input channel. For a group of output
channels it goes through the channels and their vectors of activations, and multiplies each of them
by all vectors of the channel's weights: every activation has a useful product with every weight of
its channel. The places of the operands determine the output; a crossbar scatters the products over
twice as many banks of sums. There are two sets of sums: while one fills, the other exchanges its
halos and its results leave, compressed like the operands::

    for each group of output channels:  for each input channel:
        for each vector of activations:  for each vector of weights:  all products at once

Reference: Parashar et al., "SCNN: An accelerator for compressed-sparse convolutional neural
networks", ISCA 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import Target, Timing, operator
from holigrail_hw.core.views import View
from holigrail_hw.golden import sum_limit
from holigrail_hw.hdl.number.fixed import product_range

from ..shared.crossovers import crossovers
from .cost import memory_bits, scnn_cost
from .golden import scnn_golden
from .jobs import corner_jobs, random_job
from .shape import ScnnShape

__all__ = ["Scnn"]


@operator(
    "scnn",
    summary="a convolution engine for sparse weights and activations: Cartesian products, scatter",
    references=(
        "A. Parashar et al., SCNN: An accelerator for compressed-sparse convolutional networks,"
        " 2017",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class Scnn(ScnnShape):
    """Convolutions of compressed tiles, one layer per command; results are compressed, too.

    A command gives the numbers of input channels and of groups of output channels. Activations: for
    every element a stream of one block per channel, ``tile_height`` x ``tile_width`` numbers, row
    by row. Weights: for every group and channel a block of ``filter_height`` x ``filter_width`` x
    ``filters`` numbers, the output channel changing fastest. Results: from every element a block of
    its outputs for every output channel, compressed in the same way.

    A block is a sequence of vectors of values, each with the number of zeros before it (see
    :mod:`.encoding`); ``last`` marks its last vector, ``final`` the last one of a layer's
    activations, of a group's weights, or of a layer's results. After a layer comes a status, the
    sum of: 1 if there were fewer or more blocks of activations than channels, 2 the same for
    weights, 4 a value beyond the end of its block, 8 more vectors or channels than the memories
    hold. Missing blocks count as zeros, excess ones are dropped; results come in any case.

    Sums wrap if ``accumulator`` is too narrow for them; the default never is.
    """

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return scnn_golden(self, items)

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        return random_job(self, rng, size)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        return corner_jobs(self)

    def architecture(self, timing: Timing) -> Any:
        from .core import ScnnCore

        return ScnnCore(self)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, bank conflicts included, if inputs are always ready and results accepted."""
        from .schedule import total_cycles

        return total_cycles(self, items)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return scnn_cost(self)

    def views(self, target: Target | None = None) -> list[View]:
        return [crossovers()]

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        sums, longest = self.sums, self.channel_depth * self.taps
        assert self.accumulator is not None
        products = product_range(self.activation, self.weight)
        return {
            "sums": sum_limit(self.accumulator, products, longest=longest),
            "multipliers": self.elements * self.weight_lanes * self.activation_lanes,
            "banks": f"{sums.banks} of 2 x {sums.rows} sums in each of {self.elements} elements",
            "memory of an element": ", ".join(
                f"{name} {count} bits" for name, count in memory_bits(self).items()
            ),
        }
