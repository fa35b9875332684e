# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""An array whose elements hold one factor while the other passes by (Kung, "Why systolic
architectures?", 1982).

Element (i, j) holds the stationary value s[i, j]. Component i of the moving vector enters row i
from the left, i steps late, and passes one column per cycle; partial sums fall down the columns.
Column j delivers sum_i m[i] * s[i, j], j cycles later than column 0. Registers at both borders
hide the skew from the outside.

The values of the next tile are written one row per cycle into second registers, by a write that
moves right with the skew. A token that runs one cycle ahead of the tile's first vector makes them
current. A row may be written again as soon as the token has passed it, so tiles follow each other
without a gap if each has at least as many vectors as the array has rows, and at least two.
"""

from typing import Any

from amaranth import Cat, DomainRenamer, EnableInserter, Module, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.plan.plan import Plan
from holigrail_hw.hdl.plan.sharing import Part, submodule
from holigrail_hw.hdl.shapes import shape_of

from ..shared.delays import delayed
from .guarded_element import GuardedElement, delayed_present
from .pace import Pace
from .partial_sums import PartialSums

__all__ = ["StationaryArray", "tile_starts"]


class StationaryArray(wiring.Component):
    """The array behind three streams, called ``names``.

    A tile is one item of the first stream per row (``columns`` fields each), then any number of
    items of the second (one field per row), the last of which is marked; each of these gives one
    item of the third (``columns`` fields and the mark).

    Parameters
    ----------
    sums : PartialSums
        Of as many products as there are rows. Factor ``a`` moves, factor ``b`` stays.
    fields : tuple of str
        Prefixes of the fields of the three streams.
    flagged : bool
        With a guard: a field ``present`` of the second stream says which of its fields are not
        zero; what the others hold is of no account.

    Members
    -------
    begun : In
        The sums from which ``sums`` continue, ``pace.late`` cycles after their vector was taken.
    """

    def __init__(
        self,
        sums: PartialSums,
        columns: int,
        timing: Timing,
        names: tuple[str, str, str] = ("stationary", "moving", "result"),
        fields: tuple[str, str, str] = ("s", "m", "r"),
        flagged: bool = False,
    ):
        self._sums, self._columns, self._flagged = sums, columns, flagged
        self._names, self._fields = names, fields
        self.pace = Pace(sums, timing)
        stay, move, give = fields
        flags = {"present": sums.products} if flagged else {}
        layouts = (
            {f"{stay}{j}": shape_of(sums.b) for j in range(columns)},
            {f"{move}{i}": shape_of(sums.a) for i in range(sums.products)} | {"last": 1} | flags,
            {f"{give}{j}": shape_of(sums.final) for j in range(columns)} | {"last": 1},
        )
        ports: dict[str, Any] = {
            name: way(stream.Signature(data.StructLayout(layout)))
            for name, way, layout in zip(names, (In, In, Out), layouts, strict=True)
        }
        if sums.continues:
            ports["begun"] = In(data.ArrayLayout(sums.width(0), columns))
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        stationary, moving, result = (getattr(self, name) for name in self._names)
        advance = Signal()
        core = _Core(self._sums, self._columns, self.pace, advance)
        if self._sums.continues:
            m.d.comb += core.begun.eq(self.begun)
        # The domain `load` never waits.
        waiting = EnableInserter({"sync": advance})(core)
        m.submodules.core = DomainRenamer({"load": "sync"})(waiting)
        m.d.comb += [
            advance.eq(result.ready | ~result.valid),
            core.write.eq(stationary.valid),
            stationary.ready.eq(core.writable & advance),
            core.take.eq(moving.valid),
            moving.ready.eq(core.takes & advance),
            core.last.eq(moving.payload.last),
            result.valid.eq(core.gives),
            result.payload.last.eq(core.gives_last),
        ]
        stay, move, give = self._fields
        for j in range(self._columns):
            m.d.comb += core.written[j].eq(Value.cast(stationary.payload[f"{stay}{j}"]))
            m.d.comb += Value.cast(result.payload[f"{give}{j}"]).eq(core.sums[j])
        for i in range(self._sums.products):
            m.d.comb += core.moving[i].eq(Value.cast(moving.payload[f"{move}{i}"]))
        if self._sums.guard:
            found = Cat(core.moving[i].any() for i in range(self._sums.products))
            m.d.comb += core.present.eq(moving.payload.present if self._flagged else found)
        return m


class _Core(wiring.Component):
    """The array as if nobody ever waited.

    ``writable`` and ``takes`` say whether it accepts a row or a vector in this cycle. ``advance``
    is the enable of all of it.
    """

    def __init__(self, sums: PartialSums, columns: int, pace: Pace, advance: Any):
        self._sums, self._columns, self._pace, self._advance = sums, columns, pace, advance
        ports = {"begun": In(data.ArrayLayout(sums.width(0), columns))} if sums.continues else {}
        guard = {"present": In(sums.products)} if sums.guard else {}
        super().__init__(
            ports
            | guard
            | {
                "write": In(1),
                "writable": Out(1),
                "written": In(data.ArrayLayout(sums.b.width, columns)),
                "take": In(1),
                "takes": Out(1),
                "last": In(1),
                "moving": In(data.ArrayLayout(sums.a.width, sums.products)),
                "gives": Out(1),
                "gives_last": Out(1),
                "sums": Out(data.ArrayLayout(sums.final.width, columns)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        sums, pace = self._sums, self._pace
        rows, columns, step = sums.products, self._columns, pace.step
        token = Signal()
        passed = Signal()
        writes = Signal(rows)
        taken = Signal()
        self._control(m, token, passed, writes, taken)
        tokens = [token]
        for i in range(1, rows):
            tokens.append(delayed(m, tokens[-1], step, f"token{i}", resets=True))
        m.d.comb += passed.eq(Cat(*tokens).any())
        written = self._written(m, writes)
        above: list[Any] = [None] * columns
        if sums.continues:
            above = [delayed(m, self.begun[j], j, f"begun{j}") for j in range(columns)]
        for i in range(rows):
            moves, mark, write = self._enters(m, i, taken), tokens[i], writes[i]
            for j in range(columns):
                inputs = moves | {"token": mark, "write": write} | written[j]
                inputs |= {} if above[j] is None else {"above": above[j]}
                part = self._element(i, j)
                element = submodule(m, platform, f"element_{i}_{j}", part, inputs)
                if j < columns - 1:
                    moves = {name: getattr(element, f"{name}_right") for name in moves}
                    mark, write = element.token_right, element.write_right
                above[j] = element.sum

        last = Part("end", ("end", pace.key), lambda: _End(pace.end()), self._advance)
        for j in range(columns):
            end = submodule(m, platform, f"end_{j}", last, {"state": above[j]})
            m.d.comb += self.sums[j].eq(delayed(m, end.code, columns - 1 - j, f"sum{j}"))
        depth = pace.late + rows * step + columns - 1 + pace.finish
        m.d.comb += self.gives.eq(delayed(m, taken, depth, "gives", resets=True))
        m.d.comb += self.gives_last.eq(delayed(m, self.last, depth, "gives_last"))
        return m

    def _written(self, m: Module, writes: Any) -> list[dict[str, Any]]:
        """What the elements of each column may be written with."""
        columns = range(self._columns)
        if not self._sums.guard:
            return [{"written": delayed(m, self.written[j], j, f"written{j}")} for j in columns]
        found = []
        for j in columns:
            present = self.written[j].any() & writes.any()
            word, flag = delayed_present(m, self.written[j], present, j, f"written{j}")
            found.append({"written": word, "written_present": flag})
        return found

    def _enters(self, m: Module, row: int, taken: Any) -> dict[str, Any]:
        """What moves into a row; with a guard a cycle ahead, where it can be."""
        cycles, name = row * self._pace.step, f"moving{row}"
        if not self._sums.guard:
            return {"moving": delayed(m, self.moving[row], cycles, name)}
        present = self.present[row] & taken
        ahead = max(cycles - 1, 0)
        word, flag = delayed_present(m, self.moving[row], present, ahead, name)
        return {"moving": word, "present": flag}

    def _element(self, row: int, column: int) -> Part:
        """The element there; all of a row but the last are the same, with a guard the first too."""
        sums, pace, is_last = self._sums, self._pace, column == self._columns - 1
        if sums.guard:
            is_direct = row == column == 0
            return Part(
                f"element_{row}" + "_first" * is_direct + "_last" * is_last,
                ("element", pace.key, row, is_direct, is_last),
                lambda: GuardedElement(
                    sums,
                    pace.element(row + 1, selects=is_direct),
                    row,
                    is_last=is_last,
                    is_direct=is_direct,
                ),
                self._advance,
            )
        return Part(
            f"element_{row}" + "_last" * is_last,
            ("element", pace.key, row, is_last),
            lambda: _Element(sums, pace.element(row + 1), row, is_last=is_last),
            self._advance,
        )

    def _control(self, m: Module, token: Any, passed: Any, writes: Any, taken: Any) -> None:
        """When rows are written, when a tile starts, and which vectors belong to it.

        ``passed`` tells that the token left a row; there are never two of them on their way.
        """
        rows = self._sums.products
        free = Signal(range(rows + 1), init=rows)
        row = Signal(range(rows))
        is_open = Signal()
        loaded = Signal()
        wrote = Signal()
        ends = Signal()
        filled = Signal()
        m.d.comb += [
            self.writable.eq(free != 0),
            wrote.eq(self.write & self.writable),
            writes.eq(wrote << row),
            filled.eq(wrote & (row == rows - 1)),
            self.takes.eq(is_open),
            taken.eq(self.take & is_open),
            ends.eq(taken & self.last),
            # A single row must be in place before the token; of several, the last follows in time.
            token.eq((loaded | (filled if rows > 1 else 0)) & (ends | ~is_open)),
        ]
        m.d.sync += free.eq(free + passed - wrote)
        with m.If(wrote):
            m.d.sync += row.eq(row + 1)
        with m.If(filled):
            m.d.sync += [row.eq(0), loaded.eq(1)]
        with m.If(ends):
            m.d.sync += is_open.eq(0)
        with m.If(token):
            m.d.sync += [is_open.eq(1), loaded.eq(filled if rows == 1 else 0)]


class _Element(wiring.Component):
    """One element: its arithmetic, the value it holds, the next one, and what passes by."""

    def __init__(self, sums: PartialSums, plan: Plan, row: int, *, is_last: bool):
        self._plan, self._is_last = plan, is_last
        moving, held = unsigned(sums.a.width), unsigned(sums.b.width)
        ports = {"moving": In(moving), "token": In(1), "write": In(1), "written": In(held)}
        self._adds = "state" in plan.inputs
        if self._adds:
            ports["above"] = In(unsigned(sums.width(row)))
        if not is_last:
            ports |= {"moving_right": Out(moving), "token_right": Out(1), "write_right": Out(1)}
        super().__init__(ports | {"sum": Out(unsigned(sums.width(row + 1)))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        held = Signal(self.written.shape(), reset_less=True)
        following = Signal(self.written.shape(), reset_less=True)
        # Writing again and again while all else waits does no harm, and saves a gate per element:
        # what is written waits too, and the token is never where a row is written.
        with m.If(self.write):
            m.d.load += following.eq(self.written)
        with m.If(self.token):
            m.d.sync += held.eq(following)
        m.d.comb += Value.cast(plan.inputs["a"]).eq(self.moving)
        m.d.comb += Value.cast(plan.inputs["b"]).eq(held)
        if self._adds:
            m.d.comb += plan.inputs["state"].eq(self.above)
        m.d.comb += self.sum.eq(delayed(m, plan.outputs["sum"], 1, "sum"))
        if not self._is_last:
            m.d.comb += [
                self.moving_right.eq(delayed(m, self.moving, 1, "moving")),
                self.token_right.eq(delayed(m, self.token, 1, "token", resets=True)),
                self.write_right.eq(delayed(m, self.write, 1, "write", resets=True)),
            ]
        return m


class _End(wiring.Component):
    """The rounding of a finished sum."""

    def __init__(self, plan: Plan):
        self._plan = plan
        super().__init__(
            {"state": In(plan.inputs["state"].shape()), "code": Out(plan.outputs["code"].shape())}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._plan.add_to(m)
        m.d.comb += self._plan.inputs["state"].eq(self.state)
        m.d.comb += self.code.eq(self._plan.outputs["code"])
        return m


def tile_starts(vectors: list[int], rows: int, step: int) -> list[int]:
    """The cycle in which each tile's token starts, its first vector being taken one cycle later.

    Parameters
    ----------
    vectors : list of int
        Vectors of each tile.
    rows, step : int
        Of the array; cycles are counted from reset, and nobody waits.
    """
    starts: list[int] = []
    written = -1
    for tile in range(len(vectors)):
        # Rows are written in order, each once the token of the tile before has passed it.
        for i in range(rows):
            freed = starts[-1] + i * step + 1 if starts else 0
            written = max(written + 1, freed)
        ready = written if rows > 1 else written + 1
        starts.append(max(ready, starts[-1] + vectors[tile - 1]) if starts else ready)
    return starts
