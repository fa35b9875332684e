"""An engine for products of a sparse matrix and a sparse vector, after EIE.

Both kinds of zeros are skipped: those of the vector, because only non-zero activations are sent to
the processing elements; those of the matrix, because an element holds only the non-zero values of
its rows, as codes of a few bits. Row r of the product is computed in element r mod N::

    vector in -> leading non-zero -> one activation per cycle -> N x (queue -> entries -> sums)

The matrix is loaded into the engine's memories once, for any number of vectors.

Reference: Han et al., "EIE: efficient inference engine on compressed deep neural network", ISCA
2016.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import Target, Timing, operator
from holigrail_hw.core.views import View
from holigrail_hw.golden import sum_limit
from holigrail_hw.hdl.number.fixed import product_range

from .cost import eie_cost, memory_bits
from .golden import commands_of, eie_golden
from .jobs import corner_jobs, random_job
from .schedule import busy_cycles, total_cycles
from .shape import EieShape
from .views import eie_views

__all__ = ["Eie"]


@operator(
    "eie",
    summary="products of a sparse matrix in compressed columns and a sparse vector",
    references=("S. Han et al., EIE: Efficient inference engine on compressed DNN, ISCA 2016",),
)
@dataclass(frozen=True, kw_only=True)
class Eie(EieShape):
    """Loads of a matrix, and vectors to multiply it by, one command at a time.

    A command with ``load`` gives the columns and rows of a matrix and takes words of ``matrix``,
    the last one marked: the codebook, then for each element its pointers and entries. A command
    without it takes a vector of ``activation``, the last item marked, and ignores columns and rows.
    The product leaves as one item per row, the last one marked. Then comes a status.

    A faulty command gives a code and no result, and after a faulty load no matrix is loaded: 1 a
    size is 0 or too large; 2, 3 the mark came early, late; 4 a pointer decreases, is beyond the
    entries or does not begin with 0; 5 there is no matrix. With code 6 an entry lay beyond the last
    row and was ignored. ``cycles`` counts the product alone. Sums wrap.
    """

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return eie_golden(self, items, lambda command: busy_cycles(command, self.queue))

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        return random_job(self, rng, size)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        return corner_jobs(self)

    def architecture(self, timing: Timing) -> Any:
        from .core import EieCore

        return EieCore(self)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact for any commands, if inputs are always ready and results always accepted."""
        return total_cycles(self.sizes, self.queue, commands_of(self, items))

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return eie_cost(self)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        bits = ", ".join(f"{name} {count}" for name, count in memory_bits(self).items())
        assert self.accumulator is not None
        products = product_range(self.activation, self.weight)
        return {
            "sums": sum_limit(self.accumulator, products, longest=self.columns),
            "memory bits": bits,
            "largest matrix": f"{self.pes * self.rows} x {self.columns}",
        }

    def views(self, target: Target | None = None) -> list[View]:
        return eie_views(self)
