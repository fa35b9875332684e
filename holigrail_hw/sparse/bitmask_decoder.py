"""Hardware that expands bit masks, a block per cycle.

Words of values lie in a ring of two. All words but a frame's last are full, so they never need to
be shifted into place; value i of a block is read at the place where the block begins in the ring
plus the number of values before it, a prefix sum over the mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Cat, Module, Mux, Signal

from holigrail_hw.core import Stream, Timing, operator, parameter
from holigrail_hw.core.engine import Items
from holigrail_hw.formats import Format, parse

from .bitmask import Bitmask
from .codec_engine import (
    BIT,
    CodecComponent,
    CodecEngine,
    flipped,
    marked,
    results_of,
    sparse_codes,
    symbol_violations,
)
from .coded import frames
from .packing_network import moved_back, settings

__all__ = [
    "BitmaskDecoder",
    "block_violations",
    "mask_items",
    "mask_streams",
    "prefix_counts",
]


@operator(
    "bitmask-decoder",
    summary="blocks from bit masks and the values that are not zero, a block per cycle",
    references=("A. Gondimalla et al., SparTen, MICRO 2019",),
)
@dataclass(frozen=True, kw_only=True)
class BitmaskDecoder(CodecEngine):
    """Masks and words of values go in, blocks come out.

    The code is ``holigrail_hw.sparse.bitmask``.

    Value i of a block belongs to bit i of its mask. A frame has an error where values are missing,
    are left over behind its last block, or have zeros between them.
    """

    symbol: Format = parameter(
        parse("int8"), "format of a symbol; zero is the code 0", samples=("uint1", "int16")
    )
    block: int = parameter(
        8, "symbols of a block, all of one cycle; a power of two", low=1, high=32, samples=(1, 2)
    )

    def check(self) -> list[str]:
        return symbol_violations(symbol=self.symbol) + block_violations(self.block)

    @property
    def codec(self) -> Bitmask:
        """The same in Python."""
        return Bitmask(self.symbol.width, self.block)

    def streams(self) -> dict[str, Stream]:
        values = {f"v{i}": self.symbol for i in range(self.block)}
        marks = {"last": BIT, "error": BIT}
        return mask_streams("in", self) | {"block": Stream("out", values | marks)}

    def golden(self, mask: Mapping[str, Any], value: Mapping[str, Any]) -> Items:
        answers = []
        for masks, words in zip(frames(mask), frames(value), strict=True):
            packed = np.stack([words[f"v{i}"] for i in range(self.block)], axis=1)
            found, wrong = self.codec.blocks(masks["mask"], packed)
            answers.append((found, bool(wrong)))
        return {"block": results_of([f"v{i}" for i in range(self.block)], answers)}

    def frame(self, rng: np.random.Generator, symbols: int, density: float) -> Items:
        return mask_items(self.codec.encode(sparse_codes(rng, self.symbol.width, symbols, density)))

    def corrupted(self, rng: np.random.Generator, frame: Items) -> Items:
        name = ("mask", "value")[int(rng.integers(2))]
        return {**frame, name: flipped(rng, frame[name], self.streams()[name])}

    def architecture(self, timing: Timing) -> Any:
        return _Decoder(self)

    @property
    def results_per_cycle(self) -> dict[str, Any]:
        return {"blocks per cycle": 1, "symbols per cycle": self.block}

    def luts_and_flip_flops(self) -> tuple[int, int]:
        block, width, stages = self.block, self.symbol.width, (self.block - 1).bit_length()
        luts = block * (width * (stages + 2) + 4 * stages + 12) + 30
        return luts, 2 * block * width + block + 5 * stages + 9


class _Decoder(CodecComponent):
    def __init__(self, spec: BitmaskDecoder):
        super().__init__(spec.streams())
        self._block, self._width = spec.block, spec.symbol.width

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        size = self._block
        mask, value, block = self.mask, self.value, self.block
        # The mask at work.
        bits, count, last, busy = Signal(size), Signal(range(size + 1)), Signal(), Signal()
        # Values there are, from where, and which word of the ring comes next.
        filled, start, upper = Signal(range(2 * size + 1)), Signal(range(2 * size)), Signal()
        # Whether the frame has all its words, or cannot have more, for one is wrong.
        closed, broken, marked_last = Signal(), Signal(), Signal()
        fits, exact, good, wrong = Signal(), Signal(), Signal(), Signal()
        done, over, used = Signal(), Signal(), Signal(range(size + 1))
        mask_thrown, value_thrown = Signal(), Signal()
        m.d.comb += [
            fits.eq(filled >= count),
            exact.eq(filled == count),
            good.eq(Mux(last, closed & ~broken & exact, fits)),
            wrong.eq((closed & (~fits | (last & broken))) | (last & (filled > count))),
            block.valid.eq(busy & (good | wrong)),
            block.payload.last.eq(last | wrong),
            block.payload.error.eq(wrong),
            done.eq(block.valid & block.ready),
            over.eq(done & (last | wrong)),
            used.eq(Mux(done, count, 0)),
        ]
        ring = [Signal(self._width, name=f"ring_{j}") for j in range(2 * size)]
        # A block begins in one word and may go on, from its first place, in the other.
        lanes = []
        for j in range(size):
            lane, other = Signal(self._width, name=f"lane_{j}"), start[:-1] > j
            m.d.comb += lane.eq(Mux(start[-1] ^ other, ring[size + j], ring[j]))
            lanes.append(lane)
        places = []
        for i, before in enumerate(prefix_counts(m, bits)[:-1]):
            place = Signal(range(size), name=f"place_{i}")
            m.d.comb += place.eq(start + before)
            places.append(place)
        found = moved_back(m, lanes, settings(m, bits, places))
        for i in range(size):
            m.d.comb += block.payload[f"v{i}"].eq(Mux(bits[i] & ~wrong, found[i], 0))

        masks = prefix_counts(m, mask.payload.mask)
        m.d.comb += mask.ready.eq(mask_thrown | ~busy | (done & (~wrong | last)))
        with m.If(done):
            m.d.sync += [busy.eq(0), mask_thrown.eq(wrong & ~last)]
        with m.If(mask.valid & mask_thrown):
            m.d.sync += mask_thrown.eq(~mask.payload.last)
        with m.Elif(mask.valid & mask.ready):
            m.d.sync += [bits.eq(mask.payload.mask), count.eq(masks[-1])]
            m.d.sync += [last.eq(mask.payload.last), busy.eq(1)]

        there = Signal(size)
        m.d.comb += there.eq(Cat(value.payload[f"v{i}"] != 0 for i in range(size)))
        gap, amount = Signal(), Signal(range(size + 1))
        room, taken = Signal(), Signal()
        m.d.comb += [
            gap.eq((there[1:] & ~there[:-1]).any() | (~there[-1] & ~value.payload.last)),
            amount.eq(prefix_counts(m, there)[-1]),
            room.eq(~closed & (filled - used <= size) & ~(done & wrong)),
            value.ready.eq(value_thrown | room | (over & ~wrong)),
            taken.eq(value.valid & value.ready & ~value_thrown),
        ]
        m.d.sync += [start.eq(start + used), filled.eq(filled - used)]
        with m.If(over):
            m.d.sync += [filled.eq(0), closed.eq(0), broken.eq(0), marked_last.eq(0)]
            m.d.sync += [start.eq(Mux(upper, size, 0)), value_thrown.eq(wrong & ~marked_last)]
        with m.If(value.valid & value_thrown):
            m.d.sync += value_thrown.eq(~value.payload.last)
        with m.If(taken):
            m.d.sync += [
                closed.eq(gap | value.payload.last),
                broken.eq(gap),
                marked_last.eq(value.payload.last),
            ]
            with m.If(~gap):
                m.d.sync += filled.eq(Mux(over, 0, filled - used) + amount)
                m.d.sync += upper.eq(~upper)
                for j in range(2 * size):
                    with m.If(upper == (j >= size)):
                        m.d.sync += ring[j].eq(value.payload[f"v{j % size}"])
        return m


def prefix_counts(m: Module, bits: Any) -> list[Any]:
    """How many bits are set before place 0, 1, ... and in all; a tree of adders."""
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


def block_violations(block: int) -> list[str]:
    """What is wrong with the size of a block."""
    return [] if block & (block - 1) == 0 else [f"block must be a power of two, not {block}"]


def mask_streams(direction: str, spec: Any) -> dict[str, Stream]:
    """The streams of masks and of words of values."""
    values = {f"v{i}": spec.symbol for i in range(spec.block)}
    return {
        "mask": Stream(direction, {"mask": parse(f"uint{spec.block}"), "last": BIT}),
        "value": Stream(direction, values | {"last": BIT}),
    }


def mask_items(coded: Mapping[str, Any]) -> Items:
    """One frame as items of the streams."""
    words = coded["value"]
    return {
        "mask": marked({"mask": coded["mask"]}),
        "value": marked({f"v{i}": words[:, i] for i in range(words.shape[1])}),
    }
