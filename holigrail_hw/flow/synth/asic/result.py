"""What is found of an operator in standard cells."""

from dataclasses import asdict, dataclass, field
from typing import Any

from .energy import EnergyParts

__all__ = ["AsicResult"]


@dataclass(frozen=True)
class AsicResult:
    """What was found.

    Attributes
    ----------
    top, library : str
    voltage : float
        Supply in V.
    area_um2, gate_equivalents : float
        Of all cells; a gate equivalent is the smallest two-input NAND.
    cells : dict
        Every cell and its number; ``flip_flops`` of them are registers.
    mapped : str
        How Yosys made the smallest of several netlists.
    critical_path_ns : float
        Longest path from inputs or registers to outputs or registers, by the library's delay
        tables, without wires.
    critical_path : list of dict
        Its cells: cell, delay_ns.
    energy : EnergyParts
        Of one item, in pJ.
    items : int
        How many items the energy is the mean of.
    compared : int
        How many results were compared with the golden model.
    cycles : float
        Clock cycles of one item.
    period_ns : float
        The clock that leakage is counted for: the one asked for, or the longest path.
    stimulus : str
        Where the items are from.
    changes : float
        Changes of all nets per item, glitch-free.
    """

    top: str
    library: str
    voltage: float
    area_um2: float
    gate_equivalents: float
    cells: dict[str, int]
    flip_flops: int
    mapped: str
    critical_path_ns: float
    critical_path: list[dict[str, Any]] = field(repr=False)
    energy: EnergyParts
    items: int
    compared: int
    cycles: float
    period_ns: float
    stimulus: str
    changes: float
    leakage_known: bool

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return {**asdict(self), "energy": self.energy.as_dict()}
