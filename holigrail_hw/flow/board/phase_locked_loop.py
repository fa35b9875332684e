# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""A clock that a board does not have, made of the one it has by a phase-locked loop.

The dividers are searched through; limits of the oscillators are those of the data sheets: iCE40
Family Handbook (TN-02052: phase detector 10 to 133 MHz, oscillator 533 to 1066 MHz) and ECP5 Family
Data Sheet (FPGA-DS-02012: phase detector 3.125 to 400 MHz, oscillator 400 to 800 MHz).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from amaranth import ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, Signal
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

from holigrail_hw.core.errors import RequestError

__all__ = ["Ecp5Loop", "Ice40Loop", "Loop", "LoopedClock", "loop_for"]

# Frequencies may differ from the one asked for by this part of it.
_TOLERANCE = 0.01


class Loop(ABC):
    """Dividers of a loop, and how it stands in a design."""

    middle_mhz: ClassVar[float]

    @property
    @abstractmethod
    def output_mhz(self) -> float:
        """Of the domain."""

    @property
    @abstractmethod
    def oscillator_mhz(self) -> float:
        """Of the loop's oscillator; best at ``middle_mhz``."""

    @classmethod
    @abstractmethod
    def choices(cls, input_mhz: float, wanted_mhz: float) -> "list[Loop]":
        """Dividers within the limits whose outputs may come near to what is wanted."""

    @abstractmethod
    def instance(self, m: Module, platform: Any, locked: Signal) -> None:
        """The loop, which drives the clock of the domain ``sync``."""


@dataclass(frozen=True)
class Ice40Loop(Loop):
    """The loop of an iCE40, behind the pad of the clock.

    The output is input (divf + 1) / (2^divq (divr + 1)).
    """

    middle_mhz: ClassVar[float] = 800.0

    input_mhz: float
    divr: int
    divf: int
    divq: int

    @property
    def output_mhz(self) -> float:
        return self.oscillator_mhz / 2**self.divq

    @property
    def oscillator_mhz(self) -> float:
        return self.input_mhz * (self.divf + 1) / (self.divr + 1)

    @classmethod
    def choices(cls, input_mhz: float, wanted_mhz: float) -> list[Loop]:
        return [
            cls(input_mhz, divr, divf, divq)
            for divr, divq in product(range(16), range(1, 7))
            for divf in {round(wanted_mhz * (divr + 1) * 2**divq / input_mhz) - 1}
            if 0 <= divf < 128
            if 10 <= input_mhz / (divr + 1) <= 133
            if 533 <= input_mhz * (divf + 1) / (divr + 1) <= 1066
        ]

    @property
    def filter_range(self) -> int:
        """Of the loop's filter, by the frequency at the phase detector."""
        limits = (17, 26, 44, 66, 101)
        return 1 + sum(self.input_mhz / (self.divr + 1) >= limit for limit in limits)

    def instance(self, m: Module, platform: Any, locked: Signal) -> None:
        m.submodules.loop = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(self.divr, 4),
            p_DIVF=Const(self.divf, 7),
            p_DIVQ=Const(self.divq, 3),
            p_FILTER_RANGE=Const(self.filter_range, 3),
            i_PACKAGEPIN=platform.request(platform.default_clk, dir="-").io,
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=ClockSignal("sync"),
            o_LOCK=locked,
        )


@dataclass(frozen=True)
class Ecp5Loop(Loop):
    """The loop of an ECP5, with its output fed back.

    The output is input feedback / divider; the oscillator runs ``output`` times as fast.
    """

    middle_mhz: ClassVar[float] = 600.0

    input_mhz: float
    divider: int
    feedback: int
    output: int

    @property
    def output_mhz(self) -> float:
        return self.input_mhz * self.feedback / self.divider

    @property
    def oscillator_mhz(self) -> float:
        return self.output_mhz * self.output

    @classmethod
    def choices(cls, input_mhz: float, wanted_mhz: float) -> list[Loop]:
        return [
            cls(input_mhz, divider, feedback, output)
            for divider, output in product(range(1, 9), range(1, 129))
            for feedback in {round(wanted_mhz * divider / input_mhz)}
            if 1 <= feedback <= 80
            if 3.125 <= input_mhz / divider
            if 400 <= input_mhz * feedback / divider * output <= 800
        ]

    def instance(self, m: Module, platform: Any, locked: Signal) -> None:
        made = Signal()
        pin = platform.request(platform.default_clk, dir="-")
        m.submodules.pin = buffer = io.Buffer("i", pin)
        unused = dict.fromkeys(("RST", "STDBY", "PHASESEL0", "PHASESEL1", "PLLWAKESYNC"), 0)
        inputs = unused | {"PHASEDIR": 1, "PHASESTEP": 1, "PHASELOADREG": 1, "ENCLKOP": 0}
        m.submodules.loop = Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{self.input_mhz:g}",
            a_FREQUENCY_PIN_CLKOP=f"{self.output_mhz:g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_CLKI_DIV=self.divider,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.output,
            p_CLKOP_CPHASE=self.output // 2,
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            p_CLKFB_DIV=self.feedback,
            i_CLKI=buffer.i,
            i_CLKFB=made,
            **{f"i_{name}": Const(value, 1) for name, value in inputs.items()},
            o_CLKOP=made,
            o_LOCK=locked,
        )
        m.d.comb += ClockSignal("sync").eq(made)


class LoopedClock(Elaboratable):
    """The domain ``sync``, clocked by a loop, and in reset until the loop is locked."""

    def __init__(self, loop: Loop):
        self._loop = loop

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains += ClockDomain("sync")
        locked = Signal()
        self._loop.instance(m, platform, locked)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        return m


_LOOPS: dict[str, type[Loop]] = {"ice40": Ice40Loop, "ecp5": Ecp5Loop}


def loop_for(family: str, input_mhz: float, wanted_mhz: float, who: str) -> Loop:
    """The loop whose output is nearest to what is wanted, its oscillator then to the middle.

    Raises
    ------
    RequestError
        The family has none here, or none comes near.
    """
    if family not in _LOOPS:
        raise RequestError(
            f"{who}: the clock must be the board's {input_mhz:g} MHz: there is no loop for {family}"
        )

    def distance(one: Loop) -> tuple[float, float]:
        error = round(abs(one.output_mhz - wanted_mhz), 6)
        return error, abs(one.oscillator_mhz - one.middle_mhz)

    near = min(_LOOPS[family].choices(input_mhz, wanted_mhz), key=distance, default=None)
    if near is None or distance(near)[0] > _TOLERANCE * wanted_mhz:
        raise RequestError(
            f"{who}: the clock must be one that a loop makes of {input_mhz:g} MHz, not"
            f" {wanted_mhz:g} MHz",
            hint="ask for another --period",
        )
    return near
