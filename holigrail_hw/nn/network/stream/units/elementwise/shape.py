"""Functions of one element, with parameters per channel; no hardware.

Parameters are arrays of one element, or of one per channel (or whatever the order of the elements
repeats after): see :func:`.base.periodic`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.estimate.primitives import Adder, DspMultiplier, Multiplier, device_model
from holigrail_hw.models.graph import forms

from ..unit import Integers, costs
from ..ways import Ways
from .base import Elementwise, periodic

__all__ = ["Requantiser", "Table", "Thresholds"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Thresholds(Elementwise):
    """base + step * the number of thresholds that sign * x reaches.

    ``values`` (thresholds, period) are those of :class:`~holigrail_hw.models.graph.forms`, and so
    are ``base``, ``sign`` (both (period,)) and ``step``.
    """

    values: np.ndarray
    base: np.ndarray
    sign: np.ndarray
    step: int = 1

    @staticmethod
    def of(form: forms.Thresholds, shape: tuple[int, ...], **fields: Any) -> "Thresholds":
        """The unit of a form, for tensors of a shape; ``fields`` are the others."""
        rows = [periodic(row, shape) for row in form.values] or [np.full(1, 1 << 62)]
        base, sign = periodic(form.base, shape), periodic(form.sign, shape)
        longest = max(len(base), len(sign), *map(len, rows))
        rows, (base,), (sign,) = (
            [np.broadcast_to(row, longest) for row in group] for group in (rows, [base], [sign])
        )
        return Thresholds(values=np.stack(rows), base=base, sign=sign, step=form.step, **fields)

    @property
    def period(self) -> int:
        """After how many elements parameters repeat."""
        return self.values.shape[1]

    @property
    def levels(self) -> int:
        """Bits of the count."""
        return len(self.values).bit_length()

    @cached_property
    def rising(self) -> np.ndarray:
        """Ascending thresholds (2^levels - 1, period) of x itself; some are reached by no x.

        Where the sign is -1, -x >= T is not (x >= 1 - T): what is counted is the rest.
        """
        values = np.where(self.sign < 0, 1 - self.values, self.values)
        values = np.sort(np.clip(values, self.input.low, self.input.high + 1), axis=0)
        more = (1 << self.levels) - 1 - len(values)
        return np.pad(values, ((0, more), (0, 0)), constant_values=self.input.high + 1)

    @property
    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """The code of count 0 and what each count adds to it, for the thresholds of x itself."""
        falls = self.sign < 0
        return self.base + falls * self.step * len(self.values), np.where(falls, -1, 1) * self.step

    @property
    def compared(self) -> Integers:
        """Thresholds."""
        return Integers(self.input.low, self.input.high + 1)

    @property
    def latency(self) -> int:
        """A comparison per cycle."""
        return self.levels + 1

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Every threshold compared."""
        signed = np.asarray(frames) * self.tiled(self.sign)
        count = sum((signed >= self.tiled(row) for row in self.values), np.zeros((), np.int64))
        return self.tiled(self.base) + self.step * count

    def cost(self, device: str) -> dict[str, int]:
        """A comparison and a memory for every bit."""
        width, levels = self.compared.width, self.levels
        found = costs(self.lanes * levels * width, self.lanes * levels * (width + levels))
        for level in range(levels):
            depth = self.groups << level
            memory = self.memory(device, depth, width * self.lanes)
            found = {name: found[name] + memory[name] for name in found}
        return found

    def ways(self) -> Ways:
        """See :func:`.ways.thresholds_ways`."""
        from .ways import thresholds_ways

        return thresholds_ways(self)

    def component(self) -> Any:
        """The hardware."""
        from .thresholds import ThresholdsUnit

        return ThresholdsUnit(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantiser(Elementwise):
    """clip((x factor + constant) >> shift, low, high); with ``even`` rounded to nearest, ties even.

    ``factor``, ``constant`` and ``shift`` are (period,) arrays.
    """

    factor: np.ndarray
    constant: np.ndarray
    shift: np.ndarray
    low: int
    high: int
    even: int = 0
    multiplier: str = "rows"

    @staticmethod
    def of(form: forms.Multiplier, shape: tuple[int, ...], **fields: Any) -> "Requantiser":
        """The unit of a form, for tensors of a shape; ``fields`` are the others."""
        arrays = [periodic(a, shape) for a in (form.factor, form.constant, form.shift)]
        longest = max(map(len, arrays))
        factor, constant, shift = (np.broadcast_to(a, longest) for a in arrays)
        numbers = {"low": form.low, "high": form.high, "even": form.even}
        return Requantiser(factor=factor, constant=constant, shift=shift, **numbers, **fields)

    @property
    def period(self) -> int:
        """After how many elements parameters repeat."""
        return len(self.factor)

    @cached_property
    def scaled(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Factors and constants for one shift to all; half a unit is in the constants."""
        most = int(self.shift.max())
        factor, constant = (
            a.astype(object) * (1 << (most - self.shift.astype(object)))
            for a in (self.factor, self.constant)
        )
        if self.even:
            return factor, constant + (1 << most >> 1), most
        # Low bits that no product has do not matter.
        zeros = min([most, *(int(f & -f).bit_length() - 1 for f in factor if f)])
        return factor >> zeros, constant >> zeros, most - zeros

    @cached_property
    def total(self) -> Integers:
        """What is shifted."""
        factor, constant, _ = self.scaled
        ends = [end * factor + constant for end in (self.input.low, self.input.high)]
        return Integers.of(*ends)

    @cached_property
    def _planned(self) -> tuple[int, float]:
        """Cycles, and the period that the device promises."""
        from .datapath import requantiser_plan

        # Lanes whose constants are simple need fewer registers: all take the same time.
        lanes = range(self.lanes if self.groups == 1 else 1)
        plans = [requantiser_plan(self, lane) for lane in lanes]
        return max(plan.latency for plan in plans), max(plan.promise_ns for plan in plans)

    @property
    def latency(self) -> int:
        """A register for the element, and those of the plan."""
        return 1 + self._planned[0]

    def planned_ns(self) -> float:
        """That of the plan."""
        return self._planned[1]

    def ways(self) -> Ways:
        """See :func:`.ways.requantiser_ways`."""
        from .ways import requantiser_ways

        return requantiser_ways(self)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Product, constant, shift, limits."""
        arrays = (self.tiled(a) for a in (self.factor, self.constant, self.shift))
        factor, constant, shift = arrays
        found = forms.Multiplier(factor, constant, shift, self.low, self.high, self.even)
        return found.apply(np.asarray(frames))

    def cost(self, device: str) -> dict[str, int]:
        """A product, a sum and limits for every lane, and memories of parameters."""
        model = device_model(device)
        factor, constant, shift = self.scaled
        widths = [Integers.of(a).width for a in (factor, constant)]
        shape, is_signed = (self.input.width, widths[0]), bool(min(factor) < 0)
        product: Any = Multiplier(*shape)
        if self.multiplier == "dsp":
            product = DspMultiplier(*shape, self.input.signed, is_signed)
        elif self.multiplier == "rows":
            product = Adder(self.input.width * widths[0])
        each = product.luts(model) + self.total.width + 2 * (self.total.width - shift)
        stored = sum(widths) if self.groups > 1 else 0
        kept = (2 * (self.input.width + stored) + self.total.width) * self.lanes
        found = costs(self.lanes * each, kept + self.lanes * self.output.width)
        memory = self.memory(device, self.groups, stored * self.lanes)
        found = {name: found[name] + memory[name] for name in found}
        return found | {"dsps": self.lanes * product.dsps(model)}

    def component(self) -> Any:
        """The hardware."""
        from .requantiser import RequantiserUnit

        return RequantiserUnit(self)


@dataclass(frozen=True, eq=False, kw_only=True)
class Table(Elementwise):
    """Any function: ``values`` (period, inputs), from the least input to the greatest."""

    values: np.ndarray

    @staticmethod
    def of(function: Any, input: Integers, shape: tuple[int, ...], **fields: Any) -> "Table":
        """The table of a function of arrays (..., channels) of inputs, as formulas and forms are.

        ``shape`` is that of the tensor; ``fields`` are the others, without ``output``.
        """
        codes = [
            periodic(function(np.full(shape, code)), shape)
            for code in range(input.low, input.high + 1)
        ]
        values = np.stack(codes, axis=1)
        for period in (1, shape[-1], len(values)):
            repeats = values.reshape(-1, period, len(codes)) if len(values) % period == 0 else None
            if repeats is not None and (repeats == values[:period]).all():
                values = values[:period]
                break
        return Table(input=input, output=Integers.of(values), values=values, **fields)

    @property
    def period(self) -> int:
        """After how many elements the functions repeat."""
        return len(self.values)

    @property
    def latency(self) -> int:
        """One cycle for the memory."""
        return 1

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Entries."""
        frames = np.asarray(frames)
        place = np.tile(np.arange(self.period), self.elements // self.period)
        return self.values[place, frames - self.input.low]

    def cost(self, device: str) -> dict[str, int]:
        """A memory for every lane."""
        depth = self.groups << self.input.width
        return self.memory(device, depth, self.output.width * self.lanes)

    def ways(self) -> Ways:
        """See :func:`.ways.table_ways`."""
        from .ways import table_ways

        return table_ways(self)

    def component(self) -> Any:
        """The hardware."""
        from .table import TableUnit

        return TableUnit(self)
