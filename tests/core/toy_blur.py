"""A toy from outside the package, for ``test_parts.py``: a filter that holds a ``requantize``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.core import Fit, OperatorSpec, operator, parameter, part
from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["ToyBlur"]


@operator("toy-blur", summary="three pixels of a column, weighted 1, 2, 1 and scaled")
@dataclass(frozen=True, kw_only=True)
class ToyBlur(OperatorSpec):
    """y = requantise(a + 2 b + c); one result per cycle."""

    width: int = parameter(8, "bits of a pixel", low=1, high=24, samples=(1, 11))
    result: Format = parameter(parse("uint8"), "format of y", samples=(parse("int5"),))
    requantiser: Requantize = part(
        "what makes a pixel of a sum",
        derived=("accumulator", "result"),
        defaults={"mode": "shift", "shift": 2, "shift_width": 0, "bias": "none"},
        samples={"relu": (True,), "shift_width": (2,), "bias": ("accumulator",)},
    )

    @property
    def total(self) -> FixedFormat:
        """Format of a sum."""
        return FixedFormat(self.width + 2, signed=False)

    def fit(self, part: str) -> Fit:
        return Fit(Requantize, {"accumulator": self.total, "result": self.result})

    def inputs(self) -> dict[str, Format]:
        pixel = FixedFormat(self.width, signed=False)
        more = {name: f for name, f in self.requantiser.inputs().items() if name != "x"}
        return {"a": pixel, "b": pixel, "c": pixel, **more}

    def outputs(self) -> dict[str, Format]:
        return self.requantiser.outputs()

    def golden(self, a: Any, b: Any, c: Any, **more: Any) -> dict[str, Any]:
        total = np.asarray(a, np.uint64) + 2 * np.asarray(b, np.uint64) + np.asarray(c, np.uint64)
        return self.requantiser.golden(x=total, **more)

    def datapath(self, plan: Plan, a: Wire, b: Wire, c: Wire, **more: Wire) -> Mapping[str, Wire]:
        total = plan.step(
            "total",
            shape_of(self.total),
            lambda a, b, c: a + (b << 1) + c,
            *(a, b, c),
            using=Adder(self.total.width),
            wrap=True,
        )
        return self.requantiser.datapath(plan, x=total, **more)
