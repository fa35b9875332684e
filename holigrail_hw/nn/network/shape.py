"""Parameters of a trained network in hardware, what must hold among them, and the integer graph."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from holigrail_hw.arrays.gemm.buffer import BUFFERS
from holigrail_hw.core import Engine, RequestError, Site, parameter
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.integer.multiply import MULTIPLIERS
from holigrail_hw.models import IntegerGraph, ModelError

from .model import MODEL_FILE, SAMPLES_FILE, Source, integer_graph
from .stream.request import BLOCK_BITS
from .styles import STYLES, style

__all__ = ["NetworkShape"]

# Parameters that mean something in one style alone.
_OF_STYLE = {
    "stream": ("interval", "rate", "clock_hz", "luts", "brams", "dsps", "fill"),
    "parallel": ("depth", "stage_levels", "iterations", "search_time"),
    "engine": (
        "rows",
        "columns",
        "activation_depth",
        "buffer",
        "multiplier",
        "lane_multiplier",
        "windows",
        "sums",
        "batch",
    ),
}


@dataclass(frozen=True, kw_only=True)
class NetworkShape(Engine):
    """The model file and how it is understood; the style of hardware and its sizes."""

    model: GivenFile = parameter(
        MODEL_FILE.parse("example"), "the trained network", kind=MODEL_FILE
    )
    # Style parallel has tests of its own, with smaller networks.
    style: str = parameter(
        "stream", "how hardware is made of it", choices=STYLES, samples=("stream",)
    )
    input: Format | None = parameter(
        None, "format of the input, where the model does not quantise it", nothing="file"
    )
    runtime: str = parameter(
        "litert",
        "whose kernels an int8 TFLite file means",
        choices=("litert", "tflm"),
        samples=("litert",),
    )
    samples: GivenFile | None = parameter(
        None,
        "inputs by which a model of real numbers is quantised",
        kind=SAMPLES_FILE,
    )
    weight_bits: int | None = parameter(
        None, "bits of weights, of a model of real numbers; 8 if none", low=1, high=16
    )
    activation_bits: int | None = parameter(
        None, "bits of values between layers, of a model of real numbers; 8 if none", low=1, high=16
    )
    requantiser: str = parameter(
        "auto",
        "hardware that makes codes of sums",
        choices=("auto", "thresholds", "multiplier"),
        samples=("auto",),
    )
    interval: int | None = parameter(
        None,
        "most cycles per frame, in style stream",
        low=1,
        high=1 << 40,
        nothing="cheapest",
    )
    rate: int | None = parameter(
        None,
        "least frames per second, in style stream; gives the interval",
        low=1,
        high=1 << 40,
        nothing="any",
    )
    clock_hz: int | None = parameter(
        None,
        "cycles per second that rate counts with; of the period or the board if none",
        low=1,
        high=1 << 40,
    )
    luts: int | None = parameter(
        None,
        "most look-up tables of four inputs, by the estimate, in style stream; without an interval"
        " the fastest that fits",
        low=1,
        high=1 << 30,
        nothing="any",
    )
    brams: int | None = parameter(
        None,
        "most block memories of 18 kbit, in style stream; likewise",
        low=0,
        high=1 << 20,
        nothing="any",
    )
    dsps: int | None = parameter(
        None, "most DSP blocks, in style stream", low=0, high=1 << 20, nothing="any"
    )
    fill: int | None = parameter(
        None,
        "most percent of the device's LUTs, block memories and DSP blocks, in style stream; gives"
        " those of their limits that are left out",
        low=1,
        high=100,
        nothing="any",
    )
    depth: int | None = parameter(
        None,
        "most adders on a path of a matrix, in style parallel",
        low=1,
        high=64,
        nothing="any",
    )
    stage_levels: int | None = parameter(
        None,
        "most adders between two registers, in style parallel; if none, registers only where the"
        " clock needs them",
        low=1,
        high=64,
    )
    iterations: int | None = parameter(
        None,
        "repetitions of each search for adders, in style parallel; chosen by size if none",
        low=0,
        high=1 << 30,
        hardware=False,
    )
    search_time: int | None = parameter(
        None,
        "time limit of each search in seconds, in style parallel; 60 if none",
        low=1,
        high=1 << 20,
        hardware=False,
    )

    rows: int | None = parameter(
        None, "rows of the array, in style engine; 4 if none", low=1, high=256
    )
    columns: int | None = parameter(
        None, "columns of it, in style engine; 4 if none", low=1, high=256
    )
    activation_depth: int | None = parameter(
        None,
        "vectors that each half of its buffer holds, in style engine; by the largest layer if none",
        low=2,
        high=1 << 16,
    )
    buffer: str | None = parameter(
        None, "what holds activations, in style engine; block if none", choices=BUFFERS
    )
    multiplier: str | None = parameter(
        None, "structure of its products, in style engine; dsp if none", choices=MULTIPLIERS
    )
    lane_multiplier: str | None = parameter(
        None,
        "structure of its scales' products, in style engine, or host, to which sums then go; dsp if"
        " none",
        choices=(*MULTIPLIERS, "host"),
    )
    windows: str | None = parameter(
        None,
        "who makes the windows of convolutions, in style engine; the host if none",
        choices=("host", "engine"),
    )
    sums: str | None = parameter(
        None,
        "who adds up sums that take several commands, in style engine; the host if none",
        choices=("host", "engine"),
    )
    batch: int | None = parameter(
        None,
        "frames that go through a layer together, in style engine; 1 if none",
        low=1,
        high=1 << 10,
    )

    def check(self) -> list[str]:
        if self.input is not None and not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        others = [name for style in STYLES if style != self.style for name in _OF_STYLE[style]]
        given = [name for name in others if getattr(self, name) is not None]
        if given:
            return [f"{name} must be left out in style {self.style}" for name in given]
        if (self.style, self.requantiser) == ("engine", "thresholds"):
            return ["requantiser must be auto or multiplier in style engine, not thresholds"]
        try:
            graph = self.graph
        except ModelError as error:
            raise RequestError(
                [f"network: {line}" for line in error.violations], hint=error.hint
            ) from None
        for what, ports in (("inputs", graph.inputs), ("outputs", graph.outputs)):
            if len(ports) != 1:
                return [f"model {graph.name} must have one of its {what}, not {len(ports)}"]
        refused = style(self.style).refusals(graph)
        if refused:
            return [f"model {graph.name}: {line}" for line in refused]
        return style(self.style).violations(self)

    def on(self, site: Site) -> Self:
        """A rate counts in cycles of the clock there, and the device has what may be filled."""
        found: dict[str, int] = {}
        if self.rate is not None and self.clock_hz is None and site.clock_hz is not None:
            found["clock_hz"] = int(site.clock_hz)
        if self.fill is not None and site.room:
            room = {**site.room, "brams": site.room["memory_bits"] // BLOCK_BITS}
            for name in ("luts", "brams", "dsps"):
                if getattr(self, name) is None:
                    found[name] = room[name] * self.fill // 100
        return replace(self, **found) if found else self

    @cached_property
    def graph(self) -> IntegerGraph:
        """The integers that the hardware computes."""
        return integer_graph(
            Source(
                model=self.model,
                input=None if self.input is None else self.input.name,
                runtime=self.runtime,
                samples=self.samples,
                weight_bits=self.weight_bits,
                activation_bits=self.activation_bits,
                requantiser=self.requantiser,
            )
        )
