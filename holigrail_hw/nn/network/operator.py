"""A trained network in hardware: a frame of integers in, a frame of results out.

The model file becomes an exact integer graph (:mod:`holigrail_hw.models`), which is the golden
model of every style of hardware:

parallel
    everything unrolled: one frame per cycle, one beat per frame.
stream
    one unit for each layer, joined by queues whose depths are computed; every layer is folded to
    the cycles per frame that were asked for.
engine
    a matrix engine, to which a host sends every layer as commands.

References: Umuroglu et al., FINN, FPGA 2017; Duarte et al., hls4ml, 2018; Jacob et al.,
Quantization and training of neural networks for efficient integer-arithmetic-only inference, 2018.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.buffer import BUFFERS
from holigrail_hw.core import Engine, RequestError, Target, Timing, operator, parameter
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.core.streams import Items, Stream
from holigrail_hw.core.views import Table, View
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.integer.multiply import MULTIPLIERS
from holigrail_hw.mcm.matrix.design import design_remarks
from holigrail_hw.models import IntegerGraph, ModelError
from holigrail_hw.models.certify.certificate import certify

from .classes import classified
from .frame_border import FrameBorder
from .frames import Frames
from .model import MODEL_FILE, SAMPLES_FILE, Source, in_shape, integer_graph
from .styles import STYLES, style

__all__ = ["TrainedNetwork"]

# Parameters that mean something in one style alone.
_OF_STYLE = {
    "stream": ("interval", "dsps"),
    "parallel": ("depth", "stage_levels", "iterations", "search_time"),
    "engine": (
        "rows",
        "columns",
        "activation_depth",
        "buffer",
        "multiplier",
        "lane_multiplier",
        "batch",
    ),
}


@operator(
    "network",
    summary="a trained network from its file, as integers, exact",
    references=(
        "Umuroglu et al., FINN: A framework for fast, scalable binarized neural network inference,"
        " 2017",
        "Duarte et al., Fast inference of deep neural networks in FPGAs for particle physics, 2018",
        "Jacob et al., Quantization and training of neural networks for efficient"
        " integer-arithmetic-only inference, 2018",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class TrainedNetwork(Engine):
    """Frames of ``x``, channels last, give frames of ``result``, bit for bit the integer graph's.

    A beat carries as many elements as there are fields ``value0``, ``value1`` ...; the last beat of
    a frame is marked. Beats are counted: a mark that is early or late changes no result, but
    ``error`` is then 1 in all beats of the frame's results. Codes of ``x`` outside the limits of
    the model's input give no stated result. In style engine the streams are those of ``gemm``, and
    a host sends frames as commands (:class:`.engine.host.NetworkHost`).
    """

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
    dsps: int | None = parameter(
        None, "most DSP blocks, in style stream", low=0, high=1 << 20, nothing="any"
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
        return [f"model {line}" for line in style(self.style).violations(self)]

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

    @cached_property
    def border(self) -> Any:
        """What enters and leaves in this style."""
        return getattr(style(self.style), "Border", FrameBorder)(self)

    @property
    def frames(self) -> tuple[Frames, Frames]:
        """How frames of ``x`` and of ``result`` travel, in styles that take them."""
        return self.border.frames

    def streams(self) -> dict[str, Stream]:
        return self.border.streams()

    def golden(self, **items: Mapping[str, Any]) -> Items:
        return self.border.golden(items)

    def job(self, rng: np.random.Generator, size: int) -> Items:
        return self.border.job(rng, size)

    def corner_jobs(self) -> list[Items]:
        return self.border.corner_jobs()

    def shipped_data(self) -> Mapping[str, Path]:
        return SAMPLES_FILE.shipped()

    def data_job(self, arrays: Mapping[str, Any]) -> Items:
        """Samples ``x``: numbers as the file takes them, in its shape; ``y`` is checked, too."""
        codes = self._codes(arrays)
        if "y" in arrays:
            # Labels that do not fit are refused before anything runs.
            size = int(np.prod(self.graph.outputs[0].shape))
            classified(np.zeros((len(codes), size)), arrays["y"])
        return self.border.items(codes)

    def _codes(self, arrays: Mapping[str, Any]) -> np.ndarray:
        """Samples as frames of the input."""
        port = self.graph.inputs[0]
        if "x" not in arrays:
            raise RequestError(f"network: data must have an array x, not {', '.join(arrays)}")
        samples = in_shape(np.asarray(arrays["x"]), port.file_shape)
        if not samples.size:
            raise RequestError("network: data must have one sample or more, not none")
        try:
            codes = self.graph.codes(samples)
        except ModelError as error:
            raise RequestError([f"network: {line}" for line in error.violations]) from None
        if not port.low <= codes.min(initial=port.low) <= codes.max(initial=port.low) <= port.high:
            raise RequestError(
                f"network: data must be codes from {port.low} to {port.high}, not {codes.min()} to"
                f" {codes.max()}"
            )
        return codes

    def data_outcome(
        self, arrays: Mapping[str, Any], results: Items
    ) -> tuple[dict[str, Any], list[Table]]:
        """Classes by the greatest output; with their labels ``y``, accuracy and confusion."""
        port = self.graph.outputs[0]
        frames, known = self.border.outcome(self._codes(arrays), results)
        numbers = self.graph.real(frames.reshape(-1, *port.shape), tail=False)
        facts, tables = classified(numbers.reshape(len(numbers), -1), arrays.get("y"))
        return facts | known, tables

    def architecture(self, timing: Timing) -> Any:
        return style(self.style).architecture(self, timing)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return style(self.style).cost(self, timing or Timing())

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        return style(self.style).promise_ns(self, timing or Timing())

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, if items are always there and results always accepted."""
        return self.border.cycles(timing, items)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """The size of the network, what of it is exact, and what the style says."""
        graph = self.graph
        certificate = certify(graph)
        found: dict[str, Any] = {
            "layers": ", ".join(
                f"{count} {kind}"
                for kind, count in Counter(node.kind for node in graph.nodes).items()
            ),
            "products per frame": graph.macs,
            "semantics": graph.semantics,
            "exactness": certificate.verdict,
        }
        return found | style(self.style).facts(self, timing or Timing())

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        return style(self.style).prepare(self, progress)

    def outcome(self) -> str | None:
        found = style(self.style).searched(self)
        return "\n".join(design.circuit.to_json() for design in found) or None

    def remarks(self) -> list[str]:
        searched = style(self.style).searched(self)
        return [*self.graph.remarks, *self.graph.approximations, *design_remarks(searched)]

    def views(self, target: Target | None = None) -> list[View]:
        from .views import network_views

        own = getattr(style(self.style), "views", lambda network, target: [])
        return [*network_views(self.graph), *own(self, target or Target())]
