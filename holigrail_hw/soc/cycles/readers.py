"""Readers of the scratchpad, cycle by cycle: how many items each has asked for, and has."""

__all__ = ["QUEUE", "Reader", "granted"]

QUEUE = 4
"""Items that a reader may have asked for before they are taken."""


class Reader:
    """Items to read, promised, on their way, and in the queue."""

    __slots__ = ("coming", "left", "promised", "queue")

    def __init__(self, items: int):
        self.left, self.promised, self.coming, self.queue = items, 0, 0, 0

    def end_cycle(self, granted: int, taken: int) -> None:
        """A cycle in which an address was or was not granted, an item was or was not taken."""
        self.queue += self.coming - taken
        self.coming = granted
        self.promised += granted - taken
        self.left -= granted

    @property
    def state(self) -> tuple[int, int, int]:
        """All but what is left."""
        return self.promised, self.coming, self.queue


def granted(readers: tuple[Reader, ...]) -> int:
    """Which reader has the port in this cycle: the first that asks; -1 if none does."""
    for number, reader in enumerate(readers):
        if reader.left and reader.promised != QUEUE:
            return number
    return -1
