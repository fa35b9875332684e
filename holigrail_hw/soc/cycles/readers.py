"""Readers of the scratchpad, cycle by cycle: how many items each has asked for, and has."""

__all__ = ["GIVEN", "QUEUE", "READ", "Reader", "granted"]

QUEUE = 8
"""Items that a reader may have asked for before they are taken."""
READ = 5
"""Cycles from an address granted to its item at the reader's border."""
GIVEN = 2
"""Cycles from a result that leaves a unit to its place at the port that writes."""


class Reader:
    """Items to read, promised, on their way (a bit for each cycle), and in the queue.

    The place of an item that was taken is ``freed`` a cycle later.
    """

    __slots__ = ("coming", "freed", "left", "promised", "queue")

    def __init__(self, items: int):
        self.left, self.promised, self.coming, self.queue, self.freed = items, 0, 0, 0, 0

    def end_cycle(self, granted: int, taken: int) -> None:
        """A cycle in which an address was or was not granted, an item was or was not taken."""
        self.queue += (self.coming & 1) - taken
        self.coming = self.coming >> 1 | granted << READ - 2
        self.promised += granted - self.freed
        self.freed = taken
        self.left -= granted


def granted(readers: tuple[Reader, ...]) -> int:
    """Which reader has the port in this cycle: the first that asks; -1 if none does."""
    for number, reader in enumerate(readers):
        if reader.left and reader.promised != QUEUE:
            return number
    return -1
