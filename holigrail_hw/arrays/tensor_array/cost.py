"""What a tensor array costs, and what a product on it takes."""

from collections import Counter
from typing import Any

from holigrail_hw.core.timing import Timing

from ..shared.tiling import Tiling
from ..systolic_array.cost import plan_cost
from .bundle import BundledElement
from .shape import TensorShape

__all__ = ["product_facts", "product_tiling", "product_words", "tensor_cost"]


def tensor_cost(spec: TensorShape, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    element, rows, columns = BundledElement(spec.element), spec.rows, spec.columns
    a, b, width = element.a.width, element.b.width, element.accumulator.width
    each = plan_cost(element.plan(timing))
    total = Counter({key: value * rows * columns for key, value in each.items()})
    # Sums that leave, operands that pass, and the skew of both.
    total["flip_flops"] += rows * columns * (width + a + b + 4)
    total["flip_flops"] += a * rows * (rows - 1) // 2
    total["flip_flops"] += (b + width) * columns * (columns - 1) // 2
    total["luts"] += (rows - 1) * columns * width + rows
    keys = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")
    return {key: total[key] for key in keys}


def product_tiling(spec: TensorShape, m: int, k: int, n: int) -> Tiling:
    """A product in tiles of all sums of the array."""
    rows, columns = spec.rows * spec.block_rows, spec.columns * spec.block_columns
    return Tiling("output-stationary", rows, columns, m, k, n)


def product_words(spec: TensorShape, tiling: Tiling) -> dict[str, int]:
    """Words across the border; of a sparse model those of the weights that are kept."""
    words = tiling.words
    if spec.element.is_sparse:
        words["weight"] = -(-tiling.k // spec.group) * tiling.n * tiling.shape[0] * spec.kept
    return words


def product_facts(spec: TensorShape, timing: Timing, m: int, k: int, n: int) -> dict[str, Any]:
    """Cycles, use of the multipliers and words moved for a product of M x K and K x N.

    Padding costs cycles and no words, except that of the groups of a sparse model.
    """
    element = spec.element
    tiling = product_tiling(spec, m, k, n)
    length = -(-k // spec.depth)
    cycles = spec.product_cycles(timing, tiling.tiles, length)
    elements = spec.rows * spec.columns * element.rows * element.columns
    found: dict[str, Any] = {
        "multipliers": elements * element.entries,
        "products per cycle": elements * element.depth,
        "tiles": f"{tiling.shape[0]} x {tiling.shape[1]} of {length}",
        "cycles": cycles,
        "utilisation (%)": round(100 * m * k * n / (cycles * elements * element.depth), 2),
    }
    words = product_words(spec, tiling)
    if element.is_sparse:
        groups = words["weight"] // spec.kept
        metadata = groups * element.metadata.width
        found["metadata bits"] = metadata
        share = element.metadata.width / (spec.kept * spec.weight.width)
        found["metadata per kept weight (%)"] = round(100 * share, 2)
        passes = -(-spec.group // spec.kept)
        found["cycles dense model"] = spec.product_cycles(timing, tiling.tiles, length * passes)
    for name, count in words.items():
        found[f"{name} words"] = count
        found[f"{name} words per cycle"] = round(count / cycles, 4)
    return found
