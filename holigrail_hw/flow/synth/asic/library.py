"""A library of standard cells, read from a Liberty file: what mapping and energy need of it.

Sizes are those of the file, brought to um2, pF, ns, V, pJ and nW. Cells with a bus, with several
states or with a state that follows a level (latches) are left to Yosys; a netlist that contains one
is refused where it is read.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from holigrail_hw.core.errors import RequestError, ToolError

from .functions import Function, function
from .liberty import Group, LibertyError, parse
from .tables import Table, read_table, read_templates

__all__ = ["Arc", "Cell", "Library", "Pin", "State", "open_library"]

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""The OSU 0.18 um library where Debian's package qflow-tech-osu018 puts it."""

_LARGEST = 1 << 28
_TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")


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
    function: Function | None = None
    rise: tuple[Table, ...] = ()
    fall: tuple[Table, ...] = ()
    arcs: tuple[Arc, ...] = ()


@dataclass(frozen=True)
class State:
    """A flip-flop: ``q`` and ``inverted`` are the names that functions of its outputs use."""

    q: str
    inverted: str
    next_state: Function
    clock: str
    rising: bool
    clear: Function | None
    preset: Function | None


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


def open_library(given: Path | None = None) -> Library:
    """The library in a Liberty file, or the OSU 0.18 um one where it is installed.

    Raises
    ------
    RequestError
        The file cannot be read, is no Liberty, or lacks what mapping needs.
    ToolError
        No file is given, and the OSU library is not installed.
    """
    path = given or OSU018
    if given is None and not path.is_file():
        raise ToolError(
            f"asic: a Liberty file must be given where {path} is missing",
            hint="--liberty FILE, or sudo apt install qflow-tech-osu018",
        )
    try:
        if path.is_file() and path.stat().st_size > _LARGEST:
            raise LibertyError(f"one of more than {_LARGEST >> 20} MiB")
        data = path.read_bytes()
        library = _library(path, data)
        if kind := library.missing():
            raise LibertyError(f"a library without {kind}")
        if not library.gate_area > 0:
            raise LibertyError("one whose two-input NAND has no area")
        return library
    except OSError as error:
        reason = error.strerror or str(error)
        raise RequestError(
            f"asic: the Liberty file must be readable, not {path} ({reason})"
        ) from None
    except (LibertyError, UnicodeDecodeError, RecursionError) as error:
        reason = _NOT_TEXT if isinstance(error, UnicodeDecodeError) else str(error)
        if isinstance(error, RecursionError):
            reason = "groups without an end"
        raise RequestError(f"asic: {path} must be a Liberty file, not hold {reason}") from None


_NOT_TEXT = "bytes that are no text"


def _library(path: Path, data: bytes) -> Library:
    group = parse(data.decode("utf-8"))
    units = _Units(group)
    templates = read_templates(group)
    found = [_cell(cell, templates, units) for cell in group.of("cell")]
    cells = {cell.name: cell for cell in found if cell is not None}
    if not cells:
        raise LibertyError("a library without cells that can be used")
    name = group.arguments[0] if group.arguments else path.stem
    return Library(name, path, hashlib.sha256(data).hexdigest(), units.voltage, cells)


class _Units:
    """Factors to ns, pF, V and nW; energies of a file are in its capacitance times V squared."""

    def __init__(self, group: Group):
        self.time = _scale(group.text("time_unit", "1ns"), "s", 1e9, group)
        self.volt = _scale(group.text("voltage_unit", "1V"), "v", 1.0, group)
        self.leak = _scale(group.text("leakage_power_unit", "1nW"), "w", 1e9, group)
        load = group.attributes.get("capacitive_load_unit", [["1", "pf"]])[-1]
        self.load = _scale("".join(load), "f", 1e12, group)
        self.energy = self.load * self.volt**2
        supply = group.number("nom_voltage", 0.0)
        for conditions in group.of("operating_conditions"):
            supply = supply or conditions.number("voltage", 0.0)
        if not supply > 0:
            raise LibertyError("no supply voltage (nom_voltage)")
        self.voltage = supply * self.volt
        self.default_load = group.number("default_input_pin_cap", 0.0)


