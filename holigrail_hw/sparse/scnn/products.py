# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The Cartesian product of two vectors, and where each product belongs.

Tables turn the place of an operand into its contribution to the address and its coordinates: an
input's coordinates minus a weight's are those of an output, if their remainders modulo the stride
agree (see :mod:`.geometry`). Two stages: tables, then products, addresses and what is dropped.
"""

from typing import Any

from amaranth import Array, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.shapes import shape_of

from .issue import operand_words
from .shape import ScnnShape

__all__ = ["Products", "product_layout"]


def product_layout(spec: ScnnShape) -> data.StructLayout:
    """A product on its way to its bank."""
    return data.StructLayout(
        {"address": spec.sums.address_width, "value": shape_of(spec.sum_of(1))}
    )


class Products(wiring.Component):
    """Turns vectors of operands into products, which are there one ``move`` later.

    ``ahead`` says which of the products belong to an output of this element or its halo.
    """

    def __init__(self, spec: ScnnShape, column: int, row: int):
        self._spec, self._column, self._row = spec, column, row
        a_word, w_word = operand_words(spec)
        count = spec.activation_lanes * spec.weight_lanes
        super().__init__(
            {
                "move": In(1),
                "valid": In(1),
                "activation": In(a_word),
                "weight": In(w_word),
                "ahead": Out(count),
                "products": Out(data.ArrayLayout(product_layout(spec), count)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m, spec = Module(), self._spec
        x, y, sums = spec.x, spec.y, spec.sums
        # First stage: operands with what the tables say about their places. It moves with ``move``.
        valid = Signal()
        m.d.comb += self.busy.eq(valid)
        with m.If(self.move):
            m.d.sync += valid.eq(self.valid)
        inputs = []
        for v in range(spec.tile_height):
            for u in range(spec.tile_width):
                across, down = u + x.padding, v + y.padding
                inputs.append(_coordinates(x, y, across, down, sums.activation_offset(u, v)))
        taps = []
        for place in range(spec.taps * spec.filters):
            tap, k = divmod(place, spec.filters)
            s, r = divmod(tap, spec.filter_width)
            taps.append(_coordinates(x, y, r, s, sums.weight_offset(k, r, s)))
        left = [
            self._operand(m, f"a{lane}", self.activation[lane], spec.activation, inputs)
            for lane in range(spec.activation_lanes)
        ]
        right = [
            self._operand(m, f"w{lane}", self.weight[lane], spec.weight, taps)
            for lane in range(spec.weight_lanes)
        ]
        # Second stage, without registers: products and addresses. A product counts if neither
        # operand is zero and it belongs to an output of this element or its halo.
        (first_x, last_x), (first_y, last_y) = x.bounds(self._column), y.bounds(self._row)
        lane = 0
        for w in right:
            for a in left:
                across, down = a["across"] - w["across"], a["down"] - w["down"]
                meets = valid & a["used"] & w["used"]
                meets &= (a["odd"] == w["odd"]) & (first_x <= across) & (across <= last_x)
                meets &= (first_y <= down) & (down <= last_y)
                m.d.comb += [
                    self.ahead[lane].eq(meets),
                    self.products[lane].address.eq(a["offset"] + w["offset"]),
                    self.products[lane].value.eq(a["value"] * w["value"]),
                ]
                lane += 1
        return m

    def _operand(self, m: Module, name: str, lane: Any, format: Any, rows: Any) -> dict[str, Any]:
        """An operand with what the tables say about its place, one ``move`` later."""
        value = lane.value.as_signed() if format.signed else lane.value
        columns = {"value": value, "used": lane.value != 0}
        for key in rows[0]:
            entries = [row[key] for row in rows]
            width = max(max(entries).bit_length(), 1)
            if key == "offset":
                width = self._spec.sums.address_width
                entries = [entry % (1 << width) for entry in entries]
            columns[key] = _looked_up(entries, lane.place, width)
        late = {}
        for key, expression in columns.items():
            shape = Value.cast(expression).shape()
            late[key] = Signal(shape, name=f"{name}_{key}", reset_less=True)
            with m.If(self.move):
                m.d.sync += late[key].eq(expression)
        return late


def _coordinates(x: Any, y: Any, across: int, down: int, offset: int) -> dict[str, int]:
    return {
        "across": across // x.stride,
        "down": down // y.stride,
        "odd": across % x.stride + 2 * (down % y.stride),
        "offset": offset,
    }


def _looked_up(entries: list[int], place: Any, width: int) -> Any:
    if len(set(entries)) == 1:
        return Const(entries[0], width)
    return Array([Const(entry, width) for entry in entries])[place]
