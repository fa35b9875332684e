"""Structured sparsity: blocks of ``group`` weights along K of which at most ``kept`` are not zero.

A block is stored as its ``kept`` values and one index for each, its place in the block. Indices
rise; entry t can thus only be at places t to t + group - kept, its *window*. The metadata of a
block is the word of its indices, the first one in the low bits: with 2 of 4 the six nibbles of
NVIDIA's Ampere (Mishra et al., "Accelerating sparse deep neural networks", 2021).

Any word is defined: an index outside its window makes its entry count as nothing.
"""

from typing import Any

import numpy as np

__all__ = ["expand", "index_width", "metadata_of", "positions_of", "random_metadata"]


def index_width(group: int) -> int:
    """Bits of an index."""
    return max((group - 1).bit_length(), 1)


def metadata_of(positions: Any, group: int) -> np.ndarray:
    """Words of metadata, object above 64 bits, from places along the last axis."""
    places = np.asarray(positions)
    bits = index_width(group)
    dtype = np.uint64 if bits * places.shape[-1] <= 64 else object
    words = np.zeros(places.shape[:-1], dtype)
    for entry in range(places.shape[-1]):
        shifted = places[..., entry].astype(dtype) << np.array(bits * entry, dtype)
        words = words | shifted
    return words


def positions_of(metadata: Any, kept: int, group: int) -> np.ndarray:
    """Places within the blocks, along a new last axis; int64."""
    words, bits = np.asarray(metadata), index_width(group)
    mask = (1 << bits) - 1
    if words.dtype != object:
        words = words.astype(np.uint64)
    places = [
        ((words >> np.array(bits * t, words.dtype)) & np.array(mask, words.dtype)).astype(np.int64)
        for t in range(kept)
    ]
    return np.stack(places, axis=-1)


def expand(values: Any, metadata: Any, kept: int, group: int) -> np.ndarray:
    """The dense weights of blocks.

    Parameters
    ----------
    values : array
        Integers, ... x blocks * kept x N.
    metadata : array
        Words, ... x blocks x N.

    Returns
    -------
    array
        Integers, ... x blocks * group x N.
    """
    values = np.asarray(values)
    *axes, entries, columns = values.shape
    blocks = entries // kept
    stored = values.reshape(*axes, blocks, kept, columns)
    places = np.moveaxis(positions_of(metadata, kept, group), -1, -2)
    dense = np.zeros((*axes, blocks, group, columns), values.dtype)
    for entry in range(kept):
        for place in range(entry, entry + group - kept + 1):
            chosen = places[..., entry, :] == place
            dense[..., place, :] += np.where(chosen, stored[..., entry, :], 0)
    return dense.reshape(*axes, blocks * group, columns)


def random_metadata(rng: np.random.Generator, count: int, kept: int, group: int) -> np.ndarray:
    """Legal words, every choice of places being as likely as any other."""
    places = np.argsort(rng.random((count, group)), axis=1)[:, :kept]
    return metadata_of(np.sort(places, axis=1), group)
