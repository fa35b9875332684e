# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false

"""Hardware that expands run lengths of zeros, one symbol per cycle.

When a word comes in, it is checked, and a pair without a value becomes one with a run shorter by
one and the value zero. Then the first pair counts its run down, gives its value, and leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data

from holigrail_hw.core import Stream, Timing, operator
from holigrail_hw.core.streams import Items

from .codecs.coded import frames
from .codecs.engine import BIT, CodecComponent, flipped, results_of, sparse_codes
from .codecs.run_length_engine import RunLengthEngine, word_items

__all__ = ["RunLengthDecoder"]


@operator(
    "run-length-decoder",
    summary="zeros from their run lengths, a symbol per cycle",
    references=("Y.-H. Chen et al., Eyeriss, IEEE JSSC 52(1), 2017",),
)
@dataclass(frozen=True, kw_only=True)
class RunLengthDecoder(RunLengthEngine):
    """Words of pairs (run, value) go in, symbols come out.

    The code is ``holigrail_hw.sparse.codecs.run_length``.

    A word that breaks the rules of the code, or whose flags ``end`` and ``last`` differ, gives an
    error instead of its symbols.
    """

    def streams(self) -> dict[str, Stream]:
        symbol = {"value": self.symbol, "last": BIT, "error": BIT}
        return {"word": self.words("in"), "symbol": Stream("out", symbol)}

    def golden(self, word: Mapping[str, Any]) -> Items:
        answers = [self._frame(frame) for frame in frames(word)]
        return {"symbol": results_of(["value"], [(s, w) for s, w, _ in answers])}

    def _frame(self, word: Mapping[str, Any]) -> tuple[list[list[int]], bool, int]:
        """Symbols of a frame, whether it is wrong, and how many words follow the wrong one."""
        symbols: list[list[int]] = []
        count = len(word["last"])
        for index in range(count):
            run, value = (
                [int(word[f"{name}{i}"][index]) for i in range(self.pairs)]
                for name in ("run", "value")
            )
            last = index == count - 1
            more, wrong = self.codec.word(run, value, int(word["end"][index]), last)
            if wrong:
                return symbols, True, count - 1 - index
            symbols += [[one] for one in more]
        return symbols, False, 0

    def cycles(self, timing: Timing, word: Mapping[str, Any]) -> int:
        """Exact: one for the first word, one per symbol and error, one per discarded word."""
        total, gap = 0, 0
        for frame in frames(word):
            symbols, wrong, thrown = self._frame(frame)
            total += gap + len(symbols) + wrong
            # After discarded words, the next one takes a cycle to come in.
            gap = thrown + bool(thrown)
        return total + 1

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        codes = sparse_codes(rng, self.symbol.width, symbols, density)
        return {"word": word_items(self.codec.encode(codes))}

    def corrupted(self, rng: np.random.Generator, frame: Items) -> Items:
        return {"word": flipped(rng, frame["word"], self.streams()["word"])}

    def architecture(self, timing: Timing) -> Any:
        return _Decoder(self)

    def luts_and_flip_flops(self) -> tuple[int, int]:
        pair = self.run_width + self.symbol.width
        luts = self.pairs * (2 * pair + 5) + self.symbol.width + self.run_width
        return luts, self.pairs * (pair + 1) + 4

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return {**super().facts(timing), "bits of a word": self.codec.word_width}


class _Decoder(CodecComponent):
    def __init__(self, spec: RunLengthDecoder):
        super().__init__(spec.streams())
        self._pairs, self._run, self._value = spec.pairs, spec.run_width, spec.symbol.width

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word, symbol = self.word, self.symbol
        # State: the pairs of the present word, the first one at work, those without ``there`` after
        # all others; ``busy`` while there is a word, ``bad`` if it is wrong, ``ends`` if it is the
        # last of its frame; ``throwing`` while the rest of a wrong frame is discarded.
        pair = data.StructLayout({"there": 1, "run": self._run, "value": self._value})
        pairs = Signal(data.ArrayLayout(pair, self._pairs))
        busy = Signal()
        bad = Signal()
        ends = Signal()
        throwing = Signal()
        first = pairs[0]
        pair_done = Signal()
        word_done = Signal()
        leaving = Signal()
        more = pairs[1].there if self._pairs > 1 else 0
        # The output comes from registers and holds until ``ready``. A word is taken when there is
        # none, or in the cycle in which the last symbol of the present one leaves.
        m.d.comb += [
            pair_done.eq(first.run == 0),
            word_done.eq(bad | (pair_done & ~more)),
            symbol.valid.eq(busy),
            symbol.payload.value.eq(Mux(pair_done & ~bad, first.value, 0)),
            symbol.payload.last.eq(bad | (word_done & ends)),
            symbol.payload.error.eq(bad),
            leaving.eq(busy & symbol.ready & word_done),
            word.ready.eq(~busy | (leaving & (~bad | ends))),
        ]
        # A symbol leaves: the run counts down, or the next pair moves up.
        with m.If(busy & symbol.ready):
            with m.If(pair_done):
                m.d.sync += [pairs[i].eq(pairs[i + 1]) for i in range(self._pairs - 1)]
                m.d.sync += pairs[-1].there.eq(0)
            with m.Else():
                m.d.sync += first.run.eq(first.run - 1)
        with m.If(leaving):
            m.d.sync += busy.eq(0)
            m.d.sync += throwing.eq(bad & ~ends)
        # Discarded words are taken at once, as no word is at work; any other one is loaded.
        with m.If(word.valid & throwing):
            m.d.sync += throwing.eq(~word.payload.last)
        with m.Elif(word.valid & word.ready):
            m.d.sync += [busy.eq(1), bad.eq(self._judged(m)), ends.eq(word.payload.last)]
            for i in range(self._pairs):
                run, value = self._given(i)
                m.d.sync += [
                    pairs[i].there.eq((run != 0) | (value != 0)),
                    pairs[i].run.eq(Mux(value == 0, run - 1, run)),
                    pairs[i].value.eq(value),
                ]
        return m

    def _given(self, i: int) -> tuple[Any, Any]:
        return self.word.payload[f"run{i}"], self.word.payload[f"value{i}"]

    def _judged(self, m: Module) -> Any:
        """Whether the word on offer is wrong."""
        there = Signal(self._pairs)
        open = Signal(self._pairs)
        for i in range(self._pairs):
            run, value = self._given(i)
            m.d.comb += [
                there[i].eq((run != 0) | (value != 0)),
                open[i].eq(run.all() | (value != 0)),
            ]
        # Only an open pair may be followed by another one, in this word or the next.
        follows = Cat(there[1:], ~self.word.payload.end)
        return (
            (self.word.payload.end != self.word.payload.last) | ~there[0] | (follows & ~open).any()
        )
