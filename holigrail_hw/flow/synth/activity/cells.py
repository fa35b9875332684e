"""Cells of iCE40 and ECP5 as functions of their pins, for the simulation of standard cells.

Every setting of a cell (the contents of a look-up table, the mode of a register) becomes a cell of
its own. DSP blocks and memories have inner lives that nobody knows; they are not here.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError

from ..asic.cells import Cell, Library, Pin, State
from ..asic.functions import CellFunction, read_function
from ..asic.mapping import Netlist, Way

__all__ = ["FAMILIES", "device_netlist"]

FAMILIES = ("ice40", "ecp5")
_ONES = ~np.uint64(0)
_UNIT = 1.0

Settings = Mapping[str, str]


def device_netlist(module: dict[str, Any], family: str, who: str) -> tuple[Netlist, Library]:
    """A mapped netlist as cells that can be simulated, and those cells.

    Raises
    ------
    RequestError
        A cell is a DSP block or a memory, or of another family.
    """
    cells, renamed, unknown = {}, {}, set()
    for name, cell in module["cells"].items():
        kind, pins = cell["type"], {p: bits for p, bits in cell["connections"].items() if bits}
        if kind == "$scopeinfo":
            continue
        make = _MAKERS.get(kind)
        if make is None or family not in FAMILIES:
            unknown.add(kind)
            continue
        settings = {key: text.strip() for key, text in cell.get("parameters", {}).items()}
        made = make(kind, settings, pins)
        cells.setdefault(made.name, made)
        renamed[name] = {**cell, "type": made.name, "connections": pins}
    if unknown:
        raise RequestError(
            f"{who}: activity must be asked of look-up tables and registers, not of"
            f" {', '.join(sorted(unknown))}",
            hint="--no-dsp makes products of look-up tables; memories cannot be counted",
        )
    library = Library(family, Path(), "", 1.0, cells)
    return Netlist({**module, "cells": renamed}, 0.0, Way(False, False)), library


def _lut(pins: tuple[str, ...], contents: int, given: Mapping[str, Any]) -> CellFunction:
    """A look-up table; pins that are not connected are 0."""
    used = tuple(pin for pin in pins if pin in given)

    def evaluate(values: Mapping[str, Any]) -> Any:
        rows = [_ONES if contents >> row & 1 else np.uint64(0) for row in range(1 << len(pins))]
        for pin in pins:
            chosen = values.get(pin, np.uint64(0))
            pairs = zip(rows[0::2], rows[1::2], strict=True)
            rows = [low ^ ((low ^ high) & chosen) for low, high in pairs]
        return rows[0]

    return CellFunction(f"{contents:x}", used, evaluate)


def _cell(name: str, given: Mapping[str, Any], outputs: Mapping[str, CellFunction]) -> Cell:
    pins = {
        pin: Pin(pin, "output" if pin in outputs else "input", _UNIT, outputs.get(pin))
        for pin in given
    }
    return Cell("/".join([name, *sorted(given)]), 0.0, 0.0, pins)


def _table(output: str, names: tuple[str, ...], key: str) -> Callable[..., Cell]:
    def make(kind: str, settings: Settings, given: Mapping[str, Any]) -> Cell:
        contents = int(settings[key], 2)
        return _cell(f"{kind}_{contents:x}", given, {output: _lut(names, contents, given)})

    return make


def _fixed(output: str, text: str) -> Callable[..., Cell]:
    def make(kind: str, settings: Settings, given: Mapping[str, Any]) -> Cell:
        made = read_function(text)

        def evaluate(values: Mapping[str, Any]) -> Any:
            return made.evaluate({pin: values.get(pin, np.uint64(0)) for pin in made.inputs})

        return _cell(kind, given, {output: CellFunction(text, made.inputs, evaluate)})

    return make


def _carry_pair(kind: str, settings: Settings, given: Mapping[str, Any]) -> Cell:
    """Two look-up tables with the carry chain through them."""
    upper, lower, open_ = [], [], []
    for place in "01":
        contents = int(settings[f"INIT{place}"], 2)
        names = tuple(f"{letter}{place}" for letter in "ABCD")
        upper.append(_lut(names, contents, given))
        lower.append(_lut(names[:2], contents & 15, given))
        open_.append(settings.get(f"INJECT1_{place}", "YES") != "YES")

    def parts(values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        carry, sums = values.get("CIN", np.uint64(0)), []
        for place in range(2):
            total = upper[place].evaluate(values)
            start = lower[place].evaluate(values) if open_[place] else np.uint64(0)
            sums.append(total ^ carry if open_[place] else total)
            carry = (total & carry) | (~total & start)
        return sums[0], sums[1], carry

    inputs = tuple(pin for pin in given if pin not in ("S0", "S1", "COUT"))
    name = f"{kind}_{settings['INIT0']}_{settings['INIT1']}_{int(open_[0])}{int(open_[1])}"
    outputs = {
        pin: CellFunction(pin, inputs, lambda values, place=place: parts(values)[place])
        for place, pin in enumerate(("S0", "S1", "COUT"))
        if pin in given
    }
    return _cell(name, given, outputs)


def _register(
    name: str, given: Mapping[str, Any], data: str, clock: str, rising: bool, next_state: str
) -> Cell:
    made = _cell(name, given, {"Q": read_function("q")})
    state = State("q", "q_inverted", read_function(next_state), clock, rising, None, None)
    return Cell(made.name, 0.0, 0.0, made.pins, state)


def _ice40_register(kind: str, settings: Settings, given: Mapping[str, Any]) -> Cell:
    match = re.fullmatch(r"SB_DFF(N?)(E?)(SR|SS|R|S|)", kind)
    assert match is not None
    falling, enabled, reset = match.groups()
    if reset in ("R", "S"):
        raise RequestError(f"activity: registers must be reset with the clock, not {kind}")
    loaded = {"SR": "!R D", "SS": "S + D", "": "D"}[reset]
    text = f"(E ({loaded})) + (!E q)" if enabled else loaded
    return _register(kind, given, "D", "C", not falling, text)


def _ecp5_register(kind: str, settings: Settings, given: Mapping[str, Any]) -> Cell:
    enable = {"CE": "CE", "INV": "!CE", "0": "0"}.get(settings.get("CEMUX", "1"), "1")
    reset = {"INV": "!LSR", "0": "0"}.get(settings.get("LSRMUX", "LSR"), "LSR")
    if "CE" not in given:
        enable = "1"
    if "LSR" not in given:
        reset = "0"
    if settings.get("SRMODE") == "ASYNC" and reset != "0":
        raise RequestError("activity: registers must be reset with the clock, not TRELLIS_FF ASYNC")
    kept = f"({enable} DI) + (!({enable}) q)"
    sets = settings.get("REGSET", "RESET") == "SET"
    text = f"({reset}) + ({kept})" if sets else f"!({reset}) ({kept})"
    name = "_".join([kind, enable, reset, str(int(sets)), settings.get("CLKMUX", "CLK")])
    return _register(name, given, "DI", "CLK", settings.get("CLKMUX") != "INV", text)


_MAKERS: dict[str, Callable[..., Cell]] = {
    "SB_LUT4": _table("O", ("I0", "I1", "I2", "I3"), "LUT_INIT"),
    "SB_CARRY": _fixed("CO", "(I0 I1) + (CI (I0 + I1))"),
    "LUT4": _table("Z", ("A", "B", "C", "D"), "INIT"),
    "PFUMX": _fixed("Z", "(C0 ALUT) + (!C0 BLUT)"),
    "L6MUX21": _fixed("Z", "(SD D1) + (!SD D0)"),
    "CCU2C": _carry_pair,
    "TRELLIS_FF": _ecp5_register,
    **{
        f"SB_DFF{edge}{enable}{reset}": _ice40_register
        for edge in ("", "N")
        for enable in ("", "E")
        for reset in ("", "SR", "SS", "R", "S")
    },
}
