"""The primitives that steps of a datapath are made of, and what they cost on a device.

A step of a :class:`~holigrail_hw.hdl.plan.plan.Plan` names the primitive it uses. The device
model, a data file of measured numbers, turns the primitive into a delay in ns and a count of
look-up tables (LUTs) and DSP blocks. One description thus serves the schedule and the cost
estimate.

Delays include the average wire to the next cell. The files in ``devices/`` are written by
``scripts/measure_device.py``, which places and routes small circuits and fits these numbers.
"""

import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = [
    "Adder",
    "Comparator",
    "Compressor",
    "CountedAdder",
    "DeviceModel",
    "DspMultiplier",
    "LeadingZeros",
    "Logic",
    "Multiplexer",
    "Multiplier",
    "Primitive",
    "SelectingAdder",
    "Shifter",
    "Wiring",
    "device_model",
    "device_models",
]

_FOLDER = Path(__file__).parent / "devices"


@dataclass(frozen=True)
class DeviceModel:
    """Measured numbers of one device; times in ns, widths in bits.

    ``register_ns`` is what every cycle pays besides its steps: clock to output, set-up, one wire.
    ``lut_ns`` is one level of logic with its wire. An adder takes ``carry_start_ns`` plus
    ``carry_ns`` for each bit; ``adder_selects`` says whether the LUT that adds can also choose
    between the sum and an operand, or invert the sum; ``adder_subtracts`` whether it can invert an
    operand, so that subtraction costs no more than addition. ``dsp_ns`` is a combinational product
    in a DSP block, which takes operands up to ``dsp_width`` bits (signed); 0 where there is none.
    Yosys's own script for the device moves adders and registers that follow products of
    ``dsp_merges`` bits or more into the blocks, and can lose bits of the sum; 0 if it does not.
    """

    name: str
    summary: str
    register_ns: float
    lut_ns: float
    carry_start_ns: float
    carry_ns: float
    adder_selects: bool
    adder_subtracts: bool
    dsp_ns: float
    dsp_width: int
    dsp_merges: int
    measured: str


@cache
def device_model(name: str) -> DeviceModel:
    """The model called ``name``; raises KeyError if there is none."""
    if name not in device_models():
        raise KeyError(name)
    return DeviceModel(**json.loads((_FOLDER / f"{name}.json").read_text()))


@cache
def device_models() -> tuple[str, ...]:
    """Names of all device models."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


class Primitive(ABC):
    """Something a step is made of: a delay in ns, LUTs and DSP blocks on a device."""

    @abstractmethod
    def delay_ns(self, device: DeviceModel) -> float:
        """Time from inputs to output in ns."""

    def luts(self) -> int:
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


@dataclass(frozen=True)
class Logic(Primitive):
    """Random logic of ``levels`` 4-input LUT levels and ``count`` LUTs."""

    levels: int = 1
    count: int = 1

    def delay_ns(self, device):
        return self.levels * device.lut_ns

    def luts(self):
        return self.count


@dataclass(frozen=True)
class Adder(Primitive):
    """A carry-propagate adder or subtracter of ``width`` bits."""

    width: int

    def delay_ns(self, device):
        return device.carry_start_ns + device.carry_ns * self.width

    def luts(self):
        return self.width

    def one_bit_adders(self):
        return self.width


@dataclass(frozen=True)
class CountedAdder(Adder):
    """An adder of a graph: ``width`` cells, and the one-bit adders a published rule counts.

    ``inverters`` are LUTs besides those of the adder.
    """

    counted: int
    inverters: int = 0

    def luts(self):
        return self.width + self.inverters

    def one_bit_adders(self):
        return self.counted


@dataclass(frozen=True)
class SelectingAdder(Adder):
    """An adder followed by the choice between the sum and one of its operands."""

    def delay_ns(self, device):
        return super().delay_ns(device) + (0 if device.adder_selects else device.lut_ns)


@dataclass(frozen=True)
class Comparator(Adder):
    """A magnitude comparison of ``width`` bits on a carry chain."""

    def one_bit_adders(self):
        return 0


@dataclass(frozen=True)
class Multiplexer(Primitive):
    """One of ``ways`` words of ``width`` bits."""

    width: int
    ways: int = 2

    def delay_ns(self, device):
        return math.ceil(math.log2(max(self.ways, 2))) * device.lut_ns

    def luts(self):
        return (self.ways - 1) * self.width


@dataclass(frozen=True)
class Shifter(Primitive):
    """A variable shift of ``width`` bits by a ``stages``-bit amount."""

    width: int
    stages: int

    def delay_ns(self, device):
        return self.stages * device.lut_ns

    def luts(self):
        return self.width * self.stages


@dataclass(frozen=True)
class LeadingZeros(Primitive):
    """A leading-zero count of ``width`` bits."""

    width: int

    def delay_ns(self, device):
        return math.ceil(math.log2(max(self.width, 2))) * device.lut_ns

    def luts(self):
        return 2 * self.width


@dataclass(frozen=True)
class Compressor(Primitive):
    """Carry-save reduction of ``rows`` words of ``width`` bits to two."""

    width: int
    rows: int

    def delay_ns(self, device):
        levels = max(0, math.ceil(math.log(max(self.rows, 2) / 2, 1.5)))
        return levels * device.lut_ns

    def luts(self):
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

    def luts(self):
        return round(2.25 * self.a_width * self.b_width)

    def one_bit_adders(self):
        return self.a_width * max(self.b_width - 1, 0)


@dataclass(frozen=True)
class DspMultiplier(Primitive):
    """A product in DSP blocks; in logic where the device model has none."""

    a_width: int
    b_width: int

    def delay_ns(self, device):
        if not device.dsp_width:
            return Multiplier(self.a_width, self.b_width).delay_ns(device)
        extra = self.dsps(device) - 1
        return device.dsp_ns + (Adder(self.a_width + self.b_width).delay_ns(device) if extra else 0)

    def dsps(self, device):
        if not device.dsp_width:
            return 0
        tiles = [math.ceil(width / device.dsp_width) for width in (self.a_width, self.b_width)]
        return tiles[0] * tiles[1]
