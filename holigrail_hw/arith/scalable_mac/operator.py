"""Precision-scalable multiply-accumulate: one unit, several precisions, chosen while it runs.

Every item brings words of operands and says by ``mode`` how they are divided; the unit multiplies
the parts and adds to its sums. With ``clear`` all sums start anew, with this item's products or, if
``restart`` is ``zero``, with 0; so they do after a reset. Nothing else clears them: a new mode goes
on with the word of sums as it is, which is useful where the mode's sums lie at the same place.

What each structure costs, beside the figures of the study that the taxonomy comes from, says
``scripts/bench_scalable``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from holigrail_hw.core import Timing, operator
from holigrail_hw.core.target import Target
from holigrail_hw.core.views import View
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .apart import sums_apart
from .golden import serial_sums, sums_by_mode
from .items import items_of
from .naive import naive_sums
from .serial import serial_sum
from .shape import ScalableMacShape
from .structures import Mode
from .subword import subword_sums
from .together import one_sum
from .views import mode_facts, mode_table

__all__ = ["ScalableMac"]


@operator(
    "scalable-mac",
    summary="multiply-accumulate unit with several precisions, chosen item by item",
    references=(
        "Camus, Mei, Enz and Verhelst, Review and benchmarking of precision-scalable"
        " multiply-accumulate unit architectures for embedded neural-network processing, 2019",
        "Moons et al., Envision, 2017 (subword-apart)",
        "Shin et al., DNPU, 2017 (divide-1d-apart)",
        "Sharma et al., Bit Fusion, 2018 (divide-2d-together)",
        "Lee et al., UNPU, 2018 (serial-1d)",
        "Sharify et al., Loom, 2018 (serial-2d)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class ScalableMac(ScalableMacShape):
    """Sums of products in the precision of a mode; latency 1 without a clock request.

    One item per cycle. Products per item and the places of operands and sums in their words depend
    on the mode; ``info`` lists them. Sums wrap.
    """

    def golden(self, **codes: Any) -> dict[str, Any]:
        from_zero = self.restart == "zero"
        signs = self.signed_activations, self.signed_weights
        if not self.kind.serial:
            word = sums_by_mode(self.packings, signs, self.result_width, codes, from_zero=from_zero)
            return {"result": word}
        marks = [
            np.asarray(codes[f"top_{name}"]).astype(object)
            if has
            else int(name == "activation" and self.signed_activations)
            for name, has in self.tops.items()
        ]
        word = serial_sums(
            codes,
            (self.activation_digit, self.digit),
            (marks[0], marks[1]),
            self.lanes,
            self.result_width,
            from_zero=from_zero,
        )
        return {"result": word}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        words, clear = (wires["activation"], wires["weight"]), wires["clear"]
        if self.kind.serial:
            tops = wires.get("top_activation"), wires.get("top_weight")
            return {"result": serial_sum(self, plan, words, tops, wires["advance"], clear)}
        build = one_sum
        if self.kind.apart:
            build = subword_sums if self.kind.paired else sums_apart
        return {"result": build(self, plan, words, wires.get("mode"), clear)}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]]:
        """One product after the other, in Amaranth's own integer arithmetic."""
        return partial(naive_sums, self)

    def items_of(self, mode: Mode, activations: Any, weights: Any) -> dict[str, list[int]]:
        """Items that add up the products of two vectors in a fresh sum of the unit's own order.

        Integers that the mode holds; see :func:`.items.items_of`.
        """
        return items_of(self, mode, activations, weights)

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        return {
            "structure": self.kind.summary,
            "sums": "all modes share one word, which starts anew with clear or a reset alone",
            **mode_facts(self),
        }

    def views(self, target: Target | None = None) -> list[View]:
        return [mode_table(self)]
