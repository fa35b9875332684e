"""The primitives that steps of a datapath are made of, and what they cost on a device.

A step of a :class:`~holigrail_hw.hdl.plan.plan.Plan` names the primitive it uses. The device
model, a data file of measured numbers, turns the primitive into a delay in ns and a count of
look-up tables (LUTs) and DSP blocks. One description thus serves the schedule and the cost
estimate.

Delays include the average wire to the next cell. The files in ``devices/`` are begun by
``scripts/measure_device.py`` with small circuits, fitted to whole designs that are placed and
routed by ``scripts/fit_models``, and judged on others by ``scripts/bench_models``; ``generic`` has
round numbers.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar, NamedTuple

from .product_cut import Factors, cut

__all__ = [
    "Adder",
    "Alone",
    "Arrival",
    "CarryChoice",
    "Comparator",
    "Compressor",
    "CountedAdder",
    "DeviceModel",
    "DspMultiplier",
    "LeadingZeros",
    "Logic",
    "Lookup",
    "Multiplexer",
    "Multiplier",
    "Negation",
    "Primitive",
    "Restored",
    "SelectingAdder",
    "Shifter",
    "Trial",
    "Wiring",
    "device_model",
    "device_models",
]

_FOLDER = Path(__file__).parent / "devices"


@dataclass(frozen=True)
class Alone:
    """Delays of steps of one kind between registers, found by ``scripts/measure_device.py``.

    The names are those of :class:`DeviceModel`.
    """

    register_ns: float
    lut_ns: float
    carry_start_ns: float
    carry_ns: float
    dsp_ns: float


@dataclass(frozen=True)
class DeviceModel:
    """Measured numbers of one device; times in ns, widths in bits.

    ``register_ns`` is what every cycle pays besides its steps: clock to output, set-up, one wire.
    ``lut_ns`` is one look-up table with its wire, ``logic_ns`` what a level of :class:`Logic` adds
    in the mean, since synthesis merges most of them into their neighbours; ``multiplexer_ns`` is
    one choice between two words. An adder takes ``carry_start_ns`` plus ``carry_ns`` for each bit;
    ``adder_selects`` says whether the LUT that adds can also choose between the sum and an operand,
    or invert the sum; ``adder_subtracts`` whether it can invert an operand, so that subtraction
    costs no more than addition. With ``sums_overlap`` a sum starts as soon as the lowest bits of
    its operands are there, while their carries are still on the way. ``dsp_ns`` is a combinational
    product in a DSP block, of the kinds that ``dsp_blocks`` names in :data:`.product_cut.BLOCKS`;
    ``dsp_register_ns`` is a product up to the register in its block, 0 where that stays outside.
    Yosys's own script for the device moves adders and registers that follow products of
    ``dsp_merges`` bits or more into the blocks, and can lose bits of the sum; 0 if it does not.

    These numbers are fitted to whole designs and hit the mean. A schedule has to meet the clock
    that was asked for, so it is made by :attr:`cautious`, from the delays in ``alone``.
    """

    name: str
    summary: str
    register_ns: float
    lut_ns: float
    logic_ns: float
    multiplexer_ns: float
    carry_start_ns: float
    carry_ns: float
    adder_selects: bool
    adder_subtracts: bool
    sums_overlap: bool
    dsp_ns: float
    dsp_register_ns: float
    dsp_blocks: str
    dsp_merges: int
    alone: Alone
    measured: str

    @property
    def cautious(self) -> "DeviceModel":
        """The model for schedules: every step takes its time alone, one after the other."""
        return replace(
            self,
            **vars(self.alone),
            logic_ns=self.alone.lut_ns,
            multiplexer_ns=self.alone.lut_ns,
            sums_overlap=False,
            dsp_register_ns=0.0,
        )


@cache
def device_model(name: str) -> DeviceModel:
    """The model called ``name``; raises KeyError if there is none."""
    if name not in device_models():
        raise KeyError(name)
    numbers = json.loads((_FOLDER / f"{name}.json").read_text())
    return DeviceModel(**numbers | {"alone": Alone(**numbers["alone"])})


@cache
def device_models() -> tuple[str, ...]:
    """Names of all device models."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


class Arrival(NamedTuple):
    """When the lowest and the latest bit of a value are there, in ns into their cycle."""

    lowest: float = 0.0
    latest: float = 0.0


