# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false, reportOperatorIssue=false

"""Compressed blocks on their way into an SCNN element: indices become places, and ends are noted.

The zeros before each value are summed once, here. A value beyond the end of its block becomes 0. A
last vector without any value is not stored, so a block of zeros takes no room and no time.
"""

from typing import Any

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FLAGS", "Loader", "StoreSignature", "vector_layout", "word_layout"]

FLAGS = data.StructLayout({"frame": 1, "index": 1, "full": 1})


def vector_layout(prefix: str, width: int, index_width: int, lanes: int) -> data.StructLayout:
    """Fields of a vector in a stream."""
    return data.StructLayout(
        {f"{prefix}{lane}": width for lane in range(lanes)}
        | {f"zeros{lane}": index_width for lane in range(lanes)}
        | {"last": 1, "final": 1}
    )


def word_layout(width: int, size: int, lanes: int) -> data.ArrayLayout:
    """A vector in memory: values with their places in a block of ``size`` numbers."""
    lane = data.StructLayout({"value": width, "place": range(max(size, 2))})
    return data.ArrayLayout(lane, lanes)


class StoreSignature(wiring.Signature):
    """Writes to the memories of an element: a vector, and where a block ends."""

    def __init__(self, word: Any, depth: int, channel_depth: int):
        super().__init__(
            {
                "half": Out(1),
                "write": Out(1),
                "address": Out(range(max(depth, 2))),
                "word": Out(word),
                "ends": Out(1),
                "block": Out(range(max(channel_depth, 2))),
                "end": Out(range(depth + 1)),
            }
        )


class Loader(wiring.Component):
    """Writes frames of blocks, each frame into the next one of ``halves`` parts of a memory.

    A frame ends with the vector marked final. After ``start`` the loader takes ``frames`` frames of
    ``channels`` blocks each. A part is then ``filled`` with ``blocks`` blocks, and is used again
    once it is ``freed``.

    Parameters
    ----------
    prefix : str
        Name of the values in the stream.
    width, index_width, lanes : int
    size : int
        Numbers per block.
    depth : int
        Vectors per part.
    channel_depth : int
        Blocks per part.
    size_width : int
        Bits of ``channels`` and ``frames``.
    halves : int
        1 or 2.
    """

    def __init__(
        self,
        prefix: str,
        width: int,
        index_width: int,
        lanes: int,
        *,
        size: int,
        depth: int,
        channel_depth: int,
        size_width: int,
        halves: int,
    ):
        self._prefix, self._lanes, self._size = prefix, lanes, size
        self._depth, self._channel_depth, self._halves = depth, channel_depth, halves
        self._size_width = size_width
        super().__init__(
            {
                "i": In(stream.Signature(vector_layout(prefix, width, index_width, lanes))),
                "start": In(1),
                "channels": In(size_width),
                "frames": In(size_width),
                "freed": In(halves),
                "filled": Out(halves),
                "blocks": Out(range(channel_depth + 1)).array(halves),
                "flags": Out(FLAGS),
                "store": Out(StoreSignature(word_layout(width, size, lanes), depth, channel_depth)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        item, store, size = self.i.payload, self.store, self._size
        # State: channels announced, frames left, the present block.
        bits = self._size_width
        channels = Signal(bits)
        frames = Signal(bits)
        # There may be more blocks than announced, so this counts up to one more.
        block = Signal(bits + 1)
        count = Signal(range(self._depth + 1))
        base = Signal(range(size + 1))
        kept = Signal(range(self._channel_depth + 1))
        taken = Signal()
        filled = Array(self.filled) if self._halves > 1 else Array([self.filled])
        # A vector is taken while frames are left and the part to fill is free; ``ready`` does not
        # depend on ``valid``.
        m.d.comb += [
            self.i.ready.eq((frames != 0) & ~filled[store.half]),
            taken.eq(self.i.valid & self.i.ready),
            kept.eq(Mux(channels > self._channel_depth, self._channel_depth, channels)),
        ]
        place, any_value, is_far = self._place(m, base)
        # Writes: vectors of excess blocks, of a full part, and empty last ones are dropped. The end
        # of every block that counts is noted.
        ends = Signal()
        counts = Signal()
        stores = Signal()
        room = Signal()
        m.d.comb += [
            ends.eq(item.last | item.final),
            counts.eq(block < kept),
            stores.eq(taken & counts & (any_value | ~ends)),
            room.eq(count != self._depth),
            store.write.eq(stores & room),
            store.address.eq(count),
            store.ends.eq(taken & counts & ends),
            store.block.eq(block),
            store.end.eq(count + store.write),
        ]
        # After a vector: go on in the block, to the next block, or, at the end of a frame, to the
        # next part. Flags collect what was wrong until the next ``start``.
        after = Signal(bits + 1)
        m.d.comb += after.eq(block + (ends & ~block[bits]))
        with m.If(taken):
            m.d.sync += [
                block.eq(after),
                base.eq(Mux(ends, 0, Mux(place >= size, size, place))),
                count.eq(store.end),
            ]
            with m.If(counts & is_far):
                m.d.sync += self.flags.index.eq(1)
            with m.If(stores & ~room):
                m.d.sync += self.flags.full.eq(1)
            with m.If(item.final):
                m.d.sync += [block.eq(0), count.eq(0), frames.eq(frames - 1)]
                if self._halves > 1:
                    m.d.sync += store.half.eq(~store.half)
                with m.If(after != channels):
                    m.d.sync += self.flags.frame.eq(1)
        self._fill(m, taken & item.final, Mux(after < kept, after, kept))
        with m.If(self.start):
            m.d.sync += [
                channels.eq(self.channels),
                frames.eq(self.frames),
                self.flags.frame.eq(0),
                self.flags.index.eq(0),
                self.flags.full.eq(self.channels > self._channel_depth),
            ]
        return m

    def _place(self, m: Module, base: Signal) -> tuple[Any, Any, Any]:
        """Each lane adds its zeros to the place after the previous lane's.

        Returns the place after the last lane's, and whether any lane has a value within the block,
        or beyond it.
        """
        item, store, size = self.i.payload, self.store, self._size
        place: Any = base
        any_value: Any = 0
        is_far: Any = 0
        for lane in range(self._lanes):
            value = item[f"{self._prefix}{lane}"]
            there = Signal(range(size + (lane + 1) << len(item.zeros0)), name=f"there{lane}")
            m.d.comb += there.eq(place + item[f"zeros{lane}"])
            inside = there < size
            m.d.comb += [
                store.word[lane].value.eq(Mux(inside, value, 0)),
                store.word[lane].place.eq(there),
            ]
            any_value = any_value | (inside & (value != 0))
            is_far = is_far | (~inside & (value != 0))
            place = there + 1
        return place, any_value, is_far

    def _fill(self, m: Module, ends: Any, blocks: Any) -> None:
        """A part is filled by the end of its frame and stays so until it is freed."""
        for half in range(self._halves):
            with m.If(self.freed[half]):
                m.d.sync += self.filled[half].eq(0)
            with m.If(ends & (self.store.half == half)):
                m.d.sync += [self.filled[half].eq(1), self.blocks[half].eq(blocks)]
