# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""Hardware that makes run lengths of zeros, one symbol per cycle.

Zeros are counted; a non-zero symbol, the last one, or a zero that the count cannot hold completes a
pair. Only a frame that ends in one zero more than its pair can hold needs two pairs at its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Module, Mux, Signal
from amaranth.lib import data

from holigrail_hw.core import Stream, Timing, operator
from holigrail_hw.core.streams import Items

from .codecs.coded import frames
from .codecs.engine import BIT, CodecComponent, joined_streams, marked, sparse_codes
from .codecs.run_length_engine import RunLengthEngine, word_items

__all__ = ["RunLengthEncoder"]


@operator(
    "run-length-encoder",
    summary="run lengths of zeros, a symbol per cycle",
    references=("Y.-H. Chen et al., Eyeriss, IEEE JSSC 52(1), 2017",),
)
@dataclass(frozen=True, kw_only=True)
class RunLengthEncoder(RunLengthEngine):
    """Symbols go in, words of pairs (run, value) come out.

    The code is ``holigrail_hw.sparse.codecs.run_length``.
    """

    def streams(self) -> dict[str, Stream]:
        symbol = {"value": self.symbol, "last": BIT}
        return {"symbol": Stream("in", symbol), "word": self.words("out")}

    def golden(self, symbol: Mapping[str, Any]) -> Items:
        words = [word_items(self.codec.encode(frame["value"])) for frame in frames(symbol)]
        return {"word": joined_streams(words, self.streams()["word"])}

    def cycles(self, timing: Timing, symbol: Mapping[str, Any]) -> int:
        """Exact: one per symbol, one for each second pair at the end of a frame, one to leave."""
        total = 0
        for frame in frames(symbol):
            values = frame["value"]
            used = np.flatnonzero(values)
            zeros = len(values) - 1 - used[-1] if len(used) else len(values)
            total += len(values) + (
                zeros > 1 and zeros % self.codec.longest == 1 % self.codec.longest
            )
        return int(total) + 1

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        return {"symbol": marked({"value": sparse_codes(rng, self.symbol.width, symbols, density)})}

    def architecture(self, timing: Timing) -> Any:
        return _Encoder(self)

    def luts_and_flip_flops(self) -> tuple[int, int]:
        pair = self.run_width + self.symbol.width
        return pair * (self.pairs + 2) + 3 * self.run_width, self.pairs * pair + self.run_width + 6

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return {**super().facts(timing), "bits of a word": self.codec.word_width}


class _Encoder(CodecComponent):
    def __init__(self, spec: RunLengthEncoder):
        super().__init__(spec.streams())
        self._pairs, self._run, self._value = spec.pairs, spec.run_width, spec.symbol.width

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        symbol, word = self.symbol, self.word
        # State: zeros counted, and one zero ``left_over`` for a second pair; the pairs of the word
        # being filled and the place of the next one; whether the word is ``whole``, or the last.
        zeros = Signal(self._run)
        left_over = Signal()
        pair = data.StructLayout({"run": self._run, "value": self._value})
        pairs = Signal(data.ArrayLayout(pair, self._pairs))
        place = Signal(range(self._pairs))
        whole = Signal()
        ends = Signal()
        free = Signal()
        taken = Signal()
        is_zero = Signal()
        full = Signal()
        made = Signal()
        run = Signal(self._run)
        over = Signal()
        # The word is its own output register: while it is whole it holds until ``ready``, and a
        # symbol is taken only in the cycle in which it leaves. A left-over zero goes first.
        m.d.comb += [
            word.valid.eq(whole),
            word.payload.end.eq(ends),
            word.payload.last.eq(ends),
            free.eq(~whole | word.ready),
            symbol.ready.eq(free & ~left_over),
            taken.eq(symbol.valid & symbol.ready),
            is_zero.eq(symbol.payload.value == 0),
            full.eq(zeros.all()),
            # A final zero is included in the run, unless the run is full without it.
            run.eq(Mux(left_over, 1, zeros + (is_zero & ~full))),
            made.eq(taken & (~is_zero | full | symbol.payload.last) | (left_over & free)),
            over.eq(left_over | (symbol.payload.last & ~(is_zero & full))),
        ]
        for i in range(self._pairs):
            m.d.comb += [
                word.payload[f"run{i}"].eq(pairs[i].run),
                word.payload[f"value{i}"].eq(pairs[i].value),
            ]
        # A word that has left is cleared, so that unused pairs of the next one read as (0, 0).
        with m.If(free):
            m.d.sync += [whole.eq(0), left_over.eq(0)]
            with m.If(whole):
                m.d.sync += [pairs.eq(0), ends.eq(0)]
        # A symbol: count zeros, or start again after a pair.
        with m.If(taken):
            m.d.sync += left_over.eq(is_zero & full & symbol.payload.last)
            with m.If(~is_zero | symbol.payload.last):
                m.d.sync += zeros.eq(0)
            with m.Else():
                m.d.sync += zeros.eq(Mux(full, 1, zeros + 1))
        # A pair: written to its place; the last place, or the end of a frame, completes the word.
        with m.If(made):
            m.d.sync += [
                pairs[place].run.eq(run),
                pairs[place].value.eq(Mux(left_over, 0, symbol.payload.value)),
                ends.eq(over),
            ]
            with m.If(over | (place == self._pairs - 1)):
                m.d.sync += [whole.eq(1), place.eq(0)]
            with m.Else():
                m.d.sync += place.eq(place + 1)
        return m
