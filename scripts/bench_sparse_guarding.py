#!/usr/bin/env python3
"""Zero guarding of dense arrays: what moves against the share of zeros, and what the flags cost.

Usage: scripts/bench_sparse_guarding.py [--cells] [--json FILE]

activity  Random int8 matrices, activations and weights with the same share of non-zeros, on arrays
          and engines of 4x4 elements, simulated cycle by cycle. "toggles" are bits of multiplier
          operands that change, per element and cycle; "reads" are words of activations read from
          the buffer of an engine. Guarded over unguarded; all results are compared with golden,
          and cycles must be the same.
cells     LUT equivalents (LUT4 + 2 CCU2C), flip-flops, DSP blocks, block memories on an ECP5,
          mapped but not placed, guarded beside unguarded; with --cells.

Exit status 1 if a result is wrong, cycles differ, guarding adds toggles, or a zero is read.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.arrays.shared.activity import activity
from holigrail_hw.arrays.systolic_array.operator import SystolicArray
from holigrail_hw.core import Timing
from holigrail_hw.flow.emit import verilog as emit_verilog
from holigrail_hw.flow.synth import synth
from holigrail_hw.flow.top import Top
from holigrail_hw.ui.progress import Progress
from holigrail_hw.ui.tables import table

__all__ = ["guarding"]

DENSITIES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1)
VECTORS, TILES = 20, 3
DESIGNS: dict[str, Any] = {
    "weight-stationary": SystolicArray(),
    "input-stationary": SystolicArray(dataflow="input-stationary"),
    "gemm": Gemm(requantiser=None),
}


def guarding(options: argparse.Namespace, console: Console) -> list[str]:
    """All tables; what missed its goal."""
    record: dict[str, Any] = {}
    options.record["guarding"] = record
    failures = _activity(console, record)
    if options.cells:
        _cells(console, record)
    return failures


def matrices(spec: Any, density: float) -> dict[str, dict[str, Any]]:
    """Items of tiles of random codes, so many of which are not zero."""
    rng = np.random.default_rng(2017)
    items: dict[str, dict[str, Any]] = {}
    if isinstance(spec, Gemm):
        sizes = {"vectors": VECTORS, "k_tiles": TILES, "n_tiles": 2}
        items["command"] = {name: np.array([size], np.uint64) for name, size in sizes.items()}
        counts = {"activation": VECTORS * TILES, "weight": 2 * TILES * spec.rows}
        ends = dict(counts)
    else:
        flows = spec.dataflow == "weight-stationary"
        moving, held = ("activation", "weight") if flows else ("weight", "activation")
        counts = {moving: VECTORS * TILES, held: TILES * spec.rows}
        ends = {moving: VECTORS}
    for name, count in counts.items():
        fields = spec.streams()[name].fields
        items[name] = {}
        for field, format in fields.items():
            if field == "last":
                items[name][field] = (np.arange(1, count + 1) % ends[name] == 0).astype(np.uint64)
                continue
            codes = rng.integers(1, 1 << format.width, count).astype(np.uint64)
            items[name][field] = np.where(rng.random(count) < density, codes, np.uint64(0))
    return items


def _activity(console: Console, record: dict[str, Any]) -> list[str]:
    rows, failures = [], []
    with Progress(Console(stderr=True)) as progress:
        for name, spec in DESIGNS.items():
            elements = spec.rows * spec.columns
            for density in DENSITIES:
                progress(f"guarding: {name}, density {density}")
                items = matrices(spec, density)
                expected = spec.golden(**items)["result"]
                without, guarded = (
                    activity(replace(spec, guard=guard), Timing(), items) for guard in (False, True)
                )
                for found in (without, guarded):
                    result = found.results["result"]
                    if any(not np.array_equal(result[field], expected[field]) for field in result):
                        failures.append(f"guarding: {name} at {density} must give golden's results")
                if guarded.cycles != without.cycles:
                    failures.append(
                        f"guarding: {name} at {density} must take {without.cycles} cycles, not"
                        f" {guarded.cycles}"
                    )
                if guarded.toggles > without.toggles:
                    failures.append(f"guarding: {name} at {density} must not toggle more")
                per_cycle = [f.toggles / f.cycles / elements for f in (without, guarded)]
                row: list[Any] = [name, density, without.cycles, *per_cycle]
                row += [guarded.toggles / without.toggles, None, None, None]
                if without.reads:
                    row[6:] = [without.reads, guarded.reads, guarded.reads / without.reads]
                    wanted = _present(items, 2)
                    if guarded.reads != wanted:
                        failures.append(
                            f"guarding: {name} at {density} must read {wanted} words, not"
                            f" {guarded.reads}"
                        )
                rows.append(row)
    header = ["design", "density", "cycles", "toggles", "guarded", "ratio"]
    table(console, [*header, "reads", "guarded", "ratio"], rows)
    record["activity"] = rows
    return failures


def _present(items: dict[str, dict[str, Any]], times: int) -> int:
    """Words of activations that are not zero, each as often as it is needed."""
    fields = items["activation"]
    return times * sum(int(np.count_nonzero(fields[name])) for name in fields if name != "last")


def _cells(console: Console, record: dict[str, Any]) -> None:
    rows = []
    for name, spec in DESIGNS.items():
        for guard in (False, True):
            design = replace(spec, guard=guard)
            top = Top(design, Timing())
            with (
                tempfile.TemporaryDirectory() as folder,
                Progress(Console(stderr=True)) as progress,
            ):
                file = Path(folder) / f"{top.name}.v"
                file.write_text(emit_verilog.verilog(top))
                found = synth.run(
                    [file],
                    top.name,
                    "ecp5-85k",
                    work_dir=Path(folder) / "synth",
                    place=False,
                    progress=progress,
                )
            luts = found.luts + 2 * found.carries
            cost = design.cost()
            rows.append([name, "guarded" if guard else "", luts, found.flip_flops, found.dsps])
            rows[-1] += [found.memories, cost["luts"], cost["flip_flops"]]
    header = ["design", "", "LUT equivalents", "flip-flops", "DSP", "memories"]
    table(console, [*header, "estimate: LUTs", "flip-flops"], rows)
    record["cells"] = rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cells", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    options.record = {}
    failures = guarding(options, Console(width=160, highlight=False))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if options.json:
        Path(options.json).write_text(json.dumps(options.record, indent=1) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
