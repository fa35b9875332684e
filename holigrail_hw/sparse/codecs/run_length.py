"""Run lengths of zeros: pairs (run, value), several to a word. NumPy only.

A pair stands for ``run`` zeros followed by the value; a pair whose value is zero stands for its
zeros alone. So a run longer than the field can hold is split into pairs without a value, zeros at
the end of a frame are such a pair, and (0, 0) stands for nothing: it pads the last word of a frame.
The flag ``end`` marks that word. Three pairs of a 5-bit run and a 16-bit value plus the flag make
64 bits, the word of Eyeriss.

Most words that no encoder produces are detected as wrong: only the last pair of a frame may have a
value of zero and a run below the largest, and only the last word may have empty pairs, after all
others.

Reference: Chen et al., "Eyeriss: an energy-efficient reconfigurable accelerator for deep
convolutional neural networks", IEEE JSSC 52(1), 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.formats.plain_values import settle_fields

from .coded import codes_of, compression_ratio, decoded

__all__ = ["RunLength"]


@dataclass(frozen=True)
class RunLength:
    """The codec for values of ``value_width`` bits, runs of ``run_width``, ``pairs`` to a word."""

    value_width: int = 16
    run_width: int = 5
    pairs: int = 3

    def __post_init__(self) -> None:
        integers = ("value_width", "run_width", "pairs")
        settle_fields(self, "", ValueError, integers=integers)

    @property
    def longest(self) -> int:
        """The most zeros a pair can stand for, besides its value."""
        return (1 << self.run_width) - 1

    @property
    def word_width(self) -> int:
        """Bits of a word."""
        return self.pairs * (self.run_width + self.value_width) + 1

    def encode(self, symbols: Any) -> dict[str, Any]:
        """One frame of symbols (codes) as words.

        Returns
        -------
        dict of ``run`` and ``value``, arrays of words x pairs, and ``end``, an array of words
        """
        found = self._pairs_of(codes_of(symbols, self.value_width).tolist())
        count = -(-len(found) // self.pairs)
        found += [(0, 0)] * (count * self.pairs - len(found))
        words = np.array(found, np.uint64).reshape(count, self.pairs, 2)
        end = np.zeros(count, np.uint64)
        end[-1:] = 1
        return {"run": words[:, :, 0], "value": words[:, :, 1], "end": end}

    def _pairs_of(self, symbols: list[int]) -> list[tuple[int, int]]:
        found, zeros = [], 0
        for symbol in symbols:
            if symbol:
                found.append((zeros, symbol))
                zeros = 0
            elif zeros == self.longest:
                found.append((zeros, 0))
                zeros = 1
            else:
                zeros += 1
        return found + [(zeros, 0)] * bool(zeros)

    def decode(self, words: Mapping[str, Any]) -> Any:
        """The symbols of one frame; raises CodecError."""
        count = len(words["end"])
        symbols: list[int] = []
        for index in range(count):
            run, value = words["run"][index].tolist(), words["value"][index].tolist()
            more, wrong = self.word(run, value, int(words["end"][index]), index == count - 1)
            if wrong:
                return decoded(symbols, wrong)
            symbols += more
        return decoded(symbols, None)

    def word(
        self, runs: list[int], values: list[int], end: int, last: bool
    ) -> tuple[list[int], str | None]:
        """The symbols of one word, and what is wrong with it, if anything.

        ``last`` says whether it is the last word of the frame.
        """
        if bool(end) != last:
            return (
                [],
                "the frame ends before its end" if last else "the frame goes on after its end",
            )
        symbols: list[int] = []
        over = False
        for run, value in zip(runs, values, strict=True):
            if over and (run or value):
                return [], "a pair follows where the frame is over"
            symbols += [0] * run + [value] * bool(value)
            over = over or (not value and run < self.longest)
        if over and not end:
            return [], "a pair ends the frame, and its word does not"
        return symbols, None if symbols else "a word stands for nothing"

    def bits(self, words: Mapping[str, Any]) -> int:
        """Bits of a frame."""
        return len(words["end"]) * self.word_width

    def ratio(self, symbols: Any) -> float:
        """Compression ratio: bits of the symbols over bits when encoded."""
        return compression_ratio(len(symbols), self.value_width, self.bits(self.encode(symbols)))
