"""Behind the array of a matrix engine: sums over tiles in a memory, then smaller integers.

The sum of a row is read, added to and written three cycles later, without any bypass: whoever
feeds the array leaves at least ``SUM_CYCLES`` cycles between two visits of the same row.
"""

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.arith.requantize import Requantize
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import Format
from holigrail_hw.hdl.shapes import shape_of

from .delays import delayed

__all__ = ["SUM_CYCLES", "Accumulators", "Lanes"]

SUM_CYCLES = 4


class Accumulators(wiring.Component):
    """Adds each row of partial sums to the one in memory; the new row comes three cycles later."""

    def __init__(self, partial: Any, total: Any, columns: int, depth: int):
        self._partial, self._total, self._columns, self._depth = partial, total, columns, depth
        super().__init__(
            {
                "valid": In(1),
                "opens": In(1),
                "first": In(1),
                "partial": In(data.ArrayLayout(partial.width, columns)),
                "total": Out(data.ArrayLayout(total.width, columns)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        columns, depth = self._columns, self._depth
        width = self._total.width
        # Addresses that do not count may be beyond the last row.
        m.submodules.sums = sums = memory.Memory(
            shape=columns * width, depth=1 << (depth - 1).bit_length(), init=[]
        )
        read, write = sums.read_port(), sums.write_port()
        place = Signal(range(depth))
        m.d.comb += [read.addr.eq(Mux(self.opens, 0, place)), read.en.eq(self.valid)]
        with m.If(self.valid):
            m.d.sync += place.eq(Mux(self.opens, 1, place + 1))
        kept = Signal(columns * width, reset_less=True)
        m.d.sync += kept.eq(read.data)
        begins = delayed(m, self.first, 2, "begins")
        late = delayed(m, self.partial, 2, "partial")
        total = Signal(self.total.shape(), reset_less=True)
        for j in range(columns):
            part = late[j * self._partial.width : (j + 1) * self._partial.width]
            part = part.as_signed() if self._partial.signed else part
            old = Mux(begins, 0, kept[j * width : (j + 1) * width])
            m.d.sync += total[j].eq(old + part)
        m.d.comb += [
            self.total.eq(total),
            write.addr.eq(delayed(m, read.addr, 3, "place")),
            write.en.eq(delayed(m, self.valid, 3, "valid", resets=True)),
            write.data.eq(Value.cast(total)),
        ]
        return m


class Lanes(wiring.Component):
    """A requantising lane for every column, and the parameters of the columns.

    Parameters of the next tile of columns shift in, one column per item, while the present ones are
    in use; ``swap`` puts them into use one cycle later.

    Parameters
    ----------
    spec : Requantize or None
        Without one nothing changes.
    """

    def __init__(
        self,
        spec: Requantize | None,
        accumulator: Format,
        result: Format,
        columns: int,
        timing: Timing,
    ):
        self._spec, self._columns = spec, columns
        self._accumulator, self._result = accumulator, result
        self._timing = timing
        self.latency = 0 if spec is None else spec.plan(timing).latency
        self.fields = (
            {}
            if spec is None
            else {name: shape_of(f) for name, f in spec.inputs().items() if name != "x"}
        )
        ports: dict[str, Any] = {
            "total": In(data.ArrayLayout(accumulator.width, columns)),
            "result": Out(data.ArrayLayout(result.width, columns)),
            "swap": In(1),
            "filled": Out(1),
        }
        if self.fields:
            ports["parameter"] = In(stream.Signature(data.StructLayout(self.fields)))
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.filled.eq(1)
        if self._spec is None:
            m.d.comb += self.result.eq(self.total)
            return m
        used: list[Any] = []
        if self.fields:
            used = self._parameters(m)
        for j in range(self._columns):
            lane = _Lane(self._spec, self._timing)
            m.submodules[f"lane_{j}"] = lane
            m.d.comb += [Value.cast(lane.x).eq(self.total[j]), self.result[j].eq(lane.y)]
            for name in self.fields:
                m.d.comb += Value.cast(getattr(lane, name)).eq(Value.cast(used[j][name]))
        return m

    def _parameters(self, m: Module) -> list[Any]:
        columns, layout = self._columns, data.StructLayout(self.fields)
        arriving = [Signal(layout, name=f"arriving{j}", reset_less=True) for j in range(columns)]
        used = [Signal(layout, name=f"used{j}", reset_less=True) for j in range(columns)]
        count = Signal(range(columns + 1))
        m.d.comb += [
            self.filled.eq(count == columns),
            self.parameter.ready.eq(~self.filled),
        ]
        with m.If(self.parameter.valid & self.parameter.ready):
            m.d.sync += [count.eq(count + 1), arriving[-1].eq(self.parameter.payload)]
            m.d.sync += [arriving[j].eq(arriving[j + 1]) for j in range(columns - 1)]
        with m.If(self.swap):
            m.d.sync += count.eq(0)
            m.d.sync += [new.eq(old) for new, old in zip(used, arriving, strict=True)]
        return used


class _Lane(wiring.Component):
    """One requantiser: from ``x`` to ``y``, ``latency`` cycles later."""

    def __init__(self, spec: Requantize, timing: Timing):
        self._plan = spec.plan(timing)
        plan = self._plan
        super().__init__(
            {name: In(Value.cast(port).shape()) for name, port in plan.inputs.items()}
            | {"y": Out(Value.cast(plan.outputs["y"]).shape())}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        for name, port in plan.inputs.items():
            m.d.comb += Value.cast(port).eq(getattr(self, name))
        m.d.comb += self.y.eq(plan.outputs["y"])
        return m
