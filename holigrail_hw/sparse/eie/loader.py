# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What an EIE-like engine reads: commands, the words of a matrix, vectors.

A matrix is checked as it comes in. What follows a mistake is discarded up to the marked item, so
that the next command finds its own items. Then the command is offered as a job to the sequencer;
while that works on it, the next vector may come in.
"""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .golden import GOOD, LONG, POINTER, SHORT, SIZE, UNLOADED
from .shape import EieShape

__all__ = ["EieLoader", "bus_of"]


def bus_of(spec: EieShape) -> Any:
    """What is written into the memories: an enable for each kind, address and word."""
    sizes = spec.sizes
    address = max(sizes.code_width, spec.columns.bit_length(), (spec.entries - 1).bit_length())
    fields = {"codebook": 1, "pointer": 1, "entry": 1}
    return data.StructLayout(fields | {"address": address, "word": sizes.word_width})


class EieLoader(wiring.Component):
    """Turns the streams into writes to the memories and jobs.

    Members
    -------
    bus, pe : Out, words for the memories of element ``pe``; a codebook is for all of them
    write, index, value : Out, an activation for the half of the store that is not in use
    begin : Out(1), before the first activation of a vector
    clear, clear_row : Out, a row of sums to set to 0
    limit, remainder : Out, the rows of the matrix divided by the number of elements
    rows : Out, the rows of the matrix
    offered, taken : Out, In, a job: ``run`` a product, or only report the status ``code``
    idle : In(1), no job is at work
    """

    def __init__(self, spec: EieShape):
        self._spec = spec
        streams = spec.streams()
        size = streams["command"].fields["columns"].width
        command = data.StructLayout({"load": 1, "columns": size, "rows": size})
        word = data.StructLayout({"word": spec.sizes.word_width, "last": 1})
        activation = data.StructLayout({"a": spec.activation.width, "last": 1})
        super().__init__(
            {
                "command": In(stream.Signature(command)),
                "matrix": In(stream.Signature(word)),
                "activation": In(stream.Signature(activation)),
                "bus": Out(bus_of(spec)),
                "pe": Out(range(spec.pes)),
                "begin": Out(1),
                "write": Out(1),
                "index": Out(range(spec.columns)),
                "value": Out(spec.activation.width),
                "clear": Out(1),
                "clear_row": Out(range(spec.rows)),
                "limit": Out(range(spec.rows + 1)),
                "remainder": Out(range(spec.pes)),
                "rows": Out(size),
                "offered": Out(1),
                "taken": In(1),
                "run": Out(1),
                "code": Out(3),
                "idle": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, command = self._spec, self.command.payload
        # State: the kind of command; the columns of the latest matrix and whether it is loaded; the
        # activations so far; the rows of the matrix coming in, which count from ``starts`` on.
        is_load = Signal()
        columns = Signal(range(spec.columns + 1))
        loaded = Signal()
        wrong_size = Signal()
        count = Signal(range(spec.columns + 1))
        code = self.code
        starts = Signal()
        rows = Signal(self.rows.shape())
        m.d.comb += [
            wrong_size.eq(
                (command.columns == 0)
                | (command.columns > spec.columns)
                | (command.rows == 0)
                | (command.rows > spec.pes * spec.rows)
            ),
            self.run.eq(~is_load & (code == GOOD)),
            self.index.eq(count),
            self.value.eq(self.activation.payload.a),
        ]
        with m.FSM():
            # Take a command. A load makes the engine forget its matrix at once.
            with m.State("COMMAND"):
                m.d.comb += [self.command.ready.eq(1), self.begin.eq(1)]
                m.d.sync += [is_load.eq(command.load), count.eq(0), code.eq(GOOD)]
                with m.If(self.command.valid & command.load):
                    m.next = "QUIET"
                    m.d.sync += [columns.eq(command.columns), code.eq(Mux(wrong_size, SIZE, GOOD))]
                    m.d.sync += [rows.eq(command.rows), loaded.eq(0)]
                with m.Elif(self.command.valid):
                    m.next = "VECTOR"
            # Wait until no job is at work: the old matrix may still be needed, or sums be leaving.
            with m.State("QUIET"):
                m.d.comb += starts.eq(self.idle)
                with m.If(starts):
                    m.next = "MATRIX"
            # Take every word up to the marked one, right or wrong.
            with m.State("MATRIX"):
                m.d.comb += self.matrix.ready.eq(1)
                with m.If(self.matrix.valid & self.matrix.payload.last):
                    m.next = "OFFER"
            self._take_vector(m, count, columns, loaded)
            # Offer the job until it is taken, but not before the sums are cleared. ``run`` and
            # ``code`` hold meanwhile.
            with m.State("OFFER"):
                m.d.comb += self.offered.eq(~self.clear)
                with m.If(self.taken):
                    m.next = "COMMAND"
                    with m.If(is_load & (code == GOOD)):
                        m.d.sync += loaded.eq(1)
        begun = self.command.valid & self.command.ready
        self._words(m, begun, columns)
        self._clear(m, starts, rows)
        return m

    def _take_vector(self, m: Module, count: Signal, columns: Signal, loaded: Signal) -> None:
        """Take every activation up to the marked one, which decides the status.

        Those beyond the columns are discarded.
        """
        code = self.code
        with m.State("VECTOR"):
            complete = count == columns
            m.d.comb += [
                self.activation.ready.eq(1),
                self.write.eq(self.activation.valid & ~complete),
            ]
            with m.If(self.activation.valid):
                with m.If(~complete):
                    m.d.sync += count.eq(count + 1)
                with m.If(self.activation.payload.last):
                    m.next = "OFFER"
                    with m.If(~loaded):
                        m.d.sync += code.eq(UNLOADED)
                    with m.Elif(complete):
                        m.d.sync += code.eq(LONG)
                    with m.Elif(count + 1 != columns):
                        m.d.sync += code.eq(SHORT)

    def _words(self, m: Module, begun: Any, columns: Any) -> None:
        """Where the next word of a matrix belongs, and whether it is acceptable."""
        # State: the kind of the next word, its element and its place; ``total`` is the last pointer
        # so far, then the number of entries. Nothing moves after the first mistake.
        spec, bus, code = self._spec, self.bus, self.code
        place = Signal(bus.address.shape())
        kind = Signal(2)
        codebook, pointer, entry = range(3)
        total = Signal(spec.sizes.word_width)
        word, last = self.matrix.payload.word, self.matrix.payload.last
        moved = Signal()
        good = Signal()
        is_final = Signal()
        ends = Signal()
        is_last_pe = Signal()
        wrong = Signal()
        m.d.comb += [
            moved.eq(self.matrix.valid & self.matrix.ready),
            good.eq(code == GOOD),
            bus.address.eq(place),
            bus.word.eq(word),
            bus.codebook.eq(moved & good & (kind == codebook)),
            bus.pointer.eq(moved & good & (kind == pointer)),
            bus.entry.eq(moved & good & (kind == entry)),
            is_last_pe.eq(self.pe == spec.pes - 1),
        ]
        with m.If(begun):
            m.d.sync += [kind.eq(codebook), place.eq(0), self.pe.eq(0), total.eq(0)]
        with m.Elif(moved & good):
            m.d.sync += place.eq(Mux(ends, 0, place + 1))
            with m.If(wrong):
                m.d.sync += code.eq(POINTER)
            with m.Elif(last & ~is_final):
                m.d.sync += code.eq(SHORT)
            with m.Elif(~last & is_final):
                m.d.sync += code.eq(LONG)
            with m.If(ends & (kind == codebook)):
                m.d.sync += kind.eq(pointer)
            with m.If((kind == pointer) & ~ends):
                m.d.sync += total.eq(word)
            with m.If((kind == pointer) & ends & (word != 0)):
                m.d.sync += [kind.eq(entry), total.eq(word)]
            with m.If((ends & (kind == entry)) | ((kind == pointer) & ends & (word == 0))):
                m.d.sync += [kind.eq(pointer), total.eq(0), self.pe.eq(self.pe + 1)]
        # Whether the word ends its kind, is the last one possible, or is wrong in itself.
        with m.Switch(kind):
            with m.Case(codebook):
                m.d.comb += ends.eq(place == spec.sizes.codes - 1)
            with m.Case(pointer):
                m.d.comb += [
                    ends.eq(place == columns),
                    is_final.eq(is_last_pe & ends & (word == 0)),
                    wrong.eq((word < total) | (word > spec.entries) | ((place == 0) & (word != 0))),
                ]
            with m.Case(entry):
                m.d.comb += [ends.eq(place == total - 1), is_final.eq(is_last_pe & ends)]

    def _clear(self, m: Module, starts: Any, rows: Any) -> None:
        """Clear all rows of sums while a matrix comes in, and divide its rows by counting down."""
        spec = self._spec
        left = Signal(self.rows.shape())
        m.d.comb += self.remainder.eq(left)
        with m.If(starts):
            m.d.sync += [
                self.clear.eq(1),
                self.clear_row.eq(0),
                self.limit.eq(0),
                left.eq(rows),
                self.rows.eq(rows),
            ]
        with m.Elif(self.clear):
            m.d.sync += self.clear_row.eq(self.clear_row + 1)
            with m.If(self.clear_row == spec.rows - 1):
                m.d.sync += self.clear.eq(0)
            with m.If(left >= spec.pes):
                m.d.sync += [left.eq(left - spec.pes), self.limit.eq(self.limit + 1)]
