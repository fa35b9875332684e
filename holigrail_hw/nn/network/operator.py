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
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core import Engine, RequestError, Target, Timing, operator
from holigrail_hw.core.certification import Certifier
from holigrail_hw.core.streams import Items, Stream
from holigrail_hw.core.task import Task
from holigrail_hw.core.views import Table, View
from holigrail_hw.mcm.matrix.design import design_remarks
from holigrail_hw.models import ModelError
from holigrail_hw.models.certify.certificate import certify

from .classes import classified
from .frame_border import FrameBorder
from .frames import Frames
from .model import SAMPLES_FILE, in_shape
from .shape import NetworkShape
from .styles import style

__all__ = ["TrainedNetwork"]


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
class TrainedNetwork(NetworkShape):
    """Frames of ``x``, channels last, give frames of ``result``, bit for bit the integer graph's.

    A beat carries as many elements as there are fields ``value0``, ``value1`` ...; the last beat of
    a frame is marked. Beats are counted: a mark that is early or late changes no result, but
    ``error`` is then 1 in all beats of the frame's results. Codes of ``x`` outside the limits of
    the model's input give no stated result. In style engine the streams are those of ``gemm``, and
    a host sends frames as commands (:class:`.engine.host.NetworkHost`).
    """

    @cached_property
    def border(self) -> Any:
        """What enters and leaves in this style."""
        return getattr(style(self.style), "Border", FrameBorder)(self)

    @property
    def frames(self) -> tuple[Frames, Frames]:
        """How frames of ``x`` and of ``result`` travel, in styles that take them."""
        return self.border.frames

    @property
    def quiet_cycles(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As every engine's, or what a slow stream needs for a frame."""
        own = getattr(style(self.style), "quiet_cycles", lambda network: 0)
        return max(Engine.quiet_cycles, own(self))

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

    def data_views(self, arrays: Mapping[str, Any]) -> list[View]:
        """Integers of every tensor for the samples and, with labels, the confusion of classes."""
        from .sample_views import sample_views

        self.data_job(arrays)
        return sample_views(self.graph, self._codes(arrays), arrays.get("y"))

    @classmethod
    def training(cls) -> type[Task]:
        from .training import NetworkTraining

        return NetworkTraining

    @classmethod
    def certifier(cls) -> Certifier:
        from .certification import certificate_facts, certification

        return Certifier(find=partial(certification, cls.name), check=certificate_facts)

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

    def companions(self, timing: Timing | None = None) -> Mapping[str, bytes]:
        """In style parallel the same network as a DAIS program, codes in and codes out."""
        return getattr(style(self.style), "companions", lambda network: {})(self)

    def views(self, target: Target | None = None) -> list[View]:
        from .views import network_views

        own = getattr(style(self.style), "views", lambda network, target: [])
        return [*network_views(self.graph), *own(self, target or Target())]
