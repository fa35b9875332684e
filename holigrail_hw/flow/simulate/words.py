"""A combinational netlist evaluated cell by cell with NumPy, whole words at a time.

Nothing is compiled and no tool runs: Amaranth's own netlist (RTLIL) is read, and every cell becomes
one operation on arrays of vectors. A graph of thousands of adders is checked within seconds, where
a C++ compiler takes a tenth of a second for each adder. One module without registers, memories,
processes or parts is covered, of the cells below and wires of 64 bits at most.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Words", "cells"]

_Array = np.ndarray

_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "$add": np.add,
    "$sub": np.subtract,
    "$mul": np.multiply,
    "$and": np.bitwise_and,
    "$or": np.bitwise_or,
    "$xor": np.bitwise_xor,
}
_ONE: dict[str, Callable[[Any], Any]] = {"$not": np.invert, "$neg": np.negative}
_LINE = re.compile(
    r"(?:attribute .*"
    r"|module \\(?P<module>\S+)"
    r"|wire width (?P<width>\d+) (?P<facts>.*?)(?P<wire>\S+)"
    r"|cell (?P<kind>\S+) \S+"
    r"|parameter \\(?P<parameter>\S+) (?P<value>\d+)"
    r"|connect (?P<target>\S+) (?P<source>.+)"
    r"|(?P<end>end))?"
)
_PART = re.compile(
    r"(?P<bits>\d+'[01]+)|(?P<wire>[\\$]\S+)(?: \[(?P<high>\d+)(?::(?P<low>\d+))?\])?"
)
_CHUNK = 1024
"""Vectors evaluated at once: they bound the memory for the values of all wires."""


class _Uncovered(Exception):
    """The netlist holds what is not evaluated here."""


@dataclass(frozen=True)
class _Slice:
    """``width`` bits of a wire from bit ``low``, or the constant ``value``."""

    wire: str | None
    low: int
    width: int
    value: int = 0


@dataclass(frozen=True)
class _Driver:
    """What gives a wire its value: a cell, or a connection (``kind`` is empty)."""

    kind: str
    operands: tuple[tuple[_Slice, ...], ...]
    signed: bool = False


def cells(rtlil: str) -> int:
    """Number of cells of a design, as Amaranth writes it."""
    return len(re.findall(r"^ *cell ", rtlil, re.M))


class Words:
    """A netlist that can be evaluated.

    Parameters
    ----------
    rtlil : str
        A design of one module, as Amaranth writes it.
    """

    def __init__(self, rtlil: str):
        self._widths: dict[str, int] = {}
        self._drivers: dict[str, _Driver] = {}
        self._inputs: set[str] = set()
        self._read(rtlil)
        self._order = self._sorted()

    @classmethod
    def covering(cls, rtlil: str) -> "Words | None":
        """The netlist, or none if it holds what is not evaluated here."""
        try:
            return cls(rtlil)
        except _Uncovered:
            return None

    def run(self, codes: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
        """Results of vectors, ``uint64``.

        Parameters
        ----------
        codes : mapping of the names of input ports to arrays of codes, all of one length
        outputs : mapping of the names of results to those of output ports
        """
        arrays = {f"\\{name}": np.asarray(code).astype(np.uint64) for name, code in codes.items()}
        count = len(next(iter(arrays.values())))
        results = {name: np.zeros(count, np.uint64) for name in outputs}
        for start in range(0, count, _CHUNK):
            values = {name: code[start : start + _CHUNK] for name, code in arrays.items()}
            size = len(next(iter(values.values())))
            for wire in self._order:
                values[wire] = self._evaluate(wire, values, size)
            for name, port in outputs.items():
                results[name][start : start + size] = values[f"\\{port}"]
        return results

    def _evaluate(self, wire: str, values: dict[str, _Array], size: int) -> _Array:
        driver, width = self._drivers[wire], self._widths[wire]
        if not driver.kind:
            return self._gather(driver.operands[0], values, size)
        # Bits above those of the result change none of it in any of these cells.
        gathered = [(self._gather(parts, values, size), parts) for parts in driver.operands]
        operands = [_extended(code, parts, driver.signed) for code, parts in gathered]
        operation: Any = _TWO.get(driver.kind) or _ONE[driver.kind]
        return operation(*operands) & _mask(width)

    def _gather(self, parts: tuple[_Slice, ...], values: dict[str, _Array], size: int) -> _Array:
        """Slices side by side, the first of them on top."""
        if not parts:
            return np.zeros(size, np.uint64)
        total, place = None, 0
        for part in reversed(parts):
            if part.wire is None:
                bits = np.full(size, part.value, np.uint64)
            else:
                bits = values[part.wire]
                if part.low:
                    bits = bits >> np.uint64(part.low)
                if part.low + part.width < self._widths[part.wire]:
                    bits = bits & _mask(part.width)
            if place:
                bits = bits << np.uint64(place)
            total = bits if total is None else total | bits
            place += part.width
        assert total is not None
        return total

    def _read(self, rtlil: str) -> None:
        modules, kind, facts, ports = 0, "", {}, {}
        for line in rtlil.splitlines():
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise _Uncovered(line)
            found = match.groupdict()
            if found["module"]:
                modules += 1
            elif found["wire"]:
                self._widths[found["wire"]] = int(found["width"])
                if "input" in found["facts"]:
                    self._inputs.add(found["wire"])
            elif found["kind"]:
                kind, facts, ports = found["kind"], {}, {}
            elif found["parameter"]:
                facts[found["parameter"]] = int(found["value"])
            elif found["target"] and kind:
                ports[found["target"]] = found["source"]
            elif found["target"]:
                self._drive(found["target"], _Driver("", (self._parts(found["source"]),)))
            elif found["end"] and kind:
                self._cell(kind, facts, ports)
                kind = ""
        if modules != 1 or max(self._widths.values(), default=65) > 64:
            raise _Uncovered

    def _cell(self, kind: str, facts: Mapping[str, int], ports: Mapping[str, str]) -> None:
        names = "AB" if kind in _TWO else "A" if kind in _ONE else ""
        signs = {facts.get(f"{name}_SIGNED") for name in names}
        if len(signs) != 1:
            raise _Uncovered(kind)
        operands = tuple(self._parts(ports[f"\\{name}"]) for name in names)
        (result,) = self._parts(ports["\\Y"])
        if result.wire is None or (result.low, result.width) != (0, self._widths[result.wire]):
            raise _Uncovered(kind)
        self._drive(result.wire, _Driver(kind, operands, bool(signs.pop())))

    def _drive(self, wire: str, driver: _Driver) -> None:
        if wire in self._drivers or wire in self._inputs or wire not in self._widths:
            raise _Uncovered(wire)
        self._drivers[wire] = driver

    def _parts(self, text: str) -> tuple[_Slice, ...]:
        parts, at = [], 0
        text = text.removeprefix("{ ").removesuffix(" }")
        while at < len(text):
            match = _PART.match(text, at)
            if match is None:
                raise _Uncovered(text)
            at = match.end() + 1
            if match["bits"]:
                width, digits = match["bits"].split("'")
                parts.append(_Slice(None, 0, int(width), int(digits, 2)))
                continue
            wire, width = match["wire"], self._widths.get(match["wire"])
            if width is None:
                raise _Uncovered(text)
            high = width - 1 if match["high"] is None else int(match["high"])
            low = int(match["low"] or (0 if match["high"] is None else high))
            parts.append(_Slice(wire, low, high - low + 1))
        if sum(part.width for part in parts) > 64:
            raise _Uncovered(text)
        return tuple(parts)

    def _sorted(self) -> list[str]:
        """Wires in an order in which each comes after those it is made from."""
        order: list[str] = []
        done, open_ = set(self._inputs), set()
        for first in self._drivers:
            stack = [first]
            while stack:
                wire = stack[-1]
                if wire in done:
                    stack.pop()
                    continue
                if wire not in self._drivers:
                    raise _Uncovered(wire)
                driver = self._drivers[wire]
                needed = {part.wire for parts in driver.operands for part in parts} - {None}
                missing = [name for name in sorted(needed, key=str) if name not in done]
                if missing and wire in open_:
                    raise _Uncovered(wire)
                if missing:
                    open_.add(wire)
                    stack += [name for name in missing if name is not None]
                    continue
                stack.pop()
                done.add(wire)
                order.append(wire)
        return order


def _mask(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)


def _extended(code: _Array, parts: tuple[_Slice, ...], signed: bool) -> _Array:
    """A code in 64 bits, with copies of its highest bit above it if it is signed."""
    width = sum(part.width for part in parts)
    if not signed or width in (0, 64):
        return code
    spare = np.uint64(64 - width)
    return ((code << spare).view(np.int64) >> spare.astype(np.int64)).view(np.uint64)
