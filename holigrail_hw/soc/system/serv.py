# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""SERV, the bit-serial processor (Kindgren, ISC licence), behind the bus: the smallest one.

It comes as Verilog files in the package ``pythondata-cpu-serv``, extra ``soc``; they go along with
the generated Verilog as one file, their licence at its head.
"""

from typing import Any

from amaranth import ClockSignal, Const, Instance, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from .bus import BUS
from .packages import folder_of

__all__ = ["Serv", "serv_source"]

_PACKAGE, _WHEEL = "pythondata_cpu_serv", "pythondata-cpu-serv"
# Of an extension and of a multiplier that it does not have.
_UNUSED = (("ext_rs1", 32), ("ext_rs2", 32), ("ext_funct3", 3), ("mdu_valid", 1))


def serv_source() -> bytes:
    """All files of the processor in one, behind the licence.

    Raises
    ------
    ToolError
        If the package is not installed.
    """
    folder = folder_of(_PACKAGE, _WHEEL) / "verilog"
    licence = (folder / "LICENSE").read_text(encoding="utf-8").strip()
    head = "".join(f"// {line}".rstrip() + "\n" for line in licence.splitlines())
    files = sorted((folder / "rtl").glob("serv_*.v"))
    wrapper = "serv_synth_wrapper.v"
    parts = [one.read_text(encoding="utf-8") for one in files if one.name != wrapper]
    # Files behind this one may rely on implicit nets.
    return "\n".join([head, *parts, "`default_nettype wire\n"]).encode()


class Serv(wiring.Component):
    """The processor; it starts at address 0, has no interrupts and no control registers.

    It asks for an instruction or for data, never for both at a time.
    """

    def __init__(self) -> None:
        super().__init__({"bus": Out(BUS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        fetches = Signal()
        accesses = Signal()
        writes = Signal()
        instruction = Signal(32)
        place = Signal(32)
        select = Signal(4)
        # Linters want every port of what is instantiated.
        unused: dict[str, Any] = {
            f"o_o_{name}": Signal(bits, name=f"unused_{name}") for name, bits in _UNUSED
        }
        m.submodules.serv = Instance(
            "serv_rf_top",
            p_WITH_CSR=0,
            i_clk=ClockSignal(),
            i_i_rst=ResetSignal(),
            i_i_timer_irq=Const(0, 1),
            o_o_ibus_adr=instruction,
            o_o_ibus_cyc=fetches,
            i_i_ibus_rdt=bus.read_data,
            i_i_ibus_ack=bus.ready & fetches,
            o_o_dbus_adr=place,
            o_o_dbus_dat=bus.write_data,
            o_o_dbus_sel=select,
            o_o_dbus_we=writes,
            o_o_dbus_cyc=accesses,
            i_i_dbus_rdt=bus.read_data,
            i_i_dbus_ack=bus.ready & accesses & ~fetches,
            i_i_ext_rd=Const(0, 32),
            i_i_ext_ready=Const(0, 1),
            **unused,
        )
        m.d.comb += [
            bus.valid.eq(fetches | accesses),
            bus.address.eq(Mux(fetches, instruction, place)),
            bus.select.eq(Mux(writes & ~fetches, select, 0)),
        ]
        return m
