"""How an accelerator's hardware is made, which programs and images do not see."""

from dataclasses import dataclass

__all__ = ["MEMORIES", "Style"]

MEMORIES = ("block", "large")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What hardware is made of; descriptors mean the same in all styles.

    Parameters
    ----------
    memory : str
        ``block``: memories with a port that reads and one that writes. ``large``: those with a
        single port, as an iCE40 UltraPlus has them, for the scratchpad and the engine's vectors.
    serial : bool
        Descriptors are checked bit by bit, which takes a few hundred cycles and few look-up tables,
        and the chain has no counters but that of its cycles.
    """

    memory: str = MEMORIES[0]
    serial: bool = False

    @property
    def has_one_port(self) -> bool:
        """Whether nothing can be read while something is written."""
        return self.memory == "large"
