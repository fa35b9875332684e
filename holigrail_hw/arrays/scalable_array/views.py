"""What a precision-scalable array does in each of its modes."""

from typing import Any

from holigrail_hw.core import Timing
from holigrail_hw.core.views import Table

from .shape import ScalableArrayShape

__all__ = ["mode_facts", "mode_table"]


def mode_table(spec: ScalableArrayShape, timing: Timing) -> Table:
    """Products and memory words by mode; cycles of the product asked about."""
    elements = spec.rows * spec.columns
    header = (
        "mode",
        "code",
        "products per cycle",
        "activation bits per item",
        "weight bits per item",
        "sum begins at",
        "cycles",
        "utilisation (%)",
    )
    rows = []
    for code, mode in enumerate(spec.mode_list):
        steps = spec.unit.kind.steps(spec.digit, mode)
        count = spec.products(mode)
        bits = [
            side * count * width // steps
            for side, width in ((spec.rows, mode.activation), (spec.columns, mode.weight))
        ]
        if spec.placing == "serial":
            bits = [side * spec.depth * spec.digit for side in (spec.rows, spec.columns)]
        cycles = used = None
        if spec.m is not None and spec.k is not None and spec.n is not None:
            cycles = spec.product_cycles(timing, mode, spec.m, spec.k, spec.n)
            most = cycles * elements * count / steps
            used = round(100 * spec.m * spec.k * spec.n / most, 2)
        rate = elements * count / steps
        shown = None if spec.placing == "serial" else code
        rows.append((str(mode), shown, round(rate, 4), *bits, spec.shift(mode), cycles, used))
    caption = (
        "Operands are packed by mode: only the bits listed are read, from the lowest of each word."
        if spec.placing != "serial"
        else "Operands are packed as planes of digits, highest first; every pair of planes of one"
        " weight is an item."
    )
    return Table("modes", header, tuple(rows), caption)


def mode_facts(spec: ScalableArrayShape, timing: Timing) -> dict[str, Any]:
    """Products per cycle of the whole array, and cycles of the product asked about."""
    found: dict[str, Any] = {}
    table = mode_table(spec, timing)
    found["products per cycle"] = ", ".join(f"{row[0]}: {row[2]:g}" for row in table.rows)
    if spec.m is not None:
        found["cycles"] = ", ".join(f"{row[0]}: {row[6]}" for row in table.rows)
    return found
