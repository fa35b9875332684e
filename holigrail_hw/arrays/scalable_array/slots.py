"""What every brick of a word pair multiplies in a mode, and how far its product is shifted.

Bricks form a square. A mode divides it into blocks, one per product, whose rows are the chunks of
an activation and whose columns those of a weight.
"""

from dataclasses import dataclass

from holigrail_hw.arith.scalable_mac.structures import Mode

__all__ = ["Slot", "word_slots"]


@dataclass(frozen=True)
class Slot:
    """Places of two chunks in their words, whether they are the highest of theirs, and the shift
    of their product, in bits."""

    activation: int
    weight: int
    activation_top: bool
    weight_top: bool
    shift: int


def word_slots(width: int, levels: int, mode: Mode) -> list[Slot]:
    """The slots of all bricks, row by row."""
    chunk, side = width >> levels, 1 << levels
    rows, columns = mode.activation // chunk, mode.weight // chunk
    found = []
    for i in range(side):
        for j in range(side):
            product = i // rows * (side // columns) + j // columns
            m, n = i % rows, j % columns
            places = product * rows + m, product * columns + n
            tops = m == rows - 1, n == columns - 1
            found.append(Slot(*places, *tops, (m + n) * chunk))
    return found
