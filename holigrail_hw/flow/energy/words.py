"""A design as Amaranth writes it (RTLIL), in single bits: what drives each of them, in order.

Only what Amaranth writes for one module without memories is known: cells of words, registers, and
processes, which are choices among cases.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Cell", "Choice", "Copy", "Design", "Uncovered", "Unit", "read"]

_PART = re.compile(
    r"\s*(?:(?P<bits>\d+'[01xz-]+)|(?P<open>\{)|(?P<close>\})"
    r"|(?P<wire>[\\$]\S+)(?: \[(?P<high>\d+)(?::(?P<low>\d+))?\])?)"
)
_WIRE = re.compile(r"wire width (\d+) (?:(input|output) \d+ +)?(?:signed +)?(\S+)")
_ZERO, _ONE = 0, 1


class Uncovered(Exception):
    """The design holds what is not known here."""


@dataclass(frozen=True)
class Copy:
    """Bits that are other bits."""

    target: tuple[int, ...]
    source: tuple[int, ...]

    def needs(self) -> tuple[int, ...]:
        return self.source

    def makes(self) -> tuple[int, ...]:
        return self.target


@dataclass(frozen=True)
class Cell:
    """A cell: its kind without ``$``, its parameters, the bits of its pins, the lowest first."""

    kind: str
    facts: Mapping[str, int]
    pins: Mapping[str, tuple[int, ...]]

    def needs(self) -> tuple[int, ...]:
        if self.kind == "dff":
            return ()
        return tuple(bit for name, bits in self.pins.items() if name != "Y" for bit in bits)

    def makes(self) -> tuple[int, ...]:
        return self.pins["Q" if self.kind == "dff" else "Y"]


@dataclass
class Choice:
    """A process: assignments, and switches with cases in the order in which they are tried."""

    assigned: list[Copy] = field(default_factory=list)
    switches: list[tuple[tuple[int, ...], list[tuple[list[str], "Choice"]]]] = field(
        default_factory=list
    )

    def needs(self) -> tuple[int, ...]:
        found = [bit for copy in self.assigned for bit in copy.source]
        for chosen, cases in self.switches:
            found += [*chosen, *(bit for _, case in cases for bit in case.needs())]
        return tuple(found)

    def makes(self) -> tuple[int, ...]:
        found = [bit for copy in self.assigned for bit in copy.target]
        for _, cases in self.switches:
            found += [bit for _, case in cases for bit in case.makes()]
        return tuple(dict.fromkeys(found))


Unit = Copy | Cell | Choice


@dataclass(frozen=True)
class Design:
    """Bits are numbers: 0 is constant 0, 1 constant 1. ``units`` are in order, registers last."""

    bits: int
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    initial: Mapping[int, bool]
    units: list[Unit]
    registers: list[Cell]


def read(rtlil: str) -> Design:
    """The design in a text; raises Uncovered."""
    return _Reader(rtlil).design()


class _Reader:
    def __init__(self, rtlil: str):
        self._lines = [line.strip() for line in rtlil.splitlines()]
        self._at = 0
        self._wires: dict[str, tuple[int, ...]] = {}
        self._bits = 2
        self._ports: dict[str, dict[str, tuple[int, ...]]] = {"input": {}, "output": {}}
        self._initial: dict[int, bool] = {}
        self._units: list[Unit] = []

    def design(self) -> Design:
        modules, init = 0, ""
        while self._at < len(self._lines):
            words = self._lines[self._at].split(" ", 2)
            match words[0]:
                case "attribute" if words[1] == "\\init":
                    init = words[2]
                case "module":
                    modules += 1
                case "wire":
                    self._wire(init)
                    init = ""
                case "cell":
                    self._cell(words[1])
                case "process":
                    self._at += 1
                    self._units.append(self._choice())
                case "connect":
                    self._units.append(self._copy(self._lines[self._at].removeprefix("connect ")))
                case "attribute" | "end" | "":
                    pass
                case _:
                    raise Uncovered(words[0])
            self._at += 1
        if modules != 1:
            raise Uncovered("several modules")
        registers = [unit for unit in self._units if isinstance(unit, Cell) and unit.kind == "dff"]
        ports = self._ports
        units = self._sorted(registers)
        return Design(self._bits, ports["input"], ports["output"], self._initial, units, registers)

    def _wire(self, init: str) -> None:
        match = _WIRE.fullmatch(self._lines[self._at])
        if match is None:
            raise Uncovered(self._lines[self._at])
        bits = tuple(range(self._bits, self._bits + int(match[1])))
        self._bits += len(bits)
        self._wires[match[3]] = bits
        if match[2]:
            self._ports[match[2]][match[3].removeprefix("\\")] = bits
        if init:
            digits = reversed(init.partition("'")[2])
            self._initial |= {bit: digit == "1" for bit, digit in zip(bits, digits, strict=False)}

    def _cell(self, kind: str) -> None:
        facts, pins = {}, {}
        self._at += 1
        while self._lines[self._at] != "end":
            words = self._lines[self._at].split(" ", 2)
            if words[0] == "parameter":
                facts[words[1].removeprefix("\\")] = int(words[2].partition("'")[2] or words[2])
            elif words[0] == "connect":
                pins[words[1].removeprefix("\\")] = self._parts(words[2])
            self._at += 1
        self._units.append(Cell(kind.removeprefix("$"), facts, pins))

    def _choice(self) -> Choice:
        """The body of a process or of a case; ends at what does not belong to it."""
        choice = Choice()
        while True:
            words = self._lines[self._at].split(" ", 1)
            if words[0] == "assign":
                choice.assigned.append(self._copy(words[1]))
            elif words[0] == "switch":
                choice.switches.append(self._switch(words[1]))
            elif words[0] not in ("", "attribute"):
                return choice
            self._at += 1

    def _switch(self, text: str) -> tuple[tuple[int, ...], list[tuple[list[str], Choice]]]:
        chosen, cases = self._parts(text), []
        self._at += 1
        while self._lines[self._at] != "end":
            words = self._lines[self._at].split(" ", 1)
            self._at += 1
            if words[0] != "case":
                continue
            patterns = words[1].split(", ") if len(words) > 1 else []
            cases.append(([p.strip().partition("'")[2] for p in patterns], self._choice()))
        return chosen, cases

    def _copy(self, text: str) -> Copy:
        parts = self._split(text)
        return Copy(parts[0], parts[1])

    def _parts(self, text: str) -> tuple[int, ...]:
        return self._split(text)[0]

    def _split(self, text: str) -> list[tuple[int, ...]]:
        """The signals in a text, each as its bits; of a concatenation the last part is lowest."""
        found: list[tuple[int, ...]] = []
        at, inside, collected = 0, False, []
        while at < len(text.rstrip()):
            match = _PART.match(text, at)
            if match is None:
                raise Uncovered(text)
            at = match.end()
            if match["open"] or match["close"]:
                if match["close"]:
                    found.append(tuple(bit for part in reversed(collected) for bit in part))
                inside, collected = bool(match["open"]), []
                continue
            bits = self._signal(match)
            (collected if inside else found).append(bits)
        return found

    def _signal(self, match: re.Match) -> tuple[int, ...]:
        if match["bits"]:
            digits = match["bits"].partition("'")[2]
            return tuple(_ONE if digit == "1" else _ZERO for digit in reversed(digits))
        wire = self._wires[match["wire"]]
        if match["high"] is None:
            return wire
        high = int(match["high"])
        return wire[int(match["low"] or high) : high + 1]

    def _sorted(self, registers: list[Cell]) -> list[Unit]:
        """Units whose bits others need come before those."""
        gates = [unit for unit in self._units if unit not in registers]
        known = {_ZERO, _ONE, *(bit for bits in self._ports["input"].values() for bit in bits)}
        known |= {bit for register in registers for bit in register.makes()}
        maker = {bit: index for index, unit in enumerate(gates) for bit in unit.makes()}
        order: list[Unit] = []
        state = [0] * len(gates)
        for first in range(len(gates)):
            stack = [first]
            while stack:
                index = stack[-1]
                if state[index] == 2:
                    stack.pop()
                    continue
                needed = {maker[bit] for bit in gates[index].needs() if bit in maker}
                missing = [one for one in needed - {index} if state[one] != 2]
                if missing and state[index]:
                    raise Uncovered("a circle")
                state[index] = 1
                if missing:
                    stack += missing
                    continue
                state[index] = 2
                order.append(gates[index])
                stack.pop()
        return order
