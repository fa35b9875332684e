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

from holigrail_hw.core.timing import Timing

from .bus import BUS
from .multiplier import Multiplier
from .packages import folder_of
from .presets import PRESETS

__all__ = ["PicoRV32", "picorv32_source"]

_COMMON = dict.fromkeys(
    ("ENABLE_COUNTERS", "ENABLE_COUNTERS64", "CATCH_MISALIGN", "CATCH_ILLINSN"), 0
)
_NO_PRODUCTS = {"i_pcpi_wr": 0, "i_pcpi_rd": Const(0, 32), "i_pcpi_wait": 0, "i_pcpi_ready": 0}
_PRODUCT_PORTS = {"pcpi_valid": 1, "pcpi_insn": 32, "pcpi_rs1": 32, "pcpi_rs2": 32}
_UNUSED = {
    **{"trap": 1, "mem_instr": 1, "mem_la_read": 1, "mem_la_write": 1, "mem_la_addr": 32},
    **{"mem_la_wdata": 32, "mem_la_wstrb": 4, "eoi": 32, "trace_valid": 1, "trace_data": 36},
}
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

    def __init__(self, preset: str, timing: Timing | None = None):
        self._preset, self._timing = preset, timing
        super().__init__({"bus": Out(BUS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        running = Signal()
        m.d.comb += running.eq(~ResetSignal())
        preset = PRESETS[self._preset]
        has_products = "ENABLE_PCPI" in preset
        # Linters want every port of what is instantiated.
        rest = _UNUSED if has_products else _UNUSED | _PRODUCT_PORTS
        unused: dict[str, Any] = {
            f"o_{name}": Signal(bits, name=f"unused_{name}") for name, bits in rest.items()
        }
        parameters = {f"p_{name}": value for name, value in preset.items()}
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
            **self._products(m) if has_products else _NO_PRODUCTS,
            i_irq=Const(0, 32),
            **unused,
        )
        return m

    def _products(self, m: Module) -> dict[str, Any]:
        """A multiplier, and the processor's ports for it."""
        m.submodules.multiplier = multiplier = Multiplier(self._timing)
        return {
            **{"o_pcpi_valid": multiplier.valid, "o_pcpi_insn": multiplier.instruction},
            **{"o_pcpi_rs1": multiplier.first, "o_pcpi_rs2": multiplier.second},
            **{"i_pcpi_wait": multiplier.wait, "i_pcpi_ready": multiplier.ready},
            **{"i_pcpi_wr": multiplier.ready, "i_pcpi_rd": multiplier.result},
        }
