"""Compressed columns of a sparse matrix (CSC); of the transposed matrix it is CSR. NumPy only.

Pointer j says where the entries of column j begin; there is one pointer more than columns. An entry
is an index and a value. An absolute index is the row. A relative index is the number of zeros since
the previous entry, or since the top of the column; if there are more zeros than it can express, a
filler (the largest index with the value zero) stands for that many zeros and one more. Columns do
not end in fillers. One more filler closes the entries of a frame, even if there are no others.
Losing the pointers of empty columns at the end gives a narrower matrix, not an error.

References: Han et al., "EIE: efficient inference engine on compressed deep neural network", ISCA
2016; Tinney and Walker, "Direct solutions of sparse network equations by optimally ordered
triangular factorization", Proc. IEEE 55(11), 1967.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats.plain_values import settle_fields

from .coded import CodecError, codes_of, compression_ratio

__all__ = ["CompressedColumns", "Entry"]

# Column, row and value.
Entry = tuple[int, int, int]


@dataclass(frozen=True)
class CompressedColumns:
    """The codec for matrices of ``rows`` rows and at most ``columns`` columns.

    ``index_width`` is the width of a relative index; if it is None, indices are absolute.
    """

    rows: int
    columns: int = 256
    value_width: int = 8
    index_width: int | None = 4
    pointer_width: int = 16

    def __post_init__(self) -> None:
        integers = ("rows", "columns", "value_width", "index_width", "pointer_width")
        settle_fields(self, "", ValueError, integers=integers)

    @property
    def relative(self) -> bool:
        """Whether an index counts zeros."""
        return self.index_width is not None

    @property
    def entry_index_width(self) -> int:
        """Bits of the index of an entry."""
        return self.index_width or max(1, (self.rows - 1).bit_length())

    @property
    def largest(self) -> int:
        """The largest index, which marks a filler."""
        return (1 << self.entry_index_width) - 1

    def encode(self, matrix: Any) -> dict[str, Any]:
        """One frame: ``pointer``, and ``index`` and ``value`` of the entries.

        Raises
        ------
        ValueError
            If the matrix has a different number of rows, too many columns, or too many entries.
        """
        codes = codes_of(matrix, self.value_width, dimensions=2)
        if codes.shape[0] != self.rows or not 0 < codes.shape[1] <= self.columns:
            raise ValueError(
                f"a matrix must have {self.rows} rows and 1 to {self.columns} columns,"
                f" not be {' x '.join(map(str, codes.shape))}"
            )
        pointer, entries = [0], []
        for column in codes.T.tolist():
            before = -1
            for row in (r for r, value in enumerate(column) if value):
                if self.relative:
                    fillers, zeros = divmod(row - before - 1, self.largest + 1)
                    entries += [(self.largest, 0)] * fillers + [(zeros, column[row])]
                else:
                    entries.append((row, column[row]))
                before = row
            pointer.append(len(entries))
        if len(entries) >= 1 << self.pointer_width:
            raise ValueError(
                f"{self.pointer_width} bits of a pointer must hold the number of entries,"
                f" {len(entries)}"
            )
        entries.append((self.largest, 0))
        index, value = np.array(entries, np.uint64).T
        return {"pointer": np.array(pointer, np.uint64), "index": index, "value": value}

    def decode(self, coded: Mapping[str, Any]) -> Any:
        """The matrix of one frame; raises CodecError."""
        found, wrong = self.entries(coded["pointer"], coded["index"], coded["value"])
        if wrong:
            raise CodecError(f"{wrong}, after {len(found)} entries")
        matrix = np.zeros((self.rows, len(coded["pointer"]) - 1), np.uint64)
        for column, row, value in found:
            matrix[row, column] = value
        return matrix

    def entries(self, pointer: Any, index: Any, value: Any) -> tuple[list[Entry], str | None]:
        """The entries of a frame up to the first error, and what the error is, if any."""
        found: list[Entry] = []
        pairs = list(zip(np.asarray(index).tolist(), np.asarray(value).tolist(), strict=True))
        bounds = np.asarray(pointer).tolist()
        if bounds[0]:
            return found, "the first pointer must be 0"
        if len(bounds) < 2:
            return found, "there must be a column"
        for column, (start, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
            if column >= self.columns:
                return found, f"there must be at most {self.columns} columns"
            if end < start:
                return found, "pointers must not decrease"
            before = -1
            for place in range(start, end):
                if place >= len(pairs) - 1:
                    return found, "entries are missing"
                zeros, one = pairs[place]
                row = before + 1 + zeros if self.relative else zeros
                if row >= self.rows or row <= before:
                    return found, f"rows must increase and stay below {self.rows}"
                if not one and (not self.relative or zeros < self.largest or place == end - 1):
                    return found, "an entry must have a value"
                if one:
                    found.append((column, row, one))
                before = row
        if len(pairs) != bounds[-1] + 1 or pairs[-1] != (self.largest, 0):
            return found, "the entries must end where the last pointer says"
        return found, None

    def bits(self, coded: Mapping[str, Any]) -> int:
        """Bits of a frame."""
        each = self.entry_index_width + self.value_width
        return len(coded["pointer"]) * self.pointer_width + len(coded["index"]) * each

    def ratio(self, matrix: Any) -> float:
        """Compression ratio: bits of the dense matrix over bits when encoded."""
        return compression_ratio(
            np.asarray(matrix).size, self.value_width, self.bits(self.encode(matrix))
        )
