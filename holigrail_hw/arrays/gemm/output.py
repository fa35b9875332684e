# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Around the array of a matrix engine: sums over tiles in a memory, then what leaves the engine.

The sum of a row is read, added to and written some cycles later, without any bypass: whoever feeds
the array leaves enough cycles between two visits of the same row.
"""

from collections.abc import Callable, Mapping
from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import Format
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.shapes import shape_of

from ..shared.delays import delayed
from .sums import Totals

__all__ = ["Accumulators", "Continued", "Lanes"]

# Cycles in which a row comes from the memory, through a register.
_FETCHED = 2


class Accumulators(wiring.Component):
    """Adds each row of partial sums to the one in memory.

    The new row comes ``latency`` cycles later. Rows follow in order from the one that ``opens``.
    Where sums are ``resumable``, those of a ``new`` tile that ``moves`` lie behind the rows before.
    """

    def __init__(
        self, totals: Totals, columns: int, depth: int, timing: Timing, *, resumable: bool = False
    ):
        self._totals, self._columns, self._depth = totals, columns, depth
        self._resumable = resumable
        self._plans = [totals.plan(timing) for _ in range(columns)]
        self.latency = _FETCHED + self._plans[0].latency + 1
        super().__init__(
            {
                "valid": In(1),
                "opens": In(1),
                "first": In(1),
                "partial": In(data.ArrayLayout(totals.column.final.width, columns)),
                "total": Out(data.ArrayLayout(totals.width, columns)),
            }
            | ({"new": In(1), "moves": In(1)} if resumable else {})
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, part = self._totals.width, self._totals.column.final.width
        m.submodules.rows = rows = _Rows(self._columns * width, self._depth, self._resumable)
        if self._resumable:
            m.d.comb += [rows.new.eq(self.new), rows.moves.eq(self.moves)]
        kept = delayed(m, rows.data, 1, "kept")
        begins = delayed(m, self.first, _FETCHED, "begins")
        late = delayed(m, self.partial, _FETCHED, "partial")
        total = Signal(self.total.shape(), reset_less=True)
        for j, plan in enumerate(self._plans):
            m.submodules[f"sum_{j}"] = adder = PlanModule(plan)
            m.d.comb += [
                adder.old.eq(Mux(begins, 0, kept[j * width : (j + 1) * width])),
                adder.part.eq(late[j * part : (j + 1) * part]),
            ]
            m.d.sync += total[j].eq(adder.total)
        m.d.comb += [
            self.total.eq(total),
            rows.read.eq(self.valid),
            rows.restart.eq(self.opens),
            rows.write.eq(delayed(m, self.valid, self.latency, "valid", resets=True)),
            rows.at.eq(delayed(m, rows.place, self.latency, "place")),
            rows.total.eq(Value.cast(total)),
        ]
        return m


class Continued(wiring.Component):
    """Keeps rows of sums, from which the array goes on.

    ``begun`` is the row of a vector, ``late`` cycles after the vector entered; ``total`` is its new
    sum, ``depth`` cycles after it entered.

    Parameters
    ----------
    late, latency : int
        Cycles of the array: to the sum a vector goes on from, and to its new sum.
    """

    def __init__(
        self,
        totals: Totals,
        columns: int,
        depth: int,
        late: int,
        latency: int,
        *,
        resumable: bool = False,
    ):
        self._totals, self._columns, self._depth = totals, columns, depth
        self._late, self._latency, self._resumable = late, latency, resumable
        rows = data.ArrayLayout(totals.width, columns)
        super().__init__(
            {
                "entered": In(1),
                "opens": In(1),
                "first": In(1),
                "begun": Out(rows),
                "total": In(rows),
            }
            | ({"new": In(1), "moves": In(1)} if resumable else {})
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width = self._columns * self._totals.width
        m.submodules.rows = rows = _Rows(width, self._depth, self._resumable)
        wait = self._late - _FETCHED
        if self._resumable:
            m.d.comb += [
                rows.new.eq(delayed(m, self.new, wait, "new")),
                rows.moves.eq(delayed(m, self.moves, wait, "moves")),
            ]
        m.d.comb += [
            rows.read.eq(delayed(m, self.entered, wait, "entered", resets=True)),
            rows.restart.eq(delayed(m, self.opens, wait, "opens")),
            self.begun.eq(
                Mux(
                    delayed(m, self.first, self._late, "first"), 0, delayed(m, rows.data, 1, "kept")
                )
            ),
            rows.write.eq(delayed(m, rows.read, self._latency - wait, "valid", resets=True)),
            rows.at.eq(delayed(m, rows.place, self._latency - wait, "place")),
            rows.total.eq(Value.cast(self.total)),
        ]
        return m


class _Rows(wiring.Component):
    """A memory of rows that are read in order; ``data`` comes one cycle after ``read``.

    A tile restarts at its first row: row 0 or, where sums are ``resumable``, the row behind the
    last one if it is ``new`` and ``moves``, and where the tile before it started if it is not new.
    """

    def __init__(self, width: int, depth: int, resumable: bool = False):
        self._width, self._depth, self._resumable = width, depth, resumable
        place = range(depth)
        super().__init__(
            {
                **({"new": In(1), "moves": In(1)} if resumable else {}),
                **{"read": In(1), "restart": In(1), "place": Out(place), "data": Out(width)},
                **{"write": In(1), "at": In(place), "total": In(width)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Addresses that do not count may be beyond the last row. A memory of one row would have an
        # address of no bits, which simulators take for out of bounds.
        depth = max(2, 1 << (self._depth - 1).bit_length())
        m.submodules.sums = sums = memory.Memory(shape=self._width, depth=depth, init=[])
        read, write = sums.read_port(), sums.write_port()
        following = Signal(self.place.shape())
        base: Any = 0
        if self._resumable:
            base = Signal(self.place.shape())
            started = Signal(self.place.shape())
            m.d.comb += base.eq(Mux(self.new, Mux(self.moves, following, 0), started))
            with m.If(self.read & self.restart):
                m.d.sync += started.eq(base)
        m.d.comb += [
            self.place.eq(Mux(self.restart, base, following)),
            read.addr.eq(self.place),
            read.en.eq(self.read),
            self.data.eq(read.data),
            write.addr.eq(self.at),
            write.en.eq(self.write),
            write.data.eq(self.total),
        ]
        with m.If(self.read):
            m.d.sync += following.eq(self.place + 1)
        return m


class Lanes(wiring.Component):
    """What makes a result of a sum, for every column, and the parameters of the columns.

    Parameters of the next tile of columns shift in, one column per item, while the present ones are
    in use; ``swap`` puts them into use one cycle later. What a command sets for all columns,
    ``setting``, comes along with the parameters.

    Parameters
    ----------
    plan : callable or None
        A fresh plan from ``x``, and parameters, to its only output; without it nothing changes.
    total, result : int
        Bits of a sum and of a result.
    turn : int
        Cycles for a row: so many columns share a lane, one after the other. Then ``arrives`` must
        be high with a row, and rows must be so far apart; results come ``turn`` - 1 cycles later.
    fields, settings : mapping of formats
        The parameters of a column, and those of all columns.
    """

    def __init__(
        self,
        plan: Callable[[], Plan] | None,
        total: int,
        result: int,
        columns: int,
        *,
        turn: int,
        fields: Mapping[str, Format],
        settings: Mapping[str, Format],
    ):
        self._plan, self._columns, self._turn = plan, columns, turn
        self.fields = {name: shape_of(format) for name, format in fields.items()}
        self._settings = {name: shape_of(format) for name, format in settings.items()}
        ports: dict[str, Any] = {
            "total": In(data.ArrayLayout(total, columns)),
            "result": Out(data.ArrayLayout(result, columns)),
            "swap": In(1),
            "filled": Out(1),
        }
        if self.fields:
            ports["parameter"] = In(stream.Signature(data.StructLayout(self.fields)))
        if turn > 1:
            ports["arrives"] = In(1)
        if settings:
            ports["setting"] = In(data.StructLayout(self._settings))
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.filled.eq(1)
        if self._plan is None:
            m.d.comb += self.result.eq(self.total)
            return m
        active = self._active(m) if self._turn > 1 else None
        used: list[Any] = []
        if self.fields:
            used = self._parameters(m, active)
        setting: Any = self._set(m) if self._settings else {}
        lanes, results = [], []
        for j in range(self._columns // self._turn):
            plan = self._plan()
            m.submodules[f"lane_{j}"] = lane = PlanModule(plan)
            lanes.append(lane)
            results += [getattr(lane, name) for name in plan.outputs]
            if active is None:
                m.d.comb += [lane.x.eq(self.total[j]), self.result[j].eq(results[j])]
            for name in self.fields:
                m.d.comb += Value.cast(getattr(lane, name)).eq(Value.cast(used[j][name]))
            for name in self._settings:
                m.d.comb += Value.cast(getattr(lane, name)).eq(Value.cast(setting[name]))
        if active is not None:
            self._share(m, lanes, results)
        return m

    def _active(self, m: Module) -> Any:
        """Whether a row is at work: from the cycle in which it arrives, ``turn`` cycles long."""
        left = Signal(range(self._turn))
        with m.If(self.arrives):
            m.d.sync += left.eq(self._turn - 1)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return self.arrives | (left != 0)

    def _share(self, m: Module, lanes: list[Any], results: list[Any]) -> None:
        """Lanes see some columns of a row a cycle; what they made is kept until it is a row."""
        count, rest = len(lanes), self._columns - len(lanes)
        sums = [self.total[j] for j in range(self._columns)]
        held = [Signal.like(sums[0], name=f"held{j}", reset_less=True) for j in range(rest)]
        made = [Signal.like(results[0], name=f"made{j}", reset_less=True) for j in range(rest)]
        for j in range(rest):
            after = held[j + count] if j + count < rest else held[j]
            newer = made[j + count] if j + count < rest else results[j + count - rest]
            m.d.sync += [
                held[j].eq(Mux(self.arrives, sums[j + count], after)),
                made[j].eq(newer),
            ]
        for j, lane in enumerate(lanes):
            m.d.comb += lane.x.eq(Mux(self.arrives, sums[j], held[j]))
        m.d.comb += [self.result[j].eq(one) for j, one in enumerate([*made, *results])]

    def _set(self, m: Module) -> Any:
        """What all columns use: it came with the parameters that are in use."""
        layout = data.StructLayout(self._settings)
        arrived = Signal(layout, reset_less=True)
        setting = Signal(layout, name="set", reset_less=True)
        with m.If(self.parameter.valid & self.parameter.ready):
            m.d.sync += arrived.eq(self.setting)
        with m.If(self.swap):
            m.d.sync += setting.eq(arrived)
        return setting

    def _parameters(self, m: Module, active: Any) -> list[Any]:
        """Those in use; where lanes are shared they go round by a lane's columns with the row."""
        columns, layout = self._columns, data.StructLayout(self.fields)
        arriving = [Signal(layout, name=f"arriving{j}", reset_less=True) for j in range(columns)]
        used = [Signal(layout, name=f"used{j}", reset_less=True) for j in range(columns)]
        # A register of its own says that all have come: a vector waits for it in its cycle.
        left = Signal(range(columns), init=columns - 1)
        filled = Signal()
        m.d.comb += [self.filled.eq(filled), self.parameter.ready.eq(~filled)]
        with m.If(self.parameter.valid & self.parameter.ready):
            m.d.sync += [filled.eq(left == 0), left.eq(left - 1)]
            m.d.sync += arriving[-1].eq(self.parameter.payload)
            m.d.sync += [arriving[j].eq(arriving[j + 1]) for j in range(columns - 1)]
        if active is not None:
            lanes = columns // self._turn
            with m.If(active):
                m.d.sync += [used[j].eq(used[(j + lanes) % columns]) for j in range(columns)]
        with m.If(self.swap):
            m.d.sync += [filled.eq(0), left.eq(columns - 1)]
            m.d.sync += [new.eq(old) for new, old in zip(used, arriving, strict=True)]
        return used


class PlanModule(wiring.Component):
    """A plan behind plain ports."""

    def __init__(self, plan: Plan):
        self._plan = plan
        ports = {name: In(Value.cast(port).shape()) for name, port in plan.inputs.items()}
        ports |= {name: Out(Value.cast(port).shape()) for name, port in plan.outputs.items()}
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        for name, port in plan.inputs.items():
            m.d.comb += Value.cast(port).eq(getattr(self, name))
        for name, port in plan.outputs.items():
            m.d.comb += getattr(self, name).eq(port)
        return m
