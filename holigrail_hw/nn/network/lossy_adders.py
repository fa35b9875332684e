"""Graphs of adders for a certificate: the search that style parallel has, then lost bits.

The graph of a matrix is searched for once, whatever its sums may lose.
"""

from collections.abc import Callable
from functools import lru_cache

from holigrail_hw.core import RequestError
from holigrail_hw.mcm.matrix.analysis import GraphAnalysis
from holigrail_hw.mcm.matrix.design import MatrixRequest, design_matrix
from holigrail_hw.mcm.matrix.graph import Matrix, MatrixGraph
from holigrail_hw.mcm.matrix.truncation import truncate_graph
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.models.bounds.adder_layers import Designed, WantedSums

from .parallel.given_adders import adders_of
from .parallel.matrices import Search, graph_of

__all__ = ["AdderDesigner"]

# Repetitions of the search for losses, fewer where each takes long; no time limit matters.
_CUTS, _ADDERS = 60, 20_000
_SECONDS = 3600.0


class AdderDesigner:
    """See :class:`.adder_layers.Designer`; ``progress`` takes lines, ``search`` is that for graphs.

    Raises
    ------
    RequestError
        If a matrix cannot be searched.
    """

    def __init__(self, progress: Callable[[str], None], search: Search | None = None):
        self.progress, self.search = progress, search or Search(time_s=int(_SECONDS))
        self.graph = lru_cache(maxsize=64)(self._graph)

    def _graph(self, matrix: Matrix) -> MatrixGraph:
        return graph_of(matrix, self.search, self.progress)

    def __call__(self, wanted: WantedSums, *, quick: bool) -> Designed:
        graph = self.graph(wanted.matrix)
        if quick:
            analysis = GraphAnalysis(graph, wanted.ranges)
            cut = truncate_graph(
                analysis, wanted.bounds, iterations=0, time_limit=_SECONDS, thorough=False
            )
            return Designed(*adders_of(cut.circuit), analysis.of(cut.circuit).one_bit_adders)
        request = MatrixRequest(
            matrix=wanted.matrix,
            ranges=wanted.ranges,
            constants=wanted.constants,
            bounds=wanted.bounds,
            cuts=min(_CUTS, _ADDERS // max(len(graph.adders), 1)),
        )
        try:
            found = design_matrix(request, graph=graph, time_limit=_SECONDS)
        except GraphError as error:
            raise RequestError(f"certify: {error}", hint=error.hint) from None
        return Designed(*adders_of(found.circuit), found.analysis.one_bit_adders)
