"""Dot products of numbers of any formats, with an addend: a0 * b0 + a1 * b1 + ... + c.

Products are exact. How they are added decides what is lost:

- *exact*: in fixed point wide enough for every sum; one rounding (Kulisch, 2013);
- *window*: aligned to the largest term, cut off below a window of bits, one rounding: what matrix
  units of GPUs do (Fasi et al., "Numerical behavior of NVIDIA tensor cores", 2021);
- *tree*: products rounded, then a binary tree of rounded sums (Higham, "The accuracy of floating
  point summation", 1993: the error grows with the logarithm of the number of terms);
- *chunked*: chunks are added term by term, then their sums one by one (Wang et al., "Training deep
  neural networks with 8-bit floating point numbers", 2018: chunks of 64; GPU kernels: of 8).

With feedback the sum goes on from item to item, as that of ``mac`` does: the sum before is one more
term of an exact sum or a window, and is added, rounded, to that of a tree or of chunks.

Factors may be blocks with a common scale. A term is then the exact sum of the products of their
numbers (OCP Microscaling Formats 1.0, 2023, section 6.2), and what is said of terms holds for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holigrail_hw import golden
from holigrail_hw.core import Timing, operator
from holigrail_hw.formats import Exact, Format
from holigrail_hw.golden.block import block_product, block_top
from holigrail_hw.golden.dot_products import (
    Coded,
    exact_sum,
    rounded_chunks,
    rounded_tree,
    top_place,
    windowed_sum,
)
from holigrail_hw.golden.running_sums import Addends, rounded_sums, windowed_sums
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..telling import mostly_near, mostly_plain
from . import feedback, once, stepwise
from .shape import DotProductShape

__all__ = ["DotProduct"]


@operator(
    "dot-product",
    summary="dot product a0*b0 + a1*b1 + ... + c of numbers of any formats",
    references=(
        "Kulisch, Computer Arithmetic and Validity, 2nd ed., 2013",
        "Fasi et al., Numerical behavior of NVIDIA tensor cores, 2021",
        "Wang et al., Training deep neural networks with 8-bit floating point numbers, 2018",
    ),
)
@dataclass(frozen=True, kw_only=True)
class DotProduct(DotProductShape):
    """result = a0 * b0 + a1 * b1 + ... + c; latency 0 without a clock request, one per cycle.

    A sum that is zero is +0 if it is rounded once. An infinity stays; NaN, and infinities of both
    signs, give NaN.
    """

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        if self.accumulation == "exact" and not self.has_register:
            return {"sums": "exact within the block, rounded once"}
        if self.accumulation == "exact":
            return {"sums": f"exact in {self.register.width} bits, rounded once"}
        if self.accumulation == "window":
            count = self.terms + (self.c is not None) + self.feedback
            largest = (
                "that the largest scales allow" if self.of_blocks else "above the largest term"
            )
            return {
                "sums": f"rounded once; before that each of {count} terms loses less than"
                f" 2^-{self.window} of the power of two {largest}"
            }
        return {"sums": f"rounded {stepwise.roundings(self)} times"}

    def golden(self, random: Any = None, **codes: Any) -> dict[str, Any]:
        if self.feedback:
            return {"result": self._running(random, codes)}
        if not self.is_once:
            return {"result": self._rounded_steps(codes, self.target)}
        terms, tops = self._terms(codes)
        if self.c is not None:
            terms.append(self.c.unpack(codes["c"]))
            tops.append(top_place(terms[-1], self.c))
        exact = self.accumulation == "exact"
        total = exact_sum(terms) if exact else windowed_sum(terms, tops, self.window)
        return {"result": self.projected(total, random)}

    def _terms(self, codes: Mapping[str, Any]) -> tuple[list[Exact], list[np.ndarray]]:
        """Exact products, and exponents of powers of two above them."""
        products = [self._product(codes[f"a{i}"], codes[f"b{i}"]) for i in range(self.terms)]
        return [exact for exact, _ in products], [top for _, top in products]

    def _running(self, random: Any, codes: Mapping[str, Any]) -> np.ndarray:
        """Sums that go on, after each item: one more term, or one more rounded sum."""
        how, shape = self.projection(random), np.shape(codes["a0"])
        strobes = codes["clear"], codes["enable"]
        if not self.is_once:
            partial = self.partial or self.target
            sums = partial, self._rounded_steps(codes, partial)
            return rounded_sums(Addends(shape, rounded=sums), *strobes, how)
        terms, tops = self._terms(codes)
        if self.accumulation == "exact":
            return rounded_sums(Addends(shape, (exact_sum(terms),)), *strobes, how)
        return windowed_sums(Addends(shape, tuple(terms), tuple(tops)), *strobes, how, self.window)

    def _product(self, x: Any, y: Any) -> tuple[Exact, np.ndarray]:
        """The exact product of two codes, and the exponent of a power of two above it."""
        if self.of_blocks:
            a, b = self.blocks
            return block_product(a, x, b, y), block_top(a, x, b, y)
        p, q = self.a.unpack(x), self.b.unpack(y)
        return golden.multiply(p, q), top_place(p, self.a) + top_place(q, self.b)

    def _rounded_steps(self, codes: Mapping[str, Any], result: Format) -> np.ndarray:
        pairs: list[tuple[Coded, Coded]] = [
            ((self.a, codes[f"a{i}"]), (self.b, codes[f"b{i}"])) for i in range(self.terms)
        ]
        addend = None if self.c is None else (self.c, codes["c"])
        how = replace(self.projection(None), result=result)
        given, partial = (pairs, addend, how), self.partial or self.target
        if self.accumulation == "tree":
            return rounded_tree(*given, product=self.product or partial, partial=partial)
        return rounded_chunks(*given, chunk=self.chunk, product=self.product, partial=partial)

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        if self.feedback:
            # Rare clears let sums grow to where they overflow, cancel and round.
            codes["clear"] = (rng.random(count) < 0.04).astype(codes["clear"].dtype)
            codes["enable"] = (rng.random(count) < 0.9).astype(codes["enable"].dtype)
        if not self.of_binary_fractions:
            return codes
        formats = self.operands()
        codes |= mostly_plain(rng, formats, codes)
        # Uniform codes hardly ever cancel: half of the pairs undo the pair before them, nearly.
        for i in range(1, self.terms, 2):
            opposite = self._opposite(codes[f"a{i - 1}"])
            undone = rng.random(count) < 0.5
            near = mostly_near(rng, self.a, codes[f"a{i}"], opposite)
            codes[f"a{i}"] = np.where(undone, near, codes[f"a{i}"])
            codes[f"b{i}"] = np.where(undone, codes[f"b{i - 1}"], codes[f"b{i}"])
        if self.c is not None:
            product, _ = self._product(codes["a0"], codes["b0"])
            opposite = self.c.project(golden.negate(product))
            codes["c"] = mostly_near(rng, self.c, codes["c"], opposite)
        return codes

    def _opposite(self, codes: Any) -> np.ndarray:
        if self.of_blocks:
            return self.blocks[0].opposite_codes(codes)
        return self.a.project(golden.negate(self.a.unpack(codes)))

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        if self.feedback:
            return {"result": feedback.result_of(self, plan, wires)}
        hardware = once if self.is_once else stepwise
        return {"result": hardware.result_of(self, plan, wires)}
