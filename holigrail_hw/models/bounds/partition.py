"""A box of inputs cut into halves, again and again: exact rationals, and the tree of cuts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["Box", "Partition", "halves"]

Box = tuple[tuple[Fraction, Fraction], ...]


def halves(box: Box, axis: int) -> tuple[Box, Box]:
    """A box cut in the middle of an axis."""
    low, high = box[axis]
    middle = (low + high) / 2
    return (
        (*box[:axis], (low, middle), *box[axis + 1 :]),
        (*box[:axis], (middle, high), *box[axis + 1 :]),
    )


@dataclass
class Partition:
    """Leaves are numbered as they arise; ``cuts`` says how a node was cut, and into which two."""

    whole: Box
    boxes: list[Box] = field(default_factory=list)
    cuts: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self):
        self.boxes = [self.whole]

    @property
    def axes(self) -> tuple[int, ...]:
        """Those along which the box is wide."""
        return tuple(i for i, (low, high) in enumerate(self.whole) if low < high)

    def leaves(self) -> list[int]:
        """Nodes that are not cut."""
        return [index for index in range(len(self.boxes)) if index not in self.cuts]

    def cut(self, node: int, axis: int) -> tuple[int, int]:
        """Cut a leaf; the numbers of its halves."""
        first = len(self.boxes)
        self.boxes += halves(self.boxes[node], axis)
        self.cuts[node] = (axis, first, first + 1)
        return first, first + 1

    def preorder(self) -> list[int]:
        """The axis of every cut, -1 for a leaf: a node, then its lower half, then its upper."""
        found, waiting = [], [0]
        while waiting:
            node = waiting.pop()
            axis, first, second = self.cuts.get(node, (-1, 0, 0))
            found.append(axis)
            if axis >= 0:
                waiting += [second, first]
        return found


def grid(whole: Box, depth: Sequence[int]) -> Iterator[int]:
    """Axes to cut along, one level after the other, for so many cuts of each axis."""
    left = [*depth]
    while any(left):
        axis = max(range(len(left)), key=left.__getitem__)
        left[axis] -= 1
        yield axis