_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


def _scale(text: str, unit: str, factor: float, group: Group) -> float:
    match = re.fullmatch(rf"\s*([\d.eE+-]+)\s*([munpf]?){unit}\s*", text.lower())
    try:
        return float(match[1]) * _PREFIXES[match[2]] * factor if match else float("")
    except ValueError:
        raise LibertyError(f"a unit {text!r} (line {group.line})") from None


def _cell(group: Group, templates: Mapping[str, Group], units: _Units) -> Cell | None:
    """A cell, or ``None`` if it is none that is simulated here."""
    if not group.arguments:
        raise LibertyError(f"a cell without a name (line {group.line})")
    odd = ("latch", "statetable", "bus", "bundle", "ff_bank", "latch_bank", "memory")
    if any(True for _ in group.of(*odd)):
        return None
    states = list(group.of("ff"))
    pins = {}
    for one in group.of("pin"):
        for name in one.arguments:
            if (pin := _pin(name, one, templates, units)) is not None:
                pins[name] = pin
    if len(states) > 1 or not any(pin.function for pin in pins.values()):
        return None
    if any("three_state" in pin.attributes for pin in group.of("pin")):
        return None
    return Cell(
        group.arguments[0],
        group.number("area", 0.0),
        _leakage(group) * units.leak,
        pins,
        _state(states[0]) if states else None,
        usable=group.text("dont_use").lower() != "true",
    )


def _leakage(group: Group) -> float:
    """Of the whole cell, else the mean over its conditions."""
    if "cell_leakage_power" in group.attributes:
        return group.number("cell_leakage_power")
    values = [one.number("value", 0.0) for one in group.of("leakage_power")]
    return sum(values) / len(values) if values else 0.0


def _state(group: Group) -> State:
    clock = group.text("clocked_on")
    plain = re.fullmatch(r"\s*\(?\s*(!?)\s*\(?\s*(\w+)\s*\)?\s*('?)\s*\)?\s*", clock)
    if plain is None or len(group.arguments) < 1:
        raise LibertyError(f"a flip-flop with the clock {clock!r} (line {group.line})")
    optional = {
        name: function(text) if (text := group.text(name)) else None for name in ("clear", "preset")
    }
    return State(
        group.arguments[0],
        group.arguments[1] if len(group.arguments) > 1 else "",
        function(group.text("next_state")),
        plain[2],
        not (plain[1] or plain[3]),
        **optional,
    )


def _pin(name: str, group: Group, templates: Mapping[str, Group], units: _Units) -> Pin | None:
    direction = group.text("direction").lower()
    if direction not in ("input", "output"):
        return None
    text = group.text("function")
    rise, fall = [], []
    for power in group.of("internal_power"):
        for found, kinds in ((rise, ("rise_power", "power")), (fall, ("fall_power", "power"))):
            for table in power.of(*kinds):
                found.append(_scaled(read_table(table, templates), units, units.energy))
    arcs = [
        Arc(
            source,
            timing.text("timing_type", "combinational"),
            timing.text("timing_sense", "non_unate"),
            {
                table.kind: _scaled(read_table(table, templates), units, units.time)
                for table in timing.of(*_TABLES, "rise_constraint", "fall_constraint")
            },
        )
        for timing in group.of("timing")
        for source in timing.text("related_pin").split()
    ]
    default = units.default_load if direction == "input" else 0.0
    return Pin(
        name,
        direction,
        group.number("capacitance", default) * units.load,
        function(text) if text and direction == "output" else None,
        tuple(rise),
        tuple(fall),
        tuple(arcs),
    )


def _scaled(table: Table, units: _Units, factor: float) -> Table:
    return Table(
        tuple(load * units.load for load in table.loads),
        tuple(slope * units.time for slope in table.slopes),
        tuple(tuple(value * factor for value in row) for row in table.rows),
    )


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
