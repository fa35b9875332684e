"""Multiply-accumulate: a running sum of products, the operator DNN accelerators are made of.

In every cycle, with p the product a*b and s the sum::

    enable clear   s becomes
    0      0       s
    0      1       0
    1      0       s + p
    1      1       p           (0 with ``restart = zero``, the form DSP blocks can hold whole)

How sums are kept, and where they are rounded:

- *fused* rounds s + a*b once, *cascade* rounds a*b to ``product`` and the sum again;
- *exact* keeps the sum in fixed point wide enough for ``products`` products and rounds only what is
  read out (Kulisch, "Computer Arithmetic and Validity", 2013);
- *window* aligns both summands to the larger one and cuts off what lies below a window of bits
  before it rounds, as matrix units of GPUs do (Fasi et al., "Numerical behavior of NVIDIA tensor
  cores", 2021);
- *chunked* adds products in chunks, and the sum of each chunk to the others (Wang et al., "Training
  deep neural networks with 8-bit floating point numbers", 2018). Chunks begin with their first
  product, the sum of chunks with the first chunk; the output is that of the finished chunks plus
  the present one;
- *kahan* takes what the last addition lost off the next product: y = a*b - c, t = s + y,
  c = (t - s) - y, every operation rounded (Kahan, 1965). An infinite sum is NaN with the next item.

Fixed-point accumulators never round: fused, and wrap or saturate; nor does a quire, which remembers
NaR besides. Products of logarithmic numbers are rounded to ``product`` before they are added. The
output is the sum with this cycle's item included.

Random words of stochastic rounding come from a port or, with ``random_source = lfsr``, from a shift
register inside. It starts from ``lfsr_seed`` after a reset and goes on with every item: each takes
the next N bits of its sequence, or 2N in a cascade, those of the sum first.

A floating-point sum that takes L cycles holds L interleaved, independent sums, one item per cycle,
as GEMM kernels use it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from holigrail_hw.core import Timing, operator
from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Rounding
from holigrail_hw.golden import Projection, accumulate, exact_sums, sum_limit
from holigrail_hw.golden.running_sums import (
    Addends,
    chunked_sums,
    compensated_sums,
    rounded_sums,
    windowed_sums,
)
from holigrail_hw.golden.shift_register import random_words
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.integer.shift_register import random_word
from holigrail_hw.hdl.number.fixed import product_range
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .fixed import fixed_sum
from .naive import naive_exact_sum, naive_sum
from .shape import MacShape
from .sums import exact_sum, rounded_sum

__all__ = ["Mac"]


@operator(
    "mac",
    summary="multiply-accumulate: a running sum of products a*b",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Kulisch, Computer Arithmetic and Validity, 2nd ed., 2013 (exact accumulation)",
        "Kahan, Further remarks on reducing truncation errors, 1965 (kahan)",
        "Wang et al., Training deep neural networks with 8-bit floating point numbers, 2018"
        " (chunked)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Mac(MacShape):
    """s becomes s + a*b, 0 or a*b.

    Latency 1 without a clock request; the initiation interval is 1. With a floating-point
    accumulator ``interleave`` sums share the loop.
    """

    def reference(self, codes: Mapping[str, Any], interleave: int = 1) -> dict[str, Any]:
        """With random words from the register in the order of the items, not of the sums."""
        if self.random_source == "port" or not self.random_words:
            return super().reference(codes, interleave)
        names, bits, shape = self.random_words, self.random_width, np.shape(codes["a"])
        drawn = random_words(self.lfsr_seed, bits * len(names), shape[0] if shape else 1)
        drawn = np.broadcast_to(drawn.reshape(-1, *[1] * (len(shape) - 1)), shape)
        words = {
            name: (drawn >> np.uint64(place * bits)) & np.uint64((1 << bits) - 1)
            for place, name in enumerate(names)
        }
        return super().reference({**codes, **words}, interleave)

    def golden(
        self,
        a: Any,
        b: Any,
        clear: Any,
        enable: Any,
        random: Any = None,
        product_random: Any = None,
    ) -> dict[str, Any]:
        if random is None and self.random_words:
            codes = {"a": a, "b": b, "clear": clear, "enable": enable}
            return self.reference(codes)
        if self.restart == "zero":
            enable = enable & (clear ^ 1)
        if self.is_stepwise:
            words = {"random": random, "product_random": product_random}
            return {"result": self._steps(a, b, clear, enable, **words)}
        x, y = self.a.unpack(a), self.b.unpack(b)
        overflow = self.accumulator.overflow_of(self.overflow)
        if self.accumulation == "exact":
            sums = exact_sums(x, y, clear=clear, enable=enable, accumulator=self.register)
            code = self.accumulator.project(
                sums, self.rounding, random, self.random_width, overflow
            )
            return {"result": code}
        is_cascade = self.accumulation == "cascade" and not self.is_fixed
        return {
            "result": accumulate(
                x,
                y,
                self.accumulator,
                product=self.product if is_cascade else None,
                rounding=self.rounding if self.rounds else Rounding.TOWARD_ZERO,
                overflow=overflow,
                clear=clear,
                enable=enable,
                random=random,
                product_random=product_random,
                random_width=self.random_width if random is not None else 0,
            )
        }

    @property
    def is_stepwise(self) -> bool:
        """Whether a sum is more, or less, than what one rounding leaves of sum and product."""
        coded = not self.of_binary_fractions
        return coded or self.accumulation in ("window", "chunked", "kahan")

    def _steps(
        self, a: Any, b: Any, clear: Any, enable: Any, random: Any, product_random: Any
    ) -> np.ndarray:
        how = Projection(self.accumulator, self.rounding, random, self.random_width, self.overflow)
        drawn = replace(how, random=product_random)
        products = Addends.products((self.a, a), (self.b, b), self.product, drawn)
        given = (products, clear, enable, how)
        match self.accumulation:
            case "window":
                return windowed_sums(*given, self.window)
            case "chunked":
                return chunked_sums(*given, self.chunk)
            case "kahan":
                return compensated_sums(*given)
        return rounded_sums(*given)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        if self.accumulation == "exact":
            return {"sums": f"exact up to {self.products} products, rounded when read"}
        if self.accumulation == "window":
            return {
                "sums": f"both summands lose less than 2^-{self.window} of the power of two above"
                " the larger one, then one rounding per product"
            }
        if self.accumulation == "chunked":
            return {"sums": f"in chunks of {self.chunk} products, two roundings per product"}
        if self.accumulation == "kahan":
            return {"sums": "compensated, four roundings per product"}
        if not self.of_binary_fractions:
            return {"sums": "rounded once per product"}
        if self.accumulator.adds_exactly:
            most = self.accumulator.number_range[1] // self.addend[1]
            return {"sums": f"exact, any {most} products fit into {self.accumulator}"}
        if not self.is_fixed:
            return {"sums": sum_limit(self.accumulator)}
        products = product_range(self.a, self.b)
        return {"sums": sum_limit(self.accumulator, products, overflow=self.overflow)}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        if self.restart == "zero":
            wires["enable"] = plan.step(
                "counted",
                1,
                lambda e, c: e & ~c,
                wires["enable"],
                wires["clear"],
                using=Logic(),
            )
        if self.random_source == "lfsr" and (names := self.random_words):
            bits = self.random_width
            drawn = random_word(plan, bits * len(names), self.lfsr_seed)
            for place, name in enumerate(names):
                part = slice(place * bits, (place + 1) * bits)
                wires[name] = plan.step(name, bits, lambda w, part=part: w[part], drawn)
        if self.accumulation == "exact":
            return {"result": exact_sum(self, plan, **wires)}
        if self.is_fixed:
            return {"result": fixed_sum(self, plan, **wires)}
        return {"result": rounded_sum(self, plan, **wires)}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """For fixed-point and exact sums: expressions in Amaranth's own integer arithmetic."""
        if self.accumulation == "exact" and not self.accumulator.adds_exactly:
            return self._exact_reference
        if not self.is_fixed or self.accumulation == "exact":
            return None
        is_known = all(map(reference.has_integers, (self.a, self.b)))
        return (
            partial(naive_sum, self) if is_known and self.accumulator.codes_are_integers else None
        )

    @property
    def _exact_reference(self) -> Callable[..., Mapping[str, Wire]] | None:
        """Of one sum, in a register that is not too wide, rounded without random words."""
        is_known = reference.is_known(self.a, self.b, result=self.accumulator)
        is_narrow = self.register.width <= reference.MOST_BITS
        if not (is_known and is_narrow) or self.rounding.is_stochastic or self.restart == "zero":
            return None
        return partial(naive_exact_sum, self)
