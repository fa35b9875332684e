"""Hardware that finds the rows and columns of a compressed sparse matrix, one entry per cycle.

The row is a running sum of relative indices. The pointer of the next column is taken together with
the last entry of a column, so only empty columns take an extra cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw.core import Stream, Timing, operator, parameter
from holigrail_hw.core.streams import Items
from holigrail_hw.formats import Format, parse

from ..codecs.coded import frames
from ..codecs.compressed_columns import CompressedColumns
from ..codecs.engine import (
    BIT,
    CodecEngine,
    flipped,
    marked,
    results_of,
    sparse_codes,
    symbol_violations,
)
from .decoder import Decoder

__all__ = ["CscDecoder"]

_MOST_PLACES = 1 << 12
_SPARSE = 0.03


@operator(
    "csc-decoder",
    summary="rows and columns of the entries of a compressed sparse matrix, CSC or CSR",
    references=("S. Han et al., EIE, ISCA 2016",),
)
@dataclass(frozen=True, kw_only=True)
class CscDecoder(CodecEngine):
    """Pointers and entries go in, values with their places come out, column by column.

    The code is ``holigrail_hw.sparse.codecs.compressed_columns``; for the transposed matrix it is
    CSR. The last item of a frame is not an entry: it has the value zero and says whether the frame
    was wrong. A filler takes a cycle and gives no output.
    """

    symbol: Format = parameter(
        parse("int8"), "format of a value; zero is the code 0", samples=("uint1", "int16")
    )
    rows: int = parameter(64, "rows of a matrix", low=1, high=1 << 16, samples=(1, 37))
    columns: int = parameter(64, "the most columns of a matrix", low=1, high=1 << 16, samples=(1,))
    index_width: int | None = parameter(
        4,
        "bits of a relative index; if none, an index is absolute: the row",
        low=1,
        high=16,
        samples=(1, "none"),
    )
    pointer_width: int = parameter(16, "bits of a pointer", low=1, high=32)

    def check(self) -> list[str]:
        return symbol_violations(symbol=self.symbol)

    @property
    def codec(self) -> CompressedColumns:
        """The codec in Python, with the same parameters."""
        return CompressedColumns(
            self.rows, self.columns, self.symbol.width, self.index_width, self.pointer_width
        )

    def streams(self) -> dict[str, Stream]:
        column, row = (
            parse(f"uint{max(1, (count - 1).bit_length())}") for count in (self.columns, self.rows)
        )
        index = parse(f"uint{self.codec.entry_index_width}")
        place = {"column": column, "row": row, "value": self.symbol}
        return {
            "pointer": Stream("in", {"pointer": parse(f"uint{self.pointer_width}"), "last": BIT}),
            "entry": Stream("in", {"index": index, "value": self.symbol, "last": BIT}),
            "nonzero": Stream("out", place | {"last": BIT, "error": BIT}),
        }

    def golden(self, pointer: Mapping[str, Any], entry: Mapping[str, Any]) -> Items:
        answers = []
        for found, wrong in self._frames(pointer, entry):
            closing = [] if wrong else [(0, 0, 0)]
            answers.append(([*found, *closing], bool(wrong)))
        return {"nonzero": results_of(["column", "row", "value"], answers)}

    def _frames(self, pointer: Mapping[str, Any], entry: Mapping[str, Any]) -> Any:
        for bounds, entries in zip(frames(pointer), frames(entry), strict=True):
            yield self.codec.entries(bounds["pointer"], entries["index"], entries["value"])

    def cycles(
        self, timing: Timing, pointer: Mapping[str, Any], entry: Mapping[str, Any]
    ) -> int | None:
        """Exact for valid frames: entries, the first two pointers, and those of empty columns."""
        if any(wrong for _, wrong in self._frames(pointer, entry)):
            return None
        empty = [np.diff(f["pointer"].astype(np.int64))[:-1] == 0 for f in frames(pointer)]
        return len(entry["last"]) + sum(2 + int(one.sum()) for one in empty) + 1

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        columns = min(self.columns, 1 + symbols // self.rows)
        codes = sparse_codes(rng, self.symbol.width, self.rows * columns, density)
        matrix = codes.reshape(self.rows, columns)
        # Some columns have no entries at all.
        matrix[:, rng.random(columns) < 0.2] = 0
        # No more entries, fillers included, than the pointers can count.
        most, whole = (1 << self.pointer_width) - 1, replace(self.codec, pointer_width=32)
        while (more := len(whole.encode(matrix)["index"]) - 1 - most) > 0:
            places = rng.permutation(np.flatnonzero(matrix))
            matrix.flat[places[: -(-more // 2)]] = 0
        coded = self.codec.encode(matrix)
        return {
            "pointer": marked({"pointer": coded["pointer"]}),
            "entry": marked({"index": coded["index"], "value": coded["value"]}),
        }

    def corner_jobs(self) -> list[Items]:
        # As many columns as allowed, unless that is too many to try, and one too many.
        rng = np.random.default_rng(8)
        columns = min(self.columns, 1 + _MOST_PLACES // self.rows)
        whole = self.frame(rng, self.rows * (columns - 1), _SPARSE)
        bounds = whole["pointer"]["pointer"]
        longer = marked({"pointer": np.append(bounds, bounds[-1:])})
        return [*super().corner_jobs(), whole, {**whole, "pointer": longer}]

    def corrupted(self, rng: np.random.Generator, frame: Items) -> Items:
        name = ("pointer", "entry")[int(rng.integers(2))]
        return {**frame, name: flipped(rng, frame[name], self.streams()[name])}

    def architecture(self, timing: Timing) -> Any:
        return Decoder(self)

    @property
    def results_per_cycle(self) -> dict[str, Any]:
        return {"entries per cycle": 1}

    def luts_and_flip_flops(self) -> tuple[int, int]:
        place = self.rows.bit_length() + self.columns.bit_length()
        luts = 5 * self.pointer_width + 5 * place + self.symbol.width
        return luts, 2 * self.pointer_width + 2 * place + self.symbol.width + 8

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        each = self.codec.entry_index_width + self.symbol.width
        return {**super().facts(timing), "bits of an entry": each}
