"""What a change of a bit in logic costs, by the kind of what makes it; data of a fit.

``scripts/fit_energy`` measures designs in standard cells and fits these numbers to them;
``scripts/bench_energy`` prints how far they are off.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["MODEL", "EnergyModel", "energy_model"]

MODEL = Path(__file__).parent / "model.json"


@dataclass(frozen=True)
class EnergyModel:
    """Energies in pJ at ``node_nm``.

    Attributes
    ----------
    changes : mapping
        Of one change of a bit, by kind.
    register : float
        Of the clock of one register bit, a cycle.
    lut, stored : float
        Of one look-up table and one register bit a cycle, data included: medians over the fitted
        designs, for what is known by its counts alone.
    """

    node_nm: int
    changes: Mapping[str, float]
    register: float
    lut: float
    stored: float
    fitted: str

    def logic_pj(self, changes: Mapping[str, float]) -> float:
        """Energy of changes by kind."""
        return sum(count * self.changes.get(kind, 0.0) for kind, count in changes.items())


@cache
def energy_model() -> EnergyModel:
    """The model that comes with the package."""
    return EnergyModel(**json.loads(MODEL.read_text()))
