"""What a matrix engine must answer, from integers alone."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holigrail_hw.formats import Format

from .gemm_feeders import GOOD, LONG, SHORT, SIZE
from .gemm_schedule import Command

if TYPE_CHECKING:
    from .gemm import Gemm

__all__ = ["commands_of", "gemm_golden"]


def commands_of(spec: "Gemm", items: Mapping[str, Mapping[str, Any]]) -> Iterator[Command]:
    """The commands with their verdicts."""
    sizes = zip(*(np.asarray(items["command"][n]).tolist() for n in _SIZES), strict=True)
    ends = np.flatnonzero(np.asarray(items["activation"]["last"])) + 1
    starts = [0, *ends[:-1].tolist()]
    for (m, k, n), start, end in zip(sizes, starts, ends.tolist(), strict=True):
        yield Command(m, k, n, _verdict(spec, m, k, n, end - start), end - start)


def gemm_golden(spec: "Gemm", items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Results and statuses of all commands."""
    vectors = _matrix(items["activation"], spec.activation, "a", spec.rows)
    weights = _matrix(items["weight"], spec.weight, "w", spec.columns)
    final = spec.final
    place = dict.fromkeys(("vector", "weight", "parameter"), 0)
    rows: list[Any] = []
    lasts: list[Any] = []
    codes = []
    for command in commands_of(spec, items):
        m, k, n = command.vectors, command.k_tiles, command.n_tiles
        start, weight, channel = (place[name] for name in ("vector", "weight", "parameter"))
        place["vector"] += command.arriving
        place["weight"] += command.tiles * spec.rows
        place["parameter"] += n * spec.columns
        codes.append(command.code)
        if command.code != GOOD:
            continue
        a = vectors[start : start + m * k].reshape(k, m, spec.rows)
        a = a.transpose(1, 0, 2).reshape(m, k * spec.rows)
        b = weights[weight : weight + command.tiles * spec.rows]
        for tile in range(n):
            part = b[tile * k * spec.rows : (tile + 1) * k * spec.rows]
            first = channel + tile * spec.columns
            rows.append(_finished(spec, a @ part, items, first))
        last = np.zeros(m * n, np.uint64)
        last[-1] = 1
        lasts.append(last)
    whole = np.concatenate([np.zeros((0, spec.columns), np.uint64), *rows])
    result = {f"c{j}": whole[:, j] for j in range(spec.columns)}
    result["last"] = np.concatenate([np.zeros(0, np.uint64), *lasts])
    assert all(0 <= code < 1 << final.width for code in whole[:1].ravel().tolist())
    return {"result": result, "status": {"code": np.array(codes, np.uint64), "cycles": None}}


_SIZES = ("vectors", "k_tiles", "n_tiles")


def _verdict(spec: "Gemm", m: int, k: int, n: int, arriving: int) -> int:
    announced, depth = m * k, spec.activation_depth
    if not m or not k or not n or m > spec.accumulator_depth:
        return SIZE
    if announced > depth and arriving > depth:
        return SIZE
    if arriving < announced:
        return SHORT
    return LONG if arriving > announced else GOOD


def _finished(spec: "Gemm", sums: Any, items: Mapping[str, Any], first: int) -> Any:
    """Codes of the results of one tile of columns, whose first channel is ``first``."""
    assert spec.accumulator is not None
    mask = (1 << spec.accumulator.width) - 1
    codes = (sums & mask).astype(np.uint64)
    lanes = spec.lanes
    if lanes is None:
        return codes
    channel = {
        name: np.broadcast_to(np.asarray(values)[first : first + spec.columns], codes.shape)
        for name, values in items.get("parameter", {}).items()
    }
    return lanes.golden(x=codes, **channel)["y"]


def _matrix(fields: Mapping[str, Any], format: Format, prefix: str, count: int) -> Any:
    """Items x fields as int64."""
    codes = np.stack([np.asarray(fields[f"{prefix}{i}"]) for i in range(count)], axis=1)
    number = format.unpack(codes)
    magnitude = number.significand.astype(np.int64) << number.exponent
    return np.where(number.sign, -magnitude, magnitude)
