# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""Hardware that makes bit masks, one block per cycle.

A network of exchanges packs the non-zero values side by side; they are written into one of two
words, and on into the other when it is full. A full word leaves while the other is filled. Only a
frame whose last block fills one word and begins another takes an extra cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal

from holigrail_hw.core import Stream, Timing, operator
from holigrail_hw.core.streams import Items

from .codecs.bitmask_engine import BitmaskEngine, mask_items, prefix_counts
from .codecs.coded import frames
from .codecs.engine import BIT, CodecComponent, joined_streams, marked, sparse_codes
from .codecs.packing_network import moved, settings

__all__ = ["BitmaskEncoder"]


@operator(
    "bitmask-encoder",
    summary="bit masks and the values that are not zero, a block per cycle",
    references=("A. Gondimalla et al., SparTen, MICRO 2019",),
)
@dataclass(frozen=True, kw_only=True)
class BitmaskEncoder(BitmaskEngine):
    """Blocks go in, masks and words of values come out.

    The code is ``holigrail_hw.sparse.codecs.bitmask``.

    Bit i of a mask belongs to value i of its block.
    """

    def streams(self) -> dict[str, Stream]:
        return {"block": Stream("in", self.values | {"last": BIT}), **self.coded("out")}

    def golden(self, block: Mapping[str, Any]) -> Items:
        found = [mask_items(self.codec.encode(self._symbols(frame))) for frame in frames(block)]
        streams = self.streams()
        return {
            name: joined_streams([one[name] for one in found], streams[name])
            for name in ("mask", "value")
        }

    def _symbols(self, block: Mapping[str, Any]) -> Any:
        return np.stack([block[f"v{i}"] for i in range(self.block)], axis=1).ravel()

    def cycles(self, timing: Timing, block: Mapping[str, Any]) -> int:
        """Exact: one per block, one for each second word at the end of a frame, one to leave."""
        total = 0
        for frame in frames(block):
            there = (self._symbols(frame) != 0).reshape(-1, self.block).sum(axis=1)
            total += len(there) + int(there[:-1].sum() % self.block + there[-1] > self.block)
        return total + 1

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        blocks = -(-symbols // self.block)
        codes = sparse_codes(rng, self.symbol.width, blocks * self.block, density)
        rows = codes.reshape(blocks, self.block)
        return {"block": marked({f"v{i}": rows[:, i] for i in range(self.block)})}

    def architecture(self, timing: Timing) -> Any:
        return _Encoder(self)

    def luts_and_flip_flops(self) -> tuple[int, int]:
        block, width, stages = self.block, self.symbol.width, (self.block - 1).bit_length()
        luts = block * (width * (stages + 3) + 6 * stages + 16) + 10
        return luts, 2 * block * width + block + stages + 6


class _Encoder(CodecComponent):
    def __init__(self, spec: BitmaskEncoder):
        super().__init__(spec.streams())
        self._block, self._width = spec.block, spec.symbol.width

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        size = self._block
        block, mask, value = self.block, self.mask, self.value
        there = Signal(size)
        m.d.comb += there.eq(Cat(block.payload[f"v{i}"] != 0 for i in range(size)))
        before = prefix_counts(m, there)
        # State: the word being filled (``upper``) and how full it is; whether the other one is
        # ``leaving``, as the last of its frame; whether one ``more`` word of the frame follows it.
        upper = Signal()
        fill = Signal(range(size))
        leaving = Signal()
        leaves_last = Signal()
        more = Signal()
        word_free = Signal()
        taken = Signal()
        total = Signal(range(2 * size))
        words = [[Signal(self._width, name=f"word_{j}_{i}") for i in range(size)] for j in (0, 1)]
        # Both outputs come from registers and hold until ``ready``. A block is taken only if both
        # are free or accepted in this cycle, so that its mask and a full word can leave.
        m.d.comb += [
            value.valid.eq(leaving),
            value.payload.last.eq(leaves_last),
            word_free.eq(~leaving | value.ready),
            block.ready.eq(word_free & (~mask.valid | mask.ready) & ~more),
            taken.eq(block.valid & block.ready),
            total.eq(fill + before[-1]),
        ]
        for i in range(size):
            m.d.comb += value.payload[f"v{i}"].eq(Mux(upper, words[0][i], words[1][i]))
        with m.If(value.ready):
            m.d.sync += leaving.eq(0)
        with m.If(mask.ready):
            m.d.sync += mask.valid.eq(0)
        with m.If(leaving & value.ready):
            # A word that has left is cleared: unused places of a frame's last word read as zero.
            for j in (0, 1):
                with m.If(upper != j):
                    m.d.sync += [one.eq(0) for one in words[j]]
        # The second word of a frame's end leaves after the first.
        with m.If(more & word_free):
            m.d.sync += [more.eq(0), leaving.eq(1), leaves_last.eq(1), upper.eq(~upper)]
        # A block: its mask goes out, its values into the words; a full or last word leaves.
        with m.If(taken):
            self._fill(m, words, there, before, fill, upper)
            m.d.sync += [
                mask.valid.eq(1),
                mask.payload.mask.eq(there),
                mask.payload.last.eq(block.payload.last),
                fill.eq(Mux(block.payload.last, 0, total)),
                leaves_last.eq(block.payload.last & (total <= size)),
                more.eq(block.payload.last & (total > size)),
            ]
            with m.If(block.payload.last | (total >= size)):
                m.d.sync += [leaving.eq(1), upper.eq(~upper)]
        return m

    def _fill(self, m: Module, words: Any, there: Any, before: Any, fill: Any, upper: Any) -> None:
        """Write every value to its place, counted from the word being filled."""
        size = self._block
        places = []
        for i in range(size):
            place = Signal(range(size), name=f"place_{i}")
            m.d.comb += place.eq(fill + before[i])
            places.append(place)
        crossings = settings(m, there, places)
        values = moved(m, [self.block.payload[f"v{i}"] for i in range(size)], crossings)
        filled = moved(m, [there[i] for i in range(size)], crossings)
        for slot in range(size):
            # Past the end of the word being filled come the first places of the other one.
            other = fill > slot
            for j in (0, 1):
                with m.If(filled[slot] & ((upper ^ other) == j)):
                    m.d.sync += words[j][slot].eq(values[slot])
