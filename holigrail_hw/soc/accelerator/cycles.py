"""The cycles of an accelerator's descriptors, exactly, from the pipelines of its parts."""

from functools import lru_cache

from holigrail_hw.arrays.gemm.timing import STATUS_DEPTH, GemmTiming
from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.cycles.delays import Delays
from holigrail_hw.soc.cycles.depthwise import UnitDelays
from holigrail_hw.soc.cycles.exact import ExactCycles
from holigrail_hw.soc.hardware.adder import sum_latency
from holigrail_hw.soc.hardware.checker import SIZE_CYCLES, SPAN_CYCLES
from holigrail_hw.soc.hardware.depthwise import DepthwiseTiming
from holigrail_hw.soc.hardware.engine import engine_of, lane_of
from holigrail_hw.soc.hardware.serial_checker import STEP_CYCLES
from holigrail_hw.soc.hardware.style import Style
from holigrail_hw.soc.machine import Machine

__all__ = ["exact_cycles"]


@lru_cache(maxsize=64)
def exact_cycles(
    machine: Machine, lane_count: int | None, timing: Timing, style: Style | None = None
) -> ExactCycles:
    """A function of this machine and a descriptor, as compilers take it."""
    style = style or Style()
    gemm = engine_of(machine, lane_count, style)
    engine, unit = GemmTiming(gemm, timing), None
    if machine.line_buffer:
        found = DepthwiseTiming(gemm, timing)
        unit = UnitDelays(found.swap, found.whole, found.turn)
    # Serial checks have a step more, in which they begin.
    step = STEP_CYCLES if style.serial else 1
    return ExactCycles(
        Delays(
            step=engine.step,
            spacing=engine.spacing,
            swap=engine.swap,
            whole=engine.whole,
            turn=engine.turn,
            statuses=STATUS_DEPTH,
            lane=sum_latency(lane_of("none"), timing),
            sizes=step * SIZE_CYCLES,
            spans=step * (SPAN_CYCLES + style.serial),
            depthwise=unit,
            one_port=style.has_one_port,
        )
    )
