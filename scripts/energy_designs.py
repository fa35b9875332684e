"""The designs whose energy is measured: those the model is fitted to, and those it is judged on.

Every operator with a plan, as it is and with one parameter at a time set to each of its sample
values, besides usual formats of the arithmetic ones; combinational, and some of them pipelined.
Left out are designs of fewer than 16 or more than 400 LUTs (estimated), and functions of 8 operand
bits or fewer, which synthesis treats as tables. Designs that take less than the addition of two
8-bit integers are measured and count on neither side.

A fit takes every second of the designs there are and writes down their names
(``data/energy_fitted.json``): designs that come later are others, and change no side.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import highspy
import numpy as np

from holigrail_hw import __version__
from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content
from holigrail_hw.flow.energy.activity import changes
from holigrail_hw.flow.synth.asic.calibration import Calibration
from holigrail_hw.flow.synth.asic.cells import Library
from holigrail_hw.flow.synth.asic.measure import measure_asic
from holigrail_hw.flow.top import Top

__all__ = ["FITTED", "Point", "Sides", "designs", "fit", "points", "sides"]

FITTED = Path(__file__).resolve().parent / "data" / "energy_fitted.json"
"""Names of the designs that the model was fitted to."""

ITEMS = 2048
_LEAST_LUTS, _LARGEST_LUTS = 16, 400
_VARIANTS = 6
_TABLE_BITS = 8
_LARGEST_COUNTS = 10.0
_PAIRS = ("int4", "int6", "int8", "int12", "int16", "fp8_e4m3", "fp8_e5m2", "bf16", "fp16")
_PERIOD = Timing(period_ns=8.0)


def designs() -> list[tuple[OperatorSpec, Timing]]:
    """Designs in a fixed order."""
    found: dict[str, tuple[OperatorSpec, Timing]] = {}

    def add(spec: OperatorSpec, timing: Timing) -> None:
        plan, luts = spec.plan(timing), spec.cost(timing)["luts"]
        small = sum(format.width for format in spec.inputs().values()) <= _TABLE_BITS
        if plan.interval == 1 and not small and _LEAST_LUTS <= luts <= _LARGEST_LUTS:
            found.setdefault(spec.top_name(timing), (spec, timing))

    for name, cls in sorted(operators().items()):
        if not cls.has_plan:
            continue
        default = cls()
        tried = [default, *default.variants()[:_VARIANTS], *_usual(name, cls)]
        for place, spec in enumerate(tried):
            add(spec, Timing())
            if place % 4 == 0 and not spec.stateful:
                add(spec, _PERIOD)
    return list(found.values())


def _usual(name: str, cls: type[OperatorSpec]) -> list[OperatorSpec]:
    """Arithmetic of two operands in usual formats, products in both structures."""
    made = []
    if set(cls().inputs()) == {"a", "b"}:
        for format in _PAIRS:
            for more in ({}, {"multiplier": "tree"}):
                try:
                    made.append(cls(a=format, b=format, **more))
                except (RequestError, TypeError):
                    continue
    return made


@dataclass(frozen=True)
class Point:
    """A design: changes of its bits by kind, and its measured energies of an item in pJ."""

    name: str
    changes: dict[str, float]
    logic: float
    clock: float
    registers: int
    luts: int


@dataclass(frozen=True)
class Sides:
    """Designs that a model was fitted to, others, and those that take too little to count."""

    fitted: list[Point]
    others: list[Point]
    small: list[Point]


def sides(found: list[Point], scale: Calibration, fitted: set[str] | None = None) -> Sides:
    """Those that were fitted to by name; without names every second one that counts."""
    least = min(row.measured for row in scale.rows)
    large = [one for one in found if one.logic >= least]
    if fitted is None:
        fitted = {one.name for one in large[::2]}
    return Sides(
        [one for one in large if one.name in fitted],
        [one for one in large if one.name not in fitted],
        [one for one in found if one.logic < least],
    )


def fit(known: list[Point], scale: Calibration) -> dict[str, float]:
    """Energy of a change of each kind, in pJ: the least sum of relative errors, and largest one."""
    kinds = sorted({kind for one in known for kind in one.changes})
    features = np.array([[one.changes.get(kind, 0.0) for kind in kinds] for one in known])
    share = features / (scale.factor * np.array([one.logic for one in known]))[:, None]
    programme = highspy.Highs()
    programme.silent()
    found = [programme.addVariable(lb=0) for _ in kinds]
    errors = [programme.addVariable(lb=0) for _ in known]
    largest = programme.addVariable(lb=0)
    for row, error in zip(share, errors, strict=True):
        total = sum(float(part) * each for part, each in zip(row, found, strict=True) if part)
        programme.addConstr(total - error <= 1)
        programme.addConstr(total + error >= 1)
        programme.addConstr(error - largest <= 0)
    programme.minimize(sum(errors) + _LARGEST_COUNTS * largest)
    energies = programme.getSolution().col_value[: len(found)]
    return {kind: float(each) for kind, each in zip(kinds, energies, strict=True)}


def points(library: Library) -> list[Point]:
    """What is measured of the designs; kept in the cache."""
    found = []
    chosen = designs()
    for place, (spec, timing) in enumerate(chosen):
        print(f"{place + 1} of {len(chosen)}: {spec.top_name(timing)}", file=sys.stderr)
        top = Top(spec, timing)
        counted = changes(top)
        energy = _measured(spec, timing, top, library)
        registers = int(counted.pop("register"))
        found.append(
            Point(
                top.name,
                counted,
                energy["dynamic"],
                energy["clock"],
                registers,
                spec.cost(timing)["luts"],
            )
        )
    return found


def _measured(spec: OperatorSpec, timing: Timing, top: Top, library: Library) -> dict[str, float]:
    def make(work: Path) -> Path:
        result = measure_asic(spec, timing, library=library, count=ITEMS)
        (work / "energy.json").write_text(json.dumps(result.energy.as_dict()))
        return work / "energy.json"

    name = cache.digest([__version__, library.digest, top.rtlil, str(ITEMS)]) + ".energy.json"
    return json.loads(cache.use(name, make, content))
