"""Few adders for a constant matrix times a vector, within an adder depth.

Rows start in signed digits, alone or as differences along a spanning tree, whichever is better
after the first greedy sharing (:mod:`.start`). Rows of large matrices start alone, and are first
searched for common terms within groups of columns, so that memory does not grow with the square of
the rows' lengths. Then parts of the graph are ruined and recreated (:mod:`.ruin`), by a
compiled accelerator where there is a C++ compiler. The annealing cools down, until only
improvements are accepted, over the iterations, or over the time if their number is not given.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from ..native.matrix import NATIVE_BITS, NativeSearch, search_class
from ..problem.errors import GraphError
from .build import build
from .counting import matrix_one_bit_adders
from .draft import Term
from .graph import Matrix, MatrixGraph, Row
from .ruin import CERTAIN, PythonSearch, Settings, State
from .start import Target, alone, distinct_rows, spanning_tree

__all__ = ["METRICS", "MatrixSolution", "default_iterations", "least_matrix_depth", "solve_matrix"]

METRICS = ("adders", "one-bit-adders")

Progress = Callable[[str], None]
Stop = Callable[[], bool]
Start = list[list[Term]]

_DEEP = 30
_SLICE = 0.05
_HEAT = CERTAIN // 4
_TOLD_EVERY = 1.0
# Iterations per nonzero digit after which small matrices gain nothing more; and iterations times
# digits that take about two seconds in the compiled search, and in its Python twin.
_PER_DIGIT = 100
_EFFORT = 4_000_000
_PYTHON_EFFORT = 80_000
# Most pairs of terms in one table; least inputs per group; rows squared times inputs up to which a
# spanning tree is tried.
_PAIRS, _FEWEST_COLUMNS, _LARGE = 1_500_000, 8, 400_000


@dataclass(frozen=True)
class MatrixSolution:
    """The best graph found, checked against the matrix.

    ``complete``: every search did all its iterations. ``stopped``: by Ctrl-C.
    """

    graph: MatrixGraph
    iterations: int
    seconds: float
    complete: bool = True
    stopped: bool = False

    @property
    def adders(self) -> int:
        """Number of adders."""
        return len(self.graph.adders)


def least_matrix_depth(matrix: Sequence[Sequence[int]]) -> int:
    """Depth of the deepest row if each row is its own tree of signed digits."""
    return max(max(0, count - 1).bit_length() for count in _digits(matrix))


def default_iterations(matrix: Sequence[Sequence[int]]) -> int:
    """Iterations that take about two seconds, fewer for matrices of a few rows.

    The number depends only on the matrix, so that no answer depends on a clock.
    """
    digits = max(1, sum(_digits(matrix)))
    widest = max(c.bit_length() for row in matrix for c in row)
    effort = _EFFORT if widest <= NATIVE_BITS else _PYTHON_EFFORT
    return max(1, min(_PER_DIGIT * digits, effort // digits))


def solve_matrix(
    matrix: Sequence[Sequence[int]],
    *,
    depth: int | None = None,
    time_limit: float = 10.0,
    iterations: int | None = None,
    seed: int = 0,
    searches: int = 1,
    metric: str = "adders",
    rule: str = "ours",
    input_width: int = 8,
    signed: bool = True,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> MatrixSolution:
    """A graph for matrix * x, one output per row.

    Parameters
    ----------
    matrix : rows of integers
    depth : int or None
        Limit on the adders of a path.
    time_limit : float
        Seconds, preparation included; the first, greedy answer is completed in any case.
    iterations : int or None
        Repetitions of each search. If all are done before the time limit, the answer depends only
        on the seed, with or without the accelerator.
    searches : int
        Independent parallel searches with the seeds ``seed``, ``seed + 1``, ... The best one is
        used; among equals, the first.
    metric, rule : str
        Minimise ``adders``, then one-bit adders; or ``one-bit-adders``, estimated under the rule
        ``ours`` or ``da4ml`` for inputs of ``input_width`` bits.
    progress : callable or None
        Called with a line of text at each improvement.
    stop : callable or None
        Called about twenty times a second; the search ends when it returns true.

    After the first answer, KeyboardInterrupt ends the search with the best answer so far.

    Raises
    ------
    GraphError
        If the matrix is empty or ragged, no graph meets the depth, or the metric is unknown.
    """
    rows = _checked(matrix)
    if metric not in METRICS:
        raise GraphError(f"metric must be {' or '.join(METRICS)}, not {metric!r}")
    if rule not in ("ours", "da4ml"):
        raise GraphError(f"rule must be ours or da4ml, not {rule!r}")
    if searches < 1:
        raise GraphError(f"searches must be 1 or more, not {searches}")
    least = least_matrix_depth(rows)
    if depth is not None and depth < least:
        raise GraphError(f"depth must be {least} or more for this matrix, not {depth}")
    begin = time.monotonic()
    limit = least + _DEEP if depth is None else min(depth, least + _DEEP)
    distinct, targets = distinct_rows(rows)
    if not distinct:
        return MatrixSolution(build(len(rows[0]), {}, targets), 0, 0.0)
    settings = _settings(distinct, limit, metric, rule, input_width)
    starts = _starts(distinct, settings)
    with ThreadPoolExecutor(searches) as pool:
        tasks = list(
            pool.map(lambda i: _Task(distinct, starts, settings, seed + i), range(searches))
        )
    stopped = False
    if iterations != 0:
        stopped = _Run(tasks, begin, time_limit, iterations).wait(progress, stop)

    def cost(graph: MatrixGraph) -> tuple[int, int]:
        bits = matrix_one_bit_adders(graph, input_width, signed=signed, rule=rule)
        adders = len(graph.adders)
        return (adders, bits) if metric == "adders" else (bits, adders)

    graph = min((task.graph(targets) for task in tasks), key=cost).check(rows)
    if graph.depth > limit:
        raise AssertionError(f"depth {graph.depth} is above {limit}")
    done = sum(task.state.iterations for task in tasks)
    return MatrixSolution(
        graph,
        done,
        time.monotonic() - begin,
        complete=iterations is not None and done == searches * iterations,
        stopped=stopped,
    )


class _Task:
    """One search, from the best of several starts."""

    def __init__(self, rows: list[Row], starts: list[Start], settings: Settings, seed: int):
        self.inputs = len(rows[0])
        self.settings = settings
        kind = search_class(rows)
        tries: list[NativeSearch | PythonSearch] = [kind(rows, s, settings, seed) for s in starts]
        self.search = min(tries, key=lambda search: self.cost(search.state))
        self.state = self.search.state
        self.rows = self.search.best()
        for search in tries:
            if search is not self.search:
                search.close()

    def cost(self, state: State) -> tuple[int, int]:
        """The metric to minimise, then the other one."""
        if self.settings.metric == "adders":
            return state.adders, state.bits
        return state.bits, state.adders

    def run(self, heats: Sequence[int]) -> None:
        """Iterate, and record the best."""
        self.search.run(heats)
        self.state = self.search.state

    def finish(self) -> None:
        """Take the best, and release the search."""
        self.rows = self.search.best()
        self.search.close()

    def graph(self, targets: Sequence[Target]) -> MatrixGraph:
        """The best as a graph."""
        numbered = [t and (self.inputs + t[0], t[1], t[2]) for t in targets]
        return build(self.inputs, self.rows, numbered)


class _Run:
    """Searches in threads, in slices short enough to stop between two of them."""

    def __init__(self, tasks: list[_Task], begin: float, time_limit: float, iterations: int | None):
        self.tasks = tasks
        self.begin = begin
        self.time_limit = time_limit
        self.iterations = iterations
        self.stopped = threading.Event()

    def wait(self, progress: Progress | None, stop: Stop | None) -> bool:
        """Wait, watching, until all searches end; returns whether Ctrl-C was pressed."""
        stopped = False
        with ThreadPoolExecutor(len(self.tasks)) as pool:
            running = {pool.submit(self.search, task) for task in self.tasks}
            try:
                self.watch(running, progress, stop)
            except KeyboardInterrupt:
                stopped = True
                if progress:
                    progress("interrupted, the best answer so far is kept")
            finally:
                self.stopped.set()
        for future in running:
            future.result()
        return stopped

    def watch(
        self, running: set[Future[None]], progress: Progress | None, stop: Stop | None
    ) -> None:
        """Report improvements, and stop when asked to."""
        told, told_at = None, 0.0
        while True:
            best = min(task.cost(task.state) for task in self.tasks)
            now = time.monotonic() - self.begin
            if progress and (best != told or now > told_at + _TOLD_EVERY):
                done = sum(task.state.iterations for task in self.tasks)
                name = self.tasks[0].settings.metric
                progress(f"{best[0]} {name} after {done} iterations, {now:.1f} s")
                told, told_at = best, now
            if not running or (stop and stop()):
                return
            _, running = wait(running, timeout=_SLICE)

    def search(self, task: _Task) -> None:
        """One search, to its end."""
        count = 1
        try:
            while heats := self.heats(task.state.iterations, count):
                start = time.monotonic()
                task.run(heats)
                seconds = time.monotonic() - start
                count = max(1, count // 2) if seconds > _SLICE else count * 2
        finally:
            task.finish()

    def heats(self, done: int, count: int) -> list[int]:
        """Heats of the next iterations; empty at the end."""
        elapsed = time.monotonic() - self.begin
        if self.stopped.is_set() or elapsed >= self.time_limit:
            return []
        if self.iterations is None:
            return [int(_HEAT * (1 - elapsed / self.time_limit))] * count
        end = min(done + count, self.iterations)
        return [_HEAT * (self.iterations - i) // self.iterations for i in range(done, end)]


def _digits(matrix: Sequence[Sequence[int]]) -> list[int]:
    """Nonzero signed digits of every row."""
    return [sum((c ^ (3 * c)).bit_count() for c in row) for row in matrix]


def _starts(rows: list[Row], settings: Settings) -> list[Start]:
    """Rows in signed digits, and as a tree of differences where that is quick."""
    if settings.columns is not None or len(rows) ** 2 * len(rows[0]) > _LARGE:
        return [alone(rows)]
    return [alone(rows), spanning_tree(rows, settings.limit)]


def _columns(rows: list[Row]) -> int | None:
    """Inputs per group, for few enough pairs of terms; None if one group will do."""
    digits = _digits(rows)
    if sum(count * count for count in digits) <= 2 * _PAIRS:
        return None
    # A row of L terms in G groups has about L^2 / 2G pairs.
    groups = -(-sum(count * count for count in digits) // (2 * _PAIRS))
    return max(_FEWEST_COLUMNS, len(rows[0]) // groups)


def _settings(rows: list[Row], limit: int, metric: str, rule: str, input_width: int) -> Settings:
    """Settings by size: large matrices gain less from rewriting rows, which is slow there."""
    redrawn = max(1, min(10, 80 // len(rows)))
    dissolve, around = (90 - redrawn) // 2, 10
    return Settings(
        limit,
        metric,
        rule,
        input_width,
        dissolve,
        around,
        100 - redrawn - around - dissolve,
        4 if len(rows) < 16 else 5 if len(rows) < 32 else 6,
        columns=_columns(rows),
        pairs=_PAIRS,
    )


def _checked(matrix: Sequence[Sequence[int]]) -> Matrix:
    rows = tuple(tuple(row) for row in matrix)
    if not rows or not rows[0]:
        raise GraphError("matrix must have at least one row and one column")
    if len({len(row) for row in rows}) > 1:
        raise GraphError(f"rows must be equally long, not {[len(row) for row in rows]}")
    for row in rows:
        for item in row:
            if isinstance(item, bool) or not isinstance(item, int):
                raise GraphError(f"matrix must hold integers, not {item!r}")
    return rows
