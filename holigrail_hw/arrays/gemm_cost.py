"""What a matrix engine costs: its array, its lanes, its memories and the little around them."""

from typing import TYPE_CHECKING

from holigrail_hw.core.timing import Timing

from .systolic_array import SystolicArray

if TYPE_CHECKING:
    from .gemm import Gemm

__all__ = ["cost_of_parts", "gemm_cost", "memory_bits"]

_KEYS = ("adders", "one_bit_adders", "luts", "flip_flops", "dsps", "memory_bits")


def gemm_cost(spec: "Gemm", timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    total = dict.fromkeys(_KEYS, 0)
    for part in cost_of_parts(spec, timing).values():
        for key, value in part.items():
            total[key] += value
    return total


def cost_of_parts(spec: "Gemm", timing: Timing) -> dict[str, dict[str, int]]:
    """The same part by part, under their names in words."""
    assert spec.accumulator is not None
    array = SystolicArray(
        rows=spec.rows,
        columns=spec.columns,
        activation=spec.activation,
        weight=spec.weight,
        multiplier=spec.multiplier,
    )
    columns, width = spec.columns, spec.accumulator.width
    bits = memory_bits(spec)
    parts = {
        "array": array.cost(timing),
        "sums over tiles": {
            "adders": columns,
            "one_bit_adders": columns * width,
            "luts": 2 * columns * width,
            "flip_flops": columns * (2 * width + 2 * spec.sums.final.width),
            "memory_bits": bits["sums"],
        },
        "buffer and control": {
            "luts": 300,
            "flip_flops": 2 * spec.rows * spec.activation.width + 400,
            "memory_bits": bits["activations"],
        },
    }
    if spec.lanes is not None:
        channel = spec.streams().get("parameter")
        lanes = {key: columns * value for key, value in spec.lanes.cost(timing).items()}
        lanes["flip_flops"] += 2 * columns * (channel.width if channel else 0)
        parts["requantisation"] = lanes
    return {name: dict.fromkeys(_KEYS, 0) | part for name, part in parts.items()}


def memory_bits(spec: "Gemm") -> dict[str, int]:
    """Bits of the buffer of activations, both halves, and of the sums."""
    assert spec.accumulator is not None
    return {
        "activations": 2 * spec.activation_depth * spec.rows * spec.activation.width,
        "sums": spec.accumulator_depth * spec.columns * spec.accumulator.width,
    }
