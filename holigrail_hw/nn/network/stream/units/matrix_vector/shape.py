"""A matrix with stored weights, some products per cycle; no hardware.

The folding is that of FINN (Umuroglu et al., 2017): of K inputs and N outputs, ``simd`` inputs of
``pe`` outputs are multiplied per cycle, K/simd * N/pe cycles per vector.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.primitives import Adder, DspMultiplier, Multiplier, device_model

from ...flow import Flow, Side
from ..unit import Integers, Unit, costs, kept, repeated
from ..ways import Ways

__all__ = ["Depthwise", "MatrixVector", "Products"]


@dataclass(frozen=True, eq=False)
class Products(Unit):
    """Weights, stored beat after beat, and the sums of their products with bias.

    Parameters
    ----------
    weights : array of int
        A row per input of a sum, a column per output.
    bias : array of int
        One per output.
    input, output : Integers
        Elements that come in; sums, which all lie in ``output``.
    vectors : int
        Vectors of a frame.
    pe, simd : int
        Outputs, and inputs of each, of a cycle; they divide the columns and the rows.
    zero : int
        Taken off every input.
    multiplier : str
        ``rows`` of carry chains, ``tree`` of full adders, ``dsp`` blocks.
    timing : Timing
        The clock period, for which registers are placed, and the device.
    """

    weights: np.ndarray
    bias: np.ndarray
    input: Integers
    output: Integers
    vectors: int
    pe: int
    simd: int
    zero: int = 0
    multiplier: str = "rows"
    timing: Timing = Timing()

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.pe

    @property
    def folds(self) -> tuple[int, int]:
        """Beats of one sum, and of the outputs."""
        rows, columns = self.weights.shape
        return rows // self.simd, columns // self.pe

    @cached_property
    def biases(self) -> np.ndarray:
        """What sums begin with, (beats of outputs, pe), the zero of the inputs taken off."""
        moved = self.bias.astype(object) - self.zero * self.weights.astype(object).sum(axis=0)
        return moved.reshape(self.folds[1], self.pe)

    @cached_property
    def blocks(self) -> np.ndarray:
        """Weights (beats of outputs, beats of a sum, pe, simd)."""
        sums, outputs = self.folds
        found = self.weights.astype(np.int64).reshape(sums, self.simd, outputs, self.pe)
        return found.transpose(2, 0, 3, 1)

    @property
    def weight(self) -> Integers:
        """What a weight may be."""
        return Integers.of(self.weights)

    @cached_property
    def partial(self) -> list[Integers]:
        """What the sum of one cycle may be, for each of ``pe``."""
        ends = self.blocks * self.input.low, self.blocks * self.input.high
        low, high = np.minimum(*ends).sum(axis=3), np.maximum(*ends).sum(axis=3)
        return [Integers.of(low[:, :, p], high[:, :, p]) for p in range(self.pe)]

    def lane(self, output: int, term: int) -> int:
        """The element of the beat that is a factor of this product."""
        raise NotImplementedError

    @property
    def words(self) -> np.ndarray:
        """Blocks of weights in the order in which they are read."""
        return self.blocks.reshape(-1, self.pe, self.simd)

    @cached_property
    def _planned(self) -> tuple[int, float]:
        """Cycles of the products and their sum, and the period that the device promises."""
        from .datapath import products_plan

        plan = products_plan(self)
        return plan.latency, plan.promise_ns

    @property
    def stages(self) -> int:
        """Cycles of the products and their sum."""
        return self._planned[0]

    def planned_ns(self) -> float:
        """That of the plan."""
        return self._planned[1]

    def ways(self) -> Ways:
        """See :func:`.ways.products_ways`."""
        from .ways import products_ways

        return products_ways(self)

    def cost(self, device: str) -> dict[str, int]:
        """Multipliers, their sums, accumulators, and memories of weights."""
        model, weight, count = device_model(device), self.weight, self.pe * self.simd
        shape = (self.input.width, weight.width)
        product: Any = Multiplier(*shape)
        if self.multiplier == "dsp":
            product = DspMultiplier(*shape, self.input.signed, weight.signed)
        elif self.multiplier == "rows":
            product = Adder(self.input.width * weight.width)
        sums = sum(part.width for part in self.partial)
        luts = count * product.luts(model) + (self.simd - 1) * sums + self.pe * self.output.width
        flip_flops = sums + self.pe * self.output.width + self.lanes_in * self.input.width
        if self.timing.period_ns is not None:
            flip_flops += self.lanes_in * self.input.width + count * weight.width + sums
        depth = self.folds[0] * self.folds[1]
        logic, blocks = kept(device, depth, count * weight.width)
        places = 3 * max(1, depth).bit_length() + 20
        dsps = count * product.dsps(model)
        return costs(luts + logic + places, flip_flops + places, dsps, blocks)


@dataclass(frozen=True, eq=False)
class MatrixVector(Products):
    """Every output from every input of a vector.

    ``order`` *replay*: beat after beat of outputs, each from the whole vector, which is kept and
    read again. *accumulate*: every input beat is used for all outputs, whose sums are kept.
    """

    order: str = "replay"

    @property
    def lanes_in(self) -> int:
        """Elements of an input beat."""
        return self.simd

    def lane(self, output: int, term: int) -> int:
        """All outputs have the same inputs."""
        return term

    @property
    def replays(self) -> bool:
        """Whether vectors are kept."""
        return self.folds[1] > 1 and self.order == "replay"

    @property
    def accumulates(self) -> bool:
        """Whether sums of all outputs are kept."""
        return self.folds[1] > 1 and self.order == "accumulate"

    @property
    def words(self) -> np.ndarray:
        """Blocks of weights in the order in which they are read."""
        blocks = self.blocks.swapaxes(0, 1) if self.accumulates else self.blocks
        return blocks.reshape(-1, self.pe, self.simd)

    def flow(self) -> Flow:
        """See networks.md, B.4: so many cycles per vector, and the next may follow at once."""
        sums, outputs = self.folds
        tokens = self.vectors * sums
        need = np.repeat(np.arange(1, self.vectors + 1) * sums, outputs)
        if self.accumulates:
            return repeated(tokens, need, pace=outputs, latency=self.stages + 3)
        if not self.replays:
            return repeated(tokens, need, gap=sums, latency=self.stages + 2)
        free = need - sums
        free[outputs - 1 :: outputs] += sums
        side = Side(tokens, need, free, 2 * sums)
        return Flow((side,), len(need), gap=sums, latency=self.stages + 2)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Products of vectors with the matrix, plus bias."""
        vectors = np.asarray(frames).reshape(len(frames), self.vectors, -1) - self.zero
        return (vectors @ self.weights + self.bias).reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """As all products, and what is kept."""
        found, (sums, outputs) = super().cost(device), self.folds
        if self.replays:
            depth, width = 2 * sums, self.simd * self.input.width
        elif self.accumulates:
            depth, width = outputs, self.pe * self.output.width
        else:
            return found
        logic, blocks = kept(device, depth, width)
        more = costs(logic, 0, 0, blocks)
        return {name: found[name] + more[name] for name in found}

    def ways(self) -> Ways:
        """See :func:`.ways.matrix_vector_ways`."""
        from .ways import matrix_vector_ways

        return matrix_vector_ways(self)

    def component(self) -> Any:
        """The hardware."""
        from .hardware import MatrixVectorUnit

        return MatrixVectorUnit(self)


