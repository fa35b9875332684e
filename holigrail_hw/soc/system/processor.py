# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""Processors of others, behind the bus.

PicoRV32 (Wolf, ISC licence) comes as a Verilog file in the package ``pythondata-cpu-picorv32``,
extra ``soc``; the file goes along with the generated Verilog, its licence at its head.
"""

from pathlib import Path
from typing import Any

from amaranth import ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from .bus import BUS
from .packages import folder_of
from .presets import PRESETS

__all__ = ["PicoRV32", "picorv32_source"]

_COMMON = dict.fromkeys(
    ("ENABLE_COUNTERS", "ENABLE_COUNTERS64", "CATCH_MISALIGN", "CATCH_ILLINSN"), 0
)
_PACKAGE = "pythondata_cpu_picorv32"


def picorv32_source() -> Path:
    """The Verilog file.

    Raises
    ------
    ToolError
        If the package is not installed.
    """
    return folder_of(_PACKAGE, "pythondata-cpu-picorv32") / "verilog" / "picorv32.v"


class PicoRV32(wiring.Component):
    """The processor; it starts at address 0 and has no interrupts."""

    def __init__(self, preset: str):
        self._preset = preset
        super().__init__({"bus": Out(BUS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus, running = self.bus, Signal()
        m.d.comb += running.eq(~ResetSignal())
        parameters = {f"p_{name}": value for name, value in PRESETS[self._preset].items()}
        m.submodules.picorv32 = Instance(
            "picorv32",
            **{f"p_{name}": value for name, value in _COMMON.items()},
            **parameters,
            i_clk=ClockSignal(),
            i_resetn=running,
            o_mem_valid=bus.valid,
            i_mem_ready=bus.ready,
            o_mem_addr=bus.address,
            o_mem_wdata=bus.write_data,
            o_mem_wstrb=bus.select,
            i_mem_rdata=bus.read_data,
            i_pcpi_wr=0,
            i_pcpi_rd=Const(0, 32),
            i_pcpi_wait=0,
            i_pcpi_ready=0,
            i_irq=Const(0, 32),
        )
        return m
