"""A matrix of constants times a vector, bit by bit of all its elements; no hardware.

Elements come as u = x + offset, which is not negative, and go into the graph most significant bits
first. Of the sums s of a cycle the total is 2 t + s, which ends as the product. Below 2 t there is
room for a bit of the bias; what is above these bits is the total to begin with.

Reference: the distributed arithmetic of Peled and Liu, A new hardware realization of digital
filters, 1974, with a graph of shared adders in place of its table.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.mcm.matrix.design import MatrixDesign, MatrixRequest
from holigrail_hw.mcm.matrix.kept_designs import design_kept
from holigrail_hw.mcm.matrix.search import default_iterations
from holigrail_hw.nn.dense_network.layers import Layer

from ...flow import Flow
from ..unit import Integers, Unit, costs, repeated
from ..ways import Ways, choice

__all__ = ["SerialGraph"]


@dataclass(frozen=True, eq=False)
class SerialGraph(Unit):
    """Products of vectors with a matrix, plus bias; parameters are those of a constant graph.

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

    @property
    def bits(self) -> int:
        """Cycles of a vector."""
        return self.input.width

    @property
    def biases(self) -> list[int]:
        """What is added to the product of u, where the most significant bit of x is inverted."""
        offset = 1 << self.bits - 1 if self.input.signed else 0
        sums = self.weights.astype(object).sum(axis=0)
        return (self.bias.astype(object) - (self.zero + offset) * sums).tolist()

    @cached_property
    def layer(self) -> Layer:
        """The matrix and its sums of single bits."""
        count = self.lanes_in
        least = np.minimum(self.weights, 0).sum(axis=0).tolist()
        greatest = np.maximum(self.weights, 0).sum(axis=0).tolist()
        results = tuple(zip(least, greatest, strict=True))
        rows = tuple(tuple(row) for row in self.weights.T.tolist())
        return Layer(rows, (0,) * self.lanes_out, 0, ((0, 1),) * count, results, results)

    @cached_property
    def design(self) -> MatrixDesign:
        """The graph, found by a search or kept from an earlier one."""
        layer, iterations = self.layer, self.iterations
        nothing = (0,) * len(layer.matrix)
        request = MatrixRequest(
            matrix=layer.matrix,
            ranges=layer.ranges,
            constants=nothing,
            bounds=nothing,
            iterations=default_iterations(layer.matrix) if iterations is None else iterations,
            searches=2,
            metric="one-bit-adders",
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
        """A vector for a vector, in as many cycles as bits."""
        need = np.arange(1, self.vectors + 1)
        latency = self._planned[0] + 2 + self.bits
        return repeated(self.vectors, need, pace=self.bits, latency=latency)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Products with the matrix, plus bias."""
        vectors = np.asarray(frames).reshape(len(frames), self.vectors, -1) - self.zero
        return (vectors @ self.weights + self.bias).reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """Adders and registers between them, a total for every output, the vector and its bits."""
        _, luts, flip_flops, _ = self._planned
        totals = self.lanes_out * self.output.width
        vector = self.lanes_in * (self.bits + 1)
        return costs(luts + totals + vector, flip_flops + totals + vector)

    def planned_ns(self) -> float:
        """That of the plan; without a period all of it lies between the bits and totals."""
        return self._planned[3]

    def ways(self) -> Ways:
        """Totals, with the graph before them if it has no registers."""
        total = (choice(self.bits), Logic(1), Adder(self.output.width))
        counter = (choice(self.bits), choice(self._planned[0] + 2), Logic(1))
        return Ways((total, counter), control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .hardware import SerialGraphUnit

        return SerialGraphUnit(self)
