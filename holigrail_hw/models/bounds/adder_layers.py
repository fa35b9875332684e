"""Layers as graphs of adders that lose low bits, where that takes fewer one-bit adders.

Who knows how adders are found is above this package: a :class:`Designer`. What it returns is taken
for nothing but a proposal here and in the check.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from holigrail_hw.models.graph.nodes import Adders, Linear, Node
from holigrail_hw.models.graph.ranges import Tensor

__all__ = ["AdderLayers", "Designed", "Designer", "WantedSums"]


@dataclass(frozen=True)
class WantedSums:
    """constants + matrix * operands, row by row; ``bounds`` are how far each may be off.

    ``ranges`` are the least and the greatest value of every operand.
    """

    matrix: tuple[tuple[int, ...], ...]
    ranges: tuple[tuple[int, int], ...]
    constants: tuple[int, ...]
    bounds: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Designed:
    """``adders`` and ``targets`` of :class:`.Adders`; ``cost`` in one-bit adders."""

    adders: np.ndarray
    targets: np.ndarray
    cost: int


class Designer(Protocol):
    """Finds graphs of adders; with ``quick`` their losses are not searched for long."""

    def __call__(self, wanted: WantedSums, *, quick: bool) -> Designed: ...


@dataclass
class AdderLayers:
    """The layers of one network.

    ``exact`` and ``chosen`` collect one-bit adders of every layer: without losses, and as built.
    """

    designer: Designer
    exact: list[int] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)

    def node(
        self, plain: Linear, operand: Tensor, halves: Sequence[int], losses: Sequence[int]
    ) -> Node:
        """A layer whose sums may be off by so much; ``halves`` are what rounds them.

        Where bits are lost, ``halves`` are part of the sums, which are then rounded down.
        """
        wanted = wanted_sums(plain, operand, halves, losses)
        none = (0,) * len(losses)
        exact = self.designer(wanted_sums(plain, operand, halves, none), quick=False)
        self.exact.append(exact.cost)
        self.chosen.append(exact.cost)
        if not any(losses):
            return plain
        found = self.designer(wanted, quick=False)
        if found.cost >= exact.cost or not len(found.adders):
            return plain
        self.chosen[-1] = found.cost
        return Adders(
            name=plain.name,
            inputs=plain.inputs,
            source=plain.source,
            features=len(plain.weights),
            adders=found.adders,
            targets=found.targets,
        )


def wanted_sums(
    plain: Linear, operand: Tensor, halves: Sequence[int], losses: Sequence[int]
) -> WantedSums:
    """The sums of a layer with what rounds them."""
    ends: list[Any] = [
        np.broadcast_to(e, operand.shape).tolist() for e in (operand.low, operand.high)
    ]
    return WantedSums(
        tuple(tuple(row) for row in plain.weights.T.tolist()),
        tuple(zip(*ends, strict=True)),
        tuple(b + half for b, half in zip(plain.bias.tolist(), halves, strict=True)),
        tuple(losses),
    )
