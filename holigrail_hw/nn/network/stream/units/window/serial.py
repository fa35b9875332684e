# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The taps of windows from a ring of pixels, whose address moves by one constant per step."""

from typing import Any

import numpy as np
from amaranth import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..elastic import Pipeline, beats, reads, shape_of, wrapped

__all__ = ["SerialWindowUnit"]


class SerialWindowUnit(wiring.Component):
    """See :class:`.shape.SerialWindow`; a tap comes one cycle after it was read."""

    def __init__(self, shape: Any):
        self._shape = shape
        super().__init__(
            {
                "i": In(beats(shape.input, shape.lanes)),
                "o": Out(beats(shape.output, shape.lanes)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = self._shape
        m.submodules.pixels = pixels = memory.Memory(
            shape=shape.lanes * shape.input.width, depth=shape.kept, init=[]
        )
        write = pixels.write_port()
        # The tap of a window of one beat may be the beat that is just written.
        meets = self._meets()
        read = pixels.read_port(transparent_for=[write] if meets else [])
        taken = Signal()
        steps = Signal()
        line = Pipeline(m, 1, self.o.ready)
        line.fill(m, steps)
        classes = self._places(m, steps)
        ahead, room = self._balance(m, taken, steps & self._window_ends(m, steps))
        place = Signal(range(shape.kept))
        m.d.comb += [
            self.i.ready.eq(room),
            taken.eq(self.i.valid & room),
            write.addr.eq(place),
            write.data.eq(self.i.payload.as_value()),
            write.en.eq(taken),
            steps.eq(ahead & line.moves[0]),
            read.addr.eq(self._address(m, steps, classes)),
            read.en.eq(line.moves[0] if meets else reads(read, write, line.moves[0], shape.kept)),
            self.o.valid.eq(line.valid[0]),
        ]
        # State: where the next beat is written.
        with m.If(taken):
            m.d.sync += place.eq(place + 1)
            with m.If(place == shape.kept - 1):
                m.d.sync += place.eq(0)
        outside = self._outside(m, line, steps, classes)
        words = read.data
        width = shape.input.width
        for lane in range(shape.lanes):
            word: Any = words[lane * width : (lane + 1) * width]
            word = word.as_signed() if shape.input.signed else word
            zero = Const(shape.zero, shape_of(shape.output))
            m.d.comb += self.o.payload.data[lane].eq(
                word if outside is None else Mux(outside, zero, word)
            )
        return m

    def _meets(self) -> bool:
        """Whether a beat may be read in the cycle in which it is written: the only one needed."""
        shape = self._shape
        firsts = (shape.taps[0][:, :1] * shape.size[1] + shape.taps[1][:, 0]).reshape(-1) + 1
        needs = shape.flow().inputs[0].need[:: shape.each]
        return shape.folds == 1 and bool((firsts == needs).any())

    def _loops(self) -> list[tuple[str, int]]:
        """Names and sizes of the nested counters, outermost first."""
        rows, columns = self._shape.places
        kernel = self._shape.window.kernel
        inside = [("kernel_row", kernel[0]), ("kernel_column", kernel[1])]
        fold = [("fold", self._shape.folds)]
        inside = inside + fold if self._shape.order == "dense" else fold + inside
        return [("row", rows), ("column", columns), *inside]

    def _places(self, m: Module, steps: Any) -> list[Any]:
        """State: which tap is read next, in nested counters.

        Returns, from the innermost counter to the outermost, whether that one is at its last place
        with all within it.
        """
        self._counters, lasts, inner = {}, [], None
        for name, size in reversed(self._loops()):
            counter = Signal(range(size), name=name)
            self._counters[name] = counter
            inner = wrapped(m, counter, size, steps, inner)
            lasts.append(inner)
        return lasts

    def _window_ends(self, m: Module, steps: Any) -> Any:
        """Whether the next tap is the last one of its window; known from a register.

        State: this, and how many taps come after it.
        """
        each = self._shape.each
        if each == 1:
            return Const(1, 1)
        left, ends = (
            Signal(range(each), name="taps_left", init=each - 1),
            Signal(name="window_ends"),
        )
        with m.If(steps):
            m.d.sync += [left.eq(Mux(ends, each - 1, left - 1)), ends.eq(left == 1)]
        return ends

    def _balance(self, m: Module, taken: Any, window_ends: Any) -> tuple[Any, Any]:
        """Whether the next window is complete, and whether there is room for a beat.

        State: beats more than this window needs, and free places less one: both count up and
        down, and are looked at for their sign only; and by how much they change after this window.
        """
        shape = self._shape
        flow = shape.flow().inputs[0]
        needs = flow.need[:: shape.each]
        frees = flow.free[shape.each - 1 :: shape.each]
        # What the window after each one needs and lets go besides, in the next frame for the last.
        more = np.append(np.diff(needs), needs[0] + shape.tokens - needs[-1])
        less = np.diff(frees, prepend=0)
        widest = signed((2 * shape.tokens + shape.kept).bit_length() + 1)
        ahead = Signal(widest, init=-int(needs[0]))
        space = Signal(widest, init=shape.kept - 1)
        needed = Mux(window_ends, self._after_window(m, "needed_more", more), 0)
        released = Mux(window_ends, self._after_window(m, "released", less), 0)
        m.d.sync += [ahead.eq(ahead + taken - needed), space.eq(space - taken + released)]
        short, full = Value.cast(ahead[-1]), Value.cast(space[-1])
        return ~short | (ahead.all() & taken), ~full

    def _after_window(self, m: Module, name: str, amounts: np.ndarray) -> Any:
        """The amount of this window, wanted with its last tap; from a register if it has others."""
        amount = self._by_place(m, name, amounts)
        if self._shape.each == 1:
            return amount
        kept = Signal.like(amount, name=f"{name}_kept", init=int(amounts[0]))
        m.d.sync += kept.eq(amount)
        return kept

    def _by_place(self, m: Module, name: str, amounts: np.ndarray) -> Any:
        """The amount of this window, of the few that there are."""
        rows, columns = self._shape.places
        grid = amounts.reshape(rows, columns)
        value = Signal(range(int(grid.max()) + 1), name=name)
        kinds: dict[tuple[int, ...], list[int]] = {}
        for row, line in enumerate(grid.tolist()):
            kinds.setdefault(tuple(line), []).append(row)
        common = max(kinds, key=lambda kind: len(kinds[kind]))
        with m.Switch(self._counters["row"]):
            for kind, places in kinds.items():
                if kind != common:
                    with m.Case(*places):
                        self._in_row(m, value, kind)
            with m.Default():
                self._in_row(m, value, common)
        return value

    def _in_row(self, m: Module, value: Any, amounts: tuple[int, ...]) -> None:
        common = max(sorted(set(amounts)), key=amounts.count)
        with m.Switch(self._counters["column"]):
            for amount in sorted(set(amounts)):
                if amount != common:
                    with m.Case(*(n for n, a in enumerate(amounts) if a == amount)):
                        m.d.comb += value.eq(amount)
            with m.Default():
                m.d.comb += value.eq(common)

    def _strides(self, per: dict[str, int], frame: int) -> list[int]:
        """By how much a sum over the counters changes when each one, from the innermost, steps.

        The last one is for the step to the next frame.
        """
        found, inner = [], 0
        for name, size in reversed(self._loops()):
            found.append(per.get(name, 0) - inner)
            inner += (size - 1) * per.get(name, 0)
        return [*found, frame - inner]

    def _stepped(self, m: Module, name: str, amounts: list[int], classes: list[Any]) -> Any:
        """The amount for the outermost counter that steps."""
        low, high = min(amounts), max(amounts)
        value = Signal(Shape.cast(range(low, high + 1)), name=name)
        m.d.comb += value.eq(amounts[0])
        for last, amount in zip(classes, amounts[1:], strict=True):
            with m.If(last):
                m.d.comb += value.eq(amount)
        return value

    def _address(self, m: Module, steps: Any, classes: list[Any]) -> Any:
        """State: where the tap lies in the ring."""
        shape = self._shape
        window, (_, columns, _), folds = shape.window, shape.size, shape.folds
        per = {
            "row": window.strides[0] * columns * folds,
            "column": window.strides[1] * folds,
            "kernel_row": window.dilations[0] * columns * folds,
            "kernel_column": window.dilations[1] * folds,
            "fold": 1,
        }
        size = shape.kept
        begin = -(window.pads[0] * columns + window.pads[1]) * folds % size
        amounts = [amount % size for amount in self._strides(per, shape.tokens)]
        step = self._stepped(m, "address_step", amounts, classes)
        less = self._stepped(m, "address_back", [size - a for a in amounts], classes)
        address = Signal(range(size), init=begin)
        back = Signal(signed(address.shape().width + 2))
        m.d.comb += back.eq(address - less)
        with m.If(steps):
            m.d.sync += address.eq(Mux(back[-1], address + step, back))
        return address

    def _outside(self, m: Module, line: Pipeline, steps: Any, classes: list[Any]) -> Any:
        """Whether the tap in the register lies outside the image.

        State: its row and column, less than 0 or too large outside.
        """
        shape, flags = self._shape, []
        if not shape.padded:
            return None
        for axis, (name, taps) in enumerate(zip(("row", "column"), shape.taps, strict=True)):
            low, high, limit = int(taps.min()), int(taps.max()), shape.size[axis]
            if low >= 0 and high < limit:
                continue
            per = {name: shape.window.strides[axis], f"kernel_{name}": shape.window.dilations[axis]}
            bounds = Shape.cast(range(min(low, 0), max(high, limit) + 1))
            at = Signal(bounds, name=f"{name}_read", init=-shape.window.pads[axis])
            step = self._stepped(m, f"{name}_step", self._strides(per, 0), classes)
            with m.If(steps):
                m.d.sync += at.eq(at + step)
            if low < 0:
                flags.append(at[-1])
            if high >= limit:
                flags.append(at >= limit)
        found = flags[0]
        for flag in flags[1:]:
            found = found | flag
        return line.register(m, 0, found, "outside")
