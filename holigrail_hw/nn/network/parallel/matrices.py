"""An adder graph for every distinct matrix of an unrolled network, searched once and kept on disk.

Positions of a window have the same matrix, so they share the search, though each has adders of its
own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holigrail_hw.core import RequestError
from holigrail_hw.mcm.matrix.design import MatrixDesign, MatrixRequest
from holigrail_hw.mcm.matrix.graph import Matrix, MatrixGraph
from holigrail_hw.mcm.matrix.kept_designs import design_kept
from holigrail_hw.mcm.matrix.search import default_iterations, least_matrix_depth
from holigrail_hw.mcm.problem.errors import GraphError

from .operations import Sums, Unrolled

__all__ = ["Search", "designs", "graph_of"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """How adders are searched for.

    Parameters
    ----------
    depth : int or None
        Most adders on a path of a matrix, or the least possible where that is more; None for any.
    iterations : int or None
        Repetitions of each search; chosen by the size of the matrix if None.
    time_s : int
        Time limit of one search in seconds.
    seed : int
        Random seed.
    metric : str
        What is minimised, ``adders`` or ``one-bit-adders``.
    """

    depth: int | None = None
    iterations: int | None = None
    time_s: int = 60
    seed: int = 0
    metric: str = "adders"


def designs(
    unrolled: Unrolled, search: Search, progress: Callable[[str], None] | None = None
) -> Mapping[Matrix, MatrixDesign]:
    """The design of every matrix; after Ctrl-C in one search, later ones take their first answer.

    Raises
    ------
    RequestError
        If a matrix cannot be searched.
    """
    sums = [one for one in unrolled.operations if isinstance(one, Sums)]
    labels = {one.matrix: one.name for one in reversed(sums)}
    found: dict[Matrix, MatrixDesign] = {}
    for one in sums:
        if one.matrix in found:
            continue
        name = labels[one.matrix]

        def told(text: str, name: str = name) -> None:
            if progress is not None:
                progress(f"{name}, matrix {len(found) + 1} of {len(labels)}: {text}")

        stopped = any(design.stopped for design in found.values())
        try:
            found[one.matrix] = design_kept(
                _request(one.matrix, search),
                time_limit=search.time_s,
                progress=told,
                stop=(lambda: True) if stopped else None,
            )
        except GraphError as error:
            raise RequestError(f"network: {error}", hint=error.hint) from None
    return found


def graph_of(
    matrix: Matrix, search: Search, progress: Callable[[str], None] | None = None
) -> MatrixGraph:
    """The graph of one matrix.

    Raises
    ------
    RequestError
        If it cannot be searched.
    """
    try:
        found = design_kept(_request(matrix, search), time_limit=search.time_s, progress=progress)
    except GraphError as error:
        raise RequestError(f"network: {error}", hint=error.hint) from None
    return found.circuit.graph


def _request(matrix: Matrix, search: Search) -> MatrixRequest:
    """The request for a matrix alone: ranges and constants differ between its places."""
    nothing = (0,) * len(matrix)
    depth = search.depth
    if depth is not None:
        depth = max(1, depth, least_matrix_depth(matrix))
    iterations = default_iterations(matrix) if search.iterations is None else search.iterations
    return MatrixRequest(
        matrix=matrix,
        ranges=((0, 1),) * len(matrix[0]),
        constants=nothing,
        bounds=nothing,
        depth=depth,
        iterations=iterations,
        seed=search.seed,
        searches=2,
        metric=search.metric,
    )
