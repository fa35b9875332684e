"""The EIE-like engine: efficiency over the depth of its queues, cycles beside the model, cells.

Section of scripts/bench_sparse: --only eie [--eie-elements N] [--queues 1,2,4,8,16] [--cells]

model  The nine published layers at full size on 64 elements, by the project's model of the queues,
       beside the cycles of scripts/data/eie_model.csv, whose masks are drawn again, and the
       published times at 800 MHz. Efficiency is the share of the cycles of all elements in which
       they work on an entry.
rtl    The same densities and rows per element on --eie-elements elements and fewer columns, Verilog
       through Verilator: "rtl" are the cycles that the status of a product says. Products are
       compared with NumPy's, the cycles of the whole run with those predicted.
cells  With --cells: LUT equivalents (LUT4 + 2 CCU2C), flip-flops, DSP blocks and memories of small
       engines on an ECP5, mapped but not placed.

Wrong is a simulation that differs from NumPy or the prediction, a model that differs from the
table, and cycles of a product that exceed those of the model by more than 2 %.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from holigrail_hw.core import Timing
from holigrail_hw.core.streams import joined
from holigrail_hw.flow.simulate.compiled import Compiled
from holigrail_hw.flow.synth import measure
from holigrail_hw.sparse.eie.cost import memory_bits
from holigrail_hw.sparse.eie.encoding import encode
from holigrail_hw.sparse.eie.jobs import load_job, vector_job
from holigrail_hw.sparse.eie.model import efficiency, queue_cycles, random_work
from holigrail_hw.sparse.eie.operator import Eie
from holigrail_hw.ui.progress import Progress
from holigrail_hw.ui.tables import table

__all__ = ["eie"]

DATA = Path(__file__).resolve().parent / "data" / "eie_model.csv"
ELEMENTS, SEED, MHZ = 64, 7, 800
DEPTHS = (1, 2, 4, 8, 16)
MOST_COLUMNS, ENTRIES = 1024, 4096
# What a product may take beyond the model, for the pipeline around the queues.
GOAL = 1.02
Row = dict[str, str]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--eie-elements", type=int, default=8, metavar="N", help="elements of the simulated engines"
    )
    parser.add_argument(
        "--queues", default=",".join(map(str, DEPTHS)), metavar="D,D", help="depths of its queues"
    )


def eie(options: argparse.Namespace, console: Console) -> list[str]:
    """All tables; returns what missed its goal."""
    record = options.record.setdefault("eie", {})
    failures = model(console, record) + rtl(options, console, record)
    if options.cells:
        cells(console, record)
    return failures


def layers() -> dict[str, list[Row]]:
    """The rows of the table, layer by layer."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    found: dict[str, list[Row]] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        found.setdefault(row["layer"], []).append(row)
    return found


def model(console: Console, record: dict[str, Any]) -> list[str]:
    """Layers at full size, on the masks of the table."""
    rng, failures, table_rows = np.random.default_rng(SEED), [], []
    for name, rows in layers().items():
        first = rows[0]
        sizes = int(first["inputs"]), int(first["outputs"])
        densities = float(first["weights"]), float(first["activations"])
        work, real = random_work(rng, *sizes, densities, ELEMENTS)
        cycles = {int(row["queue"]): queue_cycles(work, int(row["queue"])) for row in rows}
        for row in rows:
            ours, theirs = cycles[int(row["queue"])], int(row["cycles"])
            if ours != theirs:
                failures.append(f"{name}, queues of {row['queue']}: {ours} cycles, not {theirs}")
        shares = [efficiency(work, cycles[depth]) for depth in DEPTHS]
        table_rows.append(
            [name, "{} x {}".format(*sizes), real / work.sum()]
            + shares
            + [cycles[8], int(next(row["cycles"] for row in rows if row["queue"] == "8"))]
            + [work.sum() / ELEMENTS / MHZ, float(first["paper_ideal_us"])]
            + [cycles[8] / MHZ, float(first["paper_us"])]
        )
    header = ["layer", "in x out", "real/all"] + [f"queue {depth}" for depth in DEPTHS]
    header += ["cycles, 8", "table", "ideal us", "paper", "us, 8", "paper"]
    table(console, header, table_rows)
    record["model"] = table_rows
    return failures


