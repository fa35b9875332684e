"""Parameters of multiply-accumulate, what must hold among them, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.formats import FixedFormat, Format, FormatError, Rounding, parse
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.number.fixed import fixed_range, product_range
from holigrail_hw.hdl.number.operation import OPERATIONS

from ..rounded import unless_ruled, without_hardware, without_rounding

__all__ = ["MacShape"]

_FROM_CODES = ("cascade", "chunked", "kahan")
"""What sums of logarithmic numbers can be: their products are codes."""


@dataclass(frozen=True, kw_only=True)
class MacShape(OperatorSpec):
    """Formats, how the sum is kept, and where it is rounded."""

    stateful: ClassVar[bool] = True

    a: Format = parameter(parse("int8"), "format of operand a", samples=("uint3", "binary"))
    b: Format = parameter(parse("int8"), "format of operand b", samples=("int1", "ternary"))
    accumulator: Format = parameter(
        parse("int32"), "format of the sum", samples=("int17", "uint20", "int64")
    )
    accumulation: str = parameter(
        "fused",
        "where the sum is rounded",
        choices=("fused", "cascade", "exact", "window", "chunked", "kahan"),
    )
    product: Format | None = parameter(
        None, "format products are rounded to; that of the sum in a cascade, exact else"
    )
    products: int = parameter(1024, "how many products an exact sum must hold", low=1, high=1 << 32)
    window: int = parameter(
        24, "bits below the larger of sum and product that a window keeps", low=2, high=128
    )
    chunk: int = parameter(
        8, "products that are added before their sum joins the others", low=1, high=4096
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode of the sum")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    random_source: str = parameter(
        "port", "random words: an input, or a shift register inside", choices=("port", "lfsr")
    )
    lfsr_seed: int = parameter(1, "first state of the shift register", low=1, high=(1 << 32) - 1)
    overflow: str = parameter(
        "wrap", "a fixed-point sum out of range", choices=("wrap", "saturate")
    )
    restart: str = parameter(
        "product", "the sum after clear with enable", choices=("product", "zero")
    )
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("dsp",))

    renamed: ClassVar[Mapping[str, str]] = {"multiplier=logic": "multiplier=rows"}

    def derive(self) -> dict[str, Any]:
        is_coded = self.accumulation == "cascade" or (
            self.accumulation in _FROM_CODES and not self.of_binary_fractions
        )
        return {"product": self.accumulator} if is_coded else {}

    def check(self) -> list[str]:
        given = {"a": self.a, "b": self.b, "accumulator": self.accumulator}
        rounded = {"accumulator": self.accumulator}
        if self.product is not None:
            given["product"] = rounded["product"] = self.product
        wrong = self._wrong_systems() or without_hardware(
            **{name: format for name, format in given.items() if self.of_binary_fractions}
        )
        if wrong := wrong + without_rounding(self.rounding, **rounded):
            return wrong
        if not self.accumulator.holds_sums:
            return [f"accumulator must be a format that holds sums, not {self.accumulator}"]
        if self.random_source == "lfsr" and self.random_width * len(self.random_words) > 32:
            return [
                "random_width must be at most 16 for the two words of a cascade from one shift "
                f"register, not {self.random_width}"
            ]
        if self.product is not None and self.accumulation in ("fused", "exact"):
            return [f"product must be left out with accumulation {self.accumulation}: it is exact"]
        if self.accumulation == "exact":
            return self._wrong_register()
        if self.accumulation in ("window", "chunked", "kahan") and (wrong := self._wrong_steps()):
            return wrong
        return self._wrong_fixed() if self.is_fixed else self._wrong_float()

    def _wrong_systems(self) -> list[str]:
        """What is wrong with logarithmic numbers."""
        if self.of_binary_fractions:
            return []
        formats = {"a": self.a, "b": self.b, "accumulator": self.accumulator}
        if wrong := unless_ruled(OPERATIONS["multiply"], **formats):
            return wrong
        if self.accumulation not in _FROM_CODES:
            return [
                f"accumulation must be {', '.join(_FROM_CODES[:-1])} or {_FROM_CODES[-1]} for sums"
                f" of {self.accumulator.kind} numbers, not {self.accumulation}"
            ]
        steps = {"product": self.product or self.accumulator, "accumulator": self.accumulator}
        return unless_ruled(OPERATIONS["add"], **steps, sum=self.accumulator)

    def _wrong_register(self) -> list[str]:
        try:
            self.register  # noqa: B018
        except FormatError as error:
            return [f"accumulation must not be exact for products of {self.a} x {self.b}: {error}"]
        return []

    def _wrong_steps(self) -> list[str]:
        """What is wrong with sums that are rounded otherwise than once per product."""
        if self.is_fixed or self.accumulator.adds_exactly:
            return [
                f"accumulation must be fused for sums that need no rounding, as those in"
                f" {self.accumulator}, not {self.accumulation}"
            ]
        if self.rounding.is_stochastic and self.accumulation != "window":
            return [
                f"rounding must be another than stochastic with accumulation {self.accumulation},"
                " which rounds many times"
            ]
        return []

    def _wrong_float(self) -> list[str]:
        if self.accumulator.is_fixed_like:
            return [
                f"accumulator must be a float for fused and cascaded sums of {self.a} x "
                f"{self.b}, not {self.accumulator}; with accumulation exact it can be fixed"
            ]
        if not self.accumulator.adds_exactly:
            return []
        # An accumulator that never rounds must hold every product.
        place, largest = self.addend
        greatest = self.accumulator.number_range[1]
        if place >= self.accumulator.least_place and largest <= greatest:
            return []
        what = f"{self.a} x {self.b}" if self.accumulation == "fused" else f"{self.product}"
        return [
            f"accumulator must hold every product of {what} exactly, down to 2^{place}, not "
            f"{self.accumulator.summary}"
        ]

    def _wrong_fixed(self) -> list[str]:
        low, high, fraction = product_range(self.a, self.b)
        least, greatest, accumulator_fraction = fixed_range(self.accumulator)
        shift = accumulator_fraction - fraction
        if shift < 0:
            return [
                f"accumulator must have at least {fraction} fraction bits to hold every product "
                f"of {self.a} x {self.b}, not {accumulator_fraction}; with accumulation "
                f"exact it is rounded once when read"
            ]
        fits = least <= low << shift and high << shift <= greatest
        if self.saturates and not fits:
            return [
                f"accumulator must hold every product of {self.a} x {self.b} to saturate, "
                f"{low} to {high} in units of 2^{-fraction}, not {self.accumulator.summary}"
            ]
        return []

    @property
    def addend(self) -> tuple[int, Fraction]:
        """Least place and largest magnitude of the numbers that are added."""
        if self.product is not None:
            return self.product.least_place, max(map(abs, self.product.number_range))
        largest = [max(map(abs, f.number_range)) for f in (self.a, self.b)]
        return self.a.least_place + self.b.least_place, largest[0] * largest[1]

    @property
    def register(self) -> FixedFormat:
        """The fixed-point register of an exact sum: every product fits, and ``products`` of them.

        One sign bit, and the largest sum of products in units of the smallest.
        """
        a_largest, b_largest = (max(map(abs, f.integer_range)) for f in (self.a, self.b))
        width = (a_largest * b_largest * self.products).bit_length() + 1
        place = self.a.least_place + self.b.least_place
        return FixedFormat(width, signed=True, fraction_width=-place)

    @property
    def of_binary_fractions(self) -> bool:
        """Whether all numbers have an end, as those of logarithmic formats do not."""
        return all(f.has_binary_fractions for f in (self.a, self.b, self.accumulator))

    @property
    def is_fixed(self) -> bool:
        """Whether everything is a multiple of one constant unit."""
        return all(f.is_fixed_like for f in (self.a, self.b, self.accumulator))

    @property
    def saturates(self) -> bool:
        """Whether a fixed-like sum out of range becomes the end of the range."""
        return self.accumulator.overflow_of(self.overflow) != "wrap"

    @property
    def rounds(self) -> bool:
        """Whether anything is rounded."""
        return not self.is_fixed or self.accumulation == "exact"

    @property
    def random_words(self) -> tuple[str, ...]:
        """Names of the random words that every item needs."""
        if not (self.rounds and self.rounding.is_stochastic):
            return ()
        is_twice = self.accumulation == "cascade" or (
            self.accumulation == "window" and self.product is not None
        )
        return ("random", "product_random")[: 1 + is_twice]

    def inputs(self) -> dict[str, Format]:
        ports = {"a": self.a, "b": self.b, "clear": parse("uint1"), "enable": parse("uint1")}
        if self.random_source == "port":
            ports |= {name: parse(f"uint{self.random_width}") for name in self.random_words}
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"result": self.accumulator}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Rare clears let sums grow to where they overflow, cancel and round.
        codes["clear"] = (rng.random(count) < 0.04).astype(codes["clear"].dtype)
        codes["enable"] = (rng.random(count) < 0.9).astype(codes["enable"].dtype)
        return codes
