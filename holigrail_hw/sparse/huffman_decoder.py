"""Canonical Huffman decoder: one symbol per cycle, with a constant table or a loaded one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import Stream, Target, Timing, operator, parameter
from holigrail_hw.core.streams import Items, joined
from holigrail_hw.core.views import Histogram, Panel, View
from holigrail_hw.formats import Format, parse

from .codecs.coded import frames
from .codecs.engine import BIT, CodecEngine, flipped, marked, results_of, symbol_violations
from .codecs.huffman import (
    COUNT_WIDTH,
    Huffman,
    code_words,
    lengths_violation,
    limited_lengths,
    symbols_of,
)

__all__ = ["HuffmanDecoder"]

_LONGEST, _WIDEST_LOADED = 16, 12


@operator(
    "huffman-decoder",
    summary="symbols from canonical Huffman code words, a symbol per cycle",
    references=(
        "D. A. Huffman, A method for the construction of minimum-redundancy codes, 1952",
        "E. S. Schwartz and B. Kallick, Generating a canonical prefix encoding, 1964",
    ),
)
@dataclass(frozen=True, kw_only=True)
class HuffmanDecoder(CodecEngine):
    """Words of bits go in, symbols come out; the code is ``holigrail_hw.sparse.codecs.huffman``.

    An item of ``frame`` is the number of symbols of a frame. Without lengths the table is loaded:
    a frame with ``load`` first takes a frame of ``table``, which holds the number of code words of
    length 1, 2, ... and then the symbols in the order of their code words; other frames use the
    table of the previous frame. Errors are: bits that are no code word, missing bits, bits left
    over, a frame without symbols, and a table with too many or no code words, or of a wrong length.
    """

    latency: ClassVar[int] = 3

    symbol: Format = parameter(
        parse("uint8"), "format of a symbol, which is one of its codes", samples=("int16",)
    )
    lengths: tuple[int, ...] | None = parameter(
        (2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 8, 9, 9),
        "length of the code word of code 0, 1, ... (0: no code word); if none, the table is loaded",
        samples=("none", "0,1"),
    )
    longest: int | None = parameter(
        None, "bits of the longest possible code word", low=1, high=_LONGEST
    )
    word_width: int = parameter(32, "bits of a word", low=1, high=64, samples=(16,))

    def derive(self) -> dict[str, Any]:
        longest = self.word_width if self.lengths is None else max((1, *self.lengths))
        return {"longest": min(longest, _LONGEST)}

    def check(self) -> list[str]:
        wrong = symbol_violations(symbol=self.symbol)
        assert self.longest is not None
        if self.lengths is None:
            if self.symbol.width > _WIDEST_LOADED:
                wrong.append(
                    f"symbol must have at most {_WIDEST_LOADED} bits with a loaded table,"
                    f" not {self.symbol.width} ({self.symbol})"
                )
        else:
            if violation := lengths_violation(self.lengths, self.longest):
                wrong.append(violation)
            if len(self.lengths) > 1 << self.symbol.width:
                wrong.append(
                    f"lengths must be at most {1 << self.symbol.width}, one for each code of"
                    f" {self.symbol}, not {len(self.lengths)}"
                )
        if self.word_width < self.longest:
            wrong.append(
                f"word_width must be at least longest, {self.longest}, not {self.word_width}"
            )
        return wrong

    @property
    def codec(self) -> Huffman:
        """The codec in Python, with the constant table."""
        assert self.lengths is not None and self.longest is not None
        return Huffman(self.lengths, self.longest, self.word_width)

    @property
    def table_format(self) -> Format:
        """Format of an item of a loaded table: a symbol, or a number of symbols."""
        return parse(f"uint{self.symbol.width + 1}")

    def streams(self) -> dict[str, Stream]:
        count: dict[str, Format] = {"count": parse(f"uint{COUNT_WIDTH}")}
        streams = {}
        if self.lengths is None:
            count["load"] = BIT
            streams["table"] = Stream("in", {"data": self.table_format, "last": BIT})
        return {
            "frame": Stream("in", count),
            **streams,
            "code": Stream("in", {"bits": parse(f"uint{self.word_width}"), "last": BIT}),
            "symbol": Stream("out", {"value": self.symbol, "last": BIT, "error": BIT}),
        }

    def golden(self, **items: Mapping[str, Any]) -> Items:
        answers = [([[one] for one in found], wrong) for found, wrong in self._frames(items)]
        return {"symbol": results_of(["value"], answers)}

    def _frames(self, items: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[list[int], bool]]:
        """The symbols of each frame, and whether it is wrong."""
        assert self.longest is not None
        table: dict[str, int] | None = None
        tables = frames(items["table"]) if self.lengths is None else iter(())
        if self.lengths is not None:
            table = {word: symbol for symbol, word in self.codec.words.items()}
        for place, words in enumerate(frames(items["code"])):
            if self.lengths is None and items["frame"]["load"][place]:
                table = self._table(next(tables)["data"].tolist())
            count = int(items["frame"]["count"][place])
            if table is None:
                yield [], True
                continue
            found, wrong = symbols_of(table, self.longest, self.word_width, count, words["bits"])
            yield found, bool(wrong)

    def _table(self, items: list[int]) -> dict[str, int] | None:
        """A loaded table by code word, or ``None`` if it is wrong."""
        assert self.longest is not None
        counts, symbols = items[: self.longest], items[self.longest :]
        room = sum(count << (self.longest - length) for length, count in enumerate(counts, 1))
        if not symbols or len(symbols) != sum(counts) or len(symbols) > 1 << self.symbol.width:
            return None
        if room > 1 << self.longest:
            return None
        mask = (1 << self.symbol.width) - 1
        return dict(zip(code_words(counts), (symbol & mask for symbol in symbols), strict=True))

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int | None:
        """Exact for valid frames and a constant table: symbols plus two per frame, and one more."""
        found = list(self._frames(items))
        if self.lengths is None or any(wrong for _, wrong in found):
            return None
        return sum(len(symbols) + 2 for symbols, _ in found) + 1

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        if self.lengths is not None:
            return self._coded(self.codec, self._symbols(rng, self.codec, symbols, density))
        assert self.longest is not None
        used = int(rng.integers(1, 1 + min(1 << self.symbol.width, 40)))
        histogram = np.zeros(1 << self.symbol.width, np.int64)
        chosen = rng.permutation(len(histogram))[:used]
        histogram[chosen] = 1 + (rng.random(used) ** 8 * 1e6).astype(np.int64)
        histogram[chosen[1 << self.longest :]] = 0
        lengths = limited_lengths(histogram.tolist(), self.longest)
        codec = Huffman(lengths, self.longest, self.word_width)
        more = self._coded(codec, self._symbols(rng, codec, symbols, density))
        more["frame"]["load"] = np.ones(1, np.uint64)
        table = np.array([*codec.counts, *codec.order], np.uint64)
        return {**more, "table": marked({"data": table})}

    def _symbols(self, rng: np.random.Generator, codec: Huffman, count: int, density: float) -> Any:
        """Symbols with long words as often as short ones, or only those with the shortest."""
        first = np.full(count, codec.order[0])
        return np.where(rng.random(count) < density, rng.choice(codec.order, count), first)

    def _coded(self, codec: Huffman, symbols: Any) -> Items:
        coded = codec.encode(symbols)
        return {
            "frame": {"count": np.array([coded["count"]], np.uint64)},
            "code": marked({"bits": coded["bits"]}),
        }

    def corrupted(self, rng: np.random.Generator, frame: Items) -> Items:
        streams = self.streams()
        kind = int(rng.integers(5))
        if kind == 0:
            count = frame["frame"]["count"]
            other = np.maximum(count.astype(np.int64) + rng.choice([-300, -1, 1, 300]), 0)
            return {**frame, "frame": {**frame["frame"], "count": other.astype(np.uint64)}}
        if kind == 1 and "table" in frame:
            return {**frame, "table": flipped(rng, frame["table"], streams["table"])}
        if kind == 2:
            one = {"bits": np.zeros(1, np.uint64), "last": np.ones(1, np.uint64)}
            more = joined([{"code": frame["code"]}, {"code": one}])["code"]
            more["last"][:-1] = 0
            return {**frame, "code": more}
        return {**frame, "code": flipped(rng, frame["code"], streams["code"])}

    def corner_jobs(self) -> list[Items]:
        # Each bit of the count inverted by itself: most wrong counts differ in several.
        frame, wrong = self.frame(np.random.default_rng(9), 3, 1.0), []
        for bit in range(COUNT_WIDTH):
            count = frame["frame"]["count"] ^ np.uint64(1 << bit)
            wrong.append({**frame, "frame": {**frame["frame"], "count": count}})
        return [*super().corner_jobs(), *wrong]

    def job(self, rng: np.random.Generator, size: int) -> Items:
        job = super().job(rng, size)
        if self.lengths is not None:
            return job
        # One more frame, which uses the last table.
        more = self.frame(rng, 5, 1.0)
        more["frame"]["load"][:] = 0
        both = joined([{name: one[name] for name in ("frame", "code")} for one in (job, more)])
        return {"table": job["table"], **both}

    def architecture(self, timing: Timing) -> Any:
        from .codecs.huffman_core import HuffmanCore

        return HuffmanCore(self)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        symbols = 1 << self.symbol.width if self.lengths is None else len(self.codec.order)
        return super().cost(timing) | {"memory_bits": symbols * self.symbol.width}

    def luts_and_flip_flops(self) -> tuple[int, int]:
        assert self.longest is not None
        longest, window = self.longest, self.word_width + 2 * self.longest - 1
        steps = longest.bit_length()
        compare = longest * longest // 3
        if self.lengths is None:
            compare = 2 * longest * (longest + self.symbol.width + 1)
        flip_flops = window + 3 * COUNT_WIDTH + 12
        if self.lengths is None:
            flip_flops += longest * (longest + self.symbol.width + 1)
        return window * (2 * steps + 1) + compare + 40, flip_flops

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        facts = {**super().facts(timing), "longest code word (bits)": self.longest}
        if self.lengths is not None:
            facts["code words"] = len(self.codec.order)
        return facts

    def views(self, target: Target | None = None) -> list[View]:
        if self.lengths is None:
            return []
        counts = tuple(self.codec.counts)
        panel = Panel("code words", tuple(range(1, len(counts) + 2)), counts)
        caption = "How many code words there are of each length."
        title = "Code words by length"
        return [Histogram(title, (panel,), "length (bits)", "code words", caption)]
