"""One factor from the energies of a library to a published table of another technology.

Integer adders and multipliers are measured as every operator is; the factor is the geometric mean
of published over measured energies, so that no row counts more than another. Nothing else is
fitted: what is left is printed. The table is data, ``estimate/energy/operations_45nm.json``.
"""

import json
from dataclasses import asdict, dataclass
from importlib import resources
from math import exp, log
from pathlib import Path
from typing import Any

from holigrail_hw import __version__
from holigrail_hw.core.parameters import construct
from holigrail_hw.core.registry import find
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content

from ...top import Top
from .cells import Library
from .measure import measure_asic

__all__ = ["Calibration", "Row", "calibrate", "published"]


@dataclass(frozen=True)
class Row:
    """An operation: published and measured energy in pJ; whether the factor is made from it."""

    operation: str
    published: float
    measured: float
    calibrates: bool


@dataclass(frozen=True)
class Calibration:
    """``factor`` from energies of the library to those of the table; ``residual`` says how well."""

    library: str
    source: str
    node_nm: int
    factor: float
    rows: tuple[Row, ...]

    def residual(self, row: Row) -> float:
        """How far the scaled energy is above the published one, in percent."""
        return 100 * (self.factor * row.measured / row.published - 1)

    @property
    def worst_ratio(self) -> float:
        """Of all pairs of calibrating rows, how far the farthest ratio is off, in percent."""
        off = [self.factor * row.measured / row.published for row in self.rows if row.calibrates]
        return 100 * (max(off) / min(off) - 1)

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        rows = [
            {
                **asdict(row),
                "scaled": self.factor * row.measured,
                "residual_percent": round(self.residual(row), 1),
            }
            for row in self.rows
        ]
        return {**asdict(self), "rows": rows, "worst_ratio_percent": round(self.worst_ratio, 1)}


def published() -> dict[str, Any]:
    """The table with its source."""
    folder = resources.files("holigrail_hw.estimate") / "energy"
    return json.loads((folder / "operations_45nm.json").read_text())


def calibrate(library: Library, *, progress: Progress | None = None) -> Calibration:
    """Measure the operations of the table and find the factor; kept in the cache afterwards.

    Raises
    ------
    DesignError, ToolError
        As :func:`.measure_asic` does.
    """
    table = published()
    specs = [
        construct(find(row["operator"]), row["parameters"], who=row["operator"])
        for row in table["rows"]
    ]
    depends = [__version__, library.digest, *(Top(spec).rtlil for spec in specs)]

    def make(work: Path) -> Path:
        found = []
        for spec in specs:
            energy = measure_asic(spec, library=library, progress=progress).energy
            found.append(energy.dynamic)
        (work / "measured.json").write_text(json.dumps(found))
        return work / "measured.json"

    name = cache.digest(depends) + ".calibration.json"
    measured = json.loads(cache.use(name, make, content))
    rows = tuple(
        Row(row["operation"], row["pj"], energy, row["calibrates"])
        for row, energy in zip(table["rows"], measured, strict=True)
    )
    used = [row for row in rows if row.calibrates]
    factor = exp(sum(log(row.published / row.measured) for row in used) / len(used))
    return Calibration(library.name, table["source"], table["node_nm"], factor, rows)
