"""Changes of the nets of a placed design per item: how its dynamic power compares with others'.

The netlist is the one that is placed and routed; its look-up tables, carries and registers are
simulated without delays, item by item, and every result is compared with the golden model. Lengths
of wires, which take most of an FPGA's power, are not in it: the figure compares designs on one
device, and is no energy.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError

from ...top import Top
from ..asic.activity import plain_activity
from ..asic.circuit import Circuit
from .cells import device_netlist

__all__ = ["DeviceActivity", "device_activity"]

_ITEMS = 2048


@dataclass(frozen=True)
class DeviceActivity:
    """``changes`` of nets and ``pin_changes``, of the pins they reach, per item; clocks left out.

    ``compared`` results equal the golden model.
    """

    changes: float
    pin_changes: float
    items: int
    compared: int

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return asdict(self)


def device_activity(top: Top, netlist: Path, family: str, seed: int = 1) -> DeviceActivity:
    """Run random items through a netlist in Yosys's JSON.

    Raises
    ------
    RequestError
        The design has streams, DSP blocks or memories, or the family is another one.
    DesignError
        A result differs from the golden model.
    """
    who = top.spec.name
    if top.stream:
        raise RequestError(f"{who}: activity must be asked of plain ports, not of streams")
    module = json.loads(netlist.read_text())["modules"][top.name]
    mapped, library = device_netlist(module, family, who)
    circuit = Circuit(mapped, library, who)
    codes = top.spec.stimulus(np.random.default_rng(seed), _ITEMS)
    found = plain_activity(top, circuit, codes, lanes=True)
    changes = found.changes.copy()
    changes[list(circuit.clocks)] = 0.0
    reached = float(np.sum(changes * circuit.loads()))
    return DeviceActivity(float(changes.sum()), reached, found.items, found.compared)
