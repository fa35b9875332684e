"""Bricks: products of small parts of operands, each at a fixed place of the sum.

A brick is the partial products of two chunks, as wide as the narrowest operand. Its place is fixed,
and so are the adders behind it; a mode says which chunks it gets, if any. So nothing is shifted by
mode: what moves are operands, of which there are far fewer bits than of products, and of two modes
that put the same chunks at the same place not even these (the idea of BitFusion, Sharma et al.,
2018, with the shifters of its tree turned into multiplexers of operands).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .packing import Packing

__all__ = ["Brick", "Chunks", "allot"]


@dataclass(frozen=True)
class Chunks:
    """What a brick multiplies: places of two chunks, and whether they are the highest of theirs."""

    activation: int
    weight: int
    activation_top: bool
    weight_top: bool


@dataclass
class Brick:
    """A place of the sum, in bits, and what it gets by mode."""

    column: int
    uses: dict[int, Chunks] = field(default_factory=dict)

    def cost(self, chunks: Chunks) -> int:
        """How many of the two operands it does not get already in another mode."""
        activations = {use.activation for use in self.uses.values()}
        weights = {use.weight for use in self.uses.values()}
        return (chunks.activation not in activations) + (chunks.weight not in weights)


def allot(packings: Sequence[Packing], chunk: int) -> list[Brick]:
    """As few bricks as all modes need at every place, with few operands each."""
    needed: dict[int, dict[int, list[Chunks]]] = {}
    for mode, packing in enumerate(packings):
        for column, chunks in _chunks(packing, chunk):
            needed.setdefault(column, {}).setdefault(mode, []).append(chunks)
    bricks = []
    for column, by_mode in sorted(needed.items()):
        count = max(map(len, by_mode.values()))
        here = [Brick(column) for _ in range(count)]
        for mode, left in sorted(by_mode.items(), key=lambda item: -len(item[1])):
            waiting = list(left)
            while waiting:
                free = [brick for brick in here if mode not in brick.uses]
                # The cheapest pair first; a brick that other modes use too before an empty one.
                pairs = [
                    (b.cost(c), -len(b.uses), i, b, c) for b in free for i, c in enumerate(waiting)
                ]
                _, _, _, brick, chunks = min(pairs, key=lambda pair: pair[:3])
                brick.uses[mode] = chunks
                waiting.remove(chunks)
        bricks += here
    return bricks


def _chunks(packing: Packing, chunk: int) -> Iterator[tuple[int, Chunks]]:
    """All bricks of a mode with their places, from the lowest bits of the sums."""
    for bits, pairs in zip(packing.sums, packing.products, strict=True):
        for i, j in pairs:
            left, right = packing.activations[i], packing.weights[j]
            for m in range(0, len(left), chunk):
                for n in range(0, len(right), chunk):
                    yield (
                        bits[0] + m + n + packing.shift,
                        Chunks(
                            left[m] // chunk,
                            right[n] // chunk,
                            m + chunk == len(left),
                            n + chunk == len(right),
                        ),
                    )
