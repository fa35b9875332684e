#!/usr/bin/env python3
"""A first delay model of a device: place and route small circuits, fit a line through them.

    scripts/measure_device.py ice40up5k -o holigrail_hw/estimate/devices

Three families of circuits stand between registers: layers of 4-input look-up tables with local
wiring, chains of three adders, and one product in a DSP block. The clock period is

    period = register_ns + levels * lut_ns
    period = register_ns + 3 * (carry_start_ns + width * carry_ns)
    period = register_ns + dsp_ns

where every wire counts with the cell it leaves. The median over several seeds of the placer is
fitted by least squares. Schedules are made by these numbers (``alone`` in the file), promises by
those that ``scripts/fit_models`` then fits to whole designs.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.flow import tools
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.synth.devices import target

LAYER_WIDTH = 64
LEVELS = (1, 2, 3, 4)
WIDTHS = (8, 16, 32)
CHAIN = 3
NEAR = 3


def layers(levels: int) -> str:
    """``levels`` layers of LAYER_WIDTH look-up tables, each fed by four bits of the layer above."""
    choose = random.Random(levels)
    lines = [f"wire [{LAYER_WIDTH - 1}:0] x0 = a;"]
    for level in range(1, levels + 1):
        lines.append(f"(* keep *) wire [{LAYER_WIDTH - 1}:0] x{level};")
        for bit in range(LAYER_WIDTH):
            near = [(bit + choose.randint(-NEAR, NEAR)) % LAYER_WIDTH for _ in range(4)]
            one, two, three, four = (f"x{level - 1}[{n}]" for n in near)
            lines.append(f"assign x{level}[{bit}] = ({one} & {two}) ^ ({three} | ~{four});")
    ports = f"input [{LAYER_WIDTH - 1}:0] a, output [{LAYER_WIDTH - 1}:0] y"
    return _module(ports, [*lines, f"assign y = x{levels};"])


def adders(width: int) -> str:
    """CHAIN sums, one after the other; each takes the sum before it with its bits reversed.

    Reversed, the last bit of one carry chain feeds the first bit of the next, as the worst case of
    a schedule assumes; in the usual order the chains would overlap.
    """
    ports = f"input [{width - 1}:0] a, input [{CHAIN * width - 1}:0] b, output [{width - 1}:0] y"
    lines = [f"wire [{width - 1}:0] x0 = a;"]
    for step in range(1, CHAIN + 1):
        turned = ", ".join(f"x{step - 1}[{bit}]" for bit in range(width))
        lines.append(f"(* keep *) wire [{width - 1}:0] x{step};")
        lines.append(f"assign x{step} = {{{turned}}} + b[{(step - 1) * width} +: {width}];")
    return _module(ports, [*lines, f"assign y = x{CHAIN};"])


def product(width: int) -> str:
    """An unsigned product of two ``width``-bit words."""
    ports = f"input [{width - 1}:0] a, b, output [{2 * width - 1}:0] y"
    return _module(ports, ["assign y = a * b;"])


def _module(ports: str, lines: list[str]) -> str:
    return f"module probe({ports});\n" + "\n".join(lines) + "\nendmodule\n"


def period_ns(verilog: str, device: str, seeds: int) -> float:
    """Median clock period over ``seeds`` placements."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.v"
        source.write_text(verilog)
        result = synth.run([source], "probe", device, work_dir=folder, seeds=seeds)
        return 1000 / statistics.median(result.fmax_mhz)


def fit(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Intercept and slope of the least-squares line, in ns."""
    slope, intercept = np.polyfit([x for x, _ in points], [y for _, y in points], 1)
    return float(intercept), float(slope)


def measure(device: str, seeds: int) -> dict[str, Any]:
    """All numbers of the model."""
    logic = [(levels, period_ns(layers(levels), device, seeds)) for levels in LEVELS]
    sums = [(width, period_ns(adders(width), device, seeds)) for width in WIDTHS]
    print(f"{device}: layers {_show(logic)}  adders {_show(sums)}", file=sys.stderr)
    register_ns, lut_ns = fit(logic)
    start_ns, carry_ns = fit(sums)
    dsp_ns, blocks, merges = 0.0, "", 0
    if target(device).has_dsp:
        blocks = target(device).family
        # Known from ice40_dsp, Yosys's pass for these blocks.
        merges = 11 if blocks == "ice40" else 0
        width = 16 if blocks == "ice40" else 18
        dsp_ns = period_ns(product(width), device, seeds) - register_ns
    alone = {
        "register_ns": round(register_ns, 2),
        "lut_ns": round(lut_ns, 2),
        "carry_start_ns": round((start_ns - register_ns) / CHAIN, 2),
        "carry_ns": round(carry_ns / CHAIN, 3),
        "dsp_ns": round(dsp_ns, 2),
    }
    return {
        **alone,
        "logic_ns": alone["lut_ns"],
        "multiplexer_ns": alone["lut_ns"],
        # Known from the architecture: the LUT of an iCE40 cell adds and has one input left.
        "adder_selects": target(device).family == "ice40",
        "adder_subtracts": target(device).family != "ice40",
        "sums_overlap": True,
        # Only in an ECP5 do registers move into the blocks.
        "dsp_register_ns": alone["dsp_ns"] if blocks == "ecp5" else 0.0,
        "dsp_blocks": blocks,
        "dsp_merges": merges,
        "alone": alone,
    }


def _show(points: list[tuple[int, float]]) -> str:
    return " ".join(f"{x}:{y:.2f}" for x, y in points)


def main() -> None:
    """Measure the devices named on the command line and write their model files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("device", help="a device of `holigrail synth`")
    parser.add_argument("--seeds", type=int, default=3, help="placements of each circuit")
    parser.add_argument("-o", "--output", type=Path, help="write the model file into this folder")
    chosen = parser.parse_args()
    goal = target(chosen.device)
    version = tools.require(goal.placer[0], who="measure_device")[goal.placer[0]].version
    model = {
        "name": goal.model,
        "summary": goal.summary,
        **measure(goal.name, chosen.seeds),
        "measured": f"{goal.placer[0]} {version}, {goal.name}, "
        + (f"median of {chosen.seeds} seeds" if chosen.seeds > 1 else "one seed"),
    }
    text = json.dumps(model, indent=2) + "\n"
    print(text, end="")
    if chosen.output is not None:
        (chosen.output / f"{goal.model}.json").write_text(text)


if __name__ == "__main__":
    main()
