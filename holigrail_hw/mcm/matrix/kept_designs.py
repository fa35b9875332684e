"""Designs of constant matrices kept on disk, one JSON file each, named after their request.

A finished entry is renamed into place, so concurrent or killed processes do no harm. An entry that
does not match its digest or fails the checks is dropped, and its request is designed again. If an
entry cannot be written, the answer is used all the same. An answer whose search was stopped by its
time limit serves requests with at most that limit.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.store.kept_files import read_document

from ..problem.errors import GraphError
from .circuit import MatrixCircuit
from .design import MatrixDesign, MatrixRequest, design_matrix
from .search import Progress, Stop

__all__ = ["clear", "design_cached", "design_kept", "entries", "entry_path", "folder", "read"]

_SCHEMA = "holigrail constant matrix design"
_VERSION = 3
_MOST_KEPT = 256

_kept: dict[tuple[MatrixRequest, float], MatrixDesign] = {}


def folder() -> Path:
    """``cmvm`` in the cache folder."""
    return cache_folder() / "cmvm"


def entry_path(request: MatrixRequest) -> Path:
    """Where the design for a request is kept."""
    key = json.dumps([_VERSION, asdict(request)], sort_keys=True)
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"


def read(path: Path) -> tuple[MatrixDesign, float]:
    """A checked entry, and the time limit it was found with; raises GraphError or OSError."""
    try:
        data = read_document(path)
        if data["schema"] != _SCHEMA or data["version"] != _VERSION:
            raise GraphError("another version")
        fields = dict(data["request"])
        for name in ("matrix", "ranges"):
            fields[name] = tuple(tuple(row) for row in fields[name])
        for name in ("constants", "bounds"):
            fields[name] = tuple(fields[name])
        design = MatrixDesign(
            request=MatrixRequest(**fields),
            circuit=MatrixCircuit.from_json(json.dumps(data["circuit"])),
            untruncated=int(data["untruncated"]),
            engine=str(data["engine"]),
            iterations=int(data["iterations"]),
            seconds=float(data["seconds"]),
            complete=bool(data["complete"]),
        )
        return design.check(), float(data["time_limit"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraphError(f"cache entry {path.name}: must be a checked design ({error})") from None


def design_kept(
    request: MatrixRequest,
    *,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> MatrixDesign:
    """:func:`design_cached`, once per process: a search that Ctrl-C stopped is not repeated."""
    key = request, time_limit
    if key not in _kept:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = design_cached(request, time_limit=time_limit, progress=progress, stop=stop)
    return _kept[key]


def design_cached(
    request: MatrixRequest,
    *,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> MatrixDesign:
    """:func:`~holigrail_hw.mcm.matrix.design.design_matrix`, or its kept answer.

    A stopped answer is kept with the time it took as its limit.
    """
    wrong = request.violations()
    if wrong:
        raise GraphError("; ".join(wrong))
    path = entry_path(request)
    known = None
    if path.is_file():
        try:
            known, limit = read(path)
            if known.request != request:
                raise GraphError(f"cache entry {path.name}: is of another request")
            if known.complete or time_limit <= limit:
                return known
        except GraphError as error:
            known = None
            if progress is not None:
                progress(f"{error}; dropped, designing again")
            path.unlink(missing_ok=True)
    found = design_matrix(request, time_limit=time_limit, progress=progress, stop=stop)
    stopped = found.stopped or (stop is not None and not found.complete)
    _write(path, found, min(time_limit, found.seconds) if stopped else time_limit)
    return found


def entries() -> Iterator[Path]:
    """Every entry, in order of its name."""
    yield from sorted(folder().glob("*.json"))


def _shown(path: Path) -> cache_kinds.Entry:
    """An entry as shown to people, completely checked."""
    design, _ = read(path)
    rows = design.request.matrix
    return cache_kinds.Entry(
        problem=f"{len(rows)} x {len(rows[0])}: {';'.join(','.join(map(str, r)) for r in rows)}",
        cost=f"{design.analysis.one_bit_adders} one-bit adders",
        proved=False,
        bound=None,
        seconds=design.seconds,
    )


cache_kinds.register(
    cache_kinds.Kind("matrices", "designs of constant matrices", "cmvm", "*.json", _shown)
)


def clear() -> int:
    """Remove every entry; returns how many there were."""
    found = list(entries())
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _write(path: Path, design: MatrixDesign, time_limit: float) -> None:
    data: dict[str, Any] = {
        "schema": _SCHEMA,
        "version": _VERSION,
        "request": asdict(design.request),
        "circuit": json.loads(design.circuit.to_json()),
        "untruncated": design.untruncated,
        "engine": design.engine,
        "iterations": design.iterations,
        "seconds": design.seconds,
        "complete": design.complete,
        "time_limit": time_limit,
    }
    cache_kinds.keep(path, data)
