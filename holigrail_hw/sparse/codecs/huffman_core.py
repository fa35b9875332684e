# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The datapath of a canonical Huffman decoder.

The next bits are compared with the limits of all lengths at once; the first limit above them gives
the length, which is all the next cycle needs. The table is read a cycle later. While the last
symbol of a frame is read, the bits that are left decide whether the frame was valid.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib.wiring import connect, flipped

from .bit_window import BitWindow
from .engine import CodecComponent
from .huffman import COUNT_WIDTH
from .huffman_table import ConstantTable, LoadedTable

__all__ = ["HuffmanCore"]


class HuffmanCore(CodecComponent):
    """The decoder of a ``HuffmanDecoder`` specification, with its streams."""

    def __init__(self, spec: Any):
        super().__init__(spec.streams())
        self._spec = spec

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, symbol = self._spec, self.symbol
        assert spec.longest is not None
        m.submodules.window = window = BitWindow(spec.word_width, spec.longest)
        connect(m, flipped(self.code), window.code)
        m.submodules.table = table = self._table()

        state = _State()
        # Stage one: a symbol's place in the table is known (``found``); it is the last one
        # (``final``), or there is none because of an error (``bad``).
        found = Signal()
        final = Signal()
        bad = Signal()
        read_ahead, ahead, step, stop = state.read_ahead, state.ahead, state.step, state.stop
        wrong = Signal()
        length, place = self._match(m, window, table, state.valid)
        known = Signal(len(place))
        # Two stages, each of which moves when it is empty or the next one moves. Stage two is the
        # registered output: ``symbol.valid`` and its payload hold until ``ready``, as the table is
        # read only when the output is free.
        m.d.comb += [
            table.place.eq(known),
            read_ahead.eq(~symbol.valid | symbol.ready),
            ahead.eq(~found | read_ahead),
            wrong.eq(bad | (final & ~window.rest_is_padding)),
            table.enable.eq(read_ahead),
            symbol.payload.value.eq(Mux(symbol.payload.error, 0, table.symbol)),
            window.step.eq(Mux(step, length, 0)),
        ]
        with m.If(ahead):
            m.d.sync += [found.eq(step | stop), final.eq(state.left == 1), bad.eq(stop)]
            m.d.sync += known.eq(place)
        with m.If(step):
            m.d.sync += state.left.eq(state.left - 1)
        with m.If(read_ahead):
            m.d.sync += [
                symbol.valid.eq(found),
                symbol.payload.last.eq(wrong | final),
                symbol.payload.error.eq(wrong),
            ]
        self._control(m, window, table, length, state)
        return m

    def _control(self, m: Module, window: Any, table: Any, length: Any, state: "_State") -> None:
        """Frame by frame: its count, its table if it brings one, its code words, what is left."""
        with m.FSM():
            # Wait for the count of the next frame.
            with m.State("FRAME"):
                m.d.comb += self.frame.ready.eq(1)
                m.d.sync += [
                    state.left.eq(self.frame.payload.count),
                    state.refused.eq(self.frame.payload.count == 0),
                ]
                with m.If(self.frame.valid):
                    m.next = "DECODE"
                    if isinstance(table, LoadedTable):
                        with m.If(self.frame.payload.load):
                            m.next = "TABLE"
            if isinstance(table, LoadedTable):
                connect(m, flipped(self.table), table.table)
                # The table takes its own items; decoding begins after the last of them.
                with m.State("TABLE"):
                    m.d.comb += table.load.eq(1)
                    with m.If(table.loaded):
                        m.next = "DECODE"
            # One code word per cycle in which stage one can move, if all its bits are there; with
            # words yet to come it waits for them. ``stop`` ends the frame with an error.
            with m.State("DECODE"):
                fits = length <= window.held
                m.d.comb += state.stop.eq(
                    state.ahead & (state.refused | ~state.valid | (~fits & window.ends))
                )
                m.d.comb += state.step.eq(state.ahead & ~state.refused & state.valid & fits)
                with m.If(state.stop | (state.step & (state.left == 1))):
                    m.next = "JUDGE"
            # The last item enters stage two, as an error if it is bad or if more than padding is
            # left. No word enters the window meanwhile; the rest of the frame is discarded.
            with m.State("JUDGE"):
                m.d.comb += [window.hold.eq(1), window.clear.eq(state.read_ahead)]
                with m.If(state.read_ahead):
                    m.next = "FRAME"
                    with m.If(~window.ends):
                        m.next = "THROW"
            # Discard the words of a wrong frame up to its last one.
            with m.State("THROW"):
                m.d.comb += window.throw.eq(1)
                with m.If(self.code.valid & self.code.payload.last):
                    m.next = "FRAME"

    def _table(self) -> ConstantTable | LoadedTable:
        spec = self._spec
        assert spec.longest is not None
        if spec.lengths is None:
            return LoadedTable(spec.longest, spec.symbol.width)
        codec = spec.codec
        return ConstantTable(codec.counts, codec.order, spec.symbol.width)

    def _match(self, m: Module, window: Any, table: Any, valid: Any) -> tuple[Any, Any]:
        """Length of the next code word and its place; ``valid`` says that it exists."""
        longest = len(window.first)
        above = Signal(longest)
        length = Signal(range(longest + 1))
        word = Signal(longest)
        offset = Signal(len(table.offsets[0]))
        m.d.comb += [above[i].eq(window.first < table.limits[i]) for i in range(longest)]
        m.d.comb += valid.eq(above[-1] & table.usable)
        for i in reversed(range(longest)):
            with m.If(above[i]):
                m.d.comb += [
                    length.eq(i + 1),
                    word.eq(window.first[longest - 1 - i :]),
                    offset.eq(table.offsets[i]),
                ]
        place = Signal(len(offset))
        m.d.comb += place.eq(word + offset)
        return length, place


class _State:
    """What the control and the two stages tell each other.

    Symbols ``left`` to decode, and whether the frame announced none, which is an error
    (``refused``). Stage one may move (``ahead``), and stage two (``read_ahead``); the next bits are
    a ``valid`` code word; stage one takes it (``step``), or an error instead (``stop``).
    """

    def __init__(self) -> None:
        self.left = Signal(COUNT_WIDTH)
        self.read_ahead = Signal()
        self.refused = Signal()
        self.ahead = Signal()
        self.step = Signal()
        self.stop = Signal()
        self.valid = Signal()
