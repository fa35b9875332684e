"""What a matrix engine must answer, from integers alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .feeders import GOOD, LONG, SHORT, SIZE
from .schedule import Command
from .shape import GemmShape
from .sums import ExactResult
from .windows import Window

__all__ = ["commands_of", "gemm_golden"]

_SIZES = ("vectors", "k_tiles", "n_tiles")
_BLOCKS = ("activation", "weight", "parameter")


def commands_of(spec: GemmShape, items: Mapping[str, Mapping[str, Any]]) -> Iterator[Command]:
    """The commands with what comes for them, up to the mark of every stream."""
    given = items["command"]
    sizes = zip(*(np.asarray(given[n]).tolist() for n in _SIZES), strict=True)
    zeros = [0] * len(given["vectors"])
    holds = [np.asarray(given.get(name, zeros)).tolist() for name in ("resume", "keep")]
    blocks = {
        name: iter(np.diff(np.flatnonzero(np.asarray(items[name]["last"])), prepend=-1).tolist())
        for name in _BLOCKS
        if name in items
    }
    kept = None
    for number, ((m, k, n), resume, keep) in enumerate(zip(sizes, *holds, strict=True)):
        # A command that keeps its sums has no parameters.
        names = [name for name in blocks if not (keep and name == "parameter")]
        arriving = [next(blocks[name]) for name in names]
        window = Window.of_items(given, number) if spec.windows else Window.product(m, k)
        wanted = (window.pixels, k * n * spec.rows, n * spec.columns)
        code = GOOD
        for place, (came, due) in enumerate(zip(arriving, wanted, strict=False)):
            if code == GOOD and came != due:
                code = 2 * place + (SHORT if came < due else LONG)
        depth = spec.activation_depth
        too_many = window.pixels > depth and arriving[0] > depth
        if not (m and k and n and window.is_sized) or m > spec.accumulator_depth or too_many:
            code = SIZE
        elif (keep and m * n > spec.accumulator_depth) or (resume and kept != (m, n)):
            code = SIZE
        command = Command(m, k, n, code, *arriving, resume=bool(resume), keep=bool(keep))
        if command.is_obeyed:
            kept = (m, n) if keep else None
        yield command


def gemm_golden(spec: GemmShape, items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Results and statuses of all commands."""
    place: dict[str, int] = dict.fromkeys(_BLOCKS, 0)
    rows: list[Any] = []
    lasts: list[Any] = []
    codes = []
    # The factors of kept sums: those of a command that resumes them are more of the same sums.
    kept: tuple[Any, Any] | None = None

    def block(stream: str, prefix: str, count: int, came: int, due: int) -> Any:
        """The items of a command, as many as are due, as codes."""
        part = slice(place[stream], place[stream] + min(came, due))
        found = np.stack([np.asarray(items[stream][f"{prefix}{i}"])[part] for i in range(count)], 1)
        return np.concatenate([found, np.zeros((due - len(found), count), found.dtype)])

    for number, command in enumerate(commands_of(spec, items)):
        m, k, n = command.vectors, command.k_tiles, command.n_tiles
        if command.is_obeyed:
            window = Window.product(m, k)
            if spec.windows:
                window = Window.of_items(items["command"], number)
            image = block("activation", "a", spec.rows, command.arriving, window.pixels)
            a = window.vectors(image, m, k) if spec.windows else image.reshape(k, m, spec.rows)
            a = a.transpose(1, 0, 2).reshape(m, k * spec.rows)
            due = command.tiles * spec.rows
            b = block("weight", "w", spec.columns, command.weights, due)
            b = b.reshape(n, k * spec.rows, spec.columns)
            if command.resume and kept:
                a, b = (np.concatenate(pair, 1) for pair in zip(kept, (a, b), strict=True))
            kept = (a, b) if command.keep else None
        if command.is_obeyed and not command.keep:
            for tile, part in enumerate(b):
                first = tile * spec.columns
                channel = _channel(spec, items, place["parameter"], command, first)
                channel |= {s: np.asarray(items["command"][s])[number] for s in spec.settings}
                rows.append(_results(spec, a, part, channel))
            lasts.append(np.arange(m * n) == m * n - 1)
        codes.append(command.code)
        came = (command.arriving, command.weights, command.parameters)
        for stream, count in zip(_BLOCKS, came, strict=True):
            place[stream] += count
    dtype = np.uint64 if spec.final.width <= 64 else object
    whole = np.concatenate([np.zeros((0, spec.columns), dtype), *rows])
    result: dict[str, Any] = {f"c{j}": whole[:, j] for j in range(spec.columns)}
    result["last"] = np.concatenate([np.zeros(0, np.uint64), *lasts]).astype(np.uint64)
    return {"result": result, "status": {"code": np.array(codes, np.uint64), "cycles": None}}


def _channel(
    spec: GemmShape, items: Mapping[str, Any], start: int, command: Command, first: int
) -> dict[str, Any]:
    """Parameters of a tile's columns, whose first one is ``first``; 0 for those that are missing"""
    end = min(first + spec.columns, command.parameters)
    found = {}
    for name, values in items.get("parameter", {}).items():
        if name != "last":
            codes = np.asarray(values)[start + first : start + max(first, end)]
            found[name] = np.concatenate([codes, np.zeros(spec.columns - len(codes), codes.dtype)])
    return found


def _results(spec: GemmShape, a: Any, b: Any, channel: Mapping[str, Any]) -> Any:
    """Codes of the results of one tile of columns, from codes of its factors."""
    totals, lanes = spec.totals, spec.lanes
    if isinstance(lanes, ExactResult):
        return lanes.sums.computed(a, b)
    sums = totals.computed(a, b)
    if lanes is None:
        return sums
    wide = {name: np.broadcast_to(values, sums.shape) for name, values in channel.items()}
    (result,) = lanes.golden(x=sums, **wide).values()
    return result
