"""A netlist of standard cells as a simulation in NumPy: every net a row of 64-bit words.

One bit of a word is one lane, a copy of the design with inputs of its own. Cells of one kind that
lie equally far from the inputs are evaluated together. There is no delay: within a cycle every net
changes once or not at all, so the changes counted from it leave glitches out.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError

from ...top import CLOCK
from .cells import Cell, Library
from .mapping import Netlist

__all__ = ["Circuit", "Instance"]

_ONES = ~np.uint64(0)
_ZERO, _ONE = 0, 1


@dataclass(frozen=True)
class Instance:
    """A cell of the netlist: the nets of its pins, and how far it lies from inputs and registers.

    Net 0 is constant 0 and net 1 constant 1. Registers have the level 0.
    """

    cell: Cell
    nets: Mapping[str, int]
    level: int = 0


class Circuit:
    """A netlist, ready to be run.

    Parameters
    ----------
    netlist : Netlist
    library : Library
    who : str
        The operator, for messages.

    Attributes
    ----------
    instances : list of Instance
        Gates by level, then registers.
    ports : dict
        Nets of the bits of each port.
    inputs : set of str
        Names of the input ports.
    nets : int
        How many there are.

    Raises
    ------
    DesignError
        Gates that feed themselves, a net with two drivers or none, or registers on several clocks.
    """

    def __init__(self, netlist: Netlist, library: Library, who: str):
        self.who = who
        self._rows: dict[Any, int] = {"0": _ZERO, "1": _ONE}
        module = netlist.module
        self.ports = {
            name: [self._row(bit) for bit in port["bits"]] for name, port in module["ports"].items()
        }
        self.inputs = {n for n, port in module["ports"].items() if port["direction"] == "input"}
        unsorted = [
            Instance(
                library.cells[cell["type"]],
                {pin: self._row(bits[0]) for pin, bits in cell["connections"].items() if bits},
            )
            for cell in module["cells"].values()
            if cell["type"] != "$scopeinfo"
        ]
        self.initial = self._initial(module)
        self.nets = len(self._rows)
        self.registers = [one for one in unsorted if one.cell.state is not None]
        self.gates = self._sorted([one for one in unsorted if one.cell.state is None])
        self.instances = [*self.gates, *self.registers]
        self._check_clocks()
        self._groups = _grouped(self.gates)
        self._clocked = _grouped(self.registers)

    def fresh(self, words: int) -> np.ndarray:
        """Values of all nets before the first cycle: registers as they begin, all inputs 0."""
        values = np.zeros((self.nets, words), np.uint64)
        values[_ONE] = _ONES
        for instance in self.registers:
            state = instance.cell.state
            assert state is not None
            for pin in instance.cell.outputs:
                if pin.name in instance.nets and pin.function is not None:
                    held = _ONES if self._starts_high(instance) else np.uint64(0)
                    names = {state.q: held, state.inverted: ~held}
                    values[instance.nets[pin.name]] = pin.function.evaluate(names)
        return values

    def settle(self, values: np.ndarray) -> None:
        """Let the gates follow inputs and registers."""
        for cell, pins in self._groups:
            named = {name: values[rows] for name, rows in pins.items() if name in cell.inputs}
            for pin in cell.outputs:
                if pin.name in pins and pin.function is not None:
                    values[pins[pin.name]] = pin.function.evaluate(named)

    def edge(self, values: np.ndarray) -> None:
        """One clock edge after :meth:`settle`; gates then have to settle again."""
        later = []
        for cell, pins in self._clocked:
            state = cell.state
            assert state is not None
            named = {name: values[rows] for name, rows in pins.items() if name in cell.inputs}
            if {state.q, state.inverted} & {*state.next_state.inputs}:
                now = _held(cell, pins, values)
                named |= {state.q: now, state.inverted: ~now}
            held = state.next_state.evaluate(named)
            if state.clear is not None:
                held = held & ~state.clear.evaluate(named)
            if state.preset is not None:
                held = held | state.preset.evaluate(named)
            names = {state.q: held, state.inverted: ~held}
            for pin in cell.outputs:
                if pin.name in pins and pin.function is not None:
                    later.append((pins[pin.name], pin.function.evaluate(names)))
        for rows, words in later:
            values[rows] = words

    def loads(self) -> np.ndarray:
        """Capacitance of the pins on each net, in pF."""
        loads = np.zeros(self.nets)
        for instance in self.instances:
            for name in instance.cell.inputs:
                if name in instance.nets:
                    loads[instance.nets[name]] += instance.cell.pins[name].capacitance
        return loads

    @property
    def clocks(self) -> set[int]:
        """Nets that drive the clock pins of registers."""
        return {one.nets[one.cell.state.clock] for one in self.registers if one.cell.state}

    def _row(self, bit: Any) -> int:
        """The net of a bit of the JSON netlist; an unknown one is 0."""
        return _ZERO if bit in ("x", "z") else self._rows.setdefault(bit, len(self._rows))

    def _initial(self, module: dict[str, Any]) -> dict[int, bool]:
        """What registers begin with, by net: their design says so, and a reset ensures it."""
        found = {}
        for net in module["netnames"].values():
            text = net["attributes"].get("init")
            if text is None:
                continue
            digits = text.strip()[::-1]
            for place, bit in enumerate(net["bits"]):
                if bit in self._rows and place < len(digits):
                    found[self._rows[bit]] = digits[place] == "1"
        return found

    def _starts_high(self, instance: Instance) -> bool:
        state = instance.cell.state
        assert state is not None
        for pin in instance.cell.outputs:
            net = instance.nets.get(pin.name)
            if net in self.initial and pin.function is not None:
                low = pin.function.evaluate({state.q: np.uint64(0), state.inverted: _ONES})
                return self.initial[net] != bool(low & np.uint64(1))
        return False

    def _sorted(self, gates: list[Instance]) -> list[Instance]:
        """Gates with their levels, each after those it depends on."""
        driver: dict[int, int] = {}
        sources = {_ZERO, _ONE, *(net for name in self.inputs for net in self.ports[name])}
        for one in self.registers:
            sources |= {one.nets[pin.name] for pin in one.cell.outputs if pin.name in one.nets}
        for index, one in enumerate(gates):
            for pin in one.cell.outputs:
                if pin.name in one.nets:
                    driver[one.nets[pin.name]] = index
        levels: dict[int, int] = {}
        waiting = [
            {driver[one.nets[n]] for n in one.cell.inputs if one.nets[n] in driver} for one in gates
        ]
        readers: dict[int, list[int]] = defaultdict(list)
        for index, needs in enumerate(waiting):
            for need in needs:
                readers[need].append(index)
            undriven = [
                n
                for n in gates[index].cell.inputs
                if gates[index].nets[n] not in driver and gates[index].nets[n] not in sources
            ]
            if undriven:
                raise DesignError(f"asic: every net of {self.who} must be driven")
        ready = [index for index, needs in enumerate(waiting) if not needs]
        left = [len(needs) for needs in waiting]
        levels = dict.fromkeys(ready, 1)
        while ready:
            index = ready.pop()
            for reader in readers[index]:
                levels[reader] = max(levels.get(reader, 0), levels[index] + 1)
                left[reader] -= 1
                if not left[reader]:
                    ready.append(reader)
        if len([n for n in left if not n]) != len(gates):
            raise DesignError(f"asic: gates of {self.who} must not feed themselves")
        placed = [Instance(one.cell, one.nets, levels[i]) for i, one in enumerate(gates)]
        return sorted(placed, key=lambda one: one.level)

    def _check_clocks(self) -> None:
        clock = {*self.ports.get(CLOCK, [])}
        states = [one.cell.state for one in self.registers]
        if not self.clocks <= clock or any(state and not state.rising for state in states):
            raise DesignError(f"asic: registers of {self.who} must all follow the port {CLOCK}")


def _held(cell: Cell, pins: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
    """What registers hold, read off one of their outputs."""
    state = cell.state
    assert state is not None
    pin = next(pin for pin in cell.outputs if pin.name in pins)
    assert pin.function is not None
    low = pin.function.evaluate({state.q: np.uint64(0), state.inverted: _ONES})
    shown = values[pins[pin.name]]
    return ~shown if low & np.uint64(1) else shown


def _grouped(instances: list[Instance]) -> list[tuple[Cell, dict[str, np.ndarray]]]:
    """Cells of one kind and level, with the nets of each pin."""
    groups: dict[tuple[int, str], list[Instance]] = defaultdict(list)
    for one in instances:
        groups[one.level, "/".join([one.cell.name, *sorted(one.nets)])].append(one)
    return [
        (
            group[0].cell,
            {pin: np.array([one.nets[pin] for one in group]) for pin in group[0].nets},
        )
        for _, group in sorted(groups.items())
    ]
