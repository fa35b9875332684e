"""Queues, converters of lanes, and cuts; no hardware."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import Adder, Logic

from ...flow import Flow
from ..unit import DISTRIBUTED, Integers, SameLanes, Unit, costs, kept, repeated
from ..ways import BlockRead, Ways, choice

__all__ = ["Cut", "Queue", "WidthConverter"]


@dataclass(frozen=True)
class Queue:
    """First in, first out: up to ``depth`` beats, each to be read from the cycle after it came.

    ``i.ready`` depends on registers only: a beat is taken if there were fewer than ``depth`` at the
    beginning of the cycle. Up to ``registers`` beats are kept in registers, more in a memory.
    """

    input: Integers
    lanes: int
    depth: int
    registers: int = 4

    @property
    def bits(self) -> int:
        """Bits of a beat."""
        return self.input.width * self.lanes

    def cost(self, device: str) -> dict[str, int]:
        """Registers, or a memory with its two places."""
        if self.depth <= self.registers:
            return costs((self.depth + 1) // 2 * self.bits + 6, self.depth * self.bits + 2)
        places = (self.depth - 1).bit_length()
        logic, blocks = kept(device, self.depth - 1, self.bits)
        # Words that are written and read in one cycle take two of every look-up table.
        logic = -(-self.depth // 16) * self.bits * 2 if logic else 0
        return costs(logic + self.bits + 6 * places, 2 * self.bits + 3 * places, 0, blocks)

    def ways(self) -> Ways:
        """Its level counts up and down; the oldest beat is chosen from registers."""
        places = self.depth.bit_length()
        counted = Logic(3), Adder(places)
        if self.depth <= self.registers:
            return Ways((counted,), leaving=(choice(self.depth),), control=counted)
        large = self.depth > DISTRIBUTED
        # A word that is written is not read in the same cycle: addresses are compared.
        meets = (Logic(2), choice(1 << places)) if large else ()
        leaving = (BlockRead(), Logic(1)) if large else (Logic(1),)
        return Ways((counted, meets), leaving=leaving, control=(*counted, Logic(1)))

    def component(self) -> Any:
        """The hardware."""
        from .queue import QueueUnit

        return QueueUnit(self)


@dataclass(frozen=True)
class WidthConverter(Unit):
    """Beats of ``lanes_in`` elements become beats of ``lanes_out``; one divides the other."""

    input: Integers
    elements: int
    lanes_in: int
    lanes_out: int

    @staticmethod
    def chain(
        input: Integers, elements: int, lanes_in: int, lanes_out: int
    ) -> list["WidthConverter"]:
        """None, one, or two converters from so many lanes to so many."""
        if lanes_in == lanes_out:
            return []
        between = int(np.gcd(lanes_in, lanes_out))
        widths = [lanes_in, *[between] * (between not in (lanes_in, lanes_out)), lanes_out]
        return [
            WidthConverter(input, elements, a, b)
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        ]

    @property
    def output(self) -> Integers:
        """Elements."""
        return self.input

    @property
    def factor(self) -> int:
        """Narrow beats of a wide one."""
        return max(self.lanes_in, self.lanes_out) // min(self.lanes_in, self.lanes_out)

    def flow(self) -> Flow:
        """As many cycles as there are narrow beats."""
        tokens, outputs = self.elements // self.lanes_in, self.elements // self.lanes_out
        if self.lanes_out > self.lanes_in:
            return repeated(tokens, np.arange(1, outputs + 1) * self.factor)
        return repeated(tokens, np.arange(outputs) // self.factor + 1, pace=self.factor)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """The order of the elements stays."""
        return np.asarray(frames)

    def cost(self, device: str) -> dict[str, int]:
        """Registers."""
        bits = max(self.lanes_in, self.lanes_out) * self.input.width
        if self.lanes_out > self.lanes_in:
            return costs(6, 2 * bits)
        return costs(bits + 6, bits)

    def ways(self) -> Ways:
        """Its place decides whether a beat is taken."""
        return Ways(arriving=(Logic(1),), control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .width_converter import WidthConverterUnit

        return WidthConverterUnit(self)


@dataclass(frozen=True)
class Cut(SameLanes):
    """Some beats of a frame are let through, in their order: pixels or channels that are wanted.

    ``kept`` are the beats, ascending, of the ``tokens`` beats of a frame.
    """

    input: Integers
    lanes: int
    tokens: int
    kept: tuple[int, ...]

    @property
    def output(self) -> Integers:
        """Elements."""
        return self.input

    def flow(self) -> Flow:
        """A beat for every one that is kept."""
        return repeated(self.tokens, np.array(self.kept) + 1)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """The beats that are kept."""
        found = np.asarray(frames).reshape(len(frames), self.tokens, self.lanes)
        return found[:, list(self.kept)].reshape(len(frames), -1)

    def cost(self, device: str) -> dict[str, int]:
        """A counter, comparisons, and a register."""
        places = self.tokens.bit_length()
        return costs(3 * places, places + self.lanes * self.input.width)

    def ways(self) -> Ways:
        """Its place decides whether a beat goes on."""
        return Ways(((choice(self.tokens), Logic(1)),), control=(Logic(3),))

    def component(self) -> Any:
        """The hardware."""
        from .cut import CutUnit

        return CutUnit(self)
