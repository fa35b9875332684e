# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""Hardware that finds the rows and columns of a compressed sparse matrix, one entry per cycle.

The row is a running sum of relative indices. The pointer of the next column is taken together with
the last entry of a column, so only empty columns take an extra cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from amaranth import Module, Mux, Signal

from holigrail_hw.core import Stream, Timing, operator, parameter
from holigrail_hw.core.streams import Items
from holigrail_hw.formats import Format, parse

from .codecs.coded import frames
from .codecs.compressed_columns import CompressedColumns
from .codecs.engine import (
    BIT,
    CodecComponent,
    CodecEngine,
    flipped,
    marked,
    results_of,
    sparse_codes,
    symbol_violations,
)

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
        return _Decoder(self)

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


class _Decoder(CodecComponent):
    def __init__(self, spec: CscDecoder):
        super().__init__(spec.streams())
        self._spec, self._codec = spec, spec.codec

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        state = _State(self._spec)
        self._move(m, state)
        self._judge(m, state)
        self._take(m, state)
        self._give(m, state)
        self._open(m, state)
        self._close(m, state)
        return m

    def _move(self, m: Module, state: "_State") -> None:
        """What this cycle can do: ``inside`` a column take an entry, or, once the last pointer is
        reached, take the filler that closes the frame. Nothing moves while the output is refused.
        """
        nonzero = self.nonzero
        thrown = state.pointer_thrown, state.entry_thrown
        m.d.comb += [
            state.advance.eq(~nonzero.valid | nonzero.ready),
            state.running.eq(state.advance & ~thrown[0] & ~thrown[1] & ~state.broken & state.begun),
            state.at_bound.eq(state.place == state.bound),
            state.to_bound.eq(state.place + 1 == state.bound),
            state.inside.eq(state.running & ~state.at_bound),
            state.closing.eq(state.running & state.at_bound & state.pointers_over),
        ]

    def _judge(self, m: Module, state: "_State") -> None:
        """The entry on offer: its row and whether it is wrong; the closing one must be a filler."""
        spec, entry, row, filler = self._spec, self.entry, state.row, state.filler
        index, value = entry.payload.index, entry.payload.value
        m.d.comb += filler.eq(index.all() & (value == 0))
        if self._codec.relative:
            m.d.comb += row.eq(state.next_row + index)
            empty = (value == 0) & (~filler | state.to_bound)
        else:
            m.d.comb += row.eq(index)
            empty = value == 0
        bad_entry = entry.payload.last | (row >= spec.rows) | (row < state.next_row) | empty
        m.d.comb += state.wrong.eq(Mux(state.closing, ~(filler & entry.payload.last), bad_entry))

    def _take(self, m: Module, state: "_State") -> None:
        """Which inputs are taken.

        ``pointer.ready`` may depend on ``entry.valid``, since the last entry of a column takes the
        next pointer with it, but no ``ready`` on its own ``valid``.
        """
        pointer, entry = self.pointer, self.entry
        inside, closing, over = state.inside, state.closing, state.pointers_over
        at_pointer = ~state.begun | (state.at_bound & ~over)
        m.d.comb += [
            entry.ready.eq(state.entry_thrown | inside | closing),
            state.entry_taken.eq(entry.valid & (inside | closing)),
            pointer.ready.eq(
                state.pointer_thrown
                | (state.advance & ~state.broken & ~state.entry_thrown & at_pointer)
                | (inside & entry.valid & ~state.wrong & state.to_bound & ~over)
            ),
            state.pointer_taken.eq(pointer.valid & pointer.ready & ~state.pointer_thrown),
            state.failing.eq((state.advance & state.broken) | (state.entry_taken & state.wrong)),
        ]

    def _give(self, m: Module, state: "_State") -> None:
        """The output register: it changes only when it is empty or accepted.

        An error and the end of a frame read as zeros with ``last``.
        """
        nonzero, failing, closing = self.nonzero, state.failing, state.closing
        with m.If(state.advance):
            m.d.sync += [
                nonzero.valid.eq(failing | (state.entry_taken & (closing | ~state.filler))),
                nonzero.payload.column.eq(Mux(failing | closing, 0, state.columns - 1)),
                nonzero.payload.row.eq(Mux(failing | closing, 0, state.row)),
                nonzero.payload.value.eq(Mux(failing | closing, 0, self.entry.payload.value)),
                nonzero.payload.last.eq(failing | closing),
                nonzero.payload.error.eq(failing),
            ]
        with m.If(state.entry_taken):
            m.d.sync += [state.place.eq(state.place + 1), state.next_row.eq(state.row + 1)]

    def _open(self, m: Module, state: "_State") -> None:
        """A pointer opens the next column.

        A wrong one (the first not 0 or the only one, a decrease, one too many) breaks the frame;
        the error leaves as soon as the output is free.
        """
        given, bound = self.pointer.payload, state.bound
        with m.If(state.pointer_taken):
            m.d.sync += [
                state.begun.eq(1),
                bound.eq(given.pointer),
                state.pointers_over.eq(given.last),
                state.next_row.eq(0),
            ]
            with m.If(state.begun):
                one_too_many = state.columns == self._spec.columns
                m.d.sync += state.columns.eq(state.columns + 1)
                m.d.sync += state.broken.eq((given.pointer < bound) | one_too_many)
            with m.Else():
                m.d.sync += state.broken.eq((given.pointer != 0) | given.last)

    def _close(self, m: Module, state: "_State") -> None:
        """The end of a frame clears the state.

        After an error the rest of either stream is discarded up to its last item.
        """
        pointer, entry, failing = self.pointer, self.entry, state.failing
        with m.If(failing | (state.entry_taken & state.closing)):
            m.d.sync += [state.begun.eq(0), state.columns.eq(0), state.bound.eq(0)]
            m.d.sync += [state.place.eq(0), state.broken.eq(0)]
            m.d.sync += [state.pointers_over.eq(0), state.next_row.eq(0)]
        with m.If(failing):
            m.d.sync += state.pointer_thrown.eq(~state.pointers_over)
            m.d.sync += state.entry_thrown.eq(~(state.entry_taken & entry.payload.last))
        with m.If(state.pointer_thrown & pointer.valid):
            m.d.sync += state.pointer_thrown.eq(~pointer.payload.last)
        with m.If(state.entry_thrown & entry.valid):
            m.d.sync += state.entry_thrown.eq(~entry.payload.last)


class _State:
    """How far a frame has come, and what this cycle does.

    The first pointer was taken (``begun``), and so many ``columns`` have begun; the present one
    ends at the entry ``bound``; ``place`` is the next entry and ``next_row`` the least row allowed.
    ``pointers_over``: the last pointer came; ``broken``: a wrong one. Of a wrong frame, pointers
    and entries that are still to come are ``thrown`` away.
    """

    def __init__(self, spec: CscDecoder):
        self.begun, self.bound = Signal(), Signal(spec.pointer_width)
        self.columns = Signal(range(spec.columns + 1))
        self.place = Signal(spec.pointer_width)
        self.next_row = Signal(range(spec.rows + 1))
        self.pointers_over, self.pointer_thrown = Signal(), Signal()
        self.broken = Signal()
        self.entry_thrown = Signal()
        self.advance, self.running = Signal(), Signal()
        self.inside = Signal()
        self.at_bound, self.to_bound = Signal(), Signal()
        self.closing = Signal()
        self.row = Signal(range(spec.rows + (1 << spec.codec.entry_index_width)))
        self.wrong = Signal()
        self.entry_taken, self.pointer_taken, self.filler = Signal(), Signal(), Signal()
        self.failing = Signal()