class Primitive(ABC):
    """Something a step is made of: a delay in ns, LUTs and DSP blocks on a device."""

    @abstractmethod
    def delay_ns(self, device: DeviceModel) -> float:
        """Time from inputs to output in ns."""

    def arrival(self, device: DeviceModel, operands: Arrival) -> Arrival:
        """When the bits of the result are there, for those of the operands.

        Where any bit of a result may need any bit of an operand, all of them come at once.
        """
        end = operands.latest + self.delay_ns(device)
        return Arrival(end, end)

    def luts(self, device: DeviceModel) -> int:
        """Estimated 4-input LUTs."""
        return 0

    def dsps(self, device: DeviceModel) -> int:
        """DSP blocks."""
        return 0

    def one_bit_adders(self) -> int:
        """One-bit full adders or subtracters."""
        return 0


@dataclass(frozen=True)
class Wiring(Primitive):
    """Renaming, slicing, shifting by a constant: no hardware."""

    def delay_ns(self, device):
        return 0.0

    def arrival(self, device, operands):
        return operands


@dataclass(frozen=True)
class Logic(Primitive):
    """Random logic of ``levels`` 4-input LUT levels and ``count`` LUTs."""

    levels: int = 1
    count: int = 1

    def delay_ns(self, device):
        return self.levels * device.logic_ns

    def arrival(self, device, operands):
        found = super().arrival(device, operands)
        if not self.levels:
            return found
        # Behind a register, or bits that arrive apart, as from a carry chain, there is no look-up
        # table to merge the first level with.
        alone = operands.latest == 0 or operands.lowest < operands.latest
        end = found.latest + (max(0.0, device.lut_ns - device.logic_ns) if alone else 0.0)
        return Arrival(end, end)

    def luts(self, device):
        return self.count


@dataclass(frozen=True)
class Adder(Primitive):
    """A carry-propagate adder or subtracter of ``width`` bits."""

    width: int

    def delay_ns(self, device):
        return self._bit_ns(device) + device.carry_ns * self.width

    def arrival(self, device, operands):
        if not device.sums_overlap:
            return super().arrival(device, operands)
        start = operands.lowest + self._bit_ns(device)
        through = operands.lowest + self.delay_ns(device)
        return Arrival(start, max(through, operands.latest + self._bit_ns(device)))

    def luts(self, device):
        return self.width

    def _bit_ns(self, device: DeviceModel) -> float:
        """From an operand's bit to the same bit of the result."""
        return device.carry_start_ns

    def one_bit_adders(self):
        return self.width


@dataclass(frozen=True)
class CountedAdder(Adder):
    """An adder of a graph: ``width`` cells, and the one-bit adders a published rule counts.

    ``inverters`` are LUTs besides those of the adder.
    """

    counted: int
    inverters: int = 0

    def luts(self, device):
        return self.width + self.inverters

    def one_bit_adders(self):
        return self.counted


@dataclass(frozen=True)
class SelectingAdder(Adder):
    """An adder followed by the choice between the sum and one of its operands."""

    def _bit_ns(self, device):
        return super()._bit_ns(device) + (0 if device.adder_selects else device.lut_ns)


@dataclass(frozen=True)
class Trial(Adder):
    """A subtraction whose last carry decides over words, :class:`CarryChoice`.

    ``kept``: how many of its lowest bits are used besides. The decisions are part of its delay, so
    that no register comes between.
    """

    kept: int

    def delay_ns(self, device):
        return super().delay_ns(device) + self._decision_ns(device)

    def arrival(self, device, operands):
        carry = Adder(self.width).arrival(device, operands).latest
        end = carry + self._decision_ns(device)
        return Arrival(end, end)

    def luts(self, device):
        return self.kept

    def _decision_ns(self, device: DeviceModel) -> float:
        # The carry leaves its chain by a look-up table and goes to every bit of the words.
        return 2 * device.multiplexer_ns


@dataclass(frozen=True)
class CarryChoice(Primitive):
    """One of two words of ``width`` bits, by the last carry of a :class:`Trial`."""

    width: int

    def delay_ns(self, device):
        return 0.0

    def luts(self, device):
        return self.width


@dataclass(frozen=True)
class Restored(CarryChoice):
    """What a trial leaves: the difference or, if that is negative, the minuend.

    Where an adder can select, it is the adder that made the difference.
    """

    def luts(self, device):
        return 0 if device.adder_selects else self.width


@dataclass(frozen=True)
class Negation(Adder):
    """The negative of a word or, where some bit says so, the word itself or zero."""

    def luts(self, device):
        return self.width if device.adder_selects else 2 * self.width

    def _bit_ns(self, device):
        return super()._bit_ns(device) + (0 if device.adder_selects else device.lut_ns)


@dataclass(frozen=True)
class Comparator(Adder):
    """A magnitude comparison of ``width`` bits on a carry chain."""

    def arrival(self, device, operands):
        # The one bit of the result is the last carry.
        end = super().arrival(device, operands).latest
        return Arrival(end, end)

    def one_bit_adders(self):
        return 0


