"""Energy of an operator before any tool runs: changes of its bits, and what each of them costs.

The design as Amaranth writes it is run for random items in NumPy (:mod:`.activity`); a model that
was fitted to standard cells (:mod:`holigrail_hw.estimate.energy.model`) turns changes into energy.
What has several streams, or holds what is not known there, is estimated from its counts of look-up
tables and registers instead. Of arrays and engines that know what they move there are figures for
one product, by level.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from holigrail_hw.core.accesses import Accesses
from holigrail_hw.core.errors import HoligrailError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.estimate.energy.memories import Memories, read_memories
from holigrail_hw.estimate.energy.model import EnergyModel, energy_model

from ..top import Top
from .activity import changes
from .words import Uncovered

__all__ = ["Estimate", "Level", "estimate", "levels"]


@dataclass(frozen=True)
class Estimate:
    """Energy of one item in pJ at ``node_nm``; ``per`` is ``item`` or ``cycle``.

    ``counted`` says what the figure is made from: ``changes`` of bits, or ``cells``.
    """

    node_nm: int
    logic: float
    registers: float
    per: str
    counted: str

    @property
    def total(self) -> float:
        return self.logic + self.registers

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        return {**asdict(self), "total": self.total}


@dataclass(frozen=True)
class Level:
    """A level of memory, and what it adds to the energy of one product.

    ``accesses`` are words per product, ``low_pj`` and ``high_pj`` bounds of the energy they take.
    """

    level: str
    what: str
    accesses: float
    low_pj: float
    high_pj: float


def estimate(
    spec: OperatorSpec,
    timing: Timing | None = None,
    *,
    held: Mapping[str, int] | None = None,
    seed: int = 1,
) -> Estimate:
    """Energy of an item with random operands, or of a cycle where only counts are known.

    ``held`` are operands that keep one code.
    """
    timing, model = timing or Timing(), energy_model()
    plain = replace(timing, shell="plain", wait_cycles=None, name=None)
    if spec.has_plan and spec.planned_figures(plain).interval == 1:
        try:
            found = changes(Top(spec, plain), held, seed)
        except Uncovered:
            pass
        else:
            clock = model.register * found.pop("register")
            stored = model.changes.get("stored", 0.0) * found.pop("stored", 0.0)
            return Estimate(model.node_nm, model.logic_pj(found), clock + stored, "item", "changes")
    return _by_counts(spec, timing, model)


def _by_counts(spec: OperatorSpec, timing: Timing, model: EnergyModel) -> Estimate:
    cost = spec.cost(timing)
    logic, registers = model.lut * cost["luts"], model.stored * cost["flip_flops"]
    return Estimate(model.node_nm, logic, registers, "cycle", "cells")


def levels(
    spec: OperatorSpec, timing: Timing | None = None, memories: Memories | None = None
) -> tuple[str, list[Level]]:
    """The job asked about, and the energy of one product by level; empty where none is known."""
    timing = timing or Timing()
    try:
        moved = spec.accesses(timing)
    except HoligrailError:
        # A job that the hardware cannot do has no energy.
        moved = None
    if moved is None:
        return "", []
    model, memories = energy_model(), memories or read_memories()
    element = estimate(moved.element, held=moved.held).logic / moved.each
    bits = spec.cost(timing)["flip_flops"]
    clocked = bits * moved.cycles / moved.products
    stored = model.stored * clocked
    found = [
        Level("MAC", "a product and its addition", 1.0, element, element),
        Level("register", "register bits clocked", clocked, stored, stored),
    ]
    return moved.job, found + _memory_levels(moved, memories)


def _memory_levels(moved: Accesses, memories: Memories) -> list[Level]:
    found = []
    for one in moved.moved:
        accesses = one.words / moved.products
        if one.memory_bytes is None:
            low, high = memories.off_chip_pj(accesses * one.bits)
            found.append(Level("off-chip", one.what, accesses, low, high))
        else:
            each = memories.on_chip_pj(accesses * one.bits, one.memory_bytes)
            found.append(Level("buffer", one.what, accesses, each, each))
    return found
