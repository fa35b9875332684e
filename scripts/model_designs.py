"""Designs on which the device models are judged, and others on which they are fitted.

One line is one design: operator, parameters, and how it is clocked. ``latency=N`` asks for N
cycles, ``period=NS`` for a clock of the ECP5 (other devices get it scaled by their speed); without
both the core is combinational between the registers of the harness. No design is in both lists.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core import OperatorSpec, Timing, find
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.core.store.kept_files import read_document, write_document
from holigrail_hw.flow import tools
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.synth.devices import target
from holigrail_hw.flow.top import Top

__all__ = ["JUDGED", "TRAINING", "Design", "designs", "measured"]

_SLOWNESS = {"ice40up5k": 3.0}

JUDGED = """
multiply a=int8 b=int8
multiply a=int12 b=uint5 latency=1
multiply a=int16 b=int16 latency=4
multiply a=int8 b=int8 multiplier=dsp latency=1
multiply a=int17 b=int17 multiplier=dsp latency=2
multiply a=int24 b=int20 multiplier=dsp latency=3
multiply a=fp8_e4m3 b=fp8_e4m3
multiply a=fp16 b=fp16 latency=3
multiply a=bf16 b=bf16 multiplier=dsp latency=2
add a=int16 b=int16
add a=fp8_e4m3 b=fp8_e4m3
add a=bf16 b=bf16 latency=2
add a=fp16 b=fp16 latency=4
fma a=int8 b=int8 c=int20 latency=1
fma a=int16 b=int16 c=int40 multiplier=dsp latency=2
fma a=fp8_e4m3 b=fp8_e4m3 c=fp16 period=15
mac a=int8 b=int8 accumulator=int32 multiplier=dsp
mac a=int12 b=int5 accumulator=int32 period=10
mac a=ternary b=int4 accumulator=int16
mac a=fp8_e4m3 b=fp8_e4m3 accumulator=fp16 period=20
convert source=fp32 result=fp8_e4m3 latency=2
convert source=fp16 result=int8
convert source=int16 result=fp16 latency=1
mcm constants=7,19,31 input=int8
mcm constants=45,105,231 input=int12 latency=2
fir coefficients=3,-11,38,64,38,-11,3 input=int8
cmvm matrix=3,-5,7,9;11,2,-6,13;-1,8,15,4 input=int6
requantize accumulator=int24 scale_width=12 shift=12 shift_width=3 latency=3
thresholds thresholds=-90,-60,-30,-7,0,12,40,77 input=int10
systolic-array rows=2 columns=2 activation=int6 weight=int6 accumulator=int20
"""

TRAINING = """
multiply a=int7 b=int7 multiplier=dsp latency=2
multiply a=int16 b=int16 multiplier=dsp
add a=int24 b=int24
mac a=int16 b=int16 accumulator=int40 multiplier=dsp
multiply a=int10 b=int10
multiply a=uint16 b=int9 latency=2
mac a=binary b=int8 accumulator=int20
mcm constants=23,77,201,443 input=int8 latency=1
cmvm matrix=5,3,-7;9,-4,12;6,10,-2 input=int8
add a=bf16 b=bf16
add a=fp16 b=fp16 latency=2
convert source=int12 result=bf16
requantize accumulator=int20 scale_width=8 shift=8 shift_width=3
multiply a=fp16 b=fp16 multiplier=dsp latency=4
multiply a=int22 b=int22 multiplier=dsp latency=1
multiply a=int6 b=int6
multiply a=fp8_e5m2 b=fp8_e5m2 latency=1
multiply a=bf16 b=bf16
mac a=int8 b=int8 accumulator=int24
convert source=fp16 result=int12 latency=1
add a=fp8_e5m2 b=fp8_e5m2 latency=1
fma a=int6 b=int6 c=int16
fma a=int12 b=int12 c=int30 multiplier=dsp latency=1
fma a=fp8_e5m2 b=fp8_e5m2 c=bf16 latency=3
mac a=fp8_e5m2 b=fp8_e5m2 accumulator=bf16
convert source=bf16 result=fp8_e5m2
mcm constants=11,29,53 input=int10
fir coefficients=5,-9,21,21,-9,5 input=int10
thresholds thresholds=-40,-9,3,25,60 input=int8 latency=1
systolic-array rows=2 columns=2 activation=int8 weight=int8 accumulator=int24 multiplier=dsp
"""


@dataclass(frozen=True)
class Design:
    """One line of a list, for one device."""

    line: str
    device: str

    @property
    def spec(self) -> OperatorSpec:
        """The operator with its parameters."""
        name, *words = self.line.split()
        texts = dict(word.split("=", 1) for word in words)
        chosen = {key: text for key, text in texts.items() if key not in ("latency", "period")}
        return find(name)(**parse_parameters(find(name), chosen, who=name))

    @property
    def timing(self) -> Timing:
        """The clock asked for, by the model of the device."""
        texts = dict(word.split("=", 1) for word in self.line.split()[1:])
        model = target(self.device).model
        period, latency = texts.get("period"), texts.get("latency")
        return Timing(
            period_ns=None if period is None else float(period) * _SLOWNESS.get(model, 1.0),
            latency=None if latency is None else int(latency),
            device=model,
        )


def designs(lines: str, device: str) -> list[Design]:
    """All designs of a list."""
    return [Design(line, device) for line in lines.strip().splitlines()]


def measured(design: Design, seeds: int, folder: Path) -> dict[str, Any]:
    """LUTs, DSP blocks and the clock of every seed, placed in an empty folder, or as kept."""
    goal, timing = target(design.device), design.timing
    top = Top(design.spec, timing)
    source = folder / f"{top.name}.v"
    source.write_text(emit_verilog.verilog(top), encoding="utf-8")
    work = folder / "mapped"
    work.mkdir()
    netlist, mapped = synth.synthesise([source], top.name, goal, dsp=True, folder=work)
    placer = tools.require(goal.placer[0], who="bench")[goal.placer[0]]
    asked = [placer.version, *goal.placer, timing.period_ns, seeds, _cells(netlist, top.name)]
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    kept = cache_folder() / "placements" / f"{key}.json"
    # A carry cell of an ECP5 takes the place of two look-up tables.
    luts = mapped.luts + (2 * mapped.carries if goal.family == "ecp5" else 0)
    counts = {"luts": luts, "dsps": mapped.dsps}
    try:
        return counts | {"fmax_mhz": read_document(kept)["fmax_mhz"]}
    except (OSError, ValueError):
        pass
    found = synth.run(
        [source],
        top.name,
        design.device,
        work_dir=folder / "placed",
        clock_ns=timing.period_ns,
        seeds=seeds,
    )
    clock = {"fmax_mhz": found.fmax_mhz, "line": design.line, "device": design.device}
    write_document(kept, clock | {"critical_path": found.critical_path})
    return counts | clock


def _cells(netlist: Path, top: str) -> list[Any]:
    """What is placed, without the names of files."""
    cells = json.loads(netlist.read_text())["modules"][top]["cells"].values()
    return [[cell["type"], cell["parameters"], cell["connections"]] for cell in cells]
