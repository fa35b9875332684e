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
        state = _State(self._block, self._width)
        self._offer(m, state)
        self._place(m, state)
        self._take_masks(m, state)
        self._take_words(m, state)
        return m

    def _offer(self, m: Module, state: "_State") -> None:
        """A block is offered once its values are held, or once it is known to be wrong.

        It stays until ``ready``: words that arrive meanwhile do not change it.
        """
        block, filled, count, last = self.block, state.filled, state.count, state.last
        closed, broken, wrong = state.closed, state.broken, state.wrong
        fits, exact, good = state.fits, state.exact, state.good
        m.d.comb += [
            fits.eq(filled >= count),
            exact.eq(filled == count),
            good.eq(Mux(last, closed & ~broken & exact, fits)),
            wrong.eq((closed & (~fits | (last & broken))) | (last & (filled > count))),
            block.valid.eq(state.busy & (good | wrong)),
            block.payload.last.eq(last | wrong),
            block.payload.error.eq(wrong),
            state.done.eq(block.valid & block.ready),
            state.over.eq(state.done & (last | wrong)),
            state.used.eq(Mux(state.done, count, 0)),
        ]

    def _place(self, m: Module, state: "_State") -> None:
        """The values of the ring at the places that the mask gives them."""
        size, start, bits, ring = self._block, state.start, state.bits, state.ring
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
            value = Mux(bits[i] & ~state.wrong, found[i], 0)
            m.d.comb += self.block.payload[f"v{i}"].eq(value)

    def _take_masks(self, m: Module, state: "_State") -> None:
        """The mask register: loaded when empty or when its block leaves.

        After an error, masks are discarded up to the last one of the frame.
        """
        mask, last, busy, done, wrong = self.mask, state.last, state.busy, state.done, state.wrong
        thrown = state.mask_thrown
        masks = prefix_counts(m, mask.payload.mask)
        m.d.comb += mask.ready.eq(thrown | ~busy | (done & (~wrong | last)))
        with m.If(done):
            m.d.sync += [busy.eq(0), thrown.eq(wrong & ~last)]
        with m.If(mask.valid & thrown):
            m.d.sync += thrown.eq(~mask.payload.last)
        with m.Elif(mask.valid & mask.ready):
            m.d.sync += [state.bits.eq(mask.payload.mask), state.count.eq(masks[-1])]
            m.d.sync += [last.eq(mask.payload.last), busy.eq(1)]

    def _take_words(self, m: Module, state: "_State") -> None:
        """The ring: a word is taken if half of it is free after this cycle.

        A word with a gap closes the frame without being stored. After an error, words are discarded
        up to the last one.
        """
        size, value, filled, used = self._block, self.value, state.filled, state.used
        over, wrong, closed = state.over, state.wrong, state.closed
        there = Signal(size)
        m.d.comb += there.eq(Cat(value.payload[f"v{i}"] != 0 for i in range(size)))
        gap = Signal()
        amount = Signal(range(size + 1))
        room = Signal()
        taken = Signal()
        marked_last, thrown, upper = state.marked_last, state.value_thrown, state.upper
        m.d.comb += [
            gap.eq((there[1:] & ~there[:-1]).any() | (~there[-1] & ~value.payload.last)),
            amount.eq(prefix_counts(m, there)[-1]),
            room.eq(~closed & (filled - used <= size) & ~(state.done & wrong)),
            value.ready.eq(thrown | room | (over & ~wrong)),
            taken.eq(value.valid & value.ready & ~thrown),
        ]
        m.d.sync += [state.start.eq(state.start + used), filled.eq(filled - used)]
        with m.If(over):
            m.d.sync += [filled.eq(0), closed.eq(0), state.broken.eq(0), marked_last.eq(0)]
            m.d.sync += [state.start.eq(Mux(upper, size, 0)), thrown.eq(wrong & ~marked_last)]
        with m.If(value.valid & thrown):
            m.d.sync += thrown.eq(~value.payload.last)
        with m.If(taken):
            m.d.sync += [
                closed.eq(gap | value.payload.last),
                state.broken.eq(gap),
                marked_last.eq(value.payload.last),
            ]
            with m.If(~gap):
                m.d.sync += filled.eq(Mux(over, 0, filled - used) + amount)
                m.d.sync += upper.eq(~upper)
                for j in range(2 * size):
                    with m.If(upper == (j >= size)):
                        m.d.sync += state.ring[j].eq(value.payload[f"v{j % size}"])


class _State:
    """What the block on offer depends on, and what becomes of it.

    The present mask is ``bits`` with ``count`` of them set, valid while ``busy``. The ring holds
    ``filled`` values from ``start`` on; the ``upper`` or the lower word of it is filled next.
    ``closed``: no more words of the frame are taken, as its last came (``marked_last``), or a wrong
    one (``broken``). The block has as many values as its mask says, or more (``fits``, ``exact``),
    so it is ``good`` or ``wrong``. ``done``: it leaves, with so many values ``used``; ``over``: it
    ends the frame. Of a wrong frame, masks and words that are still to come are ``thrown`` away.
    """

    def __init__(self, size: int, width: int):
        self.bits = Signal(size)
        self.count = Signal(range(size + 1))
        self.last = Signal()
        self.busy = Signal()
        self.filled = Signal(range(2 * size + 1))
        self.start = Signal(range(2 * size))
        self.upper = Signal()
        self.closed = Signal()
        self.broken = Signal()
        self.marked_last = Signal()
        self.fits = Signal()
        self.exact = Signal()
        self.good = Signal()
        self.wrong = Signal()
        self.done = Signal()
        self.over = Signal()
        self.mask_thrown = Signal()
        self.used = Signal(range(size + 1))
        self.value_thrown = Signal()
        self.ring = [Signal(width, name=f"ring_{j}") for j in range(2 * size)]
