"""A complete engine for matrix products around a weight-stationary array.

C = A * B with A of M x K and B of K x N. A command names M, the tiles of ``rows`` along K and the
tiles of ``columns`` along N. All vectors of A are loaded once, into one half of a buffer while the
other half is used; weights stream through, each tile entering the array's second registers while
the tile before is at work. Sums over the tiles along K lie in a memory. The last of them leave
requantised or, floats, rounded to another format::

    for each tile of columns:  for each tile along K:  for each of the M vectors

References: Jouppi et al., "In-datacenter performance analysis of a tensor processing unit", ISCA
2017; Genc et al., "Gemmini", DAC 2021.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import Target, Timing, operator
from holigrail_hw.core.accesses import Accesses
from holigrail_hw.core.streams import Items
from holigrail_hw.core.views import View

from .cost import gemm_cost
from .facts import gemm_accesses, gemm_facts
from .golden import commands_of, gemm_golden
from .jobs import corner_jobs, random_job
from .shape import GemmShape

__all__ = ["Gemm"]


@operator(
    "gemm",
    summary="a matrix-product engine: buffers, array, sums over tiles, requantisation, any format",
    references=(
        "N. Jouppi et al., In-datacenter performance analysis of a tensor processing unit, 2017",
        "H. Genc et al., Gemmini: Enabling systematic deep-learning architecture evaluation, 2021",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Gemm(GemmShape):
    """Products of any size, a command at a time, with an error status instead of a wrong result.

    For every command: vectors x k_tiles items of activations, tile by tile along K;
    k_tiles x n_tiles x rows items of weights; n_tiles x columns items of parameters, one per
    channel; the very last item of each is marked. Results: vectors x n_tiles items, the very last
    one marked; then a status.

    Whatever the sizes say, a command owns the items up to the marked one. Codes: 1 a size is 0 or
    too large; 2, 3 the mark of the activations came early, late: such a command has no results,
    and what belongs to it is thrown away. A size too large for the buffer is found when more
    vectors come than it holds; before that a mark comes early. 4, 5 the mark of the weights, 6, 7
    that of the parameters came early, late: there are results, but of items of code 0 in place of
    those that did not come, and without those beyond. ``cycles`` is a clock.

    A command also sets what the lanes take from ports: ``zero_point`` and, with ``clamp`` ports,
    ``minimum`` and ``maximum`` for all of its channels; ``once``, in mode either, says that it
    rounds once.

    Where the engine is ``resumable``, a command that says ``keep`` leaves its sums in the engine:
    it has no results and no parameters, and its status comes all the same. One that says ``resume``
    goes on from them, and must have as many vectors and tiles of N (else code 1). Sums that are
    kept, vectors times tiles of N, are at most ``accumulator_depth``. A command that is refused
    leaves what is kept as it is. With ``windows`` the buffer holds an image, and a command says how
    its vectors are windows over it, see :mod:`.windows`.

    Sums of integers wrap if ``accumulator`` is too narrow for them, which the default never is for
    those of a command; sums of floats become infinite, NaN or the largest number, as the format
    says, for good.
    """

    def golden(self, **items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return gemm_golden(self, items)

    def job(self, rng: np.random.Generator, size: int) -> dict[str, dict[str, Any]]:
        return random_job(self, rng, size)

    def corner_jobs(self) -> list[dict[str, dict[str, Any]]]:
        return corner_jobs(self)

    def architecture(self, timing: Timing) -> Any:
        from .core import GemmCore

        return GemmCore(self, timing)

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, for any commands, if items are always there and results always accepted."""
        from .schedule import total_cycles

        return total_cycles(self, timing, commands_of(self, items))

    def moments(self, timing: Timing, **items: Mapping[str, Any]) -> Items:
        from .schedule import status_times

        times = status_times(self, timing, commands_of(self, items))
        return {"status": {"cycles": np.array(times, np.uint64)}}

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return gemm_cost(self, timing or Timing())

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return gemm_facts(self, timing or Timing())

    def accesses(self, timing: Timing | None = None) -> Accesses | None:
        return gemm_accesses(self, timing or Timing())

    def views(self, target: Target | None = None) -> list[View]:
        from .views import gemm_views

        return gemm_views(self, target or Target())
