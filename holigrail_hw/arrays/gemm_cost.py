"""What a matrix engine costs: its array, its lanes, its memories and the little around them."""

from typing import TYPE_CHECKING

from holigrail_hw.core.timing import Timing

from .systolic_array import SystolicArray

if TYPE_CHECKING:
    from .gemm import Gemm

__all__ = ["gemm_cost", "memory_bits"]


def gemm_cost(spec: "Gemm", timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    assert spec.accumulator is not None
    array = SystolicArray(
        rows=spec.rows,
        columns=spec.columns,
        activation=spec.activation,
        weight=spec.weight,
        multiplier=spec.multiplier,
    )
    total = dict(array.cost(timing))
    columns, width = spec.columns, spec.accumulator.width
    if spec.lanes is not None:
        for key, value in spec.lanes.cost(timing).items():
            total[key] += columns * value
        channel = spec.streams().get("parameter")
        total["flip_flops"] += 2 * columns * (channel.width if channel else 0)
    total["adders"] += columns
    total["one_bit_adders"] += columns * width
    total["luts"] += 2 * columns * width + 300
    total["flip_flops"] += columns * (2 * width + 2 * spec.sums.final.width)
    total["flip_flops"] += 2 * spec.rows * spec.activation.width + 400
    total["memory_bits"] += sum(memory_bits(spec).values())
    return total


def memory_bits(spec: "Gemm") -> dict[str, int]:
    """Bits of the buffer of activations, both halves, and of the sums."""
    assert spec.accumulator is not None
    return {
        "activations": 2 * spec.activation_depth * spec.rows * spec.activation.width,
        "sums": spec.accumulator_depth * spec.columns * spec.accumulator.width,
    }
