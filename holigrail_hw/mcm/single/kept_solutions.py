"""Solved problems kept on disk, one JSON file each, named after the canonical problem.

Problems that differ in signs, powers of two, order or duplicates of the constants share an entry.
A finished entry is renamed into place, so concurrent or killed processes do no harm. An entry that
does not match its digest or fails the checks is dropped, and the problem is solved again. If an
entry cannot be written, the answer is used all the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.store.kept_files import read_document

from ..graph.adder_graph import AdderGraph, decompose, odd_targets
from ..problem.errors import GraphError
from .portfolio import search
from .problem import Problem, Solution
from .selection import targets_of

__all__ = ["canonical", "entries", "entry_path", "folder", "read", "solve_cached"]

_SCHEMA = "holigrail solved constant multiplication"
_VERSION = 2


def folder() -> Path:
    """``mcm`` in the cache folder."""
    return cache_folder() / "mcm"


def canonical(problem: Problem) -> Problem:
    """The same problem with odd, positive, sorted constants.

    With an error bound, a power of two changes the error a node may have, so only signs, order and
    duplicates are removed. ``extra`` is dropped for the fewest adders, where it has no meaning.
    """
    if problem.error:
        shifts: dict[int, int] = {}
        for constant in problem.constants:
            odd, shift, _ = decompose(constant)
            if odd > 1:
                shifts[odd] = max(shift, shifts.get(odd, 0))
        constants = tuple(sorted(odd << shift for odd, shift in shifts.items()))
    else:
        constants = odd_targets(problem.constants)
    extra = problem.extra if problem.metric == "one-bit-adders" else None
    return replace(problem, constants=constants or (1,), extra=extra)


def entry_path(problem: Problem, engine: str = "auto") -> Path:
    """Where the solution of a problem is kept."""
    key = json.dumps([_VERSION, engine, asdict(canonical(problem))], sort_keys=True)
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"


def read(path: Path) -> tuple[Solution, float | None]:
    """A checked entry, and the time limit it was solved with; raises GraphError or OSError."""
    try:
        data = read_document(path)
        if data["schema"] != _SCHEMA or data["version"] != _VERSION:
            raise GraphError("another version")
        fields = {**data["problem"], "constants": tuple(data["problem"]["constants"])}
        solution = Solution(
            problem=Problem(**fields),
            graph=AdderGraph.from_json(json.dumps(data["graph"])),
            proved=bool(data["proved"]),
            bound=int(data["bound"]),
            least_adders=int(data["least_adders"]),
            engine=str(data["engine"]),
            seconds=float(data["seconds"]),
            searched=int(data["searched"]),
            ended=str(data["ended"]),
        )
        limit = data["time_limit"]
        return solution.check(), None if limit is None else float(limit)
    except (ValueError, KeyError, TypeError) as error:
        raise GraphError(f"cache entry {path.name}: must be a checked solution ({error})") from None


def solve_cached(
    problem: Problem,
    *,
    engine: str = "auto",
    time_limit: float | None = 20.0,
    solver: str = "HiGHS",
    progress: Callable[[str], None] | None = None,
) -> Solution:
    """:func:`~holigrail_hw.mcm.single.portfolio.search`, or its kept answer.

    An answer that the time limit or Ctrl-C cut short is kept too, says so whenever it is used, and
    serves requests with at most its time limit. A complete one does not depend on a time limit and
    serves all requests.
    """
    wrong = problem.violations()
    if wrong:
        raise GraphError("; ".join(wrong))
    path = entry_path(problem, engine)
    known = None
    if path.is_file():
        try:
            known, limit = read(path)
            if known.problem != canonical(problem):
                raise GraphError(f"cache entry {path.name}: is of another problem")
            spent = limit is None or (time_limit is not None and time_limit <= limit)
            if known.ended == "complete" or spent:
                return _for(problem, known)
        except GraphError as error:
            known = None
            if progress is not None:
                progress(f"{error}; dropped, solving again")
            path.unlink(missing_ok=True)
    found = search(
        canonical(problem), engine=engine, time_limit=time_limit, solver=solver, progress=progress
    )
    if known is not None and known.cost <= found.cost and found.ended != "complete":
        least = max(known.least_adders, found.least_adders)
        found = replace(known, least_adders=least, ended=found.ended)
    spent = found.seconds if found.stopped else time_limit
    _write(path, found, spent)
    return _for(problem, found)


def entries() -> Iterator[Path]:
    """Every entry, in order of its name."""
    yield from cache_kinds.entries(_KIND)


def _shown(path: Path) -> cache_kinds.Entry:
    """An entry as shown to people, completely checked."""
    solution, _ = read(path)
    problem = solution.problem
    if problem != canonical(problem):
        raise GraphError(f"cache entry {path.name}: its problem must be canonical")
    limits = [
        f"{name} {value}"
        for name, value, plain in (
            ("depth", problem.depth, None),
            ("extra", problem.extra, None),
            ("error", problem.error, 0),
            ("rule", problem.rule, "ours"),
        )
        if value != plain
    ]
    constants = ",".join(map(str, problem.constants))
    width = f"{'int' if problem.signed else 'uint'}{problem.input_width}"
    return cache_kinds.Entry(
        problem=" ".join([problem.metric, width, *limits, constants]),
        cost=f"{solution.cost} {problem.metric}",
        proved=solution.proved,
        bound=solution.bound or None,
        seconds=solution.seconds,
    )


_KIND = cache_kinds.Kind("solutions", "solved constant multiplications", "mcm", "*.json", _shown)
cache_kinds.register(_KIND)


def _for(problem: Problem, solution: Solution) -> Solution:
    nodes = {fundamental: i for i, fundamental in enumerate(solution.graph.fundamentals)}
    graph = replace(solution.graph, targets=targets_of(problem.constants, nodes))
    return replace(solution, problem=problem, graph=graph).check()


def _write(path: Path, solution: Solution, time_limit: float | None) -> None:
    data: dict[str, Any] = {
        "schema": _SCHEMA,
        "version": _VERSION,
        "problem": asdict(solution.problem),
        "graph": json.loads(solution.graph.to_json()),
        "proved": solution.proved,
        "bound": solution.bound,
        "least_adders": solution.least_adders,
        "engine": solution.engine,
        "seconds": solution.seconds,
        "searched": solution.searched,
        "ended": solution.ended,
        "time_limit": time_limit,
    }
    cache_kinds.keep(path, data)
