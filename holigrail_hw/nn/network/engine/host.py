"""The host's side of a network on a matrix engine: frames in, results out.

The host makes windows out of images, sends the commands of a layer, takes codes or sums back, and
computes what the engine does not: pools, residual sums, moves, softmax, and requantisations that
have no lane. All of it is exact integer arithmetic, by the evaluation of the integer graph.
"""

from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.commands import WHY, empty_command
from holigrail_hw.core import RequestError
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.link import Link
from holigrail_hw.core.streams import joined

from .items import finished, layer_items, layer_sums, result_count
from .layers import Layer
from .plan import Plan
from .planner import plan_of

__all__ = ["NetworkHost"]


class NetworkHost:
    """Frames through a network whose layers run on the engine behind a link.

    Parameters
    ----------
    network : operator ``network`` in style ``engine``
    link : Link
        To this network, or to a ``gemm`` that has its streams.

    Attributes
    ----------
    cycles : int
        Of the engine's clock, in the latest run: for each layer, from the status of an empty
        command, sent before its commands, to the last status. With a link that is never late it is
        ``plan_of(network).total(timing, frames)``.

    Raises
    ------
    RequestError
        The network has another style, or the link's engine has other streams.
    """

    def __init__(self, network: Any, link: Link):
        if getattr(network, "style", None) != "engine":
            raise RequestError(
                "network host: the network must have style engine, not"
                f" {getattr(network, 'style', network)}"
            )
        self._plan: Plan = plan_of(network)
        if link.spec.streams() != self._plan.spec.streams():
            raise RequestError(
                "network host: the link's engine must have the streams of this network's, not"
                f" those of {link.spec.top_name()}"
            )
        self._link = link
        self.cycles = 0

    def run(self, frames: Any, *, every: bool = False) -> Any:
        """The integers of the network's output for frames of its input.

        Parameters
        ----------
        frames : array of integers
            (frames, *shape of the input), channels last.
        every : bool
            Return a dict of the tensors that were computed, by name.

        Raises
        ------
        RequestError
            Frames of another shape, or codes beyond the limits of the input.
        DesignError
            The engine reports an error.
        """
        graph, self.cycles = self._plan.graph, 0
        frames = self._checked(frames)
        size = self._plan.batch
        parts = [
            self._plan.run(frames[at : at + size], self._layer)
            for at in range(0, len(frames), size)
        ]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return whole if every else whole[graph.outputs[0].tensor]

    def _checked(self, frames: Any) -> np.ndarray:
        frames, port = np.asarray(frames), self._plan.graph.inputs[0]
        shape = ", ".join(map(str, port.shape))
        if frames.ndim != len(port.shape) + 1 or frames.shape[1:] != port.shape or not len(frames):
            raise RequestError(
                f"network host: frames must have the shape (frames, {shape}), not {frames.shape}"
            )
        if frames.dtype.kind not in "iub":
            raise RequestError(f"network host: frames must be integers, not {frames.dtype}")
        low, high = int(frames.min()), int(frames.max())
        if not port.low <= low <= high <= port.high:
            raise RequestError(
                f"network host: frames must be codes from {port.low} to {port.high}, not {low} to"
                f" {high}"
            )
        return frames.astype(np.int64)

    def _layer(self, layer: Layer, operand: np.ndarray) -> np.ndarray:
        """One layer on the engine; the time it took is added to ``cycles``."""
        plan, frames = self._plan, len(operand)
        items = joined([empty_command(plan.spec), *layer_items(plan, layer, operand)])
        counts = {
            "result": result_count(plan, layer, frames),
            "status": 1 + len(plan.commands(layer, frames)),
        }
        try:
            found = self._link.exchange(items, counts)
        except DesignError as error:
            raise DesignError(f"network host: layer {layer.node.name}: {error}") from None
        status = found["status"]
        wrong = [int(code) for code in status["code"][1:] if code]
        if wrong:
            raise DesignError(
                f"network host: layer {layer.node.name}: the engine must report no error, not this"
                f" one: {WHY[wrong[0]]}"
            )
        begin, end = (int(status["cycles"][at]) for at in (0, -1))
        self.cycles += (end - begin) % (1 << self._plan.spec.cycle_width)
        return finished(layer, plan, layer_sums(plan, layer, found["result"], frames))
