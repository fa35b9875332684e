# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A descriptor's words as numbers that mean the same in all operations.

Counts that an operation does not have are 1, so that one set of loops, and one set of checks, does
for all of them.
"""

from typing import Any

from amaranth import Cat, Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.soc.descriptors.bits import Bits
from holigrail_hw.soc.descriptors.kinds import (
    OPERATION,
    Add,
    Copy,
    Descriptor,
    Fill,
    Matmul,
    Maximum,
)
from holigrail_hw.soc.descriptors.matmul import SIDE
from holigrail_hw.soc.machine import Machine

__all__ = ["FIELDS", "WORDS", "Fields"]

WORDS = 16
_STEP, _ADDRESS, _COUNT = 16, 32, 16
FIELDS = data.StructLayout(
    {
        **{"operation": 4, "last": 1, "interrupt": 1, "wait": 1, "wait_count": 8},
        **dict.fromkeys(("is_matmul", "is_add", "is_maximum", "is_copy", "is_fill"), 1),
        **dict.fromkeys(("nx", "ny", "nc", "column_tiles", "groups"), _COUNT),
        **{"fx": 8, "fy": 8},
        **{f"{name}_base": _ADDRESS for name in ("a", "b", "w", "p", "y")},
        **{f"a_step_{name}": _STEP for name in ("x", "y", "c", "fx", "fy", "group")},
        **{f"y_step_{name}": _STEP for name in ("x", "y", "column", "group")},
        **{"b_step_y": _STEP, "w_step_k": _STEP, "w_step_n": _STEP, "w_step_row": _STEP},
        **{"diagonal": 1, "p_restart": 1, "w_restart": 1, "p_wide": 1, "once": 1},
        **{"zero_point": 8, "low": 8, "high": 8, "valid": 4},
        **{"multiplier": 31, "shift": 5, "wide": 1},
        **{"line_buffered": 1, "twice_x": 1, "twice_y": 1, "line": 18, "lines": 18},
    }
)
"""All numbers of all operations; ``p_base`` is the one of the tables, too. ``wide`` says that a
copy or a fill moves whole vectors of two grains. ``line`` and ``lines`` are the columns and rows of
pixels of the unit for depthwise layers, ``twice_`` whether windows are two pixels apart. Addresses
are checked before more than their low bits is used."""


class Fields(wiring.Component):
    """From the words of a descriptor to its numbers.

    What is more than a part of a word is a register: the kind and ``line_buffered`` are there a
    cycle later, all else two.
    """

    def __init__(self, machine: Machine):
        self._machine = machine
        super().__init__({"words": In(data.ArrayLayout(32, WORDS)), "fields": Out(FIELDS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        fields = self.fields
        kinds = {"matmul": Matmul, "add": Add, "maximum": Maximum, "copy": Copy, "fill": Fill}
        # What the machine has not is refused, and needs no logic behind.
        absent = {"add": not self._machine.addition, "maximum": not self._machine.maximum}
        # Registers, as all that carries a descriptor out depends on its kind.
        for name, kind in kinds.items():
            if absent.get(name):
                continue
            m.d.sync += fields[f"is_{name}"].eq(self._at(OPERATION) == kind.operation)
        m.d.comb += fields.operation.eq(self._at(OPERATION))
        for name in ("last", "interrupt", "wait", "wait_count"):
            m.d.comb += fields[name].eq(self._field(Matmul, name))
        self._counts(m)
        self._reads(m)
        for name in Fill.places:
            if name.startswith("y_") and name != "y_step_x":
                m.d.comb += fields[name].eq(self._field(Fill, name))
        m.d.comb += [
            fields.y_step_column.eq(self._field(Matmul, "y_step_column")),
            fields.y_step_group.eq(self._field(Matmul, "y_step_group")),
            fields.multiplier.eq(self._field(Add, "multiplier")),
            fields.shift.eq(self._field(Add, "shift")),
        ]
        m.d.sync += fields.y_step_x.eq(Mux(fields.is_add, 1, self._field(Matmul, "y_step_x")))
        for name in ("once", "zero_point", "low", "high", "valid", "diagonal", "p_restart"):
            m.d.comb += fields[name].eq(self._field(Matmul, name))
        for name in ("w_restart", "p_wide"):
            m.d.comb += fields[name].eq(self._field(Matmul, name))
        is_matmul = self._at(OPERATION) == Matmul.operation
        m.d.sync += [
            fields.wide.eq(self._is_wide()),
            fields.line_buffered.eq(is_matmul & self._field(Matmul, "line_buffered")),
        ]
        if self._machine.line_buffer:
            self._lines(m)
        return m

    def _lines(self, m: Module) -> None:
        """What the unit for depthwise layers needs to know."""
        fields = self.fields
        for axis, count, size in (("x", "nx", "line"), ("y", "ny", "lines")):
            step, tap = fields[f"a_step_{axis}"], fields[f"a_step_f{axis}"]
            number, twice = fields[count], fields[f"twice_{axis}"]
            m.d.sync += [
                twice.eq((number != 1) & (step != tap)),
                fields[size].eq(Mux(twice, (number << 1) + SIDE - 2, number + SIDE - 1)),
            ]

    def _is_wide(self) -> Any:
        """Rows of whole vectors, byte after byte, each of which begins at a grain."""
        fields, grain = self.fields, self._machine.grain.bit_length() - 1
        written = [fields[f"y_{name}"][:grain] for name in ("base", "step_y", "step_group")]
        read = [fields[f"a_{name}"][:grain] for name in ("base", "step_y", "step_group")]
        rows = (fields.nx[: grain + 1] == 0) & (self._field(Fill, "y_step_x") == 1)
        copies = fields.is_copy & (self._field(Copy, "a_step_x") == 1)
        copies = copies & ~Cat(read, written).any()
        # A fill has no groups, whatever stands in the word of their step.
        return rows & (copies | (fields.is_fill & ~Cat(written[:2]).any()))

    def _at(self, place: Bits) -> Any:
        return self.words[place.word][place.low : place.low + place.width]

    def _field(self, kind: type[Descriptor], name: str) -> Any:
        return self._at(kind.places[name])

    def _counts(self, m: Module) -> None:
        fields = self.fields
        owners = {
            "nc": fields.is_matmul,
            "column_tiles": fields.is_matmul,
            "groups": fields.is_matmul | fields.is_maximum | fields.is_copy,
            "fx": fields.is_matmul | fields.is_maximum,
            "fy": fields.is_matmul | fields.is_maximum,
        }
        for name in ("nx", "ny"):
            m.d.comb += fields[name].eq(self._field(Matmul, name))
        for name, owns in owners.items():
            m.d.sync += fields[name].eq(Mux(owns, self._field(Matmul, name), 1))

    def _reads(self, m: Module) -> None:
        fields = self.fields
        for name in ("base", "step_c", "step_fx", "step_fy", "step_group"):
            m.d.comb += fields[f"a_{name}"].eq(self._field(Matmul, f"a_{name}"))
        matmul, add = Matmul.places, Add.places
        row = Mux(fields.is_add, self._at(add["a_step_y"]), self._at(matmul["a_step_y"]))
        tables = Mux(fields.is_add, self._at(add["tables"]), self._at(matmul["p_base"]))
        m.d.sync += [
            fields.a_step_x.eq(Mux(fields.is_add, 1, self._at(matmul["a_step_x"]))),
            fields.a_step_y.eq(row),
            fields.p_base.eq(tables),
        ]
        m.d.comb += [
            fields.b_base.eq(self._at(add["b_base"])),
            fields.b_step_y.eq(self._at(add["b_step_y"])),
        ]
        for name in ("w_base", "w_step_k", "w_step_n"):
            m.d.comb += fields[name].eq(self._field(Matmul, name))
        row = self._field(Matmul, "w_step_row")
        m.d.sync += fields.w_step_row.eq(Mux(row == 0, self._machine.columns, row))
