# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""The way of a window over an image in a matrix engine's buffer, a vector per step.

Nothing is multiplied on the way: addresses go on by steps that are made when a command is taken,
of factors of three bits. An address counts modulo the buffer; outside the image it means nothing.
"""

from collections.abc import Mapping
from typing import Any

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.formats import Format
from holigrail_hw.hdl.shapes import shape_of

from .windows import SIZES

__all__ = ["Walk", "window_layout"]


def window_layout(formats: Mapping[str, Format], depth: int) -> data.StructLayout:
    """The fields of a command's window, and ``line``, vectors of a row of its image."""
    fields = {name: shape_of(format) for name, format in formats.items()}
    return data.StructLayout(fields | {"line": range(depth)})


class Walk(wiring.Component):
    """Address and place of the vector that is read next.

    ``take`` starts with a window; each ``read`` goes on: after one that ``closes`` a tile to the
    next tap or block, and after that of the ``final`` tile back to the first. ``inside`` says
    whether the vector is one of the image; otherwise it is ``pad``.

    Parameters
    ----------
    window : StructLayout
        See :func:`window_layout`.
    depth : int
        Vectors in one half of the buffer.
    """

    def __init__(self, window: data.StructLayout, depth: int):
        self._layout, self._depth = window, depth
        super().__init__(
            {
                "window": In(window),
                **{name: In(1) for name in ("take", "read", "closes", "final")},
                "address": Out(range(depth)),
                "inside": Out(1),
                "pad": Out(window["pad"].shape),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        size = max(self._layout[SIZES[0]].width, 3)
        self._window = window = Signal(self._layout, name="kept_window", reset_less=True)
        self._address = {
            name: Signal(range(self._depth), name=name, reset_less=True)
            for name in ("start", "row", "tap_row", "tap", "tile", "place", "right", "down")
            + ("tap_right", "tap_down")
        }
        self._at = {
            name: Signal(signed(size + 2), name=name, reset_less=True)
            for name in ("x", "y", "tap_x", "tap_y")
        }
        self._left = {
            name: Signal(self._layout[field].shape, name=f"{name}_left", reset_less=True)
            for name, field in (
                ("blocks", "blocks"),
                ("taps", "kernel_columns"),
                ("places", "output_columns"),
            )
        }
        x, y = self._at["x"], self._at["y"]
        m.d.comb += [
            self.address.eq(self._address["place"]),
            self.pad.eq(window.pad),
            self.inside.eq((x >= 0) & (x < window.width) & (y >= 0) & (y < window.height)),
        ]
        with m.If(self.take):
            self._start(m)
        with m.Elif(self.read & self.closes):
            self._next_tile(m)
        with m.Elif(self.read):
            self._next_place(m)
        return m

    def _start(self, m: Module) -> None:
        """Steps of addresses, and the first vector."""
        new, address = self.window, self._address
        start = Signal(range(self._depth), name="first")
        m.d.comb += start.eq(-(_times(new.top, new.line) + _times(new.left, new.blocks)))
        m.d.sync += [
            self._window.eq(new),
            address["start"].eq(start),
            address["right"].eq(_times(new.stride_columns, new.blocks)),
            address["down"].eq(_times(new.stride_rows, new.line)),
            address["tap_right"].eq(_times(new.dilation_columns, new.blocks)),
            address["tap_down"].eq(_times(new.dilation_rows, new.line)),
        ]
        self._first_tile(m, start, new)

    def _first_tile(self, m: Module, start: Any, window: Any) -> None:
        m.d.sync += [self._address[name].eq(start) for name in ("tap_row", "tap")]
        m.d.sync += [
            self._left["blocks"].eq(window.blocks),
            self._left["taps"].eq(window.kernel_columns),
        ]
        self._open(m, start, -window.left, -window.top, window)

    def _open(self, m: Module, tile: Any, x: Any, y: Any, window: Any) -> None:
        """The first place of a tile."""
        address, at = self._address, self._at
        m.d.sync += [address[name].eq(tile) for name in ("tile", "row", "place")]
        m.d.sync += [at[name].eq(x) for name in ("x", "tap_x")]
        m.d.sync += [at[name].eq(y) for name in ("y", "tap_y")]
        m.d.sync += self._left["places"].eq(window.output_columns)

    def _next_tile(self, m: Module) -> None:
        """The next block, else the next tap of the row, else the next row of taps."""
        window, address, at = self._window, self._address, self._at
        blocks, taps = self._left["blocks"], self._left["taps"]
        beside = Signal.like(address["tap"])
        below = Signal.like(address["tap"])
        m.d.comb += [
            beside.eq(address["tap"] + address["tap_right"]),
            below.eq(address["tap_row"] + address["tap_down"]),
        ]
        with m.If(self.final):
            self._first_tile(m, address["start"], window)
        with m.Elif(blocks != 1):
            m.d.sync += blocks.eq(blocks - 1)
            self._open(m, (address["tile"] + 1)[: len(beside)], at["tap_x"], at["tap_y"], window)
        with m.Elif(taps != 1):
            m.d.sync += [taps.eq(taps - 1), blocks.eq(window.blocks), address["tap"].eq(beside)]
            x = _further(at["tap_x"], window.dilation_columns, window.width)
            self._open(m, beside, x, at["tap_y"], window)
        with m.Else():
            m.d.sync += [taps.eq(window.kernel_columns), blocks.eq(window.blocks)]
            m.d.sync += [address[name].eq(below) for name in ("tap_row", "tap")]
            y = _further(at["tap_y"], window.dilation_rows, window.height)
            self._open(m, below, -window.left, y, window)

    def _next_place(self, m: Module) -> None:
        """To the right, else to the next row of places."""
        window, address, at, left = self._window, self._address, self._at, self._left["places"]
        row = (address["row"] + address["down"])[: len(address["row"])]
        with m.If(left != 1):
            m.d.sync += [
                left.eq(left - 1),
                address["place"].eq(address["place"] + address["right"]),
                at["x"].eq(_further(at["x"], window.stride_columns, window.width)),
            ]
        with m.Else():
            m.d.sync += [
                left.eq(window.output_columns),
                *(address[name].eq(row) for name in ("row", "place")),
                at["x"].eq(at["tap_x"]),
                at["y"].eq(_further(at["y"], window.stride_rows, window.height)),
            ]


def _further(at: Any, step: Any, end: Any) -> Any:
    """Who has left the image does not come back, and need not be counted."""
    return Mux(at < end, at + step, at)


def _times(factor: Any, value: Any) -> Any:
    """A product by shifts and additions: no DSP block is for this."""
    total: Any = 0
    for place in range(len(factor)):
        total = total + Mux(factor[place], value << place, 0)
    return total
