# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The order of an SCNN element's work: every vector of weights with every one of activations.

Channels whose block is empty on either side have no products; they are skipped while an earlier
channel is at work.
"""

from itertools import pairwise
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from .load import StoreSignature, word_layout
from .shape import ScnnShape

__all__ = ["LOOKAHEAD", "Issue", "operand_words"]

# Channels looked up in advance: at low densities several empty ones often follow each other.
LOOKAHEAD = 4


def operand_words(spec: ScnnShape) -> tuple[Any, Any]:
    """Layouts of a vector of activations and a vector of weights."""
    places, taps = spec.tile_width * spec.tile_height, spec.taps * spec.filters
    return (
        word_layout(spec.activation.width, places, spec.activation_lanes),
        word_layout(spec.weight.width, taps, spec.weight_lanes),
    )


class Issue(wiring.Component):
    """Memories of both operands, and the pairs of vectors of one group in order.

    After ``start``, with the number of ``blocks`` and the ``half`` of the weights, a pair is given
    for every cycle in which ``move`` is high, one cycle after its memories are read. ``busy`` is
    high from the cycle after ``start`` until the last pair has been taken.
    """

    def __init__(self, spec: ScnnShape):
        self._spec = spec
        self.words = a_word, w_word = operand_words(spec)
        channels = spec.channel_depth
        super().__init__(
            {
                "a_store": In(StoreSignature(a_word, spec.activation_depth, channels)),
                "w_store": In(StoreSignature(w_word, spec.weight_depth, channels)),
                "start": In(1),
                "half": In(1),
                "blocks": In(range(channels + 1)),
                "move": In(1),
                "valid": Out(1),
                "activation": Out(a_word),
                "weight": Out(w_word),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m, spec = Module(), self._spec
        a_words, a_ends = self._memories(m, "a", self.a_store, spec.activation_depth, 0)
        w_words, w_ends = self._memories(m, "w", self.w_store, spec.weight_depth, 1)
        state = _State(spec, a_words.addr, w_words.addr)
        self._look_up(m, state, a_ends, w_ends)
        self._read(m, state, a_words, w_words)
        self._keep(m, state)
        self._go_on(m, state)
        with m.If(self.start):
            m.d.sync += [
                state.half.eq(self.half),
                state.channel.eq(0),
                state.limit.eq(self.blocks),
                state.found.a_begin.eq(0),
                state.found.w_begin.eq(0),
            ]
        return m

    def _look_up(self, m: Module, state: "_State", a_ends: Any, w_ends: Any) -> None:
        """An empty channel is dropped, any other moves on if the queue has a place."""
        found, channel = state.found, state.channel
        m.d.comb += [
            found.a_end.eq(a_ends.data),
            found.w_end.eq(w_ends.data),
            state.has_ahead.eq(state.count != 0),
            state.advance.eq(
                state.got & (state.is_empty | (state.count != LOOKAHEAD) | state.take)
            ),
            state.read.eq((channel != state.limit) & (~state.got | state.advance)),
            a_ends.addr.eq(channel),
            w_ends.addr.eq(Cat(channel[: len(w_ends.addr) - 1], state.half)),
            a_ends.en.eq(state.read),
            w_ends.en.eq(state.read),
        ]

    def _read(self, m: Module, state: "_State", a_words: Any, w_words: Any) -> None:
        """The next pair of the channel at work, the vectors of weights changing faster.

        The memories are read, and ``valid`` changes, only with ``move``: a pair that is not taken
        stays.
        """
        working, ends = state.working, self.move & state.last_w & state.last_a
        m.d.comb += [
            state.take.eq(state.has_ahead & (~working | ends)),
            a_words.addr.eq(state.a_next),
            w_words.addr.eq(Cat(state.w_next, state.half)),
            a_words.en.eq(self.move),
            w_words.en.eq(self.move),
            self.activation.eq(a_words.data),
            self.weight.eq(w_words.data),
            self.busy.eq(
                (state.channel != state.limit) | state.got | state.has_ahead | working | self.valid
            ),
        ]

    def _keep(self, m: Module, state: "_State") -> None:
        """The queue: its first channel leaves with ``take``, a channel found enters at its end."""
        found, queue, advance, count = state.found, state.queue, state.advance, state.count
        m.d.sync += state.got.eq(state.read | (state.got & ~advance))
        with m.If(state.read):
            m.d.sync += state.channel.eq(state.channel + 1)
        # A block begins where the previous channel's block ended.
        with m.If(advance):
            m.d.sync += [found.a_begin.eq(found.a_end), found.w_begin.eq(found.w_end)]
        rest = Signal.like(count)
        m.d.comb += rest.eq(count - state.take)
        m.d.sync += count.eq(rest + (advance & ~state.is_empty))
        with m.If(state.take):
            m.d.sync += [old.eq(new) for old, new in pairwise(queue)]
        for place, entry in enumerate(queue):
            with m.If(advance & (rest == place)):
                m.d.sync += entry.eq(found)

    def _go_on(self, m: Module, state: "_State") -> None:
        """The channel at work; the next one follows without a gap."""
        ahead, now, a_next, w_next = state.queue[0], state.now, state.a_next, state.w_next
        with m.If(self.move):
            m.d.sync += [self.valid.eq(state.working), w_next.eq(w_next + 1)]
            with m.If(state.last_w):
                m.d.sync += [w_next.eq(now.w_begin), a_next.eq(a_next + 1)]
                with m.If(state.last_a):
                    m.d.sync += state.working.eq(0)
        with m.If(state.take):
            m.d.sync += [
                now.eq(ahead),
                state.working.eq(1),
                a_next.eq(ahead.a_begin),
                w_next.eq(ahead.w_begin),
            ]

    def _memories(self, m: Module, name: str, store: Any, depth: int, halved: int) -> Any:
        """Read ports of the vectors and of the ends of blocks."""
        word, channels = self.words[name == "w"], self._spec.channel_depth
        ports = []
        for what, shape, count, enable, address, value in (
            ("vectors", word, depth, store.write, store.address, store.word),
            ("ends", range(depth + 1), channels, store.ends, store.block, store.end),
        ):
            # Ignored addresses may be beyond the last vector.
            bits = max((count - 1).bit_length(), 1)
            kept = memory.Memory(shape=shape, depth=1 << bits + halved, init=[])
            m.submodules[f"{name}_{what}"] = kept
            write = kept.write_port()
            m.d.comb += [
                write.en.eq(enable),
                write.addr.eq(Cat(address[:bits], store.half) if halved else address),
                write.data.eq(value),
            ]
            ports.append(kept.read_port())
        return ports


class _State:
    """Three stages: the ends of a channel's blocks as read (``found``, valid while ``got``), a
    queue of the next channels with products, and the channel at work (``now``).
    """

    def __init__(self, spec: ScnnShape, a_address: Any, w_address: Any):
        depths = {"a": spec.activation_depth, "w": spec.weight_depth}
        bounds = data.StructLayout(
            {
                f"{side}_{edge}": range(depth + 1)
                for side, depth in depths.items()
                for edge in ("begin", "end")
            }
        )
        self.half = Signal()
        self.found = Signal(bounds)
        self.channel = Signal(range(spec.channel_depth + 1))
        self.limit = Signal.like(self.channel)
        self.read = Signal()
        self.got = Signal()
        self.advance = Signal()
        self.now = Signal(bounds)
        self.queue = [Signal(bounds, name=f"ahead{place}") for place in range(LOOKAHEAD)]
        self.count = Signal(range(LOOKAHEAD + 1))
        self.has_ahead = Signal()
        self.take = Signal()
        self.working = Signal()
        self.a_next = Signal.like(a_address)
        self.w_next = Signal(len(w_address) - 1)

    @property
    def is_empty(self) -> Any:
        """Whether the channel found has no products."""
        found = self.found
        return (found.a_begin == found.a_end) | (found.w_begin == found.w_end)

    @property
    def last_w(self) -> Any:
        """Whether the pair is the last one of its vector of activations."""
        return self.w_next + 1 == self.now.w_end

    @property
    def last_a(self) -> Any:
        """Whether its vector of activations is the channel's last one."""
        return self.a_next + 1 == self.now.a_end
