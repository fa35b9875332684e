"""A processing element of training and inference: floats and small integers, by a mode per item.

    mode  name            products per item      factors                         sum
    0     fp16            1                      1-6-9 (DLFloat)                  float_sum
    1     hfp8_forward    2                      1-4-3 by 1-4-3                   float_sum
    2     hfp8_backward   2                      a 1-4-3, b 1-5-2                 float_sum
    3     int4            ``lanes``              signed four-bit integers         integer_sum
    4     int2            2 ``lanes``            signed two-bit integers          integer_sum

Operands lie at the low end of ``a`` and ``b``, the first one lowest; what is above them is not
looked at. In every item, with the sum of its mode::

    enable clear   the sum becomes
    0      0       what it is
    0      1       0
    1      0       itself plus all products
    1      1       all products

The other sum waits; modes may change with every item.

What is rounded, and where:

- products are exact: 8-bit floats become 1-5-3 without loss, and significands are multiplied whole;
- products and the sum of the present *chunk* are aligned to the largest of them; of each, what lies
  ``window`` bits below the power of two above the largest is cut off, toward zero;
- what is left is added exactly, and rounded once to 1-6-9, to nearest with ties away from zero;
- after ``chunk`` items the sum of the chunk is added to that of the chunks before, rounded the same
  way, and a new chunk begins (Wang et al., 2018). ``float_sum`` is the rounded sum of the finished
  chunks and the present one;
- NaN, which is also what overflows, stays until ``clear``; 0 * NaN is NaN;
- integers are never rounded; their sum is modulo 2^16.

With ``pipes = separate`` floats and integers have products, adders and registers of their own, with
``merged`` they share them; answers are the same. With ``bypass`` the operands of products that do
not count, because a factor is zero or the item is of the other kind, do not get into the pipe: it
keeps those it had.

References: Agrawal et al., "A 7nm 4-core AI chip with 25.6TFLOPS hybrid FP8 training, 102.4TOPS
INT4 inference and workload-aware throttling", 2021; Agrawal et al., "DLFloat: a 16-b floating point
format designed for deep learning training and inference", 2019; Sun et al., "Hybrid 8-bit floating
point (HFP8) training and inference for deep neural networks", 2019; Wang et al., "Training deep
neural networks with 8-bit floating point numbers", 2018 (chunks).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import Timing, operator
from holigrail_hw.hdl.plan.plan import Plan, Wire

from . import golden, merged, separate
from .shape import HybridShape

__all__ = ["HybridElement"]


@operator(
    "hybrid-element",
    summary="running sums of DLFloat16, hybrid 8-bit float, int4 or int2 products, by a mode",
    references=(
        "Agrawal et al., A 7nm 4-core AI chip with 25.6TFLOPS hybrid FP8 training, 102.4TOPS INT4"
        " inference and workload-aware throttling, 2021",
        "Agrawal et al., DLFloat: a 16-b floating point format designed for deep learning training"
        " and inference, 2019",
        "Sun et al., Hybrid 8-bit floating point (HFP8) training and inference for deep neural"
        " networks, 2019",
        "Wang et al., Training deep neural networks with 8-bit floating point numbers, 2018"
        " (chunks)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class HybridElement(HybridShape):
    """A float sum and an integer sum; an item adds its products to one of them.

    Modes: 0 fp16, 1 hfp8 forward, 2 hfp8 backward, 3 int4, 4 to 7 int2. Latency 2 without a clock
    request; one item per cycle. ``interleave`` sums share the loops.
    """

    def golden(self, **codes: Any) -> dict[str, Any]:
        return {
            "float_sum": golden.float_sums(self, codes),
            "integer_sum": golden.integer_sums(self, codes),
        }

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        results = merged.results if self.pipes == "merged" else separate.results
        return plan.evenly(lambda: results(self, plan, **wires))

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return {
            "products": f"per item 1, 2, 2, {self.lanes} and {2 * self.lanes}, by mode",
            "sums": f"floats in chunks of {self.chunk} items, two roundings per item; before"
            f" the first, sum and products each lose less than 2^-{self.window} of the power of two"
            " above the largest; integers modulo 2^16",
        }
