"""What a matrix engine costs: its array, its lanes, its memories and the little around them."""

from typing import Any

from holigrail_hw.core.timing import Timing

from ..systolic_array.cost import plan_cost
from ..systolic_array.operator import SystolicArray
from .shape import GemmShape

__all__ = ["array_of", "cost_of_parts", "float_sums", "gemm_cost", "memory_bits"]

_KEYS = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")


def gemm_cost(spec: GemmShape, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    total: dict[str, int] = dict.fromkeys(_KEYS, 0)
    for part in cost_of_parts(spec, timing).values():
        _add(total, part, 1)
    return total


def cost_of_parts(spec: GemmShape, timing: Timing) -> dict[str, dict[str, int]]:
    """The same part by part, under their names in words."""
    array = array_of(spec)
    columns, width = spec.columns, spec.totals.width
    bits, lanes = memory_bits(spec), spec.lanes
    sums: dict[str, int] = dict.fromkeys(_KEYS, 0)
    sums["luts"] = columns * width
    sums["flip_flops"] = columns * (2 * width + 2 * spec.sums.final.width)
    sums["memory_bits"] = bits["sums"]
    if spec.is_fixed or spec.sums.is_exact:
        sums["adders"] += columns
        sums["one_bit_adders"] += columns * width
        sums["luts"] += columns * width
    elif not spec.sums.continues:
        _add(sums, plan_cost(spec.totals.plan(timing)), columns)
    rest = dict.fromkeys(_KEYS, 0) | {
        "luts": 300,
        "flip_flops": 4 * spec.rows * spec.activation.width + 400,
        "memory_bits": bits["activations"],
    }
    parts = {"array": array.cost(timing), "sums over tiles": sums, "buffer and control": rest}
    if lanes is not None:
        channel = spec.streams().get("parameter")
        made: dict[str, int] = dict.fromkeys(_KEYS, 0)
        made["flip_flops"] = 2 * columns * (channel.width if channel else 0)
        count = columns // spec.lane_cycles
        _add(made, plan_cost(spec.lane_plan(timing)), count)
        # A row waits while some of its columns are at work, and so does what was made of them.
        made["flip_flops"] += (columns - count) * (width + spec.final.width)
        made["luts"] += (columns - count) * (width if count < columns else 0)
        parts["requantisation"] = made
    return parts


def array_of(spec: GemmShape) -> SystolicArray:
    """The array in the middle."""
    return SystolicArray(
        rows=spec.rows,
        columns=spec.columns,
        activation=spec.activation,
        weight=spec.weight,
        multiplier=spec.multiplier,
        guard=spec.guard,
        **float_sums(spec),
    )


def memory_bits(spec: GemmShape) -> dict[str, int]:
    """Bits of the buffer of activations, both halves, and of the sums."""
    return {
        "activations": 2 * spec.activation_depth * spec.rows * (spec.activation.width + spec.guard),
        "sums": spec.accumulator_depth * spec.columns * spec.totals.width,
    }


def float_sums(spec: GemmShape) -> dict[str, Any]:
    """The parameters of an array of the same elements that integers leave alone."""
    if spec.is_fixed:
        return {}
    return {
        "accumulator": spec.accumulator,
        "accumulation": spec.accumulation,
        "product": spec.product,
        "rounding": spec.sum_rounding,
    }


def _add(total: dict[str, int], cost: dict[str, int], count: int) -> None:
    for key, value in cost.items():
        total[key] += count * value
