"""Numbers of any format made into a block: a scale for the largest one, elements relative to it.

The rules for the scale, and what they leave of numbers that are too large, are those of
:mod:`holigrail_hw.formats.block.block`. A number that is not finite makes the whole block NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.formats.block.block import SCALE_RULES, BlockFormat
from holigrail_hw.formats.block.codes import joined as joined_codes
from holigrail_hw.formats.block.codes import split
from holigrail_hw.hdl.number.block import elements_of, joined
from holigrail_hw.hdl.number.block_scale import element_codes, largest_magnitude, scale_code
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .blocks import random_words, without_block
from .rounded import without_hardware, without_rounding

__all__ = ["QuantizeBlock"]


@operator(
    "quantize-block",
    summary="numbers x as a block with a common scale",
    references=(
        "OCP Microscaling Formats (MX) Specification 1.0, 2023",
        "Rouhani et al., Microscaling Data Formats for Deep Learning, 2023",
    ),
)
@dataclass(frozen=True, kw_only=True)
class QuantizeBlock(OperatorSpec):
    """result = the block of the numbers x; latency 0 without a clock request, one per cycle.

    ``x`` is a vector, ``block{N}_{source}``, of as many numbers as ``result`` holds.
    """

    source: Format = parameter(
        parse("bf16"), "format of each number", samples=tuple(map(parse, ("int8", "fp8_e5m2")))
    )
    result: Format = parameter(
        parse("block4_fp4_e2m1_e8m0"),
        "the block format, with a scale",
        samples=tuple(map(parse, ("block3_sfix5_en3_e8m0", "block2_fp4_e2m1_fp8_e4m3"))),
    )
    scale_rule: str | None = parameter(
        None,
        "how the scale is chosen; floor for scales that are powers of two, else nearest",
        choices=tuple(SCALE_RULES),
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode of the elements")
    random_width: int = parameter(8, "bits of each random word, if stochastic", low=1, high=32)

    def derive(self) -> dict[str, Any]:
        return {"scale_rule": getattr(self.result, "default_scale_rule", "floor")}

    def check(self) -> list[str]:
        wrong = without_hardware(source=self.source) + without_block(result=self.result)
        if wrong:
            return wrong
        element, scale = self.result.element, self.result.scale
        if scale is None:
            return [f"result must be a block with a scale, not {self.result}"]
        wrong = without_hardware(element=element, scale=scale)
        wrong += without_rounding(self.rounding, element=element)
        if element.number_range[1] <= 0 or scale.number_range[1] <= 0:
            wrong.append(f"element and scale must have positive numbers, not {self.result}")
        if (self.source.has_nan or self.source.has_infinity) and not scale.has_nan:
            wrong.append(f"the scale must have NaN where {self.source} is not finite, not {scale}")
        return wrong

    @property
    def block(self) -> BlockFormat:
        """The format of the result."""
        assert isinstance(self.result, BlockFormat)
        return self.result

    @property
    def numbers(self) -> BlockFormat:
        """The format of x."""
        return BlockFormat(self.block.block_size, self.source)

    def inputs(self) -> dict[str, Format]:
        return {"x": self.numbers} | random_words(self.rounding, self.block, self.random_width)

    def outputs(self) -> dict[str, Format]:
        return {"result": self.result}

    def golden(self, x: Any, random: Any = None) -> dict[str, Any]:
        words = None
        if random is not None:
            words = split(self.inputs()["random"], random)[0]
        exact = self.numbers.unpack(x)
        codes = self.block.project(
            exact, self.rounding, words, self.random_width, scale_rule=self.scale_rule
        )
        return {"result": codes}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        """Half of the blocks have numbers of about one size; uniform codes are mostly far apart."""
        given = super().stimulus(rng, count)
        elements, _ = split(self.numbers, given["x"])
        centre = elements[:, :1].astype(object)
        near = centre + rng.integers(-9, 10, elements.shape).astype(object)
        near = (near & ((1 << self.source.width) - 1)).astype(np.uint64)
        chosen = np.where(rng.random((count, 1)) < 0.5, near, elements)
        if self.source.has_nan or self.source.has_infinity:
            # One number in a few that is not finite makes a block of nothing: most have none.
            finite = self.source.unpack(chosen).is_finite
            keep = rng.random((count, 1)) < 0.1
            chosen = np.where(finite | keep, chosen, self.source.encode(1))
        return given | {"x": joined_codes(self.numbers, chosen, None)}

    def datapath(self, plan: Plan, x: Wire, random: Wire | None = None) -> Mapping[str, Wire]:
        block, words = self.block, None
        if random is not None:
            words = elements_of(plan, self.inputs()["random"], random, "random")  # pyright: ignore
        numbers = [
            unpack(plan, self.source, code, f"x_{index}")
            for index, code in enumerate(elements_of(plan, self.numbers, x, "x"))
        ]
        assert self.scale_rule is not None
        largest = largest_magnitude(plan, numbers)
        scale = scale_code(plan, block, largest, self.scale_rule)
        elements = element_codes(plan, block, numbers, scale, self.rounding, words)
        return {"result": joined(plan, block, elements, scale, "block")}
