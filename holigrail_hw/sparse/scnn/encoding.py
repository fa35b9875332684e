"""Blocks of mostly zeros as SCNN holds them: vectors of values, each with the zeros before it.

A block is a sequence of numbers, for example one channel of a tile, row by row. Each non-zero
number becomes an entry (value, zeros before it). An index of ``index_width`` bits counts up to
2^index_width - 1 zeros; a longer run takes placeholders, entries of value 0 after the most zeros
an index can hold. Zeros after the last non-zero number are not written. Entries are packed into
vectors of ``lanes``; the last vector of a block is padded with entries (0, 0), and a block of zeros
is one such vector.

Reference: Parashar et al., "SCNN: An accelerator for compressed-sparse convolutional neural
networks", ISCA 2017.
"""

from typing import Any

import numpy as np

__all__ = ["BlockError", "decode_block", "encode_block", "encode_blocks", "vector_count"]


class BlockError(ValueError):
    """A block that cannot be packed, or vectors that hold no block; the message says why."""


def encode_block(block: Any, lanes: int, index_width: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and zeros before them, two arrays of vectors x lanes, int64.

    Parameters
    ----------
    block : integers, one-dimensional
    lanes : int
        Entries of a vector, 1 or more.
    index_width : int
        Bits of an index, 1 to 16.

    Raises
    ------
    BlockError
        If parameters are out of range, or the block is not one-dimensional or not of integers.
    """
    _check(lanes, index_width)
    block = np.asarray(block)
    if block.ndim != 1 or block.dtype.kind not in "iu":
        shape = " x ".join(map(str, block.shape)) or "a single number"
        raise BlockError(
            f"encode block: it must be a row of integers, not {shape} of type {block.dtype}"
        )
    span = 1 << index_width
    places = np.flatnonzero(block)
    gaps = np.diff(places, prepend=-1) - 1
    fillers = gaps // span
    ends = np.cumsum(fillers + 1)
    count = max(-(-int(ends[-1]) // lanes), 1) if len(ends) else 1
    values = np.zeros(count * lanes, np.int64)
    zeros = np.zeros(count * lanes, np.int64)
    if len(ends):
        zeros[: ends[-1]] = span - 1
        values[ends - 1] = block[places]
        zeros[ends - 1] = gaps % span
    return values.reshape(count, lanes), zeros.reshape(count, lanes)


def decode_block(values: Any, zeros: Any, size: int) -> np.ndarray:
    """The block of ``size`` numbers that the vectors stand for, int64.

    Raises
    ------
    BlockError
        If the arrays differ in shape, or a value lies beyond the end of the block.
    """
    values, zeros = np.asarray(values), np.asarray(zeros)
    if values.shape != zeros.shape:
        raise BlockError(
            f"decode block: values and zeros must have one shape, not {values.shape}"
            f" and {zeros.shape}"
        )
    flat = values.ravel().astype(np.int64)
    places = np.cumsum(zeros.ravel().astype(np.int64) + 1) - 1
    wrong = np.flatnonzero((places >= size) & (flat != 0))
    if len(wrong):
        raise BlockError(
            f"decode block: entry {wrong[0]} must be within the {size} numbers of the block,"
            f" not at place {places[wrong[0]]}"
        )
    block = np.zeros(size, np.int64)
    used = flat != 0
    block[places[used]] = flat[used]
    return block


def encode_blocks(blocks: Any, lanes: int, index_width: int) -> dict[str, np.ndarray]:
    """Many blocks, one after another: ``values``, ``zeros``, and ``last`` at each block's end."""
    parts = [encode_block(block, lanes, index_width) for block in blocks]
    last = [np.eye(len(values), dtype=np.int64)[-1] for values, _ in parts]
    empty = np.zeros((0, lanes), np.int64)
    return {
        "values": np.concatenate([empty, *(values for values, _ in parts)]),
        "zeros": np.concatenate([empty, *(zeros for _, zeros in parts)]),
        "last": np.concatenate([empty[:, 0], *last]),
    }


def vector_count(block: Any, lanes: int, index_width: int) -> int:
    """Vectors that take part in products; none for a block of zeros."""
    return len(encode_block(block, lanes, index_width)[0]) if np.any(block) else 0


def _check(lanes: int, index_width: int) -> None:
    if lanes < 1:
        raise BlockError(f"encode block: lanes must be 1 or more, not {lanes}")
    if not 1 <= index_width <= 16:
        raise BlockError(f"encode block: index_width must be between 1 and 16, not {index_width}")