@dataclass(frozen=True)
class Multiplexer(Primitive):
    """One of ``ways`` words of ``width`` bits."""

    width: int
    ways: int = 2

    def delay_ns(self, device):
        return math.ceil(math.log2(max(self.ways, 2))) * device.multiplexer_ns

    def luts(self, device):
        return (self.ways - 1) * self.width


@dataclass(frozen=True)
class Lookup(Primitive):
    """A constant table of 2^address_width words of ``width`` bits.

    ``block``: a register follows at once, so that it is a block of memory. In logic, a table of a
    smooth function takes less than one of random bits: the share that is left of 2^address / 16
    LUTs per bit was counted on tables of sigmoid and tanh that Yosys synthesised for ECP5 and iCE40
    (``scripts/bench_functions``).
    """

    address_width: int
    width: int
    block: bool = False

    _SHARE: ClassVar[Mapping[int, float]] = {7: 0.95, 8: 0.84, 9: 0.73, 10: 0.62, 11: 0.51}
    _LEAST_SHARE: ClassVar[float] = 0.41

    def delay_ns(self, device):
        return (1 + max(0, math.ceil((self.address_width - 4) / 2))) * device.lut_ns

    def luts(self, device=None):
        if self.block:
            return 0
        share = 1.0 if self.address_width < 7 else self._SHARE.get(self.address_width)
        each = (share or self._LEAST_SHARE) * 2.0 ** (self.address_width - 4)
        return round(max(1.0, each) * self.width)

    def memory_bits(self) -> int:
        """Bits of memory blocks."""
        return self.width << self.address_width if self.block else 0


@dataclass(frozen=True)
class Shifter(Primitive):
    """A variable shift of ``width`` bits by a ``stages``-bit amount."""

    width: int
    stages: int

    def delay_ns(self, device):
        return self.stages * device.multiplexer_ns

    def luts(self, device):
        return self.width * self.stages


@dataclass(frozen=True)
class LeadingZeros(Primitive):
    """A leading-zero count of ``width`` bits."""

    width: int

    def delay_ns(self, device):
        return math.ceil(math.log2(max(self.width, 2))) * device.lut_ns

    def luts(self, device):
        return 2 * self.width


@dataclass(frozen=True)
class Compressor(Primitive):
    """Carry-save reduction of ``rows`` words of ``width`` bits to two."""

    width: int
    rows: int

    def delay_ns(self, device):
        levels = max(0, math.ceil(math.log(max(self.rows, 2) / 2, 1.5)))
        return levels * device.lut_ns

    def luts(self, device):
        return 2 * self.width * max(self.rows - 2, 0)

    def one_bit_adders(self):
        return self.width * max(self.rows - 2, 0)


@dataclass(frozen=True)
class Multiplier(Primitive):
    """A product in logic: partial products, compression, one adder."""

    a_width: int
    b_width: int

    def delay_ns(self, device):
        rows = min(self.a_width, self.b_width)
        tree = Compressor(self.a_width + self.b_width, rows).delay_ns(device)
        return device.lut_ns + tree + Adder(self.a_width + self.b_width).delay_ns(device)

    def luts(self, device):
        return round(2.25 * self.a_width * self.b_width)

    def one_bit_adders(self):
        return self.a_width * max(self.b_width - 1, 0)


@dataclass(frozen=True)
class DspMultiplier(Primitive):
    """A product in DSP blocks; in logic where the device model has none."""

    a_width: int
    b_width: int
    a_signed: bool = False
    b_signed: bool = False

    def delay_ns(self, device):
        blocks, soft = self._cut(device)
        if not blocks:
            return Multiplier(self.a_width, self.b_width).delay_ns(device)
        return device.dsp_ns + self._sum_ns(device, len(blocks) + len(soft))

    def is_one_block(self, device: DeviceModel) -> bool:
        """Whether a register behind the product can move into the block."""
        blocks, soft = self._cut(device)
        return len(blocks) == 1 and not soft

    def luts(self, device):
        blocks, soft = self._cut(device)
        if not blocks:
            return Multiplier(self.a_width, self.b_width).luts(device)
        width = self.a_width + self.b_width
        products = sum(Multiplier(part.a_width, part.b_width).luts(device) for part in soft)
        return products + (len(blocks) + len(soft) - 1) * width

    def dsps(self, device):
        return len(self._cut(device)[0])

    def _sum_ns(self, device: DeviceModel, parts: int) -> float:
        if parts == 1:
            return 0.0
        width = self.a_width + self.b_width
        return Compressor(width, parts).delay_ns(device) + Adder(width).delay_ns(device)

    def _cut(self, device: DeviceModel) -> tuple[list[str], list[Factors]]:
        product = Factors(self.a_width, self.b_width, self.a_signed, self.b_signed)
        return cut(product, device.dsp_blocks)
