# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false

"""The datapath of a decoder of compressed columns."""

from typing import Any

from amaranth import Module, Mux, Signal

from ..codecs.engine import CodecComponent

__all__ = ["Decoder"]


class Decoder(CodecComponent):
    """The decoder of a ``CscDecoder`` specification, with its streams."""

    def __init__(self, spec: Any):
        super().__init__(spec.streams())
        self._spec, self._codec = spec, spec.codec

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        state = _State(self._spec)
        self._move(m, state)
        self._judge(m, state)
        self._take(m, state)
        self._give(m, state)
        self._open(m, state)
        self._close(m, state)
        return m

    def _move(self, m: Module, state: "_State") -> None:
        """What this cycle can do: ``inside`` a column take an entry, or, once the last pointer is
        reached, take the filler that closes the frame. Nothing moves while the output is refused.
        """
        nonzero = self.nonzero
        thrown = state.pointer_thrown, state.entry_thrown
        m.d.comb += [
            state.advance.eq(~nonzero.valid | nonzero.ready),
            state.running.eq(state.advance & ~thrown[0] & ~thrown[1] & ~state.broken & state.begun),
            state.at_bound.eq(state.place == state.bound),
            state.to_bound.eq(state.place + 1 == state.bound),
            state.inside.eq(state.running & ~state.at_bound),
            state.closing.eq(state.running & state.at_bound & state.pointers_over),
        ]

    def _judge(self, m: Module, state: "_State") -> None:
        """The entry on offer: its row and whether it is wrong; the closing one must be a filler."""
        spec, entry, row, filler = self._spec, self.entry, state.row, state.filler
        index, value = entry.payload.index, entry.payload.value
        m.d.comb += filler.eq(index.all() & (value == 0))
        if self._codec.relative:
            m.d.comb += row.eq(state.next_row + index)
            empty = (value == 0) & (~filler | state.to_bound)
        else:
            m.d.comb += row.eq(index)
            empty = value == 0
        bad_entry = entry.payload.last | (row >= spec.rows) | (row < state.next_row) | empty
        m.d.comb += state.wrong.eq(Mux(state.closing, ~(filler & entry.payload.last), bad_entry))

    def _take(self, m: Module, state: "_State") -> None:
        """Which inputs are taken.

        ``pointer.ready`` may depend on ``entry.valid``, since the last entry of a column takes the
        next pointer with it, but no ``ready`` on its own ``valid``.
        """
        pointer, entry = self.pointer, self.entry
        inside, closing, over = state.inside, state.closing, state.pointers_over
        at_pointer = ~state.begun | (state.at_bound & ~over)
        m.d.comb += [
            entry.ready.eq(state.entry_thrown | inside | closing),
            state.entry_taken.eq(entry.valid & (inside | closing)),
            pointer.ready.eq(
                state.pointer_thrown
                | (state.advance & ~state.broken & ~state.entry_thrown & at_pointer)
                | (inside & entry.valid & ~state.wrong & state.to_bound & ~over)
            ),
            state.pointer_taken.eq(pointer.valid & pointer.ready & ~state.pointer_thrown),
            state.failing.eq((state.advance & state.broken) | (state.entry_taken & state.wrong)),
        ]

    def _give(self, m: Module, state: "_State") -> None:
        """The output register: it changes only when it is empty or accepted.

        An error and the end of a frame read as zeros with ``last``.
        """
        nonzero, failing, closing = self.nonzero, state.failing, state.closing
        with m.If(state.advance):
            m.d.sync += [
                nonzero.valid.eq(failing | (state.entry_taken & (closing | ~state.filler))),
                nonzero.payload.column.eq(Mux(failing | closing, 0, state.columns - 1)),
                nonzero.payload.row.eq(Mux(failing | closing, 0, state.row)),
                nonzero.payload.value.eq(Mux(failing | closing, 0, self.entry.payload.value)),
                nonzero.payload.last.eq(failing | closing),
                nonzero.payload.error.eq(failing),
            ]
        with m.If(state.entry_taken):
            m.d.sync += [state.place.eq(state.place + 1), state.next_row.eq(state.row + 1)]

    def _open(self, m: Module, state: "_State") -> None:
        """A pointer opens the next column.

        A wrong one (the first not 0 or the only one, a decrease, one too many) breaks the frame;
        the error leaves as soon as the output is free.
        """
        given, bound = self.pointer.payload, state.bound
        with m.If(state.pointer_taken):
            m.d.sync += [
                state.begun.eq(1),
                bound.eq(given.pointer),
                state.pointers_over.eq(given.last),
                state.next_row.eq(0),
            ]
            with m.If(state.begun):
                one_too_many = state.columns == self._spec.columns
                m.d.sync += state.columns.eq(state.columns + 1)
                m.d.sync += state.broken.eq((given.pointer < bound) | one_too_many)
            with m.Else():
                m.d.sync += state.broken.eq((given.pointer != 0) | given.last)

    def _close(self, m: Module, state: "_State") -> None:
        """The end of a frame clears the state.

        After an error the rest of either stream is discarded up to its last item.
        """
        pointer, entry, failing = self.pointer, self.entry, state.failing
        with m.If(failing | (state.entry_taken & state.closing)):
            m.d.sync += [state.begun.eq(0), state.columns.eq(0), state.bound.eq(0)]
            m.d.sync += [state.place.eq(0), state.broken.eq(0)]
            m.d.sync += [state.pointers_over.eq(0), state.next_row.eq(0)]
        with m.If(failing):
            m.d.sync += state.pointer_thrown.eq(~state.pointers_over)
            m.d.sync += state.entry_thrown.eq(~(state.entry_taken & entry.payload.last))
        with m.If(state.pointer_thrown & pointer.valid):
            m.d.sync += state.pointer_thrown.eq(~pointer.payload.last)
        with m.If(state.entry_thrown & entry.valid):
            m.d.sync += state.entry_thrown.eq(~entry.payload.last)


class _State:
    """How far a frame has come, and what this cycle does.

    The first pointer was taken (``begun``), and so many ``columns`` have begun; the present one
    ends at the entry ``bound``; ``place`` is the next entry and ``next_row`` the least row allowed.
    ``pointers_over``: the last pointer came; ``broken``: a wrong one. Of a wrong frame, pointers
    and entries that are still to come are ``thrown`` away.
    """

    def __init__(self, spec: Any):
        self.begun = Signal()
        self.bound = Signal(spec.pointer_width)
        self.columns = Signal(range(spec.columns + 1))
        self.place = Signal(spec.pointer_width)
        self.next_row = Signal(range(spec.rows + 1))
        self.pointers_over = Signal()
        self.pointer_thrown = Signal()
        self.broken = Signal()
        self.entry_thrown = Signal()
        self.advance = Signal()
        self.running = Signal()
        self.inside = Signal()
        self.at_bound = Signal()
        self.to_bound = Signal()
        self.closing = Signal()
        self.row = Signal(range(spec.rows + (1 << spec.codec.entry_index_width)))
        self.wrong = Signal()
        self.entry_taken = Signal()
        self.pointer_taken = Signal()
        self.filler = Signal()
        self.failing = Signal()
