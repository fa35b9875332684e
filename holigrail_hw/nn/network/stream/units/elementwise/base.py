"""One element for one, with parameters that repeat along the stream; no hardware."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.core.timing import Timing

from ...flow import Flow
from ..unit import Integers, SameLanes, costs, kept, pointwise

__all__ = ["Elementwise", "periodic"]


def periodic(array: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array that is broadcast against a tensor, as the elements that repeat in its stream."""
    array = np.asarray(array)
    if array.size == 1 or (array.ndim and array.size == array.shape[-1] == shape[-1]):
        return array.reshape(-1)
    return np.broadcast_to(array, shape).reshape(-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Elementwise(SameLanes):
    """An element for an element.

    Parameters
    ----------
    input, output : Integers
        Elements that come in and go out.
    elements : int
        Elements of a frame.
    lanes : int
        Elements of a beat; they divide what parameters repeat after, or are a multiple of it.
    timing : Timing
        The clock period, for which registers are placed, and the device.
    """

    input: Integers
    output: Integers
    elements: int
    lanes: int
    timing: Timing = Timing()

    @property
    @abstractmethod
    def period(self) -> int:
        """After how many elements parameters repeat."""

    @property
    def groups(self) -> int:
        """After how many beats parameters repeat."""
        return math.lcm(self.period, self.lanes) // self.lanes

    def by_lane(self, array: np.ndarray) -> np.ndarray:
        """Parameters (..., groups, lanes)."""
        count = self.groups * self.lanes
        tiled = np.tile(array, count // array.shape[-1])
        return tiled.reshape(*array.shape[:-1], self.groups, self.lanes)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from an element to its result."""

    def flow(self) -> Flow:
        """A beat for a beat."""
        return pointwise(self.elements // self.lanes, self.latency)

    def tiled(self, array: np.ndarray) -> np.ndarray:
        """Parameters of every element of a frame."""
        return np.tile(array, self.elements // array.shape[-1])

    def memory(self, device: str, depth: int, width: int) -> dict[str, int]:
        """The cost of a memory."""
        logic, blocks = kept(device, depth, width)
        return costs(logic, 0, 0, blocks)
