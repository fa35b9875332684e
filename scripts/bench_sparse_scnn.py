"""The SCNN engine: speed-up over a dense engine against density, and cells.

Section of scripts/bench_sparse: --only scnn [--scnn-limit CYCLES] [--cells]

grid    The published grid of 8x8 elements with 4x4 multipliers on the inception layers of GoogLeNet
        by the cycle model, beside the figures in scripts/data/scnn_model.csv and published ones.
rtl     A small layer on 2x2 elements with 2x2 multipliers, Verilog through Verilator: all results
        are compared with NumPy's convolution and the cycles with those predicted. Densities whose
        simulation takes more than --scnn-limit cycles are predicted only. "placeholders" is the
        model with the entries that long runs of zeros take. "whole" is from reset to the last
        result; "work" leaves out what a longer layer hides, loading and the last drain.
queues  The same layer at a density of 0.5: cycles of the work over those of the model, by depth of
        the queues in front of the banks.
cells   LUT equivalents (LUT4 + 2 CCU2C), flip-flops, DSP blocks of one element on an ECP5, mapped
        but not placed; with --cells.

Wrong is a simulation that differs from NumPy or the prediction, and a figure that misses its goal.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from holigrail_hw.core import Timing
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.synth import measure
from holigrail_hw.sparse.scnn.golden import convolution, layers_of
from holigrail_hw.sparse.scnn.jobs import layer_items, layer_result, random_layer
from holigrail_hw.sparse.scnn.model import GOOGLENET, Convolution, Grid, crossover, share_of
from holigrail_hw.sparse.scnn.operator import Scnn
from holigrail_hw.sparse.scnn.schedule import group_cycles
from holigrail_hw.ui.progress import Progress
from holigrail_hw.ui.tables import table

__all__ = ["configure", "scnn"]

DATA = Path(__file__).resolve().parent / "data" / "scnn_model.csv"
PUBLISHED_CROSSOVER = 0.85
LAYER = Convolution("small", 6, 256, 16, 3)
SMALL = Grid(side=2, weight_lanes=2, activation_lanes=2)
ENGINE = Scnn(
    columns=2,
    rows=2,
    tile_width=3,
    tile_height=3,
    filters=4,
    channel_depth=LAYER.channels,
    activation_depth=2048,
    weight_depth=8192,
)
DENSITIES = (1.0, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of this section."""
    parser.add_argument(
        "--scnn-limit", type=int, default=400_000, metavar="CYCLES", help="longest simulation"
    )


def scnn(options: argparse.Namespace, console: Console) -> list[str]:
    """All tables; what missed its goal."""
    record: dict[str, Any] = {}
    options.record["scnn"] = record
    failures = _grid(console, record) + _rtl(options, console, record)
    _queues(console, record)
    if options.cells:
        _cells(console, record)
    return failures


def _grid(console: Console, record: dict[str, Any]) -> list[str]:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    rows, failures = [], []
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        density = float(row["density"])
        share = share_of(GOOGLENET, Grid(), density, density)
        published = float(row["published_speedup"]) if row["published_speedup"] else None
        theirs = float(row["speedup"]), float(row["utilization"])
        rows.append([density, share.cycles, share.dense_cycles, share.speedup, theirs[0]])
        rows[-1] += [published, share.utilization, theirs[1]]
        if abs(share.speedup / theirs[0] - 1) > 0.02:
            failures.append(f"grid: speed-up at {density} must be {theirs[0]}, not {share.speedup}")
    header = ["density", "cycles", "dense", "speed-up", "reference", "published", "utilization"]
    table(console, [*header, "reference"], rows)
    found = crossover(GOOGLENET, Grid())
    console.print(f"crossover at a density of {found:.2f}; published {PUBLISHED_CROSSOVER}")
    record["grid"], record["grid crossover"] = rows, found
    return failures


