"""Elements of tensor arrays, dense and with structured sparsity, beside plain ones.

Section of scripts/bench_sparse: --only structured [--elements TEXT]

An element is operand registers and sums of 32 bits, int8, without reset, skew or a chain that takes
results out: what the elements of scripts/data/tensor_elements.csv are. "products" are those of the
dense matrix per cycle, zeros included, so an element of 4 of 8 makes 8 with 4 multipliers.

transistors  Estimated by Yosys: synth -flatten -noabc; dfflegalize -cell $_DFF_P_ x; abc -g cmos
             -script +strash;map; stat -tech cmos; 24 for each flip-flop. "plain" is a product and a
             sum as Yosys makes them, "fused" one bit heap for each dot product. The gain is over
             the plain scalar element of the table, over ours, and over ours when it is fused.
ECP5         synth_ecp5; LUT equivalents are LUT4 + 2 CCU2C. Products are in DSP blocks.
metadata     Bits of a packed matrix of int8 over those of the dense one: indices, or masks.

Wrong is a 4 of 8 element of 2x8x2 with a gain below 3.14 over the plain scalar of the table, with
more than 48 LUT equivalents or half a DSP block per product; or a 2 of 4 element that does not make
twice the products of its DSP blocks.
"""

import argparse
import csv
import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from amaranth import ClockDomain, Module, Signal, Value
from amaranth.back import verilog
from rich.console import Console

from holigrail_hw.arrays.tensor_array.bundle import BundledElement
from holigrail_hw.arrays.tensor_array.element import TensorElement
from holigrail_hw.core import Timing
from holigrail_hw.core.run.process import run
from holigrail_hw.flow import tools
from holigrail_hw.formats import parse
from holigrail_hw.sparse.structured.packing import pack
from holigrail_hw.ui.tables import table

__all__ = ["configure", "structured"]

DATA = Path(__file__).resolve().parent / "data" / "tensor_elements.csv"
FLIP_FLOP = 24
# Yosys counts 16 transistors for its flip-flop.
COUNTED = 16
GATES = (
    "synth -flatten -noabc -top element",
    "dfflegalize -cell $_DFF_P_ x",
    "abc -g cmos -script +strash;map",
    "opt_clean",
    "tee -o transistors.txt stat -tech cmos",
)
ECP5 = ("hierarchy -top element", "proc", "flatten", "splitnets", "opt_clean")
# Rows, depth, columns, kept, group.
ELEMENTS = {
    "scalar": (1, 1, 1, 1, 1),
    "1x4x1": (1, 4, 1, 1, 1),
    "2x4x2": (2, 4, 2, 1, 1),
    "4 of 8 1x8x1": (1, 8, 1, 4, 8),
    "4 of 8 2x8x2": (2, 8, 2, 4, 8),
    "2 of 8 2x8x2": (2, 8, 2, 2, 8),
    "2 of 4 1x4x1": (1, 4, 1, 2, 4),
    "2 of 4 2x4x2": (2, 4, 2, 2, 4),
}
GOAL = "4 of 8 2x8x2"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--elements", default="", metavar="TEXT", help="only those with this name")


def structured(options: argparse.Namespace, console: Console) -> list[str]:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    anchors = {row["element"]: row for row in rows}
    chosen = [name for name in ELEMENTS if options.elements in name]
    failures = transistors(chosen, anchors, options.record, console)
    failures += luts(chosen, anchors, options.record, console)
    metadata(console)
    return failures


def transistors(
    chosen: list[str], anchors: dict[str, Any], record: dict[str, Any], console: Console
) -> list[str]:
    """Transistors per product, fused and plain, beside the table's."""
    scalar = per_product(anchors["scalar"])
    found, failures = [], []
    ours: list[float] = []
    others = (name for name in chosen if name != "scalar")
    tried = [("scalar", "dsp"), ("scalar", "fused"), *((name, "fused") for name in others)]
    for name, multiplier in tried:
        comb, flip_flops = gates(name, multiplier)
        products = int(anchors[name]["products_per_cycle"])
        each = (comb + FLIP_FLOP * flip_flops) / products
        # The first two are the scalar elements.
        ours = [*ours, each][:2]
        theirs, paper = per_product(anchors[name]), anchors[name]["paper"]
        found.append(
            [name, "fused" if multiplier == "fused" else "plain", products, comb, flip_flops]
            + [round(each), round(scalar / each, 2), *(round(one / each, 2) for one in ours)]
            + ([None] if len(ours) < 2 else [])
            + [round(theirs), round(scalar / theirs, 2), float(paper) if paper else None]
        )
        if name == GOAL and scalar / each < 3.14:
            failures.append(f"{name}: the gain must be at least 3.14, not {scalar / each:.2f}")
    header = ["element", "products", "per cycle", "transistors", "flip-flops", "per product"]
    header += ["gain", "over ours", "over fused", "table: per product", "gain", "paper, area"]
    table(console, header, found)
    record["structured transistors"] = found
    return failures


