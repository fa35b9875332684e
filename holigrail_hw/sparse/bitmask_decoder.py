# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false

"""Hardware that expands bit masks, one block per cycle.

Words of values are kept in a ring of two. All words but a frame's last are full, so they never need
to be shifted into place; value i of a block is read at the place where the block begins in the ring
plus the number of values before it, a prefix sum over the mask.
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
from .codecs.engine import BIT, CodecComponent, flipped, results_of, sparse_codes
from .codecs.packing_network import moved_back, settings

__all__ = ["BitmaskDecoder"]


@operator(
    "bitmask-decoder",
    summary="blocks from bit masks and the values that are not zero, a block per cycle",
    references=("A. Gondimalla et al., SparTen, MICRO 2019",),
)
@dataclass(frozen=True, kw_only=True)
class BitmaskDecoder(BitmaskEngine):
    """Masks and words of values go in, blocks come out.

    The code is ``holigrail_hw.sparse.codecs.bitmask``.

    Value i of a block belongs to bit i of its mask. A frame is in error if values are missing, are
    left over after its last block, or have zeros between them.
    """

    def streams(self) -> dict[str, Stream]:
        marks = {"last": BIT, "error": BIT}
        return self.coded("in") | {"block": Stream("out", self.values | marks)}

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
        # The present mask and how many bits it has; valid while ``busy``.
        bits, count, last, busy = Signal(size), Signal(range(size + 1)), Signal(), Signal()
        # How many values are held, where they start, and which word of the ring is filled next.
        filled, start, upper = Signal(range(2 * size + 1)), Signal(range(2 * size)), Signal()
        # Whether no more words of the frame are taken: its last came, or a wrong one (``broken``).
        closed, broken, marked_last = Signal(), Signal(), Signal()
        fits, exact, good, wrong = Signal(), Signal(), Signal(), Signal()
        done, over, used = Signal(), Signal(), Signal(range(size + 1))
        mask_thrown, value_thrown = Signal(), Signal()
        # The output: a block is offered once its values are held, or once it is known to be wrong.
        # It stays until ``ready``: words that arrive meanwhile do not change it.
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
        # A block begins in one word and may continue at the first place of the other.
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

        # The mask register: loaded when empty or when its block leaves. After an error, masks are
        # discarded up to the last one of the frame.
        masks = prefix_counts(m, mask.payload.mask)
        m.d.comb += mask.ready.eq(mask_thrown | ~busy | (done & (~wrong | last)))
        with m.If(done):
            m.d.sync += [busy.eq(0), mask_thrown.eq(wrong & ~last)]
        with m.If(mask.valid & mask_thrown):
            m.d.sync += mask_thrown.eq(~mask.payload.last)
        with m.Elif(mask.valid & mask.ready):
            m.d.sync += [bits.eq(mask.payload.mask), count.eq(masks[-1])]
            m.d.sync += [last.eq(mask.payload.last), busy.eq(1)]

        # The ring: a word is taken if half of it is free after this cycle. A word with a gap closes
        # the frame without being stored. After an error, words are discarded up to the last one.
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
