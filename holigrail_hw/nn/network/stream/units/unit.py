"""What every unit says of itself without its hardware: beats, answer, time and cost."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..flow import Flow, Side
from .ways import Ways

__all__ = [
    "DISTRIBUTED",
    "Integers",
    "SameLanes",
    "Unit",
    "blocks_of",
    "costs",
    "kept",
    "pointwise",
    "repeated",
    "steps",
]

DISTRIBUTED = 64
"""Memories of more words are taken to be blocks."""

# Bits of a word, and words, of a block memory; the first one also with two ports.
_ECP5 = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_ICE40 = ((16, 256), (8, 512), (4, 1024), (2, 2048))
_BLOCK = {"ecp5": _ECP5, "generic": _ECP5, "ice40up5k": _ICE40, "ice40hx8k": _ICE40}


@dataclass(frozen=True)
class Integers:
    """Integers from ``low`` to ``high``, in the fewest bits."""

    low: int
    high: int

    @property
    def signed(self) -> bool:
        """Whether there are negative ones."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits; two's complement if signed."""
        if self.signed:
            return max(self.high.bit_length(), (-self.low - 1).bit_length()) + 1
        return max(self.high.bit_length(), 1)

    @staticmethod
    def of(*values: Any) -> "Integers":
        """Those that hold all elements of some arrays."""
        return Integers(min(int(np.min(a)) for a in values), max(int(np.max(a)) for a in values))

    def union(self, other: "Integers") -> "Integers":
        """Those of both."""
        return Integers(min(self.low, other.low), max(self.high, other.high))


class Unit(ABC):
    """A unit; frames are arrays (frames, elements) in the order of the stream.

    Attributes
    ----------
    input, output : Integers
        What an element of a beat may be.
    lanes_in, lanes_out : int
        Elements of a beat.
    """

    @abstractmethod
    def flow(self) -> Flow:
        """When beats come and go."""

    @abstractmethod
    def apply(self, frames: np.ndarray) -> np.ndarray:
        """The exact answer to some frames."""

    @abstractmethod
    def cost(self, device: str) -> dict[str, int]:
        """Estimated ``luts``, ``flip_flops``, ``dsps``, and ``memory_bits`` in ``memories``."""

    @abstractmethod
    def ways(self) -> Ways:
        """What lies between its registers."""

    def planned_ns(self) -> float:
        """The clock period that the schedule of its datapath was made for; 0 without one."""
        return 0.0

    @abstractmethod
    def component(self) -> Any:
        """The hardware: an Amaranth component with streams ``i`` and ``o``."""


class SameLanes(Unit):
    """A unit whose beats have ``lanes`` elements on both sides."""

    lanes: int

    @property
    def lanes_in(self) -> int:
        """Elements of an input beat."""
        return self.lanes

    @property
    def lanes_out(self) -> int:
        """Elements of an output beat."""
        return self.lanes


def blocks_of(device: str, depth: int, width: int) -> int:
    """Block memories of a device for so many words of so many bits."""
    return min(-(-width // bits) * -(-depth // words) for bits, words in _BLOCK[device])


def costs(
    luts: float = 0,
    flip_flops: float = 0,
    dsps: int = 0,
    blocks: tuple[int, int] = (0, 0),
) -> Any:
    """A cost by its names; ``blocks`` are bits of memories in blocks, and these."""
    return {
        "luts": round(luts),
        "flip_flops": round(flip_flops),
        "dsps": dsps,
        "memory_bits": blocks[0],
        "memories": blocks[1],
    }


def steps(need: np.ndarray, tokens: int) -> int:
    """The most beats between two outputs that follow each other, from frame to frame as well."""
    return int(np.diff(need, prepend=need[-1] - tokens).max(initial=1))


def kept(device: str, depth: int, width: int) -> tuple[float, tuple[int, int]]:
    """Look-up tables of a memory, or its bits in blocks and these."""
    if depth <= 1:
        return 0.0, (0, 0)
    if depth <= DISTRIBUTED:
        return depth * width / 16, (0, 0)
    return 0.0, (depth * width, blocks_of(device, depth, width))


def repeated(tokens: int, need: Any, **times: int) -> Flow:
    """One input whose beats are taken as they come, and are used up by the output they complete."""
    need = np.asarray(need, np.int64)
    pace = times.pop("pace", 1)
    side = Side(tokens, need, need, max(1, steps(need, tokens)), pace)
    return Flow((side,), len(need), **times)


def pointwise(tokens: int, latency: int = 1) -> Flow:
    """An output for every beat."""
    return repeated(tokens, np.arange(1, tokens + 1), latency=latency)
