"""The designs whose energy is measured: those the model is fitted to, and those it is judged on.

Every operator with a plan, as it is and with one parameter at a time set to each of its sample
values, besides usual formats of the arithmetic ones; combinational, and some of them pipelined.
The first, third and so on are fitted to, the others are not. Left out are functions of 8 operand
bits or fewer, which synthesis treats as tables, and designs that take less than the addition of two
8-bit integers.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from holigrail_hw import __version__
from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content
from holigrail_hw.flow.energy.activity import changes
from holigrail_hw.flow.synth.asic.calibration import Calibration
from holigrail_hw.flow.synth.asic.library import Library
from holigrail_hw.flow.synth.asic.measure import measure_asic
from holigrail_hw.flow.top import Top

__all__ = ["Point", "designs", "points", "worth"]

ITEMS = 2048
_LEAST_LUTS, _LARGEST_LUTS = 16, 400
_VARIANTS = 6
_TABLE_BITS = 8
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


def points(library: Library, *, first: int = 0, every: int = 1) -> list[Point]:
    """The designs with what is measured of them; measurements are kept in the cache."""
    found = []
    chosen = designs()[first::every]
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


def worth(known: list[Point], scale: Calibration) -> list[Point]:
    """Those that take as much as the smallest operation of the published table."""
    least = min(row.measured for row in scale.rows)
    return [one for one in known if one.logic >= least]


def _measured(spec: OperatorSpec, timing: Timing, top: Top, library: Library) -> dict[str, float]:
    def make(work: Path) -> Path:
        result = measure_asic(spec, timing, library=library, count=ITEMS)
        (work / "energy.json").write_text(json.dumps(result.energy.as_dict()))
        return work / "energy.json"

    name = cache.digest([__version__, library.digest, top.rtlil, str(ITEMS)]) + ".energy.json"
    return json.loads(cache.use(name, make, content))
