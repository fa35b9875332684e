"""What an array costs, from the plans of its elements and the registers around them."""

from collections import Counter
from typing import Any

from holigrail_hw.core.timing import Timing

from .pace import Pace
from .shape import ArrayShape

__all__ = ["array_cost", "plan_cost"]


def array_cost(spec: ArrayShape, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    total: Counter[str] = Counter()
    if spec.is_stationary:
        sums = spec.sums
        pace = Pace(sums, timing)
        rows, columns, held, moving = spec.rows, spec.columns, sums.b.width, sums.a.width
        for row in range(rows):
            plan = pace.element(row + 1)
            total += _times(plan_cost(plan), columns)
            if sums.guard:
                # The operand, flags of the factors and of the product, and what loads them.
                total["flip_flops"] += columns * (moving + 3)
                total["luts"] += columns * 3
            total["flip_flops"] += columns * (2 * held + sums.width(row + 1))
        total += _times(plan_cost(pace.end()), columns)
        passing = rows * (columns - 1) * (moving + 2)
        if sums.guard:
            passing += rows * (columns - 1)
            # The first element chooses; the flags are found at the border.
            total["luts"] += moving + rows * -(-moving // 3) + columns * -(-held // 3)
        skew = moving * pace.step * rows * (rows - 1) // 2
        written = held * columns * (columns - 1) // 2
        deskew = sums.final.width * columns * (columns - 1) // 2
        depth = pace.late + rows * pace.step + columns - 1 + pace.finish
        control = 2 * depth + rows * pace.step + 2 * rows.bit_length() + 3
        total["flip_flops"] += passing + skew + written + deskew + control
        total["luts"] += 2 * rows.bit_length() + rows + 8
    else:
        mac, rows, columns = spec.mac, spec.rows, spec.columns
        plan = mac.plan(timing)
        width = mac.accumulator.width
        total += _times(plan_cost(plan), rows * columns)
        total["flip_flops"] += rows * columns * (width + mac.a.width + mac.b.width + 4)
        total["flip_flops"] += mac.a.width * rows * (rows - 1) // 2
        total["flip_flops"] += (mac.b.width + width) * columns * (columns - 1) // 2
        total["luts"] += (rows - 1) * columns * width + rows
    keys = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")
    return {key: total[key] for key in keys}


def plan_cost(plan: Any) -> Counter[str]:
    """What the steps of a plan and the registers between them cost."""
    primitives = [primitive for _, primitive, _ in plan.resources]
    return Counter(
        adders=sum(primitive.one_bit_adders() > 0 for primitive in primitives),
        one_bit_adders=sum(primitive.one_bit_adders() for primitive in primitives),
        luts=sum(primitive.luts(plan.device) for primitive in primitives),
        flip_flops=plan.flip_flops(),
        dsps=sum(primitive.dsps(plan.device) for primitive in primitives),
    )


def _times(cost: Counter[str], count: int) -> Counter[str]:
    return Counter({key: value * count for key, value in cost.items()})
