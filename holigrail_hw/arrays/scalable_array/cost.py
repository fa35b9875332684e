"""What a precision-scalable array costs."""

from collections import Counter

from holigrail_hw.core import Timing

from ..systolic_array.cost import plan_cost
from .shape import ScalableArrayShape

__all__ = ["array_cost"]


def array_cost(spec: ScalableArrayShape, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    element, rows, columns = spec.element, spec.rows, spec.columns
    a, b, width = element.a.width, element.b.width, element.accumulator.width
    each = plan_cost(element.plan(timing))
    total = Counter({key: value * rows * columns for key, value in each.items()})
    # Sums that leave, operands that pass, and the skew of both.
    total["flip_flops"] += rows * columns * (width + a + b + 4)
    total["flip_flops"] += a * rows * (rows - 1) // 2
    total["flip_flops"] += (b + width) * columns * (columns - 1) // 2
    total["luts"] += (rows - 1) * columns * width + rows
    if spec.placing == "column":
        # Chunks dealt out at the edges: a choice among modes for every bit.
        ways = len(spec.mode_list) - 1
        total["luts"] += (
            ways
            * spec.depth
            * sum(
                side * bits for side, bits in zip((rows, columns), element.word_widths, strict=True)
            )
        )
    keys = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")
    return {key: total[key] for key in keys}