def scaled(row: Row, elements: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """A matrix and a vector with the densities and the rows per element of a layer."""
    height = -(-int(row["outputs"]) // ELEMENTS)
    weights, activations = float(row["weights"]), float(row["activations"])
    padding = int(row["padded"]) / int(row["entries"])
    columns = int(0.75 * ENTRIES / (height * weights * padding))
    columns = min(columns, MOST_COLUMNS, int(row["inputs"]))
    shape = height * elements, columns
    codebook = rng.choice(np.setdiff1d(np.arange(-500, 500), [0]), 15, replace=False)
    matrix = rng.choice(codebook, shape) * (rng.random(shape) < weights)
    vector = rng.integers(1, 1 << 15, columns) * rng.choice([-1, 1], columns)
    return matrix, vector * (rng.random(columns) < activations)


def rtl(options: argparse.Namespace, console: Console, record: dict[str, Any]) -> list[str]:
    """Scaled layers in simulation, for every depth of the queues."""
    failures, found = [], []
    for depth in map(int, options.queues.split(",")):
        spec = Eie(
            pes=options.eie_elements, columns=MOST_COLUMNS, rows=256, entries=ENTRIES, queue=depth
        )
        with Progress(Console(stderr=True)) as progress:
            design = Compiled(spec, backend="verilator", progress=progress)
        rng = np.random.default_rng(SEED)
        for name, (row, *_) in layers().items():
            matrix, vector = scaled(row, options.eie_elements, rng)
            encoded = encode(spec.sizes, matrix)
            codes = (vector & ((1 << spec.activation.width) - 1)).astype(np.uint64)
            load = load_job(spec, *matrix.shape[::-1], encoded.words())
            job = joined([load, vector_job(spec, codes)])
            counts = {"result": len(matrix), "status": 2}
            run = design.run_streams(job, counts, rules=False)
            mask = (1 << spec.outputs()["result_y"].width) - 1
            label = f"{name}, queues of {depth}"
            if not np.array_equal(
                run.results["result"]["y"], (matrix @ vector & mask).astype(np.uint64)
            ):
                failures.append(f"{label}: the product differs from NumPy's")
            if run.cycles != spec.cycles(Timing(), **job):
                failures.append(f"{label}: {run.cycles} cycles in all differ from the prediction")
            work = encoded.work[vector != 0]
            cycles, expected = int(run.results["status"]["cycles"][1]), queue_cycles(work, depth)
            if cycles > GOAL * expected:
                failures.append(f"{label}: {cycles} cycles exceed {GOAL} * {expected}")
            share = work.sum() / (options.eie_elements * cycles)
            shape = "{1} x {0}".format(*matrix.shape)
            found.append([name, shape, depth, cycles, expected, cycles / expected, share])
            found[-1] += [efficiency(work, expected)]
        print(f"rtl: queues of {depth} done", file=sys.stderr, flush=True)
    found.sort(key=lambda row: list(layers()).index(row[0]))
    header = ["layer", "in x out", "queue", "rtl", "model", "rtl / model", "efficiency", "model"]
    table(console, header, found)
    record["rtl"] = found
    return failures


def cells(console: Console, record: dict[str, Any]) -> None:
    """Synthesis of small engines."""
    rows = []
    for name, spec in (
        ("1 element, queue of 1", Eie(pes=1, queue=1)),
        ("1 element, queue of 8", Eie(pes=1)),
        ("4 elements, queue of 8", Eie(pes=4)),
    ):
        with Progress(Console(stderr=True)) as progress:
            result = measure.mapped(spec, "ecp5-85k", progress=progress)
        luts, bits = result.luts + 2 * result.carries, sum(memory_bits(spec).values())
        rows.append([name, luts, spec.cost()["luts"], result.flip_flops])
        rows[-1] += [spec.cost()["flip_flops"], result.dsps, result.memories, bits]
    header = ["engine", "LUT equivalents", "estimate", "flip-flops", "estimate", "DSP"]
    table(console, [*header, "memories", "bits"], rows)
    record["cells"] = rows