@dataclass(frozen=True, eq=False)
class Depthwise(Products):
    """Every output from its own channel: a row of weights per tap, a column per channel.

    A beat has ``simd`` taps, each with ``pe`` channels; beats of the taps come before the next
    channels, pixel after pixel: ``vectors`` pixels of a frame.
    """

    @property
    def lanes_in(self) -> int:
        """Elements of an input beat."""
        return self.simd * self.pe

    def lane(self, output: int, term: int) -> int:
        """Every output has channels of its own."""
        return term * self.pe + output

    def flow(self) -> Flow:
        """A beat of outputs for every beats of all taps."""
        taps, groups = self.folds
        need = np.arange(1, self.vectors * groups + 1) * taps
        return repeated(len(need) * taps, need, gap=taps, latency=self.stages + 2)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Every channel's taps with its weights, plus bias."""
        taps, groups = self.folds
        shape = (len(frames), self.vectors, groups, taps * self.simd, self.pe)
        values = np.asarray(frames).reshape(shape) - self.zero
        weights = self.weights.reshape(-1, groups, self.pe).swapaxes(0, 1)
        found = (values * weights).sum(axis=3) + self.bias.reshape(groups, self.pe)
        return found.reshape(len(frames), -1)

    def component(self) -> Any:
        """The hardware."""
        from .hardware import DepthwiseUnit

        return DepthwiseUnit(self)
