"""The core that is a polynomial in pieces: equal segments, Horner's rule with cut products.

The upper bits of u choose the coefficients, the lower bits are t. From the top coefficient down,

    v <- c_i + floor(v * floor(t / 2^drop_i) / 2^shift_i),

all in integers.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .cost import adder_luts, bits_for, product_luts, rom_luts, stored_bits

__all__ = ["Polynomial"]

_PART = 1 << 20


@dataclass(frozen=True)
class Polynomial:
    """``coefficients`` from c_0 up, one tuple of as many as there are segments for each.

    ``drops`` and ``shifts`` belong to the products from which c_0, c_1, ... are reached.
    """

    index_width: int
    segment_width: int
    coefficients: tuple[tuple[int, ...], ...]
    drops: tuple[int, ...]
    shifts: tuple[int, ...]

    @property
    def method(self) -> str:
        return f"polynomial-{self.degree}"

    @property
    def degree(self) -> int:
        return len(self.coefficients) - 1

    @property
    def place_width(self) -> int:
        """Bits of t."""
        return self.index_width - self.segment_width

    def evaluate(self, u: Any) -> Any:
        return self.levels(u)[0]

    def levels(self, u: Any) -> list[Any]:
        """v after c_0, c_1, ... was added."""
        segment, t = u >> self.place_width, u & ((1 << self.place_width) - 1)
        columns = [np.array(column, np.int64)[segment] for column in self.coefficients]
        found = [columns[-1]]
        for level in reversed(range(self.degree)):
            product = found[0] * (t >> self.drops[level])
            found.insert(0, columns[level] + (product >> self.shifts[level]))
        return found

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """The least and the greatest v after c_0, c_1, ... was added."""
        found: list[list[tuple[int, int]]] = []
        for start in range(0, 1 << self.index_width, _PART):
            u = np.arange(start, min(start + _PART, 1 << self.index_width))
            found.append([(int(v.min()), int(v.max())) for v in self.levels(u)])
        return [
            (min(low for low, _ in of), max(high for _, high in of))
            for of in zip(*found, strict=True)
        ]

    @property
    def width(self) -> int:
        """Bits of c_0, about those of v."""
        return self.widths[0]

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of the coefficients, from c_0 up."""
        return tuple(bits_for(min(column), max(column))[0] for column in self.coefficients)

    @property
    def table_bits(self) -> int:
        return sum(map(stored_bits, self.coefficients)) << self.segment_width

    @property
    def luts(self) -> int:
        total = rom_luts(self.segment_width, sum(self.widths))
        for level in range(self.degree):
            total += product_luts(self.widths[level + 1], self.place_width - self.drops[level])
            total += adder_luts(self.widths[level])
        return total

    @property
    def summary(self) -> str:
        products = [
            f"{self.widths[level + 1]} x {self.place_width - self.drops[level]}"
            for level in reversed(range(self.degree))
        ]
        return (
            f"{1 << self.segment_width} segments, coefficients of "
            f"{', '.join(map(str, self.widths))} bits, products {', '.join(products)}"
        )
