"""Frames as they enter and leave a network that takes them element by element.

A frame of ``x`` has several beats, of which the last one is marked, or a single one; so has a frame
of results.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.core import Timing
from holigrail_hw.core.streams import Items, Stream

from .frames import Frames, frames_of
from .styles import style

__all__ = ["FrameBorder"]


class FrameBorder:
    """What enters and leaves, for one network.

    Parameters
    ----------
    network : operator ``network``
    """

    def __init__(self, network: Any):
        self._network, self._graph = network, network.graph

    @cached_property
    def frames(self) -> tuple[Frames, Frames]:
        """How frames of ``x`` and of ``result`` travel."""
        tensors = self._graph.tensors
        names = (self._graph.inputs[0].tensor, self._graph.outputs[0].tensor)
        found = []
        network = self._network
        for name, lanes in zip(names, style(network.style).lanes(network), strict=True):
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

    def golden(self, items: Mapping[str, Any]) -> Items:
        entering, leaving = self.frames
        x = items["x"]
        frames = entering.integers(x)
        results = self._graph.evaluate(frames.reshape(-1, *self._graph.inputs[0].shape))
        found = leaving.items(results)
        if entering.beats > 1:
            marks = np.asarray(x["last"])[: len(frames) * entering.beats]
            right = entering.items(frames)["last"]
            wrong = (marks != right).reshape(-1, entering.beats).any(axis=1)
            found["error"] = np.repeat(wrong.astype(np.uint64), leaving.beats)
        return {"result": found}

    def cycles(self, timing: Timing, items: Mapping[str, Any]) -> int:
        beats = len(items["x"]["value0"])
        network = self._network
        return style(network.style).cycles(network, timing, beats // self.frames[0].beats)

    def job(self, rng: np.random.Generator, size: int) -> Items:
        """Frames of any values, and as many of extreme ones: only those make large sums."""
        entering, _ = self.frames
        port = self._graph.inputs[0]
        shape = (max(1, size // entering.beats), *port.shape)
        each = (shape[0], *(1 for _ in port.shape))
        found = rng.integers(port.low, port.high, shape, endpoint=True)
        extreme = np.where(rng.random(shape) < rng.random(each), port.high, port.low)
        return self.items(np.where(rng.random(each) < 0.5, extreme, found))

    def corner_jobs(self) -> list[Items]:
        entering, _ = self.frames
        port = self._graph.inputs[0]
        ends = [entering.items(np.full((1, *port.shape), end)) for end in (port.low, port.high)]
        if entering.beats == 1:
            return [{"x": items} for items in ends]
        early = {name: codes.copy() for name, codes in ends[0].items()}
        early["last"][:2] = 1
        late = {name: codes.copy() for name, codes in ends[1].items()}
        late["last"][:] = 0
        return [{"x": items} for items in (*ends, early, late, ends[0])]

    def items(self, frames: np.ndarray) -> Items:
        """The beats of some frames."""
        return {"x": self.frames[0].items(frames)}

    def outcome(self, frames: np.ndarray, results: Items) -> tuple[np.ndarray, dict[str, Any]]:
        """The network's results as integers, frame by frame, and what else is known."""
        return self.frames[1].integers(results["result"]), {}
