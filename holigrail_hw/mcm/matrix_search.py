"""Few adders for a constant matrix times a vector, within an adder depth.

Rows are written in signed digits, some of them as the difference to another row (a spanning tree
over the rows, as in Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural Networks on
FPGAs", 2025, but with the depth budget of each row kept, and inside one graph). Two-term patterns
are then shared greedily (Hartley, "Subexpression sharing in filters using canonic signed digit
multipliers", 1996). After the first answer, parts of the best one are drawn anew at random
(ruin and recreate): patterns, digits, or the tree.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from .errors import GraphError
from .matrix_draft import Draft, Pattern, Term
from .matrix_graph import Matrix, MatrixGraph

__all__ = ["MatrixSolution", "least_matrix_depth", "signed_digits", "solve_matrix"]

Progress = Callable[[str], None]

_DEEP = 40
_TREE_EVERY = 30
_DIGITS_EVERY = 5
_MOST_RUINED = 0.3
_SKEWS = (1, 3, 8)


@dataclass(frozen=True)
class MatrixSolution:
    """The best graph found, checked against the matrix."""

    graph: MatrixGraph
    iterations: int
    seconds: float

    @property
    def adders(self) -> int:
        """Number of adders."""
        return len(self.graph.adders)


@dataclass(frozen=True)
class _Start:
    """Terms and depth limit of every row."""

    rows: list[dict[Term, int]]
    limits: list[int]


@dataclass(frozen=True)
class _Best:
    start: _Start
    patterns: list[tuple[int, Pattern]]
    adders: int


def signed_digits(constant: int) -> dict[int, int]:
    """Canonic signed digits: position to 1 or -1, no two next to each other."""
    digits = {}
    position = 0
    while constant:
        if constant & 1:
            digit = 2 - (constant & 3)
            digits[position] = digit
            constant -= digit
        constant >>= 1
        position += 1
    return digits


def least_matrix_depth(matrix: Sequence[Sequence[int]]) -> int:
    """Depth of the deepest row when each is a tree of its own, the least there is."""
    return max((len(_terms(row)) - 1).bit_length() if any(row) else 0 for row in matrix)


def solve_matrix(
    matrix: Sequence[Sequence[int]],
    *,
    depth: int | None = None,
    time_limit: float = 10.0,
    iterations: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MatrixSolution:
    """A graph for matrix * x, rows being outputs.

    Parameters
    ----------
    matrix : rows of integers
    depth : int or None
        Most adders on a path.
    time_limit : float
        Seconds for ruin and recreate; the first answer is finished anyway.
    iterations : int or None
        Most repetitions. With this reached before the time limit, a seed gives one answer.
    progress : callable or None
        Told of every improvement, in words.

    After the first answer, KeyboardInterrupt ends the search with the best answer so far.

    Raises
    ------
    GraphError
        If the matrix is empty or ragged, or no graph has the depth.
    """
    rows = _checked(matrix)
    least = least_matrix_depth(rows)
    if depth is not None and depth < least:
        raise GraphError(f"depth must be {least} or more for this matrix, not {depth}")
    limit = _DEEP + least if depth is None else depth
    begin = time.monotonic()
    random = Random(seed)
    best = _first(rows, limit)
    if progress:
        progress(f"{best.adders} adders, first answer")
    done = 0
    try:
        while time.monotonic() - begin < time_limit and done != iterations:
            done += 1
            new = _again(rows, limit, best, done, random)
            if new.adders < best.adders and progress:
                seconds = time.monotonic() - begin
                progress(f"{new.adders} adders after {done} iterations, {seconds:.1f} s")
            if new.adders <= best.adders:
                best = new
    except KeyboardInterrupt:
        if progress:
            progress("interrupted, the best answer so far is kept")
    graph = _replayed(best.start, best.patterns, len(rows[0])).graph().check(rows)
    if graph.depth > limit:
        raise AssertionError(f"depth {graph.depth} is above {limit}")
    return MatrixSolution(graph, done, time.monotonic() - begin)


def _first(rows: Matrix, limit: int) -> _Best:
    plain = _Start([_terms(row) for row in rows], [limit] * len(rows))
    starts = [plain, _tree(rows, limit, None)]
    return min((_finished(s, [], None, len(rows[0])) for s in starts), key=lambda b: b.adders)


def _again(rows: Matrix, limit: int, best: _Best, count: int, random: Random) -> _Best:
    """A neighbour of the best answer."""
    start = best.start
    if count % _TREE_EVERY == 0:
        start = _tree(rows, limit, random)
    elif count % _DIGITS_EVERY == 0:
        start = _rewritten(start, random)
    # Small matrices gain by losing much at once, large ones by losing a few patterns at a time.
    keep = 1.0 - _MOST_RUINED * random.random() ** random.choice(_SKEWS)
    kept = [item for item in best.patterns if random.random() < keep]
    return _finished(start, kept, random, len(rows[0]))


def _finished(
    start: _Start, patterns: list[tuple[int, Pattern]], random: Random | None, inputs: int
) -> _Best:
    draft = _replayed(start, patterns, inputs)
    draft.share(random)
    return _Best(start, list(enumerate(draft.patterns, draft.first)), draft.adders)


def _replayed(start: _Start, patterns: list[tuple[int, Pattern]], inputs: int) -> Draft:
    draft = Draft(inputs, start.rows, start.limits)
    draft.replay(patterns)
    return draft


def _terms(row: Sequence[int]) -> dict[Term, int]:
    return {
        (node, shift): sign
        for node, constant in enumerate(row)
        for shift, sign in signed_digits(constant).items()
    }


def _tree(rows: Matrix, limit: int, random: Random | None) -> _Start:
    """Prim's tree: every row alone, or as the difference to a row that is already in the tree.

    A row costs its terms, one of which is the parent. Earliest depths must stay within the limit;
    what a row may use beyond its earliest depth is then drawn at random, or as much as possible.
    """
    inputs = len(rows[0])
    alone = [_terms(row) for row in rows]
    noise = (lambda: 1.0 + 0.3 * random.random()) if random else (lambda: 1.0)
    links: list[tuple[float, int, int, dict[Term, int]]] = [
        (len(terms) * noise(), -1, 0, terms) for terms in alone
    ]
    earliest = [0] * len(rows)
    parents: list[int] = [-1] * len(rows)
    chosen: list[dict[Term, int]] = [{} for _ in rows]
    order = []
    open_rows = set(range(len(rows)))
    while open_rows:
        row = min(open_rows, key=lambda index: (links[index][0], index))
        _, parent, sign, terms = links[row]
        open_rows.remove(row)
        order.append(row)
        parents[row] = parent
        chosen[row] = dict(terms)
        if parent >= 0:
            chosen[row][inputs + parent, 0] = sign
        earliest[row] = _depth_for(len(terms), earliest[parent] if parent >= 0 else None)
        if not any(rows[row]):
            continue
        for other in open_rows:
            for sign in (1, -1):
                difference = [a - sign * b for a, b in zip(rows[other], rows[row], strict=True)]
                terms = _terms(difference)
                cost = (len(terms) + 1) * noise()
                fits = _depth_for(len(terms), earliest[row]) <= limit
                if fits and cost < links[other][0]:
                    links[other] = cost, row, sign, terms
    latest = [limit] * len(rows)
    for row in reversed(order):
        parent = parents[row]
        if parent >= 0:
            terms = len(chosen[row]) - 1
            latest[parent] = min(latest[parent], ((1 << latest[row]) - terms).bit_length() - 1)
    limits = list(latest)
    has_children = set(parents)
    for row in order:
        if random and row in has_children:
            before = limits[parents[row]] if parents[row] >= 0 else None
            terms = len(chosen[row]) - (parents[row] >= 0)
            limits[row] = random.randint(_depth_for(terms, before), latest[row])
    return _Start(chosen, limits)


def _depth_for(terms: int, parent: int | None) -> int:
    """Least depth of a tree over so many inputs and, if there is a parent, a term that deep."""
    load = terms + (0 if parent is None else 1 << parent)
    return max(0, load - 1).bit_length()


def _rewritten(start: _Start, random: Random) -> _Start:
    """The same rows with some digits 1 0 -1 as 0 1 1 or back; as many terms as before."""
    rows = []
    for old in start.rows:
        row = dict(old)
        for (node, shift), sign in old.items():
            if (node, shift) not in row or random.random() > 0.1:
                continue
            above, next_one = (node, shift + 2), (node, shift + 1)
            if row.get(above) == -sign and next_one not in row:
                # 4 - 1 = 2 + 1, and its negative
                del row[above]
                row[next_one], row[node, shift] = -sign, -sign
            elif row.get(next_one) == sign and above not in row:
                del row[next_one]
                row[above], row[node, shift] = sign, -sign
        rows.append(row)
    return _Start(rows, start.limits)


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
