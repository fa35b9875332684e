"""A trained network in hardware: a frame of integers in, a frame of results out.

The model file becomes an exact integer graph (:mod:`holigrail_hw.models`), which is the golden
model of every style of hardware:

parallel
    everything unrolled: one frame per cycle, one beat per frame.
stream
    one unit for each layer, joined by queues whose depths are computed; every layer is folded to
    the cycles per frame that were asked for.

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

from holigrail_hw.core import Engine, RequestError, Target, Timing, operator, parameter
from holigrail_hw.core.certification import (
    CertificateFile,
    Certification,
    CertificationRequest,
)
from holigrail_hw.core.parameters import GivenFile
from holigrail_hw.core.streams import Items, Stream
from holigrail_hw.core.views import Table, View
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.mcm.matrix.design import design_remarks
from holigrail_hw.models import IntegerGraph, ModelError
from holigrail_hw.models.certify.certificate import certify

from .classes import classified
from .frames import Frames, frames_of
from .model import MODEL_FILE, SAMPLES_FILE, Source, in_shape, integer_graph
from .styles import STYLES, style

__all__ = ["TrainedNetwork"]

# Parameters that mean something in one style alone.
_OF_STYLE = {
    "stream": ("interval", "dsps"),
    "parallel": ("depth", "stage_levels", "iterations", "search_time"),
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
    the model's input give no stated result.
    """

    certifies = True

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

    def check(self) -> list[str]:
        if self.input is not None and not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        other = next(name for name in STYLES if name != self.style)
        given = [name for name in _OF_STYLE[other] if getattr(self, name) is not None]
        if given:
            return [f"{name} must be left out in style {self.style}" for name in given]
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
    def frames(self) -> tuple[Frames, Frames]:
        """How frames of ``x`` and of ``result`` travel."""
        tensors = self.graph.tensors
        names = (self.graph.inputs[0].tensor, self.graph.outputs[0].tensor)
        found = []
        for name, lanes in zip(names, style(self.style).lanes(self), strict=True):
            tensor = tensors[name]
            low, high = (np.broadcast_to(end, tensor.shape) for end in (tensor.low, tensor.high))
            found.append(frames_of(low, high, lanes))
        return found[0], found[1]

    def streams(self) -> dict[str, Stream]:
        entering, leaving = self.frames
        return {
            "x": Stream("in", entering.fields(checked=False)),
            "result": Stream("out", leaving.fields(checked=entering.beats > 1)),
        }

    def golden(self, x: Mapping[str, Any]) -> Items:
        entering, leaving = self.frames
        frames = entering.integers(x)
        results = self.graph.evaluate(frames.reshape(-1, *self.graph.inputs[0].shape))
        found = leaving.items(results)
        if entering.beats > 1:
            marks = np.asarray(x["last"])[: len(frames) * entering.beats]
            right = entering.items(frames)["last"]
            wrong = (marks != right).reshape(-1, entering.beats).any(axis=1)
            found["error"] = np.repeat(wrong.astype(np.uint64), leaving.beats)
        return {"result": found}

    def job(self, rng: np.random.Generator, size: int) -> Items:
        entering, _ = self.frames
        port = self.graph.inputs[0]
        count = max(1, size // entering.beats)
        frames = rng.integers(port.low, port.high, (count, *port.shape), endpoint=True)
        return {"x": entering.items(frames)}

    def corner_jobs(self) -> list[Items]:
        entering, _ = self.frames
        port = self.graph.inputs[0]
        ends = [entering.items(np.full((1, *port.shape), end)) for end in (port.low, port.high)]
        if entering.beats == 1:
            return [{"x": items} for items in ends]
        early = {name: codes.copy() for name, codes in ends[0].items()}
        early["last"][:2] = 1
        late = {name: codes.copy() for name, codes in ends[1].items()}
        late["last"][:] = 0
        return [{"x": items} for items in (*ends, early, late, ends[0])]

    def shipped_data(self) -> Mapping[str, Path]:
        return SAMPLES_FILE.shipped()

    def data_job(self, arrays: Mapping[str, Any]) -> Items:
        """Samples ``x``: numbers as the file takes them, in its shape; ``y`` is checked, too."""
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
        if "y" in arrays:
            # Labels that do not fit are refused before anything runs.
            size = int(np.prod(self.graph.outputs[0].shape))
            classified(np.zeros((len(codes), size)), arrays["y"])
        return {"x": self.frames[0].items(codes)}

    def data_outcome(
        self, arrays: Mapping[str, Any], results: Items
    ) -> tuple[dict[str, Any], list[Table]]:
        """Classes by the greatest output; with their labels ``y``, accuracy and confusion."""
        port = self.graph.outputs[0]
        frames = self.frames[1].integers(results["result"])
        numbers = self.graph.real(frames.reshape(-1, *port.shape), tail=False)
        return classified(numbers.reshape(len(numbers), -1), arrays.get("y"))

    @classmethod
    def certified(
        cls,
        values: Mapping[str, Any],
        request: CertificationRequest,
        progress: Callable[[str], None],
    ) -> Certification:
        from .certification import certification

        return certification(cls.name, values, request, progress)

    @classmethod
    def certificate_checked(
        cls,
        values: Mapping[str, Any],
        request: CertificationRequest,
        file: CertificateFile,
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        from .certification import certificate_facts

        return certificate_facts(values, request, file, progress)

    def architecture(self, timing: Timing) -> Any:
        return style(self.style).architecture(self, timing)

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        return style(self.style).cost(self, timing or Timing())

    def promise_ns(self, timing: Timing | None = None) -> float | None:
        return style(self.style).promise_ns(self, timing or Timing())

    def cycles(self, timing: Timing, **items: Mapping[str, Any]) -> int:
        """Exact, if frames are always there and results always accepted."""
        beats = len(items["x"]["value0"])
        return style(self.style).cycles(self, timing, beats // self.frames[0].beats)

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

        return network_views(self.graph)
