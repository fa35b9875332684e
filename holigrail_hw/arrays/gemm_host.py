"""The host's side of a matrix engine: a product of any size as commands, and back.

The same code drives a simulation and a board: all it needs is a link, an object whose
``exchange(items, counts)`` sends items into the engine's streams and returns what comes out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core import RequestError
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.link import Link
from holigrail_hw.formats import FixedFormat, FloatFormat, Format

from .gemm import Gemm
from .gemm_facts import split

__all__ = ["GemmHost"]

_WHY = {
    1: "a size is 0 or larger than the buffers",
    2: "the last vector came early",
    3: "the last vector came late",
    4: "the last row of weights came early",
    5: "the last row of weights came late",
    6: "the last channel's parameters came early",
    7: "the last channel's parameters came late",
}


class GemmHost:
    """Matrix products on the engine behind a link.

    Attributes
    ----------
    cycles : int
        Of the engine's clock between the first and the last status of the latest product.

    Raises
    ------
    RequestError
        If the link's engine is no ``gemm``.
    """

    def __init__(self, link: Link):
        if not isinstance(link.spec, Gemm):
            raise RequestError(f"gemm host: the engine must be gemm, not {link.spec.name}")
        self._link, self._spec = link, link.spec
        self.cycles = 0

    def multiply(self, a: Any, b: Any, **channel: Any) -> np.ndarray:
        """``a @ b``, M x N, in the engine's result format: int64 of integers, else float64.

        K is padded with zeros, so is N; M is cut into blocks that fit. Numbers of a floating-point
        factor are rounded to the nearest one of its format.

        Parameters
        ----------
        a, b : numbers, M x K and K x N; integers where the format is one
        channel : integers, one for each of the N columns or one for all
            What the engine's stream ``parameter`` holds: ``bias``, ``scale``, ``shift``.

        Raises
        ------
        RequestError
            Shapes that do not match, numbers the formats do not hold, sums that are too long.
        DesignError
            The engine reports an error.
        """
        spec, a, b = self._spec, np.asarray(a), np.asarray(b)
        wrong = self._wrong_shapes(a, b)
        if wrong:
            raise RequestError(f"gemm host: {wrong}")
        (m, k), n = a.shape, b.shape[1]
        commands = split(spec, m, k, n)
        if not commands:
            longest = spec.rows * spec.activation_depth
            raise RequestError(f"gemm host: sums must have at most {longest} products, not {k}")
        k_tiles, n_tiles = commands[0].k_tiles, commands[0].n_tiles
        deep, wide = k_tiles * spec.rows, n_tiles * spec.columns
        left = np.pad(a, ((0, 0), (0, deep - k)))
        right = np.pad(b, ((0, deep - k), (0, wide - n)))
        left, right = (
            _codes(matrix, format, name)
            for matrix, format, name in ((left, spec.activation, "a"), (right, spec.weight, "b"))
        )
        parameters = self._parameters(channel, n, wide)
        tiles = right.reshape(-1, n_tiles, spec.columns).transpose(1, 0, 2)
        weights = tiles.reshape(-1, spec.columns)
        blocks, times, start = [], [], 0
        for command in commands:
            block = left[start : start + command.vectors]
            start += command.vectors
            result, time = self._command(block, k_tiles, n_tiles, weights, parameters)
            blocks.append(result)
            times.append(time)
        self.cycles = times[-1] - times[0]
        whole, final = np.concatenate(blocks)[:, :n], spec.final
        if not isinstance(final, FixedFormat) or final.fraction_width or final.width > 62:
            return np.asarray(final.decode(whole), np.float64)
        whole = whole.astype(np.int64)
        return whole - ((whole >> (final.width - 1)) << final.width) if final.signed else whole

    def _command(
        self, block: Any, k_tiles: int, n_tiles: int, weights: Any, parameters: Any
    ) -> tuple[np.ndarray, int]:
        """One command: M x N result codes and the engine's time at its end."""
        spec, m = self._spec, len(block)
        vectors = block.reshape(m, k_tiles, spec.rows).transpose(1, 0, 2).reshape(-1, spec.rows)
        sizes = {"vectors": m, "k_tiles": k_tiles, "n_tiles": n_tiles}
        items: dict[str, Any] = {
            "command": {name: np.array([size], np.uint64) for name, size in sizes.items()},
            "activation": {f"a{i}": vectors[:, i] for i in range(spec.rows)},
            "weight": {f"w{j}": weights[:, j] for j in range(spec.columns)},
        }
        if parameters:
            items["parameter"] = dict(parameters)
        for name in set(items) - {"command"}:
            count = len(next(iter(items[name].values())))
            items[name]["last"] = (np.arange(count) == count - 1).astype(np.uint64)
        found = self._exchange(items, {"status": 1, "result": m * n_tiles})
        result, status = found["result"], found["status"]
        rows = np.stack([np.asarray(result[f"c{j}"]) for j in range(spec.columns)], axis=1)
        tiles = rows.reshape(n_tiles, m, spec.columns).transpose(1, 0, 2)
        return tiles.reshape(m, -1), int(status["cycles"][0])

    def _exchange(self, items: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
        """What the engine makes of a command; an error says what its status says."""
        try:
            found = self._link.exchange(items, counts)
            code = int(found["status"]["code"][0])
            if not code:
                return found
        except DesignError:
            # Results that do not come: a refused command has none.
            code = int(self._link.exchange({}, {"status": 1})["status"]["code"][0])
            if not code:
                raise
        raise DesignError(
            f"gemm host: the engine must report no error, not this one: {_WHY[code]}",
            hint="it accepts the next command",
        )

    def _parameters(self, channel: Mapping[str, Any], n: int, padded: int) -> dict[str, Any]:
        stream = self._spec.streams().get("parameter")
        fields = {n: f for n, f in stream.fields.items() if n != "last"} if stream else {}
        wrong = sorted(set(channel) ^ set(fields))
        if wrong:
            raise RequestError(
                f"gemm host: {', '.join(fields) or 'no parameter'} must be given for each column,"
                f" not {', '.join(sorted(channel)) or 'nothing'}"
            )
        codes = {}
        for name, format in fields.items():
            values = np.zeros(padded, np.int64)
            given = np.asarray(channel[name])
            if given.shape not in ((), (n,)):
                raise RequestError(
                    f"gemm host: {name} must be one number or {n}, not of shape {given.shape}"
                )
            values[:n] = given
            codes[name] = _codes(values, format, name)
        return codes

    def _wrong_shapes(self, a: Any, b: Any) -> str | None:
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or not (a.size and b.size):
            return f"a and b must be M x K and K x N, not of shapes {a.shape} and {b.shape}"
        formats = self._spec.activation, self._spec.weight
        for name, matrix, format in zip("ab", (a, b), formats, strict=True):
            kinds, what = ("iuf", "numbers") if format.kind == "float" else ("iu", "integers")
            if matrix.dtype.kind not in kinds:
                return f"{name} must hold {what}, not {matrix.dtype}"
        return None


def _codes(values: Any, format: Format, name: str) -> np.ndarray:
    """Codes of numbers; raises RequestError if the format does not hold integers."""
    if isinstance(format, FloatFormat):
        return format.encode(values)
    if isinstance(format, FixedFormat):
        low, high = int(values.min()), int(values.max())
        if low < format.minimum or high > format.maximum:
            raise RequestError(
                f"gemm host: {name} must be between {format.minimum} and {format.maximum},"
                f" not {low if low < format.minimum else high}"
            )
        return (values & ((1 << format.width) - 1)).astype(np.uint64)
    if format.kind != "ternary" or np.any(abs(values) > 1):
        raise RequestError(f"gemm host: {name} must be integers, or -1, 0, 1 in a ternary format")
    codes = np.array([int(format.encode(value)) for value in (-1, 0, 1)], np.uint64)
    return codes[values + 1]
