"""Whole integer products as items of a tensor array, and its results as a matrix.

A product of M x K and K x N is cut into tiles of the array; the tile column changes slowest. K is
padded with zeros to whole steps. Steps of a tile whose weights are all 0 need not be sent: that is
what sparsity of whole rows, columns and blocks gains, on dense and sparse arrays alike.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.arrays.tensor_array.operator import TensorArray
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.values import codes_of, integers_of, number_array
from holigrail_hw.formats import FixedFormat, Format

from .packing import Packed, dense_passes, pack

__all__ = ["items_of", "product_of"]


def items_of(
    spec: TensorArray, a: np.ndarray, b: np.ndarray, *, dense: bool = False, drop: bool = False
) -> dict[str, dict[str, np.ndarray]]:
    """Items of both input streams for ``a`` (M x K) times ``b`` (K x N).

    Parameters
    ----------
    a, b : integers that the formats hold; fixed-point numbers in units of the last place
    dense : bool
        Run a model without structure on a sparse array, in several passes.
    drop : bool
        Leave out steps whose weights are all 0; a tile keeps at least one pair.

    Raises
    ------
    RequestError
        If shapes do not match or a format does not hold an integer; if a block of ``b`` has too
        many weights, unless ``dense``; or if a format of the array has no zero and sizes are not
        multiples of the array's.
    """
    a, b = number_array(a, f"{spec.name}: a"), number_array(b, f"{spec.name}: b")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or not (a.size and b.size):
        raise RequestError(
            f"{spec.name}: a and b must be M x K and K x N, not of shapes {a.shape} and {b.shape}"
        )
    a = _integers(spec, "a", spec.activation, a)
    b = _integers(spec, "b", spec.weight, b)
    high, wide = spec.rows * spec.block_rows, spec.columns * spec.block_columns
    steps = -(-a.shape[1] // spec.depth)
    left = _filled(spec, a, high, steps * spec.depth)
    right = _filled(spec, b, steps * spec.depth, wide)
    down, across = len(left) // high, right.shape[1] // wide
    if not spec.element.is_sparse:
        passes = [Packed(right, np.zeros((0, right.shape[1]), np.uint64), 1, 1, len(right))]
    elif dense:
        passes = dense_passes(right, spec.kept, spec.group)
    else:
        passes = [pack(right, spec.kept, spec.group)]
    # Axes: tile across, tile down, step, pass; the activations are the same in every pass.
    vectors = left.reshape(down, high, steps, spec.depth).transpose(0, 2, 1, 3)
    vectors = np.broadcast_to(
        vectors[None, :, :, None], (across, down, steps, len(passes), high, spec.depth)
    ).reshape(-1, high, spec.depth)

    def tiled(per_pass: list[np.ndarray]) -> np.ndarray:
        """Items x rows of a step x columns of the array."""
        parts = [m.reshape(steps, -1, across, wide).transpose(2, 0, 1, 3) for m in per_pass]
        whole = np.stack(parts, axis=2)[:, None]
        shape = (across, down, *whole.shape[2:])
        return np.broadcast_to(whole, shape).reshape(-1, *shape[4:])

    weights = tiled([one.values for one in passes])
    words = tiled([one.metadata for one in passes]) if spec.element.is_sparse else None
    pairs = steps * len(passes)
    ends = np.arange(len(vectors)) % pairs == pairs - 1
    if drop:
        sent = weights.any(axis=(1, 2)).reshape(-1, pairs)
        sent[:, 0] |= ~sent.any(axis=1)
        # The last pair that a tile sends is marked.
        ends = (sent & (np.cumsum(sent[:, ::-1], axis=1)[:, ::-1] == 1)).reshape(-1)
        kept = sent.reshape(-1)
        vectors, weights, ends = vectors[kept], weights[kept], ends[kept]
        words = None if words is None else words[kept]
    last = ends.astype(np.uint64)
    activation = {
        f"a{i}_{d}": _codes(spec.activation, vectors[:, i, d])
        for i in range(high)
        for d in range(spec.depth)
    }
    weight: dict[str, np.ndarray] = {}
    for j in range(wide):
        for d in range(spec.element.entries):
            weight[f"w{d}_{j}"] = _codes(spec.weight, weights[:, d, j])
        if words is not None:
            weight |= {f"index{g}_{j}": words[:, g, j] for g in range(spec.element.groups)}
    return {"activation": activation | {"last": last}, "weight": weight}


def product_of(spec: TensorArray, m: int, n: int, result: Mapping[str, Any]) -> np.ndarray:
    """The M x N integers that the items of the stream ``result`` hold."""
    high, wide = spec.rows * spec.block_rows, spec.columns * spec.block_columns
    down, across = -(-m // high), -(-n // wide)
    assert isinstance(spec.accumulator, FixedFormat)
    integers = replace(spec.accumulator, fraction_width=0)
    dtype = integers_of(np.zeros(0, np.uint64), integers).dtype
    whole = np.zeros((across, down, spec.rows, spec.block_rows, wide), dtype)
    for i in range(spec.block_rows):
        for j in range(wide):
            values = integers_of(result[f"sum{i}_{j}"], integers)
            whole[..., i, j] = values.reshape(across, down, spec.rows)
    return whole.transpose(1, 2, 3, 0, 4).reshape(down * high, across * wide)[:m, :n]


def _filled(spec: TensorArray, matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The matrix padded with zeros to multiples of rows and columns."""
    shape = (-(-matrix.shape[0] // rows) * rows, -(-matrix.shape[1] // columns) * columns)
    if shape != matrix.shape and not (spec.activation.has_zero and spec.weight.has_zero):
        raise RequestError(
            f"{spec.name}: sizes of binary matrices must be multiples of the array's,"
            f" {shape[0]} x {shape[1]}, not {matrix.shape[0]} x {matrix.shape[1]}"
        )
    whole = np.zeros(shape, matrix.dtype)
    whole[: matrix.shape[0], : matrix.shape[1]] = matrix
    return whole


def _integers(spec: TensorArray, name: str, format: Format, matrix: np.ndarray) -> np.ndarray:
    """The matrix as integers, all of which the format holds."""
    codes = codes_of(matrix, _in_places(format), f"{spec.name}: {name}")
    if format.codes_are_integers:
        return integers_of(codes, _in_places(format))
    return format.decode(codes).astype(np.int64)


def _codes(format: Format, values: np.ndarray) -> np.ndarray:
    return _in_places(format).encode(values)


def _in_places(format: Format) -> Format:
    """The integer format of numbers in units of their last place."""
    return replace(format, fraction_width=0) if isinstance(format, FixedFormat) else format