def luts(
    chosen: list[str], anchors: dict[str, Any], record: dict[str, Any], console: Console
) -> list[str]:
    """LUT equivalents and DSP blocks per product."""
    found, failures = [], []
    for name in chosen:
        cells, theirs = cells_of(name), anchors[name]
        products = int(theirs["products_per_cycle"])
        whole, dsps = cells["LUT4"] + 2 * cells["CCU2C"], cells["MULT18X18D"]
        known = int(theirs["lut_equivalents"]) / products if theirs["lut_equivalents"] else None
        found.append(
            [name, products, cells["LUT4"], cells["CCU2C"], cells["TRELLIS_FF"], dsps, whole]
            + [round(whole / products, 1), dsps / products, round(products / dsps, 1), known]
        )
        if name == GOAL and (whole > 48 * products or 2 * dsps > products):
            failures.append(
                f"{name}: at most 48 LUT equivalents and 0.5 DSP blocks per product, not"
                f" {whole / products:.1f} and {dsps / products:.2f}"
            )
        if name.startswith("2 of 4") and products != 2 * dsps:
            failures.append(f"{name}: {dsps} DSP blocks must make {2 * dsps} products")
    header = ["element", "per cycle", "LUT4", "CCU2C", "flip-flops", "DSP", "LUT equivalents"]
    header += ["per product", "DSP per product", "products per DSP", "table: per product"]
    table(console, header, found)
    record["structured cells"] = found
    return failures


def metadata(console: Console) -> None:
    """What packed matrices of int8 take."""
    found = []
    for kept, group in ((2, 4), (1, 4), (4, 8), (3, 8), (2, 8), (1, 8)):
        bits = pack(np.zeros((8 * group, 1), np.int64), kept, group).bits(8)
        parts = [100 * bits[key] / bits["values"] for key in ("indices", "masks")]
        share = 100 * (bits["values"] + bits["indices"]) / bits["dense"]
        found.append([f"{kept} of {group}", *parts, share])
    header = ["structure", "indices over values (%)", "masks over values (%)"]
    table(console, [*header, "all over dense (%)"], found)


def per_product(row: dict[str, str]) -> float:
    whole = int(row["transistors"]) + FLIP_FLOP * int(row["flip_flops"])
    return whole / int(row["products_per_cycle"])


def source(name: str, multiplier: str) -> str:
    """Verilog of an element between operand registers."""
    rows, depth, columns, kept, group = ELEMENTS[name]
    spec = TensorElement(
        rows=rows,
        depth=depth,
        columns=columns,
        kept=kept,
        group=group,
        accumulator=parse("int32"),
        multiplier=multiplier,
    )
    plan = BundledElement(spec).plan(Timing())
    m = Module()
    m.domains.sync = domain = ClockDomain("sync", reset_less=True)
    plan.add_to(m)
    ports = [domain.clk]
    for port in ("a", "b"):
        inner = plan.inputs[port]
        outer, passed = (Signal.like(inner, name=f"{port}_{way}") for way in ("in", "out"))
        m.d.sync += passed.eq(outer)
        m.d.comb += inner.eq(passed)
        ports += [outer, passed]
    clear, total = Signal(), Signal(len(Value.cast(plan.outputs["result"])))
    m.d.comb += [
        plan.valid.eq(1),
        plan.inputs["clear"].eq(clear),
        total.eq(plan.outputs["result"]),
    ]
    return verilog.convert(m, name="element", ports=[*ports, clear, total], emit_src=False)


def yosys(text: str, commands: tuple[str, ...], result: str) -> str:
    """What Yosys writes to the file ``result``."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "element.v").write_text(text)
        # A register that starts at 0 is a plain flip-flop in silicon.
        script = ["read_verilog -sv element.v", "proc", "setattr -unset init w:*", *commands]
        (place / "element.ys").write_text("\n".join(script) + "\n")
        run(
            [*tools.require("yosys", who="bench")["yosys"].command, place / "element.ys"],
            who="yosys",
            log=place / "yosys.log",
            cwd=place,
            environment=tools.environment(),
            time_limit=1800,
            makes=[place / result],
        )
        return (place / result).read_text()


def gates(name: str, multiplier: str) -> tuple[int, int]:
    """Transistors without those of flip-flops, and flip-flops."""
    text = yosys(source(name, multiplier), GATES, "transistors.txt")
    found = re.search(r"transistors:\s+(\d+)\s", text)
    assert found, "a cell without a number of transistors"
    counts = re.findall(r"^\s*(\d+)\s.*\$_DFF_P_|\$_DFF_P_\s+(\d+)", text, re.M)
    flip_flops = int(next(part for pair in counts for part in pair if part))
    return int(found[1]) - COUNTED * flip_flops, flip_flops


def cells_of(name: str) -> Counter[str]:
    """Cells of an ECP5."""
    commands = (*ECP5, "synth_ecp5 -top element", "write_json element.json")
    module = json.loads(yosys(source(name, "dsp"), commands, "element.json"))["modules"]["element"]
    return Counter(cell["type"] for cell in module["cells"].values())
