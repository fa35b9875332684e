"""The numbers of a block: each element times the scale, rounded once to a format of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.formats import Format, Rounding, parse
from holigrail_hw.formats.block.block import BlockFormat
from holigrail_hw.formats.block.codes import joined as joined_codes
from holigrail_hw.formats.block.codes import split
from holigrail_hw.hdl.number.block import elements_of, joined, scale_of, scaled
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .blocks import random_words, without_block
from .rounded import without_hardware, without_rounding
from .telling import mostly_plain

__all__ = ["DequantizeBlock"]


@operator(
    "dequantize-block",
    summary="the numbers of a block, each rounded once",
    references=("OCP Microscaling Formats (MX) Specification 1.0, 2023",),
)
@dataclass(frozen=True, kw_only=True)
class DequantizeBlock(OperatorSpec):
    """result = scale * elements of x; latency 0 without a clock request, one block per cycle.

    The port ``result`` is a vector, ``block{N}_{result}``, of as many numbers as ``source`` holds.
    """

    source: Format = parameter(
        parse("block2_fp4_e2m1_e8m0"),
        "the block format",
        samples=tuple(map(parse, ("block2_sfix4_en2_e8m0", "block1_fp8_e5m2_fp8_e4m3"))),
    )
    result: Format = parameter(
        parse("bf16"), "format of each number", samples=tuple(map(parse, ("int8", "fp8_e4m3")))
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode")
    random_width: int = parameter(8, "bits of each random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "saturate", "a fixed-point result out of range", choices=("saturate", "wrap")
    )

    def check(self) -> list[str]:
        wrong = without_hardware(result=self.result) + without_block(source=self.source)
        if wrong:
            return wrong
        parts = {"element": self.source.element, "scale": self.source.scale}
        wrong = without_hardware(**{name: f for name, f in parts.items() if f is not None})
        return wrong + without_rounding(self.rounding, result=self.result)

    @property
    def block(self) -> BlockFormat:
        """The format of the block."""
        assert isinstance(self.source, BlockFormat)
        return self.source

    @property
    def numbers(self) -> BlockFormat:
        """The format of all results together."""
        return BlockFormat(self.block.block_size, self.result)

    def inputs(self) -> dict[str, Format]:
        return {"x": self.source} | random_words(self.rounding, self.block, self.random_width)

    def outputs(self) -> dict[str, Format]:
        return {"result": self.numbers}

    def golden(self, x: Any, random: Any = None) -> dict[str, Any]:
        words = None if random is None else split(self.inputs()["random"], random)[0]
        overflow = self.result.overflow_of(self.overflow)
        exact = self.block.unpack(x)
        codes = self.result.project(exact, self.rounding, words, self.random_width, overflow)
        return {"result": joined_codes(self.numbers, codes, None)}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        return codes | mostly_plain(rng, {"x": self.block}, codes)

    def datapath(self, plan: Plan, x: Wire, random: Wire | None = None) -> Mapping[str, Wire]:
        block, words = self.block, [None] * self.block.block_size
        if random is not None:
            words = elements_of(plan, self.inputs()["random"], random, "random")  # pyright: ignore
        scale, codes = scale_of(plan, block, x, "scale"), []
        for index, code in enumerate(elements_of(plan, block, x, "x")):
            number = scaled(plan, unpack(plan, block.element, code, f"x_{index}"), scale)
            codes.append(
                project(
                    plan,
                    self.result,
                    number,
                    rounding=self.rounding,
                    random=words[index],
                    overflow=self.overflow,
                )
            )
        return {"result": joined(plan, self.numbers, codes, None, "vector")}
