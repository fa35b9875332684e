"""The kernel for GPUs: its bits beside the processor's, its speed beside the device's bound.

A bound is what the device issues: 128 instructions a clock and multiprocessor, of which 64 may be
of integers (NVIDIA, CUDA C++ Programming Guide, throughput of arithmetic instructions, compute
capability 9.0). A step takes FFMA, and a rounding 2 FADD, LOP3, IADD3, VIMNMX and 2 FMUL, as
counted in machine code for it (SASS, sm_90); a cascade FMUL and FADD with two roundings.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from holigrail_hw.kernels import quantise
from holigrail_hw.torch import Gemm

from .common import Bar

__all__ = ["MPTORCH_GMACS", "Device", "bound", "device", "measured"]

MPTORCH_GMACS = 0.037
"""MPTorch 0.3.0 (mptorch/mptorch at b8e4dc8) on one thread of a Zen 3 processor, E4M3 into E5M10,
the better of several runs. Its kernel for GPUs has not been measured."""

_LANES, _INTEGER_LANES = 128, 64
_ROUNDING, _INTEGERS = 7, 3
_ENOUGH = 60
_RUNS = 5
ROWS: dict[str, dict[str, Any]] = {
    "fused": {},
    "cascade": {"accumulation": "cascade"},
    "chunks of 8": {"chunk": 8},
    "E5M2 x E4M3": {"a": "fp8_e5m2"},
    "fp16 x fp16": {"a": "fp16", "b": "fp16"},
}


@dataclass(frozen=True)
class Device:
    """Where kernels run: multiprocessors and clock of a GPU, or none of the interpreter."""

    name: str
    where: str
    multiprocessors: int = 0
    clock_hz: float = 0.0


def device() -> Device | None:
    """The GPU; Triton's interpreter, where it is chosen; or None."""
    import triton

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        clock = 1e3 * float(getattr(found, "clock_rate", 0))
        return Device(found.name, "cuda", found.multi_processor_count, clock)
    if triton.knobs.runtime.interpret:
        return Device("interpreter", "cpu")
    return None


def bound(how: Gemm, where: Device) -> float | None:
    """Multiply-accumulates per second at most, or None where it is not known; of steps that round
    once more than the product, rounding to odd for one, not less."""
    roundings = 2.0 if how.product is not None else 1.0
    others = roundings
    if how.chunk:
        roundings, others = roundings + 1 / how.chunk, others + 1 / how.chunk
    issued = (others + _ROUNDING * roundings) / _LANES
    clocks = max(issued, _INTEGERS * roundings / _INTEGER_LANES)
    rate = where.multiprocessors * where.clock_hz / clocks
    return rate or None


def measured(
    size: int, rows: list[str] | None, where: Device, progress: Any
) -> Iterator[tuple[str, Bar, float]]:
    """Bars: results that differ, GMAC/s, and their share of the bound."""
    from holigrail_hw.torch.triton_gemm import gemm

    for name, options in ROWS.items():
        if rows and not any(text in name for text in rows):
            continue
        progress(f"gpu, {name}")
        begun = time.process_time()
        how = Gemm(**{"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16", **options})
        small = min(size, 129)
        x, y = _operands(how, (small, small + 1, small - 1))
        left, right = (torch.tensor(part, device=where.where) for part in (x, y))
        found, wanted = gemm(how, left, right).cpu().numpy(), how.numbers(x, y)
        same = np.array_equal(np.isnan(found), np.isnan(wanted))
        bits = (found.view(np.int32) != np.asarray(wanted, np.float32).view(np.int32)) & ~(
            np.isnan(found) & np.isnan(wanted)
        )
        differ = int(bits.sum()) + (not same)
        yield name, Bar(f"{where.name}: results that differ", differ, 0, True), _since(begun)
        x, y = _operands(how, (size, size, size))
        left, right = (torch.tensor(part, device=where.where) for part in (x, y))
        rate = size**3 / _seconds(partial(gemm, how, left, right), where)
        yield name, Bar("  GMAC/s", rate / 1e9), _since(begun)
        ratio = rate / 1e9 / MPTORCH_GMACS
        yield name, Bar("  times MPTorch's on a processor", ratio), _since(begun)
        most = bound(how, where)
        if most is not None:
            yield name, Bar("  GMAC/s at most", most / 1e9), _since(begun)
            yield name, Bar("  % of that", 100 * rate / most, _ENOUGH), _since(begun)


def _operands(how: Gemm, sizes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    m, k, n = sizes
    shapes = (how.a, (m, k)), (how.b, (k, n))
    made = (quantise(f, np.clip(4 * rng.normal(size=s), -400, 400)) for f, s in shapes)
    left, right = (np.asarray(part, np.float32) for part in made)
    return left, right


def _seconds(run: Callable[[], Tensor], where: Device) -> float:
    """The best of several runs; of the interpreter one."""
    if where.where != "cuda":
        begun = time.perf_counter()
        run()
        return time.perf_counter() - begun
    best = float("inf")
    for turn in range(_RUNS + 1):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        # The first run compiles.
        best = min(best, start.elapsed_time(end) / 1e3) if turn else best
    return best


def _since(begun: float) -> float:
    return time.process_time() - begun
