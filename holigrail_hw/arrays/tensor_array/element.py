"""The element of a systolic tensor array: A x C sums, each of which takes B products at once.

In every cycle A vectors of B activations meet C vectors of B weights; every pair of them gives a
dot product. The operands are stored once for A * C of these, and a sum once for B products, which
is what such an element saves against A * B * C single ones (Liu, Whatmough and Mattina, "Systolic
tensor array: an efficient structured-sparse GEMM accelerator for mobile CNN inference", 2020).

With structured sparsity only ``kept`` of every ``group`` weights along B come in, each with its
place in the group. A multiplier chooses its activation by that place, so ``kept`` multipliers do
the work of ``group``. Entry t of a group sees only the ``group - kept + 1`` activations that it can
need, as places rise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth import Mux, Shape

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.golden.structured import expand, index_width, random_metadata
from holigrail_hw.hdl.integer.bit_heap import add_up
from holigrail_hw.hdl.integer.dot_product import dot_heap, dot_product
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.integer.structured_select import choose, decode
from holigrail_hw.hdl.number.fixed import product_range
from holigrail_hw.hdl.number.unpacked import range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from ..systolic_array.partial_sums import fixed_integers

__all__ = ["TensorElement"]


@dataclass(frozen=True, kw_only=True)
class TensorElement(OperatorSpec):
    """Sum (i, j) becomes s + dot product of activations i and weights j, without s after ``clear``.

    Activations ``a{i}_{d}``, weights ``w{d}_{j}`` (those that are kept), metadata ``index{g}_{j}``
    of every group of weights if it is sparse.
    """

    name: ClassVar[str] = "tensor-element"
    summary: ClassVar[str] = "sums of short dot products, dense or with structured sparsity"
    stateful: ClassVar[bool] = True

    rows: int = parameter(2, "vectors of activations, A", low=1, high=16)
    depth: int = parameter(4, "activations of a vector, B", low=1, high=64)
    columns: int = parameter(2, "vectors of weights, C", low=1, high=16)
    activation: Format = parameter(parse("int8"), "format of an activation")
    weight: Format = parameter(parse("int8"), "format of a weight")
    accumulator: Format | None = parameter(None, "format of a sum; as wide as it must be")
    products: int = parameter(1024, "most products of a sum", low=1, high=1 << 32)
    group: int = parameter(1, "weights of a group along B; 1 for dense weights", low=1, high=16)
    kept: int = parameter(1, "weights of a group that may differ from 0", low=1, high=16)
    multiplier: str = parameter(
        "dsp",
        f"{MULTIPLIER_MEANING}; fused: one bit heap for all of a dot product",
        choices=(*MULTIPLIERS, "fused"),
    )

    def derive(self) -> dict[str, Any]:
        return {"accumulator": self._exact} if self._are_fixed else {}

    def check(self) -> list[str]:
        wrong = [
            f"{name} must be a fixed-point, binary or ternary format, not {format}: the products"
            " of a dot product are added without an order; systolic-array takes floats"
            for name, format in (("activation", self.activation), ("weight", self.weight))
            if not format.is_fixed_like
        ]
        if self.kept > self.group:
            wrong.append(f"kept must be at most group, {self.group}, not {self.kept}")
        if self.depth % self.group:
            wrong.append(f"depth must be a multiple of group, {self.group}, not {self.depth}")
        if self.is_sparse and not self.weight.has_zero:
            wrong.append(
                "weight must be a format with a zero if some weights are left out, not binary"
            )
        if wrong:
            return wrong
        exact, given = self._exact, self.accumulator
        fits = (
            isinstance(given, FixedFormat)
            and given.fraction_width == exact.fraction_width
            and given.minimum <= exact.minimum
            and given.maximum >= exact.maximum
        )
        if fits:
            return []
        return [
            f"accumulator must hold every sum of {self.products} products, as {exact} does,"
            f" not be {given}"
        ]

    @property
    def _are_fixed(self) -> bool:
        return self.activation.is_fixed_like and self.weight.is_fixed_like

    @property
    def _exact(self) -> FixedFormat:
        low, high, fraction = product_range(self.activation, self.weight)
        shape = range_shape(self.products * low, self.products * high)
        return FixedFormat(shape.width, shape.signed, fraction)

    @property
    def is_sparse(self) -> bool:
        """Whether weights come with metadata."""
        return self.kept < self.group

    @property
    def groups(self) -> int:
        """Groups of weights along the depth."""
        return self.depth // self.group

    @property
    def entries(self) -> int:
        """Weights that come in for one vector."""
        return self.groups * self.kept

    @property
    def metadata(self) -> Format:
        """Format of the metadata of a group."""
        return parse(f"uint{self.kept * index_width(self.group)}")

    def vector(self, i: int) -> dict[str, Format]:
        """Fields of one vector of activations."""
        return {f"a{i}_{d}": self.activation for d in range(self.depth)}

    def weights(self, j: int) -> dict[str, Format]:
        """Fields of one vector of weights."""
        fields = {f"w{d}_{j}": self.weight for d in range(self.entries)}
        if self.is_sparse:
            fields |= {f"index{g}_{j}": self.metadata for g in range(self.groups)}
        return fields

    def inputs(self) -> dict[str, Format]:
        ports: dict[str, Format] = {}
        for i in range(self.rows):
            ports |= self.vector(i)
        for j in range(self.columns):
            ports |= self.weights(j)
        return ports | {"clear": parse("uint1")}

    def outputs(self) -> dict[str, Format]:
        assert self.accumulator is not None
        names = [f"sum{i}_{j}" for i in range(self.rows) for j in range(self.columns)]
        return dict.fromkeys(names, self.accumulator)

    def golden(self, clear: Any, **codes: Any) -> dict[str, Any]:
        left = self.activations_of(codes, self.rows)
        dots = left @ self.weights_of(codes, self.columns)
        totals = np.cumsum(dots, axis=0)
        before = totals - dots
        order = np.arange(len(dots)).reshape(-1, *[1] * (np.ndim(clear) - 1))
        start = np.maximum.accumulate(np.where(np.asarray(clear) == 1, order, -1), axis=0)
        base = np.take_along_axis(before, np.maximum(start, 0)[..., None, None], axis=0)
        sums = totals - np.where(start[..., None, None] < 0, 0, base)
        assert self.accumulator is not None
        width = self.accumulator.width
        found = (sums & ((1 << width) - 1)).astype(np.uint64 if width <= 64 else object)
        return {
            f"sum{i}_{j}": found[..., i, j] for i in range(self.rows) for j in range(self.columns)
        }

    def activations_of(self, codes: Mapping[str, Any], rows: int) -> np.ndarray:
        """Integers, ... x rows x depth."""
        vectors = [[codes[name] for name in self.vector(i)] for i in range(rows)]
        return fixed_integers(self.activation, _last(vectors), self._is_short)

    def weights_of(self, codes: Mapping[str, Any], columns: int) -> np.ndarray:
        """Dense integers, ... x depth x columns."""
        every = range(columns)
        stored = [[codes[f"w{d}_{j}"] for j in every] for d in range(self.entries)]
        values = fixed_integers(self.weight, _last(stored), self._is_short)
        if not self.is_sparse:
            return values
        words = [[codes[f"index{g}_{j}"] for j in every] for g in range(self.groups)]
        return expand(values, _last(words), self.kept, self.group)

    @property
    def _is_short(self) -> bool:
        """Whether sums over any run fit in 64 bits."""
        low, high, _ = product_range(self.activation, self.weight)
        return max(-low, high) < 1 << 34

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Rare clears let sums grow; most metadata is legal.
        codes["clear"] = (rng.random(count) < 0.04).astype(codes["clear"].dtype)
        for name in [name for name in codes if name.startswith("index")]:
            legal = random_metadata(rng, count, self.kept, self.group)
            codes[name] = np.where(rng.random(count) < 0.9, legal, codes[name])
        return codes

    def datapath(self, plan: Plan, clear: Wire, **wires: Wire) -> Mapping[str, Wire]:
        columns = [self._column(plan, wires, j) for j in range(self.columns)]
        return {
            f"sum{i}_{j}": self._sum(plan, self._pairs(plan, wires, i, *columns[j]), clear)
            for i in range(self.rows)
            for j in range(self.columns)
        }

    def _column(
        self, plan: Plan, wires: Mapping[str, Wire], j: int
    ) -> tuple[list[Wire], list[Wire]]:
        """Weights of a vector, and one bit for every place of each, if they are sparse."""
        weights = [wires[f"w{d}_{j}"] for d in range(self.entries)]
        places: list[Wire] = []
        if self.is_sparse:
            for g in range(self.groups):
                places += decode(plan, wires[f"index{g}_{j}"], self.kept, self.group)
            if not self.activation.has_zero:
                # What is not chosen would count as -1: its weight must be 0.
                weights = [self._guarded(plan, *pair) for pair in zip(weights, places, strict=True)]
        return weights, places

    def _guarded(self, plan: Plan, weight: Wire, places: Wire) -> Wire:
        shape = Shape.cast(weight.shape)
        using = Logic(1, shape.width)
        return plan.step(
            "guarded", shape, lambda w, p: Mux(p.any(), w, 0), weight, places, using=using
        )

    def _pairs(
        self,
        plan: Plan,
        wires: Mapping[str, Wire],
        i: int,
        weights: list[Wire],
        places: list[Wire],
    ) -> list[tuple[Wire, Wire]]:
        """Activation and weight of each multiplier."""
        vector = [wires[f"a{i}_{d}"] for d in range(self.depth)]
        if self.is_sparse:
            ways, chosen = self.group - self.kept + 1, []
            for entry, bits in enumerate(places):
                block, place = divmod(entry, self.kept)
                first = block * self.group + place
                chosen.append(choose(plan, bits, vector[first : first + ways]))
            vector = chosen
        return list(zip(vector, weights, strict=True))

    def _sum(self, plan: Plan, pairs: list[tuple[Wire, Wire]], clear: Wire) -> Wire:
        """The running sum of the dot products of ``pairs``."""
        assert isinstance(self.accumulator, FixedFormat)
        shape, width = shape_of(self.accumulator), self.accumulator.width
        is_signed = self.accumulator.signed
        formats = self.activation, self.weight
        if self.multiplier == "fused":
            heap = dot_heap(plan, pairs, *formats, width)
            added = heap.wires
        else:
            structure = self.multiplier
            heap, added = None, [dot_product(plan, pairs, *formats, structure)]

        def body(plan: Plan, old: Wire, clear: Wire, *added: Wire) -> Wire:
            before = plan.step(
                "before", shape, lambda s, c: Mux(c, 0, s), old, clear, using=Logic(1, width)
            )
            if heap is not None:
                bits = add_up(plan, "total", heap.like(added), before)
                return plan.step("total", shape, lambda s: s.as_signed() if is_signed else s, bits)
            return plan.step(
                "total", shape, lambda s, p: s + p, before, *added, using=Adder(width), wrap=True
            )

        return plan.loop("state", shape, body, clear, *added)


def _last(table: list[list[Any]]) -> np.ndarray:
    """A table of arrays of one shape as one array whose last axes are those of the table."""
    rows = [np.stack([np.asarray(entry) for entry in row], axis=-1) for row in table]
    return np.stack(rows, axis=-2)
