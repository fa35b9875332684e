"""A combinational netlist of one module, read from the RTLIL that Amaranth writes.

What drives each wire, in an order in which every wire comes after those it is made from. Cells of
:data:`ONE` and :data:`TWO` operands are known, and wires of 64 bits at most; registers, memories,
processes and parts are not.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["ONE", "TWO", "WIDEST", "Driver", "Netlist", "Slice", "Uncovered", "cells"]

TWO = frozenset({"$add", "$sub", "$mul", "$and", "$or", "$xor"})
ONE = frozenset({"$not", "$neg"})
WIDEST = 64
"""Bits of the widest wire."""

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


class Uncovered(Exception):
    """The netlist holds what is not known here."""


@dataclass(frozen=True)
class Slice:
    """``width`` bits of a wire from bit ``low``, or the constant ``value``."""

    wire: str | None
    low: int
    width: int
    value: int = 0


@dataclass(frozen=True)
class Driver:
    """What gives a wire its value: a cell, or a connection (``kind`` is empty).

    The slices of an operand lie side by side, the first of them on top.
    """

    kind: str
    operands: tuple[tuple[Slice, ...], ...]
    signed: bool = False

    def wires(self) -> Iterator[str]:
        """Those it reads, some of them more than once."""
        for parts in self.operands:
            for part in parts:
                if part.wire is not None:
                    yield part.wire


def cells(rtlil: str) -> int:
    """Number of cells of a design, as Amaranth writes it."""
    return len(re.findall(r"^ *cell ", rtlil, re.M))


class Netlist:
    """A netlist in order.

    Parameters
    ----------
    rtlil : str
        A design of one module, as Amaranth writes it.

    Attributes
    ----------
    widths : dict
        Of every wire, in bits.
    drivers : dict
        What gives a wire its value, for every wire that is no input, in order.

    Raises
    ------
    Uncovered
        If the design holds something else.
    """

    def __init__(self, rtlil: str):
        self.widths: dict[str, int] = {}
        self._drivers: dict[str, Driver] = {}
        self._inputs: set[str] = set()
        self._read(rtlil)
        self.drivers = {wire: self._drivers[wire] for wire in self._sorted()}

    def _read(self, rtlil: str) -> None:
        modules, kind, facts, ports = 0, "", {}, {}
        for line in rtlil.splitlines():
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise Uncovered(line)
            found = match.groupdict()
            if found["module"]:
                modules += 1
            elif found["wire"]:
                self.widths[found["wire"]] = int(found["width"])
                if "input" in found["facts"]:
                    self._inputs.add(found["wire"])
            elif found["kind"]:
                kind, facts, ports = found["kind"], {}, {}
            elif found["parameter"]:
                facts[found["parameter"]] = int(found["value"])
            elif found["target"] and kind:
                ports[found["target"]] = found["source"]
            elif found["target"]:
                self._drive(found["target"], Driver("", (self._parts(found["source"]),)))
            elif found["end"] and kind:
                self._cell(kind, facts, ports)
                kind = ""
        if modules != 1 or max(self.widths.values(), default=WIDEST + 1) > WIDEST:
            raise Uncovered

    def _cell(self, kind: str, facts: Mapping[str, int], ports: Mapping[str, str]) -> None:
        names = "AB" if kind in TWO else "A" if kind in ONE else ""
        signs = {facts.get(f"{name}_SIGNED") for name in names}
        if len(signs) != 1:
            raise Uncovered(kind)
        operands = tuple(self._parts(ports[f"\\{name}"]) for name in names)
        (result,) = self._parts(ports["\\Y"])
        if result.wire is None or (result.low, result.width) != (0, self.widths[result.wire]):
            raise Uncovered(kind)
        self._drive(result.wire, Driver(kind, operands, bool(signs.pop())))

    def _drive(self, wire: str, driver: Driver) -> None:
        if wire in self._drivers or wire in self._inputs or wire not in self.widths:
            raise Uncovered(wire)
        self._drivers[wire] = driver

    def _parts(self, text: str) -> tuple[Slice, ...]:
        parts, at = [], 0
        text = text.removeprefix("{ ").removesuffix(" }")
        while at < len(text):
            match = _PART.match(text, at)
            if match is None:
                raise Uncovered(text)
            at = match.end() + 1
            if match["bits"]:
                width, digits = match["bits"].split("'")
                parts.append(Slice(None, 0, int(width), int(digits, 2)))
                continue
            wire, width = match["wire"], self.widths.get(match["wire"])
            if width is None:
                raise Uncovered(text)
            high = width - 1 if match["high"] is None else int(match["high"])
            low = int(match["low"] or (0 if match["high"] is None else high))
            parts.append(Slice(wire, low, high - low + 1))
        if sum(part.width for part in parts) > WIDEST:
            raise Uncovered(text)
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
                    raise Uncovered(wire)
                missing = sorted(set(self._drivers[wire].wires()) - done)
                if missing and wire in open_:
                    raise Uncovered(wire)
                if missing:
                    open_.add(wire)
                    stack += missing
                    continue
                stack.pop()
                done.add(wire)
                order.append(wire)
        return order
