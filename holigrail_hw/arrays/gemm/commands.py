"""Commands of a matrix engine as items of its streams, and results as matrices.

The order of items is that of :data:`.facts.ORDERS_OF_ITEMS`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items

from .shape import GemmShape
from .windows import Window

__all__ = ["WHY", "command_items", "empty_command", "result_codes", "window_items"]

WHY = {
    1: "a size is 0 or larger than the buffers",
    2: "the last vector came early",
    3: "the last vector came late",
    4: "the last row of weights came early",
    5: "the last row of weights came late",
    6: "the last channel's parameters came early",
    7: "the last channel's parameters came late",
}
"""What the codes of a status mean."""


def command_items(
    spec: GemmShape,
    block: Any,
    weights: Any,
    parameters: Mapping[str, Any],
    settings: Mapping[str, int] | None = None,
    *,
    resume: bool = False,
    keep: bool = False,
) -> Items:
    """One command.

    Parameters
    ----------
    block, weights : arrays of codes
        M x K and K x N, K a multiple of the engine's rows and N of its columns.
    parameters : mapping of arrays of codes
        N for each field of the stream ``parameter`` but its mark; empty without that stream.
    settings : mapping of codes
        What the command sets for all channels: the further fields of the stream ``command``.
    resume, keep : bool
        Whether sums go on from those that are kept, and are kept themselves: then there are no
        results and no parameters.
    """
    (m, deep), wide = block.shape, weights.shape[1]
    k_tiles, n_tiles = deep // spec.rows, wide // spec.columns
    vectors, window = block.reshape(m, k_tiles, spec.rows), None
    if spec.windows:
        window = Window.product(m, k_tiles)
    else:
        vectors = vectors.transpose(1, 0, 2)
    sizes = {"vectors": m, "k_tiles": k_tiles, "n_tiles": n_tiles, **(settings or {})}
    if spec.resumable:
        sizes |= {"resume": int(resume), "keep": int(keep)}
    vectors = vectors.reshape(-1, spec.rows)
    return _items(spec, sizes, window, vectors, weights, {} if keep else parameters)


def window_items(
    spec: GemmShape,
    window: Window,
    vectors: int,
    image: Any,
    weights: Any,
    parameters: Mapping[str, Any],
    *,
    resume: bool = False,
    keep: bool = False,
) -> Items:
    """One command whose vectors are places of a window over an image of codes.

    ``image`` has pixels x blocks items of the engine's rows, ``weights`` are K x N, tap by tap and
    of a tap block by block; for the rest see :func:`command_items`.
    """
    k_tiles, n_tiles = len(weights) // spec.rows, weights.shape[1] // spec.columns
    sizes = {"vectors": vectors, "k_tiles": k_tiles, "n_tiles": n_tiles}
    if spec.resumable:
        sizes |= {"resume": int(resume), "keep": int(keep)}
    return _items(spec, sizes, window, image, weights, {} if keep else parameters)


def _items(
    spec: GemmShape,
    sizes: Mapping[str, int],
    window: Window | None,
    vectors: Any,
    weights: Any,
    parameters: Mapping[str, Any],
) -> Items:
    n_tiles = weights.shape[1] // spec.columns
    tiles = weights.reshape(-1, n_tiles, spec.columns).transpose(1, 0, 2).reshape(-1, spec.columns)
    sizes = {**sizes, **({name: getattr(window, name) for name in spec.window} if window else {})}
    items: Items = {
        "command": {name: np.array([size], np.uint64) for name, size in sizes.items()},
        "activation": {f"a{i}": vectors[:, i] for i in range(spec.rows)},
        "weight": {f"w{j}": tiles[:, j] for j in range(spec.columns)},
    }
    if parameters:
        items["parameter"] = dict(parameters)
    for name in set(items) - {"command"}:
        count = len(next(iter(items[name].values())))
        items[name]["last"] = (np.arange(count) == count - 1).astype(np.uint64)
    return items


def empty_command(spec: GemmShape) -> Items:
    """A command without vectors, which the engine refuses: its status tells the engine's time."""
    return {
        name: {field: np.array([field == "last"], np.uint64) for field in stream.fields}
        for name, stream in spec.streams().items()
        if stream.direction == "in"
    }


def result_codes(spec: GemmShape, items: Mapping[str, Any], vectors: int) -> np.ndarray:
    """The M x N codes of one command, from its items of the stream ``result``."""
    rows = np.stack([np.asarray(items[f"c{j}"]) for j in range(spec.columns)], axis=1)
    tiles = rows.reshape(-1, vectors, spec.columns).transpose(1, 0, 2)
    return tiles.reshape(vectors, -1)
