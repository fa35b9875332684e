"""Where the operands and the sums of a mode lie in the words at the ports.

An operand narrower than its slot lies at the upper end of it, so that its sign is where that of a
wide one is; the hardware ignores the bits below. Its products then stand ``shift`` places above the
lowest of their sum.

- Slots follow each other from the lowest bit. Where subwords add up in one array, those of the
  weights come in reverse order: slots k and n - 1 - k have one weight together.
- Sums apart lie one after the other, each as wide as its products and the headroom; of a subword
  unit every block has its headroom above its own bits, and wider sums leave out what lies between.
- A sum of several products has the whole word for itself.
"""

from dataclasses import dataclass

from .structures import Mode, Structure, precisions

__all__ = ["Packing", "pack", "packing", "port_widths", "result_width"]

Bits = tuple[int, ...]


@dataclass(frozen=True)
class Packing:
    """Bits of operands and of sums, lowest first, and which products belong to which sum.

    A product is a pair of indices, of an activation and of a weight.
    """

    activations: tuple[Bits, ...]
    weights: tuple[Bits, ...]
    sums: tuple[Bits, ...]
    products: tuple[tuple[tuple[int, int], ...], ...]
    shift: int = 0


def packing(structure: Structure, width: int, levels: int, headroom: int, mode: Mode) -> Packing:
    """The packing of one mode of a unit without serial operands."""
    whole = tuple(range(result_width(structure, width, levels, headroom)))
    a, w = mode.activation, mode.weight
    if structure.paired or not structure.scaled:
        slot = max(a, w) if structure.paired else width
        count = width // slot
        order = range(count) if structure.apart else range(count - 1, -1, -1)
        activations = tuple(_slot(k, slot, a) for k in range(count))
        weights = tuple(_slot(k, slot, w) for k in order)
        pairs = tuple((k, k) for k in range(count))
        if not structure.apart:
            return Packing(activations, weights, (whole,), (pairs,), width + slot - a - w)
        sums = tuple(_blocks(width >> levels, headroom, slot, k) for k in range(count))
        return Packing(activations, weights, sums, tuple((p,) for p in pairs), 2 * slot - a - w)
    slot = a if structure.scaled == 2 else width
    columns, rows = width // w, width // slot
    if structure.apart:
        size = slot + w + headroom
        pairs = tuple((i, j) for i in range(rows) for j in range(columns))
        return Packing(
            tuple(_slot(i, slot, a) for i in range(rows)),
            tuple(_slot(j, w, w) for j in range(columns)),
            tuple(tuple(range(k * size, (k + 1) * size)) for k in range(len(pairs))),
            tuple((pair,) for pair in pairs),
            slot - a,
        )
    count, least = rows * columns, width >> levels
    # The columns of all modes have one middle, where bricks stay in place most often.
    middle = width // least - (slot // least + w // least) // 2
    return Packing(
        tuple(_slot(k, slot, a) for k in range(count)),
        tuple(_slot(k, w, w) for k in range(count)),
        (whole,),
        (tuple((k, k) for k in range(count)),),
        middle * least + slot - a,
    )


def port_widths(structure: Structure, width: int, levels: int) -> tuple[int, int]:
    """Widths of the words of activations and of weights, in bits."""
    if not structure.scaled or structure.apart:
        return width, width
    return width << levels, (width << levels if structure.scaled == 2 else width)


def result_width(structure: Structure, width: int, levels: int, headroom: int) -> int:
    """Width of the word of sums, in bits."""
    if not structure.apart:
        return 2 * width + headroom
    if structure.paired:
        return 2 * width + (headroom << levels)
    every = precisions(width, levels)
    slots = every if structure.scaled == 2 else (width,)
    return max(width // a * (width // w) * (a + w + headroom) for a in slots for w in every)


def pack(places: tuple[Bits, ...], values: list[int]) -> int:
    """The word that holds integers at the given bits; two's complement."""
    word = 0
    for bits, value in zip(places, values, strict=True):
        for index, place in enumerate(bits):
            word |= (value >> index & 1) << place
    return word


def _slot(index: int, slot: int, width: int) -> Bits:
    """The upper ``width`` bits of a slot."""
    return tuple(range((index + 1) * slot - width, (index + 1) * slot))


def _blocks(least: int, headroom: int, slot: int, index: int) -> Bits:
    """Bits of a sum in blocks of ``2 * least`` bits, each with its headroom above."""
    block, count = 2 * least + headroom, slot // least
    first = index * count
    found = [b * block + i for b in range(first, first + count) for i in range(2 * least)]
    return (*found, *(found[-1] + 1 + i for i in range(headroom)))
