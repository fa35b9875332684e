"""Matrices with few non-zero weights in every block along K, packed and unpacked.

The blocks of a K x N matrix are the ``group`` weights from row b * group on, in one column. Packed,
a block is its ``kept`` values and one word of metadata, the places of these values; see
:mod:`holigrail_hw.golden.structured`. With fewer weights than ``kept``, the unused entries hold 0
at places without a weight.

Packing never changes a matrix: one that does not fit is refused. :func:`legalise` makes it fit by
dropping the smallest weights, and is a separate step since the model has to be retrained after it.

References: Mishra et al., "Accelerating sparse deep neural networks", 2021 (2 of 4); Kang,
"Accelerator-aware pruning for convolutional neural networks", 2020, and Liu, Whatmough and Mattina,
2020 (k of 8, density-bound blocks).
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.values import number_array
from holigrail_hw.golden.structured import expand, index_width, metadata_of, positions_of

__all__ = ["Packed", "dense_passes", "legalise", "masks", "pack", "unpack"]


@dataclass(frozen=True)
class Packed:
    """A packed K x N matrix.

    Attributes
    ----------
    values : array of integers, blocks * kept x N
    metadata : array of words, blocks x N
    kept, group : int
    rows : int
        K; the last block may reach beyond it.
    """

    values: np.ndarray
    metadata: np.ndarray
    kept: int
    group: int
    rows: int

    def bits(self, weight_width: int) -> dict[str, int]:
        """Bits of the values, the indices, one mask per block instead, and the dense matrix.

        >>> pack(np.zeros((8, 1), int), 4, 8).bits(8)
        {'values': 32, 'indices': 12, 'masks': 8, 'dense': 64}
        """
        blocks = self.metadata.size
        return {
            "values": self.values.size * weight_width,
            "indices": blocks * self.kept * index_width(self.group),
            "masks": blocks * self.group,
            "dense": self.rows * self.values.shape[1] * weight_width,
        }


def pack(matrix: Any, kept: int, group: int) -> Packed:
    """The matrix with at most ``kept`` weights in every block.

    Raises
    ------
    RequestError
        If blocks have more (the message names the first ten), or if ``matrix`` is not a non-empty
        two-dimensional array of real numbers.
    """
    matrix = _checked(matrix, kept, group)
    blocks = _blocks(matrix, group)
    counts = np.count_nonzero(blocks, axis=1)
    wrong = [
        f"structured: column {column}, block {block} (rows {block * group} to"
        f" {block * group + group - 1}) must have at most {kept} weights, not"
        f" {counts[block, column]}"
        for block, column in np.argwhere(counts > kept)
    ]
    if wrong:
        more = len(wrong) - 10
        hint = "legalise() keeps the largest weights of every block"
        raise RequestError(
            wrong[:10] + ([f"structured: and {more} more blocks"] if more > 0 else []), hint=hint
        )
    # Weights first, in the order of their places; then unused places.
    order = np.argsort(blocks == 0, axis=1, kind="stable")[:, :kept]
    return _packed(matrix, blocks, np.sort(order, axis=1), group)


def unpack(packed: Packed) -> np.ndarray:
    """The K x N matrix."""
    return expand(packed.values, packed.metadata, packed.kept, packed.group)[: packed.rows]


def legalise(matrix: Any, kept: int, group: int) -> np.ndarray:
    """A copy that keeps the ``kept`` largest magnitudes of every block and sets the others to 0.

    Of equal magnitudes, those in the first rows are kept.

    Raises
    ------
    RequestError
        If ``matrix`` is not a non-empty two-dimensional array of real numbers.
    """
    matrix = _checked(matrix, kept, group)
    blocks = _blocks(matrix, group)
    order = np.argsort(_smallness(blocks), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    return _matrix(np.where(rank < kept, blocks, 0), matrix)


def dense_passes(matrix: Any, kept: int, group: int) -> list[Packed]:
    """Any matrix as ceil(group / kept) packed ones that add up to it.

    Pass p holds the weights at places p * kept and above; with the same activations in every pass
    the sums are those of the whole matrix.
    """
    matrix = _checked(matrix, kept, group)
    blocks = _blocks(matrix, group)
    passes = []
    for first in range(0, group, kept):
        # The last pass may overlap places already done.
        start = min(first, group - kept)
        here = blocks.copy()
        here[:, :first] = 0
        places = np.arange(start, start + kept).reshape(1, -1, 1)
        order = np.broadcast_to(places, (len(blocks), kept, blocks.shape[2]))
        passes.append(_packed(matrix, here, order, group))
    return passes


def masks(packed: Packed) -> np.ndarray:
    """One word per block with a bit for every place that an entry has, place 0 lowest."""
    places = positions_of(packed.metadata, packed.kept, packed.group)
    return np.bitwise_or.reduce(np.int64(1) << places, axis=-1)


def _packed(matrix: np.ndarray, blocks: np.ndarray, places: np.ndarray, group: int) -> Packed:
    """The packed matrix; ``places`` is blocks x kept x N."""
    count, kept, columns = places.shape
    values = np.take_along_axis(blocks, places, axis=1).reshape(count * kept, columns)
    metadata = metadata_of(np.moveaxis(places, 1, -1), group)
    return Packed(values, metadata, kept, group, len(matrix))


def _checked(matrix: Any, kept: int, group: int) -> np.ndarray:
    """The matrix as an array of numbers with rows and columns."""
    matrix = number_array(matrix, "structured: the matrix")
    wrong = []
    if not 1 <= kept <= group:
        wrong.append(f"structured: kept must be between 1 and group, {group}, not {kept}")
    if matrix.ndim != 2:
        wrong.append(f"structured: the matrix must have two dimensions, not {matrix.ndim}")
    elif not matrix.size:
        wrong.append(
            f"structured: the matrix must have rows and columns, not be"
            f" {matrix.shape[0]} x {matrix.shape[1]}"
        )
    elif not _are_numbers(matrix):
        wrong.append("structured: the matrix must hold real numbers, not NaN or anything else")
    if wrong:
        raise RequestError(wrong)
    return matrix


def _are_numbers(matrix: np.ndarray) -> bool:
    if matrix.dtype == object:
        # Only NaN differs from itself.
        return all(isinstance(v, Real) and v == v for v in matrix.ravel().tolist())
    return matrix.dtype.kind in "iubf" and not bool(np.isnan(matrix).any())


def _blocks(matrix: np.ndarray, group: int) -> np.ndarray:
    """Blocks x group x N, padded with zeros."""
    rows, columns = matrix.shape
    count = -(-rows // group)
    whole = np.zeros((count * group, columns), matrix.dtype)
    whole[:rows] = matrix
    return whole.reshape(count, group, columns)


def _smallness(blocks: np.ndarray) -> np.ndarray:
    """A sort key, smaller for larger magnitudes; unsigned, as that of -2^63 needs 64 bits."""
    if blocks.dtype.kind not in "iub":
        return -np.abs(blocks)
    wide = blocks.astype(np.uint64) if blocks.dtype.kind == "u" else blocks.astype(np.int64)
    return np.uint64((1 << 64) - 1) - np.abs(wide).astype(np.uint64)


def _matrix(blocks: np.ndarray, like: np.ndarray) -> np.ndarray:
    return blocks.reshape(-1, blocks.shape[2])[: len(like)].astype(like.dtype)
