"""What the decoder and the encoder of bit masks share: parameters, the code, streams, counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import Module, Signal

from holigrail_hw.core import Stream, parameter
from holigrail_hw.core.streams import Items
from holigrail_hw.formats import Format, parse

from .bitmask import Bitmask
from .engine import BIT, CodecEngine, marked, symbol_violations

__all__ = ["BitmaskEngine", "mask_items", "prefix_counts"]


@dataclass(frozen=True, kw_only=True)
class BitmaskEngine(CodecEngine):
    """Masks and words of values on one side, blocks on the other."""

    symbol: Format = parameter(
        parse("int8"), "format of a symbol; zero is the code 0", samples=("uint1", "int16")
    )
    block: int = parameter(
        8, "symbols per block and cycle; a power of two", low=1, high=32, samples=(1, 2)
    )

    def check(self) -> list[str]:
        wrong = symbol_violations(symbol=self.symbol)
        if self.block & (self.block - 1):
            wrong.append(f"block must be a power of two, not {self.block}")
        return wrong

    @property
    def codec(self) -> Bitmask:
        """The codec in Python, with the same parameters."""
        return Bitmask(self.symbol.width, self.block)

    @property
    def results_per_cycle(self) -> dict[str, Any]:
        return {"blocks per cycle": 1, "symbols per cycle": self.block}

    @property
    def values(self) -> dict[str, Format]:
        """The fields of a block (symbols) and of a word (values)."""
        return {f"v{i}": self.symbol for i in range(self.block)}

    def coded(self, direction: str) -> dict[str, Stream]:
        """The streams of masks and of words of values."""
        return {
            "mask": Stream(direction, {"mask": parse(f"uint{self.block}"), "last": BIT}),
            "value": Stream(direction, self.values | {"last": BIT}),
        }


def mask_items(coded: Mapping[str, Any]) -> Items:
    """One frame as items of the streams."""
    words = coded["value"]
    return {
        "mask": marked({"mask": coded["mask"]}),
        "value": marked({f"v{i}": words[:, i] for i in range(words.shape[1])}),
    }


def prefix_counts(m: Module, bits: Any) -> list[Any]:
    """How many bits are set before place 0, 1, ... and in total; a tree of adders."""
    sums = [bits[i] for i in range(len(bits))]
    step = 1
    while step < len(sums):
        level = []
        for i, one in enumerate(sums):
            total = Signal(range(min(i + 1, 2 * step) + 1), name=f"count_{step}_{i}")
            m.d.comb += total.eq(one + sums[i - step] if i >= step else one)
            level.append(total)
        sums, step = level, 2 * step
    return [0, *sums]
