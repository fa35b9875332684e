"""Matrices as an EIE-like engine stores them, to and from the words of its memories. NumPy only.

Output row r belongs to processing element r mod N. There, column by column, every non-zero value is
an entry: its code in a codebook, and the number of zeros between it and the previous entry, or the
top of the column, within the rows of this element. If there are more zeros than an index can count,
a filler (the code of 0 with the largest index) stands for that many zeros and one more. Pointer j
of an element says where its column j begins; there is one pointer more than columns.

The words of a matrix are the codebook, then for every element its pointers and its entries, the
code of an entry in the low bits.

Reference: Han et al., "EIE: efficient inference engine on compressed deep neural network", ISCA
2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat, parse
from holigrail_hw.formats.plain_values import settle_fields
from holigrail_hw.formats.values import codes_of, integers_of, number_array

__all__ = ["EieMatrix", "EieSizes", "codebook_of", "encode"]


@dataclass(frozen=True)
class EieSizes:
    """What the memories of an engine hold; ``rows`` and ``entries`` are per element."""

    pes: int
    columns: int
    rows: int
    entries: int
    weight: FixedFormat
    code_width: int = 4
    index_width: int = 4

    def __post_init__(self) -> None:
        integers = ("pes", "columns", "rows", "entries", "code_width", "index_width")
        settle_fields(self, "", ValueError, integers=integers)
        object.__setattr__(self, "weight", parse(self.weight))

    @property
    def codes(self) -> int:
        """Values of a codebook."""
        return 1 << self.code_width

    @property
    def largest_index(self) -> int:
        """The most zeros that an index can count."""
        return (1 << self.index_width) - 1

    @property
    def pointer_width(self) -> int:
        """Bits of a pointer."""
        return self.entries.bit_length()

    @property
    def entry_width(self) -> int:
        """Bits of an entry."""
        return self.code_width + self.index_width

    @property
    def word_width(self) -> int:
        """Bits of a word of the stream that fills the memories."""
        return max(self.weight.width, self.pointer_width, self.entry_width)


@dataclass(frozen=True)
class EieMatrix:
    """An encoded matrix: pointers are elements x (columns + 1), the rest one array per element."""

    sizes: EieSizes
    rows: int
    codebook: Any
    pointers: Any
    codes: tuple[Any, ...]
    indices: tuple[Any, ...]

    @property
    def columns(self) -> int:
        """Columns of the matrix."""
        return self.pointers.shape[1] - 1

    @property
    def work(self) -> Any:
        """Entries of every column in every element, fillers included: columns x elements."""
        return np.diff(self.pointers, axis=1).T

    @property
    def bits(self) -> int:
        """Bits of pointers, entries and codebook."""
        sizes = self.sizes
        entries = int(self.pointers[:, -1].sum())
        codebook = sizes.codes * sizes.weight.width
        return codebook + self.pointers.size * sizes.pointer_width + entries * sizes.entry_width

    def words(self) -> Any:
        """The words that fill the memories, as codes."""
        mask = (1 << self.sizes.weight.width) - 1
        parts = [np.asarray(self.codebook, np.int64) & mask]
        for element in range(self.sizes.pes):
            entries = self.indices[element] << self.sizes.code_width | self.codes[element]
            parts += [self.pointers[element], entries]
        return np.concatenate(parts).astype(np.uint64)

    def dense(self) -> Any:
        """The matrix, decoded; every entry but a filler is one of its values."""
        matrix = np.zeros((self.rows, self.columns), np.int64)
        for element, (codes, indices) in enumerate(zip(self.codes, self.indices, strict=True)):
            place = 0
            for column, end in enumerate(self.pointers[element][1:].tolist()):
                row = -1
                for entry in range(place, end):
                    row += int(indices[entry]) + 1
                    value = self.codebook[int(codes[entry])]
                    matrix[row * self.sizes.pes + element, column] = value
                place = end
        return matrix


def codebook_of(matrix: Any) -> tuple[int, ...]:
    """The distinct values of a matrix, and 0."""
    return tuple(int(value) for value in np.union1d(np.asarray(matrix), [0]))


def encode(sizes: EieSizes, matrix: Any, codebook: Sequence[int] | None = None) -> EieMatrix:
    """A matrix of integers, outputs x inputs, for an engine of these sizes.

    Parameters
    ----------
    codebook : the values that codes stand for; if none is given, all values of the matrix

    Raises
    ------
    ValueError
        If the matrix is too large for the memories or has a value that is not in the codebook, or
        if the codebook has one that the format of weights does not hold.
    """
    whole = number_array(matrix, "eie encoder: the matrix")
    if whole.ndim != 2 or whole.dtype.kind not in "iu":
        raise ValueError(
            "eie encoder: a matrix must have two dimensions and integers,"
            f" not {whole.ndim} dimensions of {whole.dtype}"
        )
    rows, columns = whole.shape
    most = sizes.pes * sizes.rows
    if not 1 <= rows <= most or not 1 <= columns <= sizes.columns:
        raise ValueError(
            f"eie encoder: a matrix must have 1 to {most} rows and 1 to {sizes.columns} columns,"
            f" not be {rows} x {columns}"
        )
    values = _codebook(sizes, codebook_of(whole) if codebook is None else codebook)
    # If a value has several codes, the first one.
    order = np.argsort(values, kind="stable")
    found = np.searchsorted(values[order], whole)
    code = order[np.minimum(found, len(values) - 1)]
    unknown = np.argwhere((values[code] != whole) & (whole != 0))
    if len(unknown):
        row, column = unknown[0].tolist()
        raise ValueError(
            "eie encoder: every value must be in the codebook,"
            f" not {whole[row, column]} in row {row}, column {column}"
        )
    zero = np.flatnonzero(values == 0)
    parts = []
    for element in range(sizes.pes):
        pointers, codes, indices, fillers = _element(
            sizes, whole[element :: sizes.pes], code[element :: sizes.pes]
        )
        if len(codes) > sizes.entries:
            raise ValueError(
                f"eie encoder: element {element} must have at most {sizes.entries} entries,"
                f" not {len(codes)}, {int(fillers.sum())} of them fillers"
            )
        if fillers.any() and not len(zero):
            raise ValueError(
                "eie encoder: the codebook must hold 0 for fillers, as there are runs of more than"
                f" {sizes.largest_index} zeros"
            )
        codes[fillers] = zero[0] if len(zero) else 0
        parts.append((pointers, codes, indices))
    pointers, codes, indices = zip(*parts, strict=True)
    return EieMatrix(sizes, rows, values, np.stack(pointers), codes, indices)


def _codebook(sizes: EieSizes, given: Any) -> Any:
    """As many values as there are codes; unused ones are 0."""
    who = "eie encoder: values of the codebook"
    values = integers_of(codes_of(given, sizes.weight, who), sizes.weight).tolist()
    if len(values) > sizes.codes:
        raise ValueError(
            f"eie encoder: a codebook must have at most {sizes.codes} values, not {len(values)}"
        )
    return np.array(values + [0] * (sizes.codes - len(values)), np.int64)


def _element(sizes: EieSizes, part: Any, codes: Any) -> tuple[Any, Any, Any, Any]:
    """Pointers, codes and indices of one element, and which of its entries are fillers."""
    columns, rows = np.nonzero(part.T)
    opens = np.diff(columns, prepend=-1) != 0
    before = np.where(opens, -1, np.roll(rows, 1))
    zeros = rows - before - 1
    fillers = zeros >> sizes.index_width
    ends = np.cumsum(fillers + 1)
    total = int(ends[-1]) if len(ends) else 0
    indices = np.full(total, sizes.largest_index, np.int64)
    found = np.zeros(total, np.int64)
    is_filler = np.ones(total, bool)
    indices[ends - 1] = zeros & sizes.largest_index
    found[ends - 1] = codes[rows, columns]
    is_filler[ends - 1] = False
    counts = np.bincount(columns, weights=fillers + 1, minlength=part.shape[1])
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return pointers, found, indices, is_filler
