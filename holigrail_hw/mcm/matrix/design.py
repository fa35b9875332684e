"""From a matrix, constants and error bounds to a checked circuit.

The search of :mod:`.search` finds the graph; operands are truncated as far as the bounds
allow (:mod:`.truncation`), and constants are put where they are free
(:mod:`.constants`). Errors that a constant centres on zero may span twice the bound. Where that
constant costs more than it saves, errors stay within the bound without it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from holigrail_hw.formats.plain_values import settle_fields

from ..problem.errors import GraphError
from .analysis import Analysis, GraphAnalysis
from .circuit import MatrixCircuit, exact_circuit
from .constants import fold_constants
from .counting import width_of_range
from .graph import Matrix, MatrixGraph
from .search import METRICS, MatrixSolution, Progress, Stop, least_matrix_depth, solve_matrix
from .truncation import Truncated, truncate_graph

__all__ = ["MatrixDesign", "MatrixRequest", "design_matrix", "design_remarks"]


@dataclass(frozen=True)
class MatrixRequest:
    """outputs = matrix * x + constants, each off by at most its bound.

    Parameters
    ----------
    matrix : rows of integers
    ranges : least and greatest value of every input
    constants, bounds : one per row, in units of the inputs' lowest bit
    depth : int or None
        Limit on the adders of a path of the graph.
    iterations, seed : int
        Repetitions of every search for a graph, and its random seed.
    searches : int
        Parallel searches, of which the best is used; up to one per core they take as long as one.
    cuts : int
        Repetitions of the search for truncations.
    metric : str
        What the search for a graph minimises: adders, or one-bit-adders.

    Lists and NumPy arrays of integers are accepted too.

    Raises
    ------
    GraphError
        For anything that is not an integer.
    """

    matrix: Matrix
    ranges: tuple[tuple[int, int], ...]
    constants: tuple[int, ...]
    bounds: tuple[int, ...]
    depth: int | None = None
    iterations: int = 200
    seed: int = 0
    searches: int = 1
    cuts: int = 200
    metric: str = "adders"

    def __post_init__(self) -> None:
        settle_fields(
            self,
            "",
            GraphError,
            integers=("depth", "iterations", "seed", "searches", "cuts"),
            lists=("constants", "bounds"),
            rows=("matrix", "ranges"),
        )

    def violations(self) -> list[str]:
        """Everything wrong with the request, one line each."""
        lengths = {len(row) for row in self.matrix}
        if not self.matrix or lengths == {0}:
            return ["matrix must have at least one row and one column"]
        if len(lengths) > 1:
            return [f"rows of the matrix must be equally long, not {sorted(lengths)}"]
        found = []
        rows, columns = len(self.matrix), len(self.matrix[0])
        if len(self.ranges) != columns:
            found.append(f"ranges must be {columns}, one per column, not {len(self.ranges)}")
        for name, values in (("constants", self.constants), ("bounds", self.bounds)):
            if len(values) != rows:
                found.append(f"{name} must be {rows}, one per row, not {len(values)}")
        if self.metric not in METRICS:
            found.append(f"metric must be {' or '.join(METRICS)}, not {self.metric}")
        if any(low > high for low, high in self.ranges):
            found.append("ranges must have a least value no greater than the greatest")
        if any(bound < 0 for bound in self.bounds):
            found.append(f"bounds must be 0 or more, not {min(self.bounds)}")
        least = least_matrix_depth(self.matrix)
        if self.depth is not None and self.depth < least:
            found.append(f"depth must be {least} or more for this matrix, not {self.depth}")
        return found


@dataclass(frozen=True)
class MatrixDesign:
    """A circuit for a request; ``untruncated`` is the number of one-bit adders of the exact one.

    ``engine`` says how the truncation was found: ilp, greedy, or none. ``complete`` says whether
    the searches did all their iterations, and so give the same answer anywhere. ``stopped``: Ctrl-C
    ended them.
    """

    request: MatrixRequest
    circuit: MatrixCircuit
    untruncated: int
    engine: str
    iterations: int
    seconds: float
    complete: bool = True
    stopped: bool = False

    def summary(self) -> str:
        """What the circuit costs, in words."""
        adders = len(self.circuit.graph.adders)
        return f"best of {adders} adders, {self.analysis.one_bit_adders} one-bit adders"

    @cached_property
    def analysis(self) -> Analysis:
        """Ranges, errors and cost."""
        return GraphAnalysis(self.circuit.graph, self.request.ranges).of(self.circuit)

    @property
    def errors(self) -> list[tuple[int, int]]:
        """Proved bounds (least, greatest) on output minus (exact product + constant)."""
        found = self.analysis
        return [
            (low + total - wanted, high + total - wanted)
            for (low, high), total, wanted in zip(
                found.errors, found.constants, self.request.constants, strict=True
            )
        ]

    @property
    def worst_error(self) -> int:
        """The largest magnitude among :attr:`errors`."""
        return max(max(-low, high) for low, high in self.errors)

    def check(self) -> "MatrixDesign":
        """Return the design itself if its graph computes the matrix and its errors keep the bounds.

        Raises
        ------
        GraphError
            With everything that is wrong.
        """
        wrong = self.request.violations()
        if not wrong:
            self.circuit.graph.check(self.request.matrix)
            try:
                errors = self.errors
            except ValueError as error:
                raise GraphError(f"matrix circuit: {error}") from None
            wrong = [
                f"output {index} must be off by at most {bound}, not by {low} to {high}"
                for index, ((low, high), bound) in enumerate(
                    zip(errors, self.request.bounds, strict=True)
                )
                if max(-low, high) > bound
            ]
        if wrong:
            raise GraphError("matrix circuit: " + "; ".join(wrong))
        return self


def _widths(request: MatrixRequest) -> dict[str, Any]:
    """The widest input, for which one-bit adders are counted; only that metric needs it."""
    if request.metric == "adders":
        return {}
    low = min(low for low, _ in request.ranges)
    high = max(high for _, high in request.ranges)
    return {"input_width": width_of_range(low, high), "signed": low < 0}


def design_remarks(designs: Iterable[MatrixDesign]) -> list[str]:
    """A remark if some search did not end by itself."""
    if all(design.complete for design in designs):
        return []
    return [
        "a time limit or an interrupt ended the search for adders: another run may give another "
        "design"
    ]


def design_matrix(
    request: MatrixRequest,
    *,
    graph: MatrixGraph | None = None,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> MatrixDesign:
    """Find a circuit; the best one so far after Ctrl-C, or once ``stop`` returns true.

    With a ``graph`` of the matrix none is searched for.

    Raises
    ------
    GraphError
        If the request breaks a rule.
    """
    wrong = request.violations()
    if wrong:
        raise GraphError("; ".join(wrong))
    begin = time.monotonic()
    if graph is not None:
        found = MatrixSolution(graph, 0, 0.0)
    else:
        found = solve_matrix(
            request.matrix,
            depth=request.depth,
            time_limit=time_limit,
            iterations=request.iterations,
            seed=request.seed,
            searches=request.searches,
            metric=request.metric,
            **_widths(request),
            progress=progress,
            stop=stop,
        )
    analysis = GraphAnalysis(found.graph, request.ranges)
    plain = exact_circuit(found.graph)
    exact_ends = [(constant, constant) for constant in request.constants]
    best = fold_constants(analysis, plain, exact_ends)
    least = untruncated = analysis.of(best).one_bit_adders
    engine, complete, stopped = "none", found.complete, found.stopped

    try:
        if any(request.bounds):
            for centred in (True, False):
                left = max(1.0, time_limit - (time.monotonic() - begin))
                cuts = 0 if stopped else request.cuts
                cut, circuit = _truncated(request, analysis, centred, left / 2, cuts)
                complete &= cut.complete
                cost = analysis.of(circuit).one_bit_adders
                if cost < least:
                    best, least, engine = circuit, cost, cut.engine
                if progress:
                    progress(f"{cost} one-bit adders, {untruncated} without truncation")
    except KeyboardInterrupt:
        stopped, complete = True, False
    return MatrixDesign(
        request,
        best,
        untruncated,
        engine,
        found.iterations,
        time.monotonic() - begin,
        complete,
        stopped,
    ).check()


def _truncated(
    request: MatrixRequest, analysis: GraphAnalysis, centred: bool, time_limit: float, cuts: int
) -> tuple[Truncated, MatrixCircuit]:
    """What a search for truncations found, and its circuit with the constants folded."""
    cut = truncate_graph(
        analysis,
        request.bounds,
        centred=centred,
        time_limit=time_limit,
        iterations=cuts,
        seed=request.seed,
    )
    errors = analysis.of(cut.circuit).errors
    ends = [
        (constant - bound - low, constant + bound - high)
        for constant, bound, (low, high) in zip(
            request.constants, request.bounds, errors, strict=True
        )
    ]
    return cut, fold_constants(analysis, cut.circuit, ends)