def _layer(density: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(2017)
    return random_layer(ENGINE, rng, LAYER.channels, LAYER.filters, (density, density))


def _work(spec: Scnn, items: Any) -> tuple[int, int, int]:
    """Cycles of the slowest elements: by the model, with placeholders, and as the engine takes."""
    layer = layers_of(spec, items)[0]
    activations, weights = layer.kept[: spec.elements], layer.kept[spec.elements :]
    work = sum(
        max(group_cycles(spec, i, blocks, group) for i, blocks in enumerate(activations))
        for group in weights
    )
    counts = [
        np.stack([np.count_nonzero(block, axis=1) for block in blocks])
        for blocks in (layer.activations, layer.weights)
    ]
    vectors = [
        np.array([[len(block) for block in blocks] for blocks in side])
        for side in (activations, weights)
    ]
    packed = replace(SMALL, weight_lanes=1, activation_lanes=1).cycles(*vectors)
    return SMALL.cycles(*counts), packed, work


def _rtl(options: argparse.Namespace, console: Console, record: dict[str, Any]) -> list[str]:
    dense, groups = SMALL.dense_cycles(LAYER), LAYER.filters // ENGINE.filters
    rows, failures, simulated = [], [], 0
    with Progress(Console(stderr=True)) as progress:
        design = Compiled(ENGINE, backend="verilator", progress=progress)
        for density in DENSITIES:
            progress(f"rtl: density {density}")
            activations, weights = _layer(density)
            items = layer_items(ENGINE, activations, weights)
            model, packed, work = _work(ENGINE, items)
            predicted = ENGINE.cycles(Timing(), **items)
            measured = None
            if predicted <= options.scnn_limit:
                expected = ENGINE.golden(**items)
                counts = {name: len(next(iter(f.values()))) for name, f in expected.items()}
                run = design.run_streams(items, counts, quiet=ENGINE.quiet_cycles, rules=False)
                measured, simulated = run.cycles, simulated + run.cycles
                sums = np.maximum(convolution(activations, weights, 1, True), 0)
                if not np.array_equal(layer_result(ENGINE, run.results, groups), sums):
                    failures.append(f"rtl: results at {density} must be NumPy's")
                if measured != predicted:
                    failures.append(f"rtl: {density} must take {predicted} cycles, not {measured}")
            rows.append([density, dense, model, packed, work, predicted, measured])
            rows[-1] += [dense / model, dense / work, dense / predicted]
            if work > 1.03 * packed + 20 * groups:
                failures.append(f"rtl: work at {density} must be near {packed} cycles, not {work}")
    header = ["density", "dense", "model", "placeholders", "work", "whole", "simulated"]
    table(console, [*header, "speed-up: model", "work", "whole"], rows)
    crossings = [_crossing([(row[0], row[index]) for row in rows]) for index in (7, 8, 9)]
    model, work, whole = crossings
    console.print(
        f"crossover at a density of {model:.2f} by the model, {work:.2f} work, {whole:.2f} whole"
    )
    record["rtl"], record["rtl crossovers"] = rows, crossings
    record["rtl simulated"] = simulated
    return failures


def _crossing(points: list[tuple[float, float]]) -> float:
    """Where the speed-up is 1, between the nearest densities; the highest one if it never is."""
    for (right, low), (left, high) in zip(points, points[1:], strict=False):
        if low < 1 <= high:
            return left + (right - left) * (high - 1) / (high - low)
    return points[0][0]


def _queues(console: Console, record: dict[str, Any]) -> None:
    activations, weights = _layer(0.5)
    rows = []
    for queue in (1, 2, 3, 4, 8):
        spec = replace(ENGINE, queue=queue)
        # One group tells as much as all.
        items = layer_items(spec, activations[:128], weights[: spec.filters, :128])
        model, _, work = _work(spec, items)
        rows.append([queue, model, work, work / model])
    table(console, ["queue", "model", "work", "work / model"], rows)
    record["queues"] = rows


def _cells(console: Console, record: dict[str, Any]) -> None:
    rows = []
    for name, changes in (
        ("2x2 multipliers, tile 4x4", {}),
        ("the same, queues of 1", {"queue": 1}),
        ("1x1 multiplier", {"weight_lanes": 1, "activation_lanes": 1}),
    ):
        spec = Scnn(filters=4, accumulator=None, **changes)
        with Progress(Console(stderr=True)) as progress:
            found = measure.mapped(spec, "ecp5-85k", progress=progress)
        luts = found.luts + 2 * found.carries
        rows.append([name, luts, found.flip_flops, found.dsps, found.memories])
        rows[-1] += [spec.sums.banks, spec.cost()["luts"]]
    header = ["element", "LUT equivalents", "flip-flops", "DSP", "memories", "banks", "estimate"]
    table(console, header, rows)
    record["cells"] = rows
