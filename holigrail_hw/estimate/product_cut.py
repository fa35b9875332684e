"""How a product is cut into multipliers of DSP blocks: one rule for mapping and for estimates.

Products are mapped by ``mul2dsp`` of Yosys. The wider operand is cut first, from its low end, into
parts as wide as a block; then the other one. What is left at the high end may be too narrow to be
worth a block: it stays in logic, or goes to the next smaller kind of block. All but the highest
part of an operand are unsigned.
"""

from dataclasses import dataclass, replace

__all__ = ["BLOCKS", "Block", "Factors", "cut"]


@dataclass(frozen=True)
class Block:
    """A square multiplier that takes ``width`` bits, with the least widths worth its use.

    ``least_wide`` and ``least_narrow`` are for the first and the second factor of a part,
    ``least_result`` for its product; widths in bits.
    """

    name: str
    width: int
    least_wide: int
    least_narrow: int
    least_result: int = 1


BLOCKS: dict[str, tuple[Block, ...]] = {
    "": (),
    "ice40": (Block("$__MUL16X16", 16, 2, 2, 11),),
    "ecp5": (Block("$__MUL18X18", 18, 2, 2),),
    "gowin": (
        Block("$__MUL36X36", 36, 22, 22),
        Block("$__MUL18X18", 18, 10, 4),
        Block("$__MUL9X9", 9, 4, 4),
    ),
}
"""Kinds of blocks of a family, in the order in which they are tried."""


@dataclass(frozen=True)
class Factors:
    """A product to be made: widths and signs of its factors, and bits of its result in use."""

    a_width: int
    b_width: int
    a_signed: bool = False
    b_signed: bool = False
    result_width: int | None = None

    @property
    def width(self) -> int:
        """Bits of the result."""
        return self.result_width or self.a_width + self.b_width


def cut(product: Factors, family: str) -> tuple[list[str], list[Factors]]:
    """The names of the blocks that make a product, and the parts that stay in logic."""
    placed: list[str] = []
    waiting = [_one_signedness(product)]
    for block in BLOCKS[family]:
        left: list[Factors] = []
        for factors in waiting:
            parts, soft = _parts(_wider_first(factors), block)
            placed += [block.name] * parts
            left += [_one_signedness(part) for part in soft]
        waiting = left
    return placed, waiting


def _one_signedness(factors: Factors) -> Factors:
    """An unsigned factor of a signed product gets a sign bit."""
    a, b = factors.a_signed, factors.b_signed
    return replace(
        factors,
        a_width=factors.a_width + (b and not a),
        b_width=factors.b_width + (a and not b),
        a_signed=a or b,
        b_signed=a or b,
        result_width=factors.width,
    )


def _wider_first(factors: Factors) -> Factors:
    if factors.a_width >= factors.b_width:
        return factors
    return replace(
        factors,
        a_width=factors.b_width,
        b_width=factors.a_width,
        a_signed=factors.b_signed,
        b_signed=factors.a_signed,
    )


def _parts(factors: Factors, block: Block) -> tuple[int, list[Factors]]:
    """How many blocks of one kind, and what is not worth one."""
    a, b, size = factors.a_width, factors.b_width, block.width
    if a < block.least_wide or b < block.least_narrow or factors.width < block.least_result:
        return 0, [factors]
    if a > size:
        whole, last = (a - 1) // size, (a - 1) % size + 1
        low = Factors(size, b, False, factors.b_signed, min(factors.width, b + size))
        high = replace(factors, a_width=last, result_width=b + last)
    elif b > size:
        whole, last = (b - 1) // size, (b - 1) % size + 1
        low = Factors(a, size, factors.a_signed, False, min(factors.width, a + size))
        high = replace(factors, b_width=last, result_width=a + last)
    else:
        return 1, []
    low_count, low_soft = _parts(low, block)
    high_count, high_soft = _parts(high, block)
    return whole * low_count + high_count, whole * low_soft + high_soft
