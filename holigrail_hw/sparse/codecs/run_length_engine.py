"""What the decoder and the encoder of run lengths share: parameters, the code, the words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import Stream, parameter
from holigrail_hw.formats import Format, parse

from .engine import BIT, CodecEngine, marked, symbol_violations
from .run_length import RunLength

__all__ = ["RunLengthEngine", "word_items"]


@dataclass(frozen=True, kw_only=True)
class RunLengthEngine(CodecEngine):
    """Words of pairs (run, value) on one side, symbols on the other."""

    symbol: Format = parameter(
        parse("int16"), "format of a symbol; zero is the code 0", samples=("uint1", "int5")
    )
    run_width: int = parameter(5, "bits of a run", low=1, high=16, samples=(1, 2))
    pairs: int = parameter(3, "pairs per word", low=1, high=16, samples=(1,))

    def check(self) -> list[str]:
        return symbol_violations(symbol=self.symbol)

    @property
    def codec(self) -> RunLength:
        """The codec in Python, with the same parameters."""
        return RunLength(self.symbol.width, self.run_width, self.pairs)

    def words(self, direction: str) -> Stream:
        """The stream of words."""
        run = parse(f"uint{self.run_width}")
        fields: dict[str, Format] = {}
        for i in range(self.pairs):
            fields |= {f"run{i}": run, f"value{i}": self.symbol}
        return Stream(direction, fields | {"end": BIT, "last": BIT})


def word_items(words: Mapping[str, Any]) -> dict[str, Any]:
    """One frame of words as items of the stream."""
    fields: dict[str, Any] = {}
    for i in range(words["run"].shape[1]):
        fields |= {f"run{i}": words["run"][:, i], f"value{i}": words["value"][:, i]}
    return marked(fields | {"end": words["end"]})
