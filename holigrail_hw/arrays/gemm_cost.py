"""What a matrix engine costs: its array, its lanes, its memories and the little around them."""

from typing import TYPE_CHECKING, Any

from holigrail_hw.core.timing import Timing

from .array_cost import plan_cost
from .systolic_array import SystolicArray

if TYPE_CHECKING:
    from .gemm import Gemm

__all__ = ["float_sums", "gemm_cost", "memory_bits"]


def gemm_cost(spec: "Gemm", timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    array = SystolicArray(
        rows=spec.rows,
        columns=spec.columns,
        activation=spec.activation,
        weight=spec.weight,
        multiplier=spec.multiplier,
        **float_sums(spec),
    )
    total = dict(array.cost(timing))
    columns, width = spec.columns, spec.totals.width
    lanes = spec.lanes
    if lanes is not None:
        _add(total, plan_cost(lanes.plan(timing)), columns)
        channel = spec.streams().get("parameter")
        total["flip_flops"] += 2 * columns * (channel.width if channel else 0)
    if spec.is_fixed or spec.sums.is_exact:
        total["adders"] += columns
        total["one_bit_adders"] += columns * width
        total["luts"] += columns * width
    elif not spec.sums.continues:
        _add(total, plan_cost(spec.totals.plan(timing)), columns)
    total["luts"] += columns * width + 300
    total["flip_flops"] += columns * (2 * width + 2 * spec.sums.final.width)
    total["flip_flops"] += 2 * spec.rows * spec.activation.width + 400
    total["memory_bits"] += sum(memory_bits(spec).values())
    return total


def memory_bits(spec: "Gemm") -> dict[str, int]:
    """Bits of the buffer of activations, both halves, and of the sums."""
    return {
        "activations": 2 * spec.activation_depth * spec.rows * spec.activation.width,
        "sums": spec.accumulator_depth * spec.columns * spec.totals.width,
    }


def float_sums(spec: "Gemm") -> dict[str, Any]:
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
