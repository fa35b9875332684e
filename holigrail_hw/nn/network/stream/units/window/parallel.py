# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Whole windows, as rows of pixels pass by: memories of rows, and registers of their columns.

Every beat of the image is a step, in which one column of the window comes from the memories and the
input, and the others move on. Windows reach below the image: their steps go on behind it, in the
steps of the next frame if its beats come, or alone. What lies below is masked, and so the columns
that the memories give need no beat. Only from the row on in which the next frame's first windows
end do its columns count; by then, all columns of the old frame are masked. Steps of their own must
not come between them: the frame waits there if more than one window is left.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, among, beats, delay, reads, shape_of, wrapped

__all__ = ["ParallelWindowUnit"]


class ParallelWindowUnit(wiring.Component):
    """See :class:`.shape.ParallelWindow`.

    State: the beat of the frame that comes next; the window that the next step completes; in steps
    behind the image, the column of the memories that comes next. One window waits at the output.
    """

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes)),
                "o": Out(beats(shape.output, shape.lanes_out)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Pipeline(m, 1, self.o.ready)
        taken = Signal()
        behind = Signal()
        step = Signal()
        waits = Signal()
        m.d.comb += [
            self.i.ready.eq(line.moves[0] & ~waits),
            taken.eq(self.i.valid & self.i.ready),
            step.eq(taken | (behind & line.moves[0])),
            self.o.valid.eq(line.valid[0]),
        ]
        self._beats(m, taken)
        if self._shape.delays:
            m.d.comb += waits.eq(behind & (self._row_in >= self._shape.reached))
        given, masks = self._windows(m, line, taken, behind, step)
        line.fill(m, step & given)
        column = self._column(m, taken, behind, step)
        self._taps(m, column, step, masks)
        return m

    def _beats(self, m: Module, taken: Any) -> None:
        """State: column, row, and memory of the row of the next beat."""
        shape = self._shape
        columns, rows = shape.size[1] * shape.folds, shape.size[0]
        self._column_in = Signal(range(columns), name="column_in")
        self._row_in = Signal(range(rows), name="row_in")
        self._bank_in = Signal(range(max(shape.banks, 1)), name="bank_in")
        self._row_ends = wrapped(m, self._column_in, columns, taken)
        self._frame_ends = wrapped(m, self._row_in, rows, taken, self._row_ends)
        wrapped(m, self._bank_in, max(shape.banks, 1), taken, self._row_ends)

    def _windows(
        self, m: Module, line: Pipeline, taken: Any, behind: Any, step: Any
    ) -> tuple[Any, tuple[list[Any], list[Any]]]:
        """Whether a step gives a window, and for that one which rows and columns are pixels.

        State: the window, if every pixel had one, and whether windows of this frame are under way.
        They begin with the beat that completes the first one.
        """
        shape = self._shape
        (down, across), columns = shape.positions, shape.size[1]
        first_row, first_column = divmod(shape.first, columns)
        fold = Signal(range(shape.folds), name="fold")
        column = Signal(range(columns), name="window_column")
        row = Signal(range(down), name="window_row")
        running = Signal()
        begins = Signal()
        here = Signal()
        m.d.comb += [
            begins.eq(
                taken
                & (self._row_in == first_row)
                & (self._column_in == first_column * shape.folds)
            ),
            here.eq(running | begins),
        ]
        moves = step & here
        pixel = wrapped(m, fold, shape.folds, moves)
        row_ends = wrapped(m, column, columns, moves, pixel)
        wrapped(m, row, down, moves, row_ends)
        ends = Signal(name="windows_end")
        m.d.comb += ends.eq(moves & pixel & (row == down - 1) & (column == across - 1))
        with m.If(moves):
            m.d.sync += running.eq(1)
        with m.If(taken & self._frame_ends):
            m.d.sync += behind.eq(here)
        with m.If(ends):
            m.d.sync += [running.eq(0), behind.eq(0), column.eq(0), row.eq(0)]
        strides = shape.window.strides
        given = here
        for counter, size, stride, limit in (
            (row, down, strides[0], down),
            (column, columns, strides[1], across),
        ):
            given = given & among(m, f"{counter.name}_used", counter, size, range(0, limit, stride))
        return given, (self._pixels(m, line, row, 0), self._pixels(m, line, column, 1))

    def _pixels(self, m: Module, line: Pipeline, counter: Any, axis: int) -> list[Any]:
        """For every tap along an axis, whether it is inside the image; in registers."""
        shape, window = self._shape, self._shape.window
        size = shape.positions[0] if axis == 0 else shape.size[1]
        flags = []
        for tap in range(window.kernel[axis]):
            offset = tap * window.dilations[axis] - window.pads[axis]
            inside = [n for n in range(size) if 0 <= n + offset < shape.size[axis]]
            name = f"{counter.name}_tap{tap}"
            used = shape.positions[axis]
            if all(n in inside for n in range(0, used, window.strides[axis])):
                flags.append(None)
                continue
            flag = among(m, name, counter, size, inside)
            flags.append(line.register(m, 0, flag, f"{name}_inside"))
        return flags

    def _column(self, m: Module, taken: Any, behind: Any, step: Any) -> list[Any]:
        """The newest column of the window, top first, one cycle after its step.

        State: a memory for every row that is still needed, and the column read behind the image.
        """
        shape, window = self._shape, self._shape.window
        columns, count = shape.size[1] * shape.folds, shape.banks
        beat = self.i.payload.as_value()
        newest = Signal(len(beat), name="newest", reset_less=True)
        with m.If(step):
            m.d.sync += newest.eq(beat)
        if not count:
            return [newest]
        column_behind = Signal(range(columns), name="column_behind")
        bank_behind = Signal(range(count), name="bank_behind")
        following = Mux(self._bank_in == count - 1, 0, self._bank_in + 1)
        wrapped(m, bank_behind, count, step, wrapped(m, column_behind, columns, step))
        with m.If(~behind):
            m.d.sync += [column_behind.eq(0), bank_behind.eq(following)]
        reached = self._row_in >= shape.reached
        alone = Signal()
        address = Signal(range(columns), name="column_read")
        bank = Signal(range(count), name="bank_read", reset_less=True)
        m.d.comb += [
            alone.eq(behind & ~(taken & reached)),
            address.eq(Mux(alone, column_behind, self._column_in)),
        ]
        with m.If(step):
            m.d.sync += bank.eq(Mux(alone, bank_behind, self._bank_in))
        words = []
        for index in range(count):
            kept = memory.Memory(shape=len(beat), depth=columns, init=[])
            m.submodules[f"row{index}"] = kept
            write, read = kept.write_port(), kept.read_port()
            m.d.comb += [
                write.addr.eq(self._column_in),
                write.data.eq(beat),
                write.en.eq(taken & (self._bank_in == index)),
                read.addr.eq(address),
                read.en.eq(reads(read, write, step, columns)),
            ]
            words.append(read.data)
        found = []
        for tap in range(window.kernel[0] - 1):
            back = (window.kernel[0] - 1 - tap) * window.dilations[0]
            word = Signal(len(beat), name=f"row_tap{tap}")
            with m.Switch(bank):
                for index in range(count - 1):
                    with m.Case(index):
                        m.d.comb += word.eq(words[(index - back) % count])
                with m.Default():
                    m.d.comb += word.eq(words[(count - 1 - back) % count])
            found.append(word)
        return [*found, newest]

    def _taps(
        self, m: Module, column: list[Any], step: Any, masks: tuple[list[Any], list[Any]]
    ) -> None:
        """State: earlier columns. Every tap goes to the output, or the zero outside the image."""
        shape, window = self._shape, self._shape.window
        distance = window.dilations[1] * shape.folds
        each, width = len(column[0]), shape.input.width
        whole: Any = Cat(*column)
        columns = [whole]
        for tap in range(window.kernel[1] - 1):
            whole = delay(m, f"column{tap}", whole, distance - 1, step)
            columns.insert(0, whole)
        zero = Const(shape.zero, shape_of(shape.output))
        place = 0
        for row in range(window.kernel[0]):
            for across in range(window.kernel[1]):
                flags = [f for f in (masks[0][row], masks[1][across]) if f is not None]
                for lane in range(shape.lanes):
                    low = row * each + lane * width
                    word = Value.cast(columns[across])[low : low + width]
                    word = word.as_signed() if shape.input.signed else word
                    if flags:
                        word = Mux(Cat(*flags).all(), word, zero)
                    m.d.comb += self.o.payload.data[place].eq(word)
                    place += 1
