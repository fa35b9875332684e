"""Energy of one item from the changes of the nets of a netlist and the tables of its library.

* *switching*: a change of a net charges or discharges the pins on it, C V^2 / 2;
* *internal*: what a cell takes inside for a change at its output, or at an input whose change stays
  inside, by the library's tables (the mean over rise and fall, and over its conditions);
* *clock*: the clock pins of the registers, two changes in each cycle, whatever the data are;
* *leakage*: what the library states, for the time of the cycles of one item.

Wires, the buffers of a clock tree and glitches are not in it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .activity import Activity
from .cells import Library
from .circuit import Circuit
from .tables import Table

__all__ = ["EnergyParts", "energy_per_item"]


@dataclass(frozen=True)
class EnergyParts:
    """Energy of one item in pJ."""

    switching: float
    internal: float
    clock: float
    leakage: float

    @property
    def dynamic(self) -> float:
        """What follows the data."""
        return self.switching + self.internal

    @property
    def total(self) -> float:
        return self.switching + self.internal + self.clock + self.leakage

    def as_dict(self) -> dict[str, Any]:
        """The parts and their sums, as JSON takes them."""
        return {**asdict(self), "dynamic": self.dynamic, "total": self.total}


def energy_per_item(
    circuit: Circuit,
    library: Library,
    activity: Activity,
    loads: np.ndarray,
    slopes: np.ndarray,
    period_ns: float,
) -> EnergyParts:
    """Energy of one item.

    Parameters
    ----------
    loads, slopes : arrays
        Capacitance in pF and slope in ns of every net.
    period_ns : float
        Of the clock, for leakage and nothing else.
    """
    clocks = circuit.clocks
    charge = library.voltage**2
    changes = activity.changes.copy()
    changes[list(clocks)] = 0.0
    switching = float(np.sum(changes * loads) * charge / 2)
    clock = sum(loads[net] for net in clocks) * charge * activity.cycles
    internal = leakage = 0.0
    for instance in circuit.instances:
        leakage += instance.cell.leakage
        reached = [
            float(slopes[instance.nets[n]]) for n in instance.cell.inputs if n in instance.nets
        ]
        steep = sum(reached) / max(len(reached), 1)
        for pin in instance.cell.pins.values():
            net = instance.nets.get(pin.name)
            if net is None or not (pin.rise or pin.fall):
                continue
            is_output = pin.direction == "output"
            load = float(loads[net]) if is_output else 0.0
            slope = steep if is_output else float(slopes[net])
            each = (_mean(pin.rise, load, slope) + _mean(pin.fall, load, slope)) / 2
            if net in clocks and not is_output:
                clock += 2 * each * activity.cycles
            else:
                internal += float(changes[net]) * each
    # nW times ns are attojoules.
    leaked = leakage * period_ns * activity.cycles * 1e-6
    return EnergyParts(switching, internal, float(clock), leaked)


def _mean(tables: Sequence[Table], load: float, slope: float) -> float:
    return sum(table.at(load, slope) for table in tables) / len(tables) if tables else 0.0
