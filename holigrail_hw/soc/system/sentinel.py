# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportMissingImports=false

"""Sentinel, a microcoded processor in Amaranth (Jones, BSD licence), behind the bus.

It comes in the package ``sentinel-cpu``, extra ``soc``, and becomes Verilog with the rest of the
system; its licence goes along.
"""

import warnings
from importlib.metadata import files
from typing import Any

from amaranth import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from .bus import BUS
from .packages import folder_of

__all__ = ["Sentinel", "sentinel_licence"]

_PACKAGE, _WHEEL = "sentinel_cpu", "sentinel-cpu"


def sentinel_licence() -> bytes:
    """The licence under which the processor may be passed on.

    Raises
    ------
    ToolError
        If the package is not installed.
    """
    folder_of(_PACKAGE, _WHEEL)
    return next(one.read_text().encode() for one in files(_WHEEL) or () if "LICENSE" in one.name)


class Sentinel(wiring.Component):
    """The processor; it starts at address 0 and has no interrupts here."""

    def __init__(self) -> None:
        folder_of(_PACKAGE, _WHEEL)
        super().__init__({"bus": Out(BUS)})

    def elaborate(self, platform: Any) -> Module:
        from sentinel_cpu.top import Top

        m = Module()
        with warnings.catch_warnings():
            # Its microcode is assembled by a parser that has newer names for what is called.
            warnings.simplefilter("ignore", DeprecationWarning)
            m.submodules.sentinel = sentinel = Top()
        inner, bus = sentinel.bus, self.bus
        m.d.comb += [
            bus.valid.eq(inner.cyc & inner.stb),
            bus.address.eq(Cat(Const(0, 2), inner.adr)),
            bus.select.eq(Mux(inner.we, inner.sel, 0)),
            bus.write_data.eq(inner.dat_w),
            inner.dat_r.eq(bus.read_data),
            inner.ack.eq(bus.ready & inner.cyc & inner.stb),
        ]
        return m
