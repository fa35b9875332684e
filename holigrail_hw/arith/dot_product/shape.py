"""Parameters of dot products, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core import parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.formats.block.block import BlockFormat
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS

from ..rounded import RoundedOperator, without_hardware, without_rounding

__all__ = ["DotProductShape"]

_WIDEST = 1024
_ITEMS = 1024
"""How many items a sum that goes on has room for, if nothing else is asked."""


@dataclass(frozen=True, kw_only=True)
class DotProductShape(RoundedOperator):
    """Formats, number of terms, and how terms are added."""

    jointly: ClassVar[Mapping[str, tuple[str, ...]]] = {"format": ("a", "b")}

    a: Format = parameter(
        parse("fp8_e4m3"),
        "format of the first factors",
        samples=(parse("int8"),),
    )
    b: Format = parameter(
        parse("fp8_e4m3"),
        "format of the second factors; blocks if the first ones are",
        samples=(parse("uint4"),),
    )
    terms: int = parameter(2, "number of products", low=1, high=256, samples=(3,))
    c: Format | None = parameter(
        None,
        "format of an addend; without one if none",
        samples=(parse("fp16"),),
    )
    accumulation: str = parameter(
        "exact", "how terms are added", choices=("exact", "window", "tree", "chunked")
    )
    window: int = parameter(
        24, "bits below the largest term that a window keeps", low=2, high=128, samples=(9,)
    )
    chunk: int = parameter(
        8, "terms that are added before their sum joins the others", low=1, high=256, samples=(2,)
    )
    partial: Format | None = parameter(
        None, "format of rounded partial sums; that of the result if none"
    )
    product: Format | None = parameter(
        None, "format products are rounded to; exact if none, of the partial sums in a tree"
    )
    feedback: bool = parameter(False, "the sum goes on from item to item: inputs clear and enable")
    multiplier: str = parameter(
        "rows",
        f"{MULTIPLIER_MEANING}; fused: one bit heap for all of a fixed-point dot product",
        choices=(*MULTIPLIERS, "fused"),
    )

    def derive(self) -> dict[str, Any]:
        if self.is_fixed and self.accumulation == "exact":
            register = self.register
            more = _ITEMS.bit_length() - 1 if self.feedback else 0
            return {"result": FixedFormat(register.width + more, True, register.fraction_width)}
        if self.c is not None and not self.c.is_fixed_like:
            return {"result": self.c}
        if self.of_blocks:
            return {"result": parse("fp32")}
        return {"result": self.widest_float()}

    def operands(self) -> dict[str, Format]:
        ports = {f"a{i}": self.a for i in range(self.terms)}
        ports |= {f"b{i}": self.b for i in range(self.terms)}
        return ports if self.c is None else ports | {"c": self.c}

    @property
    def stateful(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the result depends on more than one item."""
        return self.feedback

    def inputs(self) -> dict[str, Format]:
        strobes = {"clear": parse("uint1"), "enable": parse("uint1")} if self.feedback else {}
        return self.operands() | strobes | super().inputs()

    def outputs(self) -> dict[str, Format]:
        return {"result": self.target}

    def check(self) -> list[str]:
        if wrong := self._wrong_sizes():
            return wrong
        if wrong := self._wrong_systems():
            return wrong
        given = {"c": self.c, "result": self.target}
        given |= {"partial": self.partial, "product": self.product}
        for name, factor in (("a", self.a), ("b", self.b)):
            given |= {name: factor.element if self.of_blocks else factor}
            given |= {f"the scale of {name}": factor.scale}
        wrong = []
        if self.of_binary_fractions:
            wrong = without_hardware(**{name: f for name, f in given.items() if f is not None})
        if wrong := wrong + without_rounding(self.rounding, result=self.target):
            return wrong
        if self.is_once:
            wrong += self._wrong_once()
        elif self.rounding.is_stochastic:
            wrong.append(
                f"rounding must be another than stochastic with accumulation {self.accumulation},"
                " which rounds many times"
            )
        if self.feedback:
            wrong += self._wrong_feedback()
        if self.multiplier == "fused" and not (self.is_fixed and self.accumulation == "exact"):
            wrong.append("multiplier must be another than fused unless the sum is exact and fixed")
        return wrong

    def _wrong_sizes(self) -> list[str]:
        size, other = self.a.block_size, self.b.block_size
        if size == other:
            return []
        if size is None or other is None:
            one, count, name = (self.b, other, "a") if size is None else (self.a, size, "b")
            single = self.a if size is None else self.b
            return [
                f"{name} must be a block of {count} numbers as {one} is, not {single};"
                f" block{count}_{single} is one"
            ]
        return [f"b must hold {size} numbers as {self.a} does, not {other} as {self.b}"]

    @property
    def of_binary_fractions(self) -> bool:
        """Whether products and sums are binary fractions, which those of logarithms are not."""
        return self.a.has_binary_fractions

    def _wrong_systems(self) -> list[str]:
        formats = (self.a, self.b, self.c, self.partial, self.product, self.target)
        given = [f for f in formats if f is not None]
        kinds = {f.has_binary_fractions for f in given}
        if len(kinds) == 2:
            texts = " and ".join(dict.fromkeys(map(str, given)))
            return [f"all formats must be logarithmic or none of them, not {texts}"]
        if kinds == {False} and self.is_once:
            return [
                f"accumulation must be tree or chunked for {self.a.kind} numbers, not"
                f" {self.accumulation}"
            ]
        return []

    def _wrong_once(self) -> list[str]:
        wrong = [
            f"{name} must be left out with accumulation {self.accumulation}, which rounds once"
            for name in ("partial", "product")
            if getattr(self, name) is not None
        ]
        if self.accumulation == "window" and self.is_fixed:
            wrong.append("accumulation must be exact if all operands are fixed, not window")
        if self.has_register and self.register.width > _WIDEST:
            wrong.append(
                f"the exact sum must have at most {_WIDEST} bits, not {self.register.width};"
                " a window, a tree or chunks have fewer"
            )
        return wrong

    def _wrong_feedback(self) -> list[str]:
        if self.c is not None:
            return ["c must be left out with feedback, which adds the sum before"]
        if not self.of_binary_fractions or self.target.adds_exactly:
            return [f"feedback must be left out where the result is {self.target}"]
        if not self.target.is_fixed_like:
            return []
        if not self.sums_in_fixed_point:
            return [f"result must be a float with feedback, unless all is fixed, not {self.target}"]
        if not self.target.holds_sums:
            return [f"result must be a format that holds sums, not {self.target}"]
        places = self.register.fraction_width
        if self.target.least_place > -places:
            return [f"result must have at least {places} fraction bits with feedback, not fewer"]
        low, high = self.target.number_range
        least, most = self.register.number_range
        if self.saturates and not low <= least <= most <= high:
            return [
                f"result must hold every dot product to saturate, as {self.register} does, not"
                f" {self.target}"
            ]
        return []

    @property
    def sums_in_fixed_point(self) -> bool:
        """Whether a sum that goes on is an integer."""
        return self.is_fixed and self.accumulation == "exact" and self.target.is_fixed_like

    @property
    def saturates(self) -> bool:
        """Whether a fixed-like result out of range becomes the end of the range."""
        return self.target.overflow_of(self.overflow) != "wrap"

    @property
    def is_once(self) -> bool:
        """Whether there is one rounding, that of the result."""
        return self.accumulation in ("exact", "window")

    @property
    def of_blocks(self) -> bool:
        """Whether each factor is a block of numbers."""
        return self.a.block_size is not None

    @property
    def blocks(self) -> tuple[BlockFormat, BlockFormat]:
        """The formats of both factors, which are blocks."""
        assert isinstance(self.a, BlockFormat) and isinstance(self.b, BlockFormat)
        return self.a, self.b

    @property
    def has_register(self) -> bool:
        """Whether everything is added in fixed point; the product of two blocks alone is not."""
        alone = self.of_blocks and self.terms == 1 and self.c is None
        return self.accumulation == "exact" and not alone

    @property
    def register(self) -> FixedFormat:
        """The fixed-point format of an exact sum: every product fits, all of them, and c."""
        place = self.a.least_place + self.b.least_place
        most = self.terms * (self.a.block_size or 1) * _largest(self.a) * _largest(self.b)
        if self.c is not None:
            finer = min(place, self.c.least_place)
            most = (most << (place - finer)) + (_largest(self.c) << (self.c.least_place - finer))
            place = finer
        return FixedFormat(most.bit_length() + 1, signed=True, fraction_width=-place)


def _largest(format: Format) -> int:
    """The largest magnitude in units of the last place."""
    return max(map(abs, format.integer_range))
