"""A matrix of constants times a vector in every cycle, by a graph of adders; no hardware."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.mcm.matrix.design import MatrixDesign, MatrixRequest
from holigrail_hw.mcm.matrix.kept_designs import design_kept
from holigrail_hw.mcm.matrix.search import default_iterations
from holigrail_hw.nn.dense_network.layers import Layer

from ...flow import Flow
from ..unit import Integers, Unit, costs, pointwise
from ..ways import Ways, choice

__all__ = ["ConstantGraph"]


@dataclass(frozen=True, eq=False)
class ConstantGraph(Unit):
    """Products of vectors with a matrix, plus bias.

    Parameters
    ----------
    weights : array of int
        A row per input, a column per output.
    bias : array of int
        One per output.
    input, output : Integers
        Elements that come in; sums, which all lie in ``output``.
    vectors : int
        Vectors of a frame, a beat each.
    zero : int
        Taken off every input.
    timing : Timing
        The clock period, for which registers are placed, and the device.
    low, high : array of int, optional
        Least and greatest of every input, where they are known better.
    iterations : int, optional
        Repetitions of the search for the graph.
    search_time : float
        Its limit in seconds.
    """

    weights: np.ndarray
    bias: np.ndarray
    input: Integers
    output: Integers
    vectors: int
    zero: int = 0
    timing: Timing = Timing()
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    iterations: int | None = None
    search_time: float = 60.0

    @property
    def lanes_in(self) -> int:
        """Elements of an input beat."""
        return self.weights.shape[0]

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.weights.shape[1]

    @cached_property
    def layer(self) -> Layer:
        """The matrix, without inputs that have one value only, and ranges."""
        count, columns = self.weights.shape
        low = np.full(count, self.input.low) if self.low is None else np.asarray(self.low)
        high = np.full(count, self.input.high) if self.high is None else np.asarray(self.high)
        fixed = low == high
        biases = self.bias - self.zero * self.weights.sum(axis=0)
        biases = biases + (low * fixed) @ self.weights
        matrix = np.where(fixed[:, None], 0, self.weights)
        ends = [end[:, None] * matrix for end in (low, high)]
        least = (np.minimum(*ends).sum(axis=0) + biases).tolist()
        greatest = (np.maximum(*ends).sum(axis=0) + biases).tolist()
        results = tuple(zip(least, greatest, strict=True))
        rows = tuple(tuple(row) for row in matrix.T.tolist())
        ranges = tuple(zip(low.tolist(), high.tolist(), strict=True))
        return Layer(rows, tuple(biases.tolist()), 0, ranges, results, results)

    @cached_property
    def design(self) -> MatrixDesign:
        """The graph, found by a search or kept from an earlier one."""
        layer = self.layer
        nothing = (0,) * len(layer.matrix)
        iterations = self.iterations
        request = MatrixRequest(
            matrix=layer.matrix,
            ranges=layer.ranges,
            constants=nothing,
            bounds=nothing,
            iterations=default_iterations(layer.matrix) if iterations is None else iterations,
            searches=2,
        )
        return design_kept(request, time_limit=self.search_time)

    @cached_property
    def _planned(self) -> tuple[int, int, int, float]:
        """Cycles, LUTs, flip-flops, and the period that the device promises."""
        from .hardware import graph_plan

        plan = graph_plan(self)
        luts = sum(primitive.luts(plan.device) for _, primitive, _ in plan.resources)
        return plan.latency, luts, plan.flip_flops(), plan.promise_ns

    def flow(self) -> Flow:
        """A vector for a vector."""
        return pointwise(self.vectors, self._planned[0])

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Products with the matrix, plus bias."""
        vectors = np.asarray(frames).reshape(len(frames), self.vectors, -1) - self.zero
        return (vectors @ self.weights + self.bias).reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """Adders, and registers between them."""
        return costs(*self._planned[1:3])

    def planned_ns(self) -> float:
        """That of the plan; without a period all of it lies between the inputs and registers."""
        return self._planned[3]

    def ways(self) -> Ways:
        """A handshake beside the plan."""
        return Ways(((choice(self._planned[0] + 1), Logic(1)),))

    def component(self) -> Any:
        """The hardware."""
        from .hardware import ConstantGraphUnit

        return ConstantGraphUnit(self)
