"""A multiplier of one full-width product, or of two or four products of halves or quarters.

The array of partial products of a full-width multiplier holds those of its subwords in the squares
on its diagonal. A mode keeps what lies in its squares and gates all other partial products to 0;
the product of subword *k* is then where bits 2wk to 2w(k+1) of the full product are, and the
carries between these fields are cut::

    mode 0    1 x W        p = a * b
    mode 1    2 x W/2      p = a1 * b1, a0 * b0            (each W bits)
    mode 2    4 x W/4      p = a3 * b3, ..., a0 * b0       (each W/2 bits)

What does not count does not switch, and the paths that are left are shorter: energy per product
falls with the precision, and further if voltage and frequency follow (dynamic voltage, accuracy and
frequency scaling, :mod:`holigrail_hw.estimate.voltage_scaling`).

Reference: Moons, Uytterhoeven, Dehaene and Verhelst, "Envision: a 0.26-to-10 TOPS/W
subword-parallel dynamic-voltage-accuracy-frequency-scalable convolutional neural network processor
in 28 nm FDSOI", 2017; the same authors, "DVAFS: trading computational accuracy for energy through
dynamic-voltage-accuracy-frequency-scaling", 2017. This array has a partial product for each pair of
bits, complemented where its weight is negative (Baugh and Wooley, 1973).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from amaranth import Cat, Mux, Value

from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.core.trials import random_codes
from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.formats import Format, parse
from holigrail_hw.hdl.integer.bit_heap import add_up, compress
from holigrail_hw.hdl.integer.mode_products import Block, mode_products
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["SUBWORDS", "EnvisionMultiplier"]

SUBWORDS = (1, 2, 4)
"""Products per item, by mode."""


@operator(
    "envision-multiplier",
    summary="one full product a*b, two of halves or four of quarters, by a mode that is a port",
    references=(
        "Moons et al., Envision: a 0.26-to-10 TOPS/W subword-parallel dynamic-voltage-accuracy-"
        "frequency-scalable convolutional neural network processor in 28 nm FDSOI, 2017",
        "Moons et al., DVAFS: trading computational accuracy for energy through dynamic-voltage-"
        "accuracy-frequency-scaling, 2017",
    ),
)
@dataclass(frozen=True, kw_only=True)
class EnvisionMultiplier(OperatorSpec):
    """p holds 1, 2 or 4 products beside each other, by ``mode`` 0, 1 or 2; 3 is read as 2.

    Latency 0 without a clock request, one item per cycle; the mode may change with each.
    Subword 0 is the lowest one, of the operands as of ``p``.
    """

    width: int = parameter(
        16, "width of a and b, in bits, a multiple of 4", low=4, high=32, samples=(4, 8, 20)
    )
    a_signed: bool = parameter(True, "whether subwords of a are signed")
    b_signed: bool = parameter(True, "whether subwords of b are signed")

    def check(self) -> list[str]:
        if self.width % 4:
            return [f"width must be a multiple of 4, for four subwords, not {self.width}"]
        return []

    def inputs(self) -> dict[str, Format]:
        word = parse(f"uint{self.width}")
        return {"a": word, "b": word, "mode": parse("uint2")}

    def outputs(self) -> dict[str, Format]:
        return {"p": parse(f"uint{2 * self.width}")}

    def golden(self, a: Any, b: Any, mode: Any) -> dict[str, Any]:
        # Modulo 2^64, which every field of the product divides.
        words = (np.asarray(a, np.uint64), self.a_signed), (np.asarray(b, np.uint64), self.b_signed)
        answers = [self._products(words, count) for count in SUBWORDS]
        mode = np.asarray(mode)
        return {"p": np.where(mode == 0, answers[0], np.where(mode == 1, answers[1], answers[2]))}

    def _products(self, words: Any, count: int) -> np.ndarray:
        """The products of all subwords, each in its field."""
        bits, total = self.width // count, np.uint64(0)
        mask = np.uint64((1 << 2 * bits) - 1)
        for index in range(count):
            x, y = (_subword(word, bits, index, signed) for word, signed in words)
            total = total | ((x * y) & mask) << np.uint64(2 * bits * index)
        return np.asarray(total)

    def corner_cases(self) -> dict[str, list[int]]:
        """Every subword zero, one, largest, smallest or -1, for each size of subwords."""
        codes = set()
        for count in SUBWORDS:
            bits = self.width // count
            ones = sum(1 << bits * index for index in range(count))
            top = 1 << bits - 1
            codes |= {ones * digit for digit in (0, 1, top - 1, top, 2 * top - 1)}
        return {"a": sorted(codes), "b": sorted(codes), "mode": [0, 1, 2, 3]}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        codes = {name: random_codes(rng, self.width, count) for name in ("a", "b")}
        return {**codes, "mode": rng.integers(0, 3, count, dtype=np.uint64)}

    def datapath(self, plan: Plan, a: Wire, b: Wire, mode: Wire) -> Mapping[str, Wire]:
        """No state. Partial products of the mode, two words of them, and their sum."""
        width = 2 * self.width
        decoded = (lambda m: ~m.any(), lambda m: m == 1, lambda m: m[1])
        selected = [
            plan.step(f"is_{count}x", 1, select, mode, using=Logic())
            for count, select in zip(SUBWORDS, decoded, strict=True)
        ]
        heap = mode_products(plan, "product", a, b, width, self._modes(), selected)
        # A carry into the middle is one of the full product; into a quarter, one of at most two.
        unless_four = plan.step("is_not_4x", 1, lambda four: ~four, selected[2], using=Logic())
        quarter = width // 4
        doors = {quarter: unless_four, 2 * quarter: selected[0], 3 * quarter: unless_four}
        heap = compress(plan, "product", heap, doors=doors)
        return {"p": add_up(plan, "product", heap, doors=doors)}

    def _modes(self) -> list[list[Block]]:
        """The squares on the diagonal, by mode."""

        def square(bits: int, index: int) -> Block:
            digits = range(bits * index, bits * (index + 1))
            field = range(2 * bits * index, 2 * bits * (index + 1))
            return Block(digits, digits, self.a_signed, self.b_signed, field)

        return [
            [square(self.width // count, index) for index in range(count)] for count in SUBWORDS
        ]

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]]:
        """The products of each mode in Amaranth's own arithmetic, and a choice among them."""
        return partial(_naive, self)


def _subword(word: np.ndarray, bits: int, index: int, signed: bool) -> np.ndarray:
    """One subword of every word, modulo 2^64."""
    value = (word >> np.uint64(bits * index)) & np.uint64((1 << bits) - 1)
    if not signed:
        return value
    sign = np.uint64(1 << bits - 1)
    return (value ^ sign) - sign


def _naive(
    spec: EnvisionMultiplier, plan: Plan, a: Wire, b: Wire, mode: Wire
) -> Mapping[str, Wire]:
    def number(word: Any, bits: int, index: int, signed: bool) -> Any:
        part = Value.cast(word)[bits * index : bits * (index + 1)]
        return part.as_signed() if signed else part

    def packed(a: Any, b: Any, count: int) -> Any:
        bits = spec.width // count
        pairs = (
            (number(a, bits, k, spec.a_signed), number(b, bits, k, spec.b_signed))
            for k in range(count)
        )
        return Cat(*(Value.cast(x * y)[: 2 * bits] for x, y in pairs))

    def chosen(a: Any, b: Any, mode: Any) -> Any:
        one, two, four = (packed(a, b, count) for count in SUBWORDS)
        return Mux(mode == 0, one, Mux(mode == 1, two, four))

    return {"p": plan.step("p", 2 * spec.width, chosen, a, b, mode)}
