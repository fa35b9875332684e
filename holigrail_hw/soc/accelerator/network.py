"""A network on an accelerator: compiled for its sizes, and as a job."""

from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.core.streams import Items
from holigrail_hw.core.timing import Timing
from holigrail_hw.models import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.nn.network.model import Source, Unquantised, integer_graph
from holigrail_hw.soc.compiler.compare import loaded
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.hardware.flash import clock_cycles
from holigrail_hw.soc.hardware.style import Style
from holigrail_hw.soc.machine import Machine

from .jobs import chain_job
from .shape import WITH_MODEL, AcceleratorShape

__all__ = ["frame_job", "network_facts", "network_of", "program_of", "sized"]

_Spec = TypeVar("_Spec", bound=AcceleratorShape)
_MOST_BYTES = 1 << 20
_TAKES = "the accelerator takes int8 TFLite files"


def program_of(spec: AcceleratorShape, timing: Timing | None = None) -> Program | None:
    """The model's program, with the cycles of the hardware for a timing; None without a model.

    Raises
    ------
    RequestError
        If the file is no model of integers, the network has an operator that the accelerator has
        not, or does not fit.
    """
    if spec.model is None:
        return None
    timing = replace(timing or Timing(), shell="stream")
    return _program(spec.model, spec.runtime, spec.machine, spec.lane_count, timing, spec.style)


@lru_cache(maxsize=8)
def _program(
    model: GivenFile,
    runtime: str,
    machine: Machine,
    lane_count: int | None,
    timing: Timing,
    style: Style,
) -> Program:
    from .cycles import exact_cycles

    cycles = exact_cycles(machine, lane_count, timing, style)
    return compiled(
        _graph(model, runtime),
        machine,
        cycles=cycles,
        before=cycles.before,
        flash_clock=clock_cycles(timing.device),
    )


def _graph(model: GivenFile, runtime: str) -> IntegerGraph:
    source = Source(
        model=model,
        input=None,
        runtime=runtime,
        samples=None,
        weight_bits=None,
        activation_bits=None,
        requantiser="auto",
    )
    try:
        return integer_graph(source)
    except Unquantised:
        raise RequestError(
            f"accelerator: model must be quantised to int8, not hold real numbers as {model.name}",
            hint=f"{_TAKES}; `holigrail info network --samples` quantises models for hardware of"
            " their own",
        ) from None
    except ModelError as error:
        lines = [f"accelerator: {line}" for line in error.violations]
        # Other operators can be given what a file leaves open.
        hint = _TAKES if error.hint and error.hint.startswith("give ") else error.hint
        raise RequestError(lines, hint=hint) from None


def network_of(
    spec: AcceleratorShape, timing: Timing | None = None
) -> tuple[IntegerGraph, Program] | None:
    """The model's graph and program; None without a model. Raises as :func:`program_of`."""
    if spec.model is None:
        return None
    program = program_of(spec, timing)
    assert program is not None
    return _graph(spec.model, spec.runtime), program


def sized(spec: _Spec) -> _Spec:
    """The accelerator with the sizes that its model takes, where none are asked for."""
    given = {name: value for name, value in WITH_MODEL.items() if getattr(spec, name) is None}
    spec = replace(spec, **given)
    if spec.scratchpad is not None or spec.model is None:
        return spec
    most = replace(spec, scratchpad=_MOST_BYTES)
    program = compiled(_graph(spec.model, spec.runtime), most.machine)
    return replace(spec, scratchpad=1 << max(program.used - 1, 63).bit_length())


def frame_job(program: Program, rng: np.random.Generator) -> Items:
    """The image, a random frame, the chain; all that the network uses of the memory is read."""
    frame = rng.integers(-128, 128, program.input[1])
    memory = loaded(program, frame)[: -(-program.used // 4) * 4]
    shown = min(len(program.descriptors), 32)
    if not program.machine.loader:
        return chain_job(memory, program.start, shown)
    return chain_job(memory, program.start, shown, program.loader_start or 0, program.block_words())


def network_facts(program: Program) -> dict[str, str]:
    """What of the memory the network takes, and the cycles of a frame."""
    size, loads = program.machine.scratchpad, program.loads
    streams = f"{sum(load.length for load in loads)} bytes of weights in {len(loads)} loads a frame"
    return {
        "network": f"{len(program.descriptors)} descriptors, {program.cycles} cycles a frame",
        "bytes": f"{program.used} of {size} used, {program.resident} of them loaded once",
        "streamed": streams if loads else "nothing: all weights stay in the scratchpad",
    }
