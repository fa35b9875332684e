"""Standard cells, and what a library of them must have and may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .functions import CellFunction
from .tables import Table

__all__ = ["Arc", "Cell", "Library", "Pin", "State"]


@dataclass(frozen=True)
class Arc:
    """Timing from one pin to another: delays and slopes in ns, ``sense`` as Liberty names it."""

    source: str
    kind: str
    sense: str
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Pin:
    """A pin: its capacitance in pF; ``rise`` and ``fall`` are tables of energy in pJ per change."""

    name: str
    direction: str
    capacitance: float
    function: CellFunction | None = None
    rise: tuple[Table, ...] = ()
    fall: tuple[Table, ...] = ()
    arcs: tuple[Arc, ...] = ()


@dataclass(frozen=True)
class State:
    """A flip-flop: ``q`` and ``inverted`` are the names that functions of its outputs use."""

    q: str
    inverted: str
    next_state: CellFunction
    clock: str
    rising: bool
    clear: CellFunction | None
    preset: CellFunction | None


@dataclass(frozen=True)
class Cell:
    """A cell: area in um2, leakage in nW."""

    name: str
    area: float
    leakage: float
    pins: Mapping[str, Pin]
    state: State | None = None
    usable: bool = True

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the pins that are driven from outside."""
        return tuple(pin.name for pin in self.pins.values() if pin.direction == "input")

    @cached_property
    def outputs(self) -> tuple[Pin, ...]:
        """Pins with a function."""
        found = (pin for pin in self.pins.values() if pin.direction == "output")
        return tuple(pin for pin in found if pin.function is not None)


@dataclass(frozen=True)
class Library:
    """A library with its supply in V; ``leaks`` says whether it knows the leakage of any cell."""

    name: str
    path: Path
    digest: str
    voltage: float
    cells: Mapping[str, Cell] = field(repr=False)

    @property
    def leaks(self) -> bool:
        return any(cell.leakage for cell in self.cells.values())

    @cached_property
    def gate_area(self) -> float:
        """Area of the smallest two-input NAND, the unit of gate equivalents."""
        return min(cell.area for cell in self.cells.values() if _makes(cell, *_NAND))

    def missing(self) -> str:
        """The first kind of gate that ABC cannot do without and the library lacks, or nothing."""
        usable = [cell for cell in self.cells.values() if cell.usable]
        for kind, table in _NEEDED.items():
            if not any(_makes(cell, *table) for cell in usable):
                return kind
        return ""

    @cached_property
    def full_adder(self) -> tuple[Cell, Mapping[str, str]] | None:
        """The smallest full adder, its pins by roles: ``a``, ``b``, ``c``, ``sum``, ``carry``."""
        found = [
            (cell.area, cell.name, pins)
            for cell in self.cells.values()
            if cell.usable and (pins := _as_full_adder(cell)) is not None
        ]
        if not found:
            return None
        _, name, pins = min(found, key=lambda one: one[:2])
        return self.cells[name], pins

    @property
    def has_registers(self) -> bool:
        """Whether some flip-flop can be used."""
        return any(cell.state is not None and cell.usable for cell in self.cells.values())


_NAND = (True, True, True, False)
_NEEDED = {
    "a two-input NAND": _NAND,
    "an inverter": (True, False),
    "a buffer": (False, True),
}


def _makes(cell: Cell, *table: bool) -> bool:
    """Whether a gate with one output has this truth table."""
    if cell.state is not None or len(cell.outputs) != 1:
        return False
    made = cell.outputs[0].function
    return made is not None and 1 << len(made.inputs) == len(table) and made.table() == table


_SUM = (False, True, True, False, True, False, False, True)
_CARRY = (False, False, False, True, False, True, True, True)


def _as_full_adder(cell: Cell) -> dict[str, str] | None:
    if cell.state is not None or len(cell.inputs) != 3 or len(cell.outputs) != 2:
        return None
    tables = {
        pin.function.table(): pin.name
        for pin in cell.outputs
        if pin.function is not None and len(pin.function.inputs) == 3
    }
    if {*tables} != {_SUM, _CARRY}:
        return None
    inputs = dict(zip("abc", cell.inputs, strict=True))
    return {**inputs, "sum": tables[_SUM], "carry": tables[_CARRY]}
