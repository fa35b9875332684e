"""The structures of precision-scalable units, and the precisions each of them has.

The taxonomy is that of Camus, Mei, Enz and Verhelst, "Review and benchmarking of precision-scalable
multiply-accumulate unit architectures for embedded neural-network processing", 2019. A mode is a
pair of operand widths, activation x weight.
"""

import itertools
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["MODES_MEANING", "STRUCTURES", "Mode", "Structure", "precisions"]

MODES_MEANING = "activation x weight, in bits; all that the structure is known for"


@dataclass(frozen=True)
class Mode:
    """Widths of an activation and of a weight, in bits."""

    activation: int
    weight: int

    def __str__(self) -> str:
        return f"{self.activation}x{self.weight}"

    @classmethod
    def parse(cls, text: str) -> "Mode":
        """The mode called ``8x4``; raises ValueError."""
        first, _, second = text.strip().partition("x")
        return cls(int(first), int(second))


@dataclass(frozen=True)
class Structure:
    """How a unit trades width for products.

    ``scaled`` says which operands are divided among several products: none, the weights, or both.
    ``paired``: both are divided alike, as in a subword-parallel unit. ``apart``: every product has
    a sum of its own. ``serial``: which operands come digit by digit instead.
    """

    summary: str
    scaled: int = 0
    paired: bool = False
    apart: bool = False
    serial: int = 0

    def modes(self, width: int, levels: int) -> tuple[Mode, ...]:
        """Those of the study: no weight is wider than its activation."""
        every = precisions(width, levels)
        pairs = [Mode(a, w) for a, w in itertools.product(every, every) if a >= w]
        if self.scaled == 2:
            # The bricks of narrow activations with still narrower weights are left out there.
            pairs = [mode for mode in pairs if width == mode.activation or len(set(_of(mode))) == 1]
        return tuple(pairs)

    def products(self, width: int, mode: Mode) -> int:
        """Products of one cycle in a mode, if no operand is serial."""
        if self.paired:
            return width // max(_of(mode))
        return (width // mode.weight if self.scaled else 1) * (
            width // mode.activation if self.scaled == 2 else 1
        )

    def steps(self, digit: int, mode: Mode) -> int:
        """Cycles that a product takes."""
        if not self.serial:
            return 1
        return -(-mode.weight // digit) * (-(-mode.activation // digit) if self.serial == 2 else 1)

    def rate(self, width: int, digit: int, mode: Mode) -> Fraction:
        """Products per cycle, of one lane."""
        return Fraction(self.products(width, mode), self.steps(digit, mode))


STRUCTURES = {
    "data-gated": Structure("one product; unused low bits of operands are held at zero"),
    "subword-apart": Structure(
        "one array of partial products, divided on its diagonal, with carries cut (DVAFS)",
        paired=True,
        apart=True,
    ),
    "subword-together": Structure(
        "one array of partial products, divided on its other diagonal, where products of equal"
        " weight add up",
        paired=True,
    ),
    "divide-1d-apart": Structure(
        "products of an activation and parts of a weight word, each with its sum (DNPU)",
        scaled=1,
        apart=True,
    ),
    "divide-1d-together": Structure(
        "products of activations and parts of a weight word, one sum", scaled=1
    ),
    "divide-2d-apart": Structure(
        "products of all parts of both words, each with its sum", scaled=2, apart=True
    ),
    "divide-2d-together": Structure(
        "products of parts of both words, one sum (BitFusion)", scaled=2
    ),
    "serial-1d": Structure(
        "activations at once, weights digit by digit, highest first (UNPU; exchanged: Stripes)",
        serial=1,
    ),
    "serial-2d": Structure("both operands digit by digit, highest first (Loom)", serial=2),
}


def precisions(width: int, levels: int) -> tuple[int, ...]:
    """Widths of an operand: the full one, and what is left of it after each halving."""
    return tuple(width >> level for level in range(levels + 1))


def _of(mode: Mode) -> tuple[int, int]:
    return mode.activation, mode.weight
