"""The cycle-exact schedule of an EIE-like engine: the model of its queues and everything around.

A vector comes in while the previous one is multiplied; sums leave before the next product begins.
"""

from collections.abc import Iterable

from .encoding import EieSizes
from .golden import Command
from .model import queue_cycles

__all__ = ["PIPELINE", "busy_cycles", "total_cycles"]

# Cycles from the start to the first activation sent, and from the last entry to its sum written.
PIPELINE = 8


def busy_cycles(command: Command, depth: int) -> int:
    """Cycles of a product, from the complete vector to complete sums, as its status reports."""
    if command.work is None:
        return 0
    return queue_cycles(command.work, depth) + PIPELINE if len(command.work) else 1


def total_cycles(sizes: EieSizes, depth: int, commands: Iterable[Command]) -> int:
    """Cycles from reset to the last status, if inputs are always ready and outputs accepted."""
    reader = worker = 0
    for command in commands:
        if command.is_load:
            # The memories are free for this matrix once the previous product is done.
            begun = max(reader + 1, worker) + 1
            offered = begun + max(command.arriving, sizes.rows)
        else:
            offered = reader + 1 + command.arriving
        taken = max(offered, worker)
        reader = worker = taken + 1
        if command.result is not None:
            worker += busy_cycles(command, depth) + len(command.result) + 1
        worker += 1
    return worker
