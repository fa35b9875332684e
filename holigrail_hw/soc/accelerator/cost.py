"""What an accelerator costs, by a rough count of what stands around its engine."""

from holigrail_hw.arrays.gemm.cost import gemm_cost
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.hardware.depthwise import window_product
from holigrail_hw.soc.hardware.engine import engine_of, lane_of

from .shape import AcceleratorShape

__all__ = ["accelerator_cost"]

_COUNTERS, _LOOPS, _WORDS = 32 * 9, 17, 512


def accelerator_cost(spec: AcceleratorShape, timing: Timing) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    machine = spec.machine
    engine = engine_of(machine, spec.lane_count, spec.style)
    width = (machine.scratchpad - 1).bit_length()
    total = dict(gemm_cost(engine, timing))
    if machine.addition:
        for key, value in lane_of("none").cost(timing).items():
            total[key] += value
    if machine.line_buffer:
        for key, value in _depthwise_cost(spec, timing).items():
            total[key] += value
    # Every loop has a register for its address and one for its count.
    around = {
        "adders": _LOOPS + 12,
        "one_bit_adders": _LOOPS * 16 + 12 * 32,
        "luts": _LOOPS * (2 * width + 32) + 24 * machine.grain * 8 + 600,
        "flip_flops": _LOOPS * (width + 17) + _WORDS + _COUNTERS + 200,
        "dsps": int(not spec.serial_checks),
        "memory_bits": 8 * machine.scratchpad + 64 * 256 * machine.addition + 32 * 32,
    }
    return {key: total[key] + around[key] for key in total}


def _depthwise_cost(spec: AcceleratorShape, timing: Timing) -> dict[str, int]:
    """Of the unit for depthwise layers: sums of windows, lanes, two sets of weights, two lines."""
    machine, product = spec.machine, window_product()
    lanes = spec.lane_count or machine.columns
    sums, lane = product.cost(timing), lane_of("accumulator").cost(timing)
    found = {key: sums[key] * machine.lanes + lane[key] * lanes for key in sums}
    bits = 8 * machine.columns
    found["flip_flops"] += 3 * product.terms * bits + 2 * 64 * machine.columns + 100
    found["memory_bits"] += 2 * bits * machine.line_buffer
    return found
