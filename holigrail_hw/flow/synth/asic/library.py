"""A library of standard cells, read from a Liberty file: what mapping and energy need of it.

Sizes are those of the file, brought to um2, pF, ns, V, pJ and nW. Cells with a bus, with several
states or with a state that follows a level (latches) are left to Yosys; a netlist that contains one
is refused where it is read.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from holigrail_hw.core.errors import RequestError, ToolError

from .cells import Arc, Cell, Library, Pin, State
from .functions import read_function
from .liberty import Group, LibertyError, parse
from .tables import Table, read_table, read_templates

__all__ = ["open_library"]

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""The OSU 0.18 um library where Debian's package qflow-tech-osu018 puts it."""

_LARGEST = 1 << 28
_DIRECTION, _FUNCTION, _CAPACITANCE = "direction function capacitance".split()
_TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")


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
        name: read_function(text) if (text := group.text(name)) else None
        for name in ("clear", "preset")
    }
    return State(
        group.arguments[0],
        group.arguments[1] if len(group.arguments) > 1 else "",
        read_function(group.text("next_state")),
        plain[2],
        not (plain[1] or plain[3]),
        **optional,
    )


def _pin(name: str, group: Group, templates: Mapping[str, Group], units: _Units) -> Pin | None:
    direction = group.text(_DIRECTION).lower()
    if direction not in ("input", "output"):
        return None
    text = group.text(_FUNCTION)
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
        group.number(_CAPACITANCE, default) * units.load,
        read_function(text) if text and direction == "output" else None,
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
