"""The files of an accelerator with a processor: Verilog, firmware, registers."""

from amaranth.back import verilog

from holigrail_hw.soc.firmware.build import prebuilt
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.documents import as_c, as_csv, as_json, as_svd

from .presets import INSTRUCTIONS
from .processor import picorv32_source
from .system import System

__all__ = ["NAME", "system_files"]

NAME = "accelerator_system"
"""Of the top module."""


def system_files(machine: Machine, preset: str, lane_count: int | None = None) -> dict[str, bytes]:
    """Contents by the endings of their names.

    The module ``accelerator_system`` has the bytes of the serial line as streams ``sent`` and
    ``received``; its memory holds the firmware. The processor is a file of its own, with its
    licence.

    Raises
    ------
    ToolError
        If the processor's package is not installed.
    """
    source = picorv32_source().read_bytes()
    firmware = prebuilt(INSTRUCTIONS[preset])
    system = System(machine, firmware.words(), preset, lane_count=lane_count)
    text = verilog.convert(system, name=NAME, emit_src=False, strip_internal_attrs=True)
    return {
        "_system.v": text.encode(),
        "_picorv32.v": source,
        "_firmware.bin": firmware.code,
        "_registers.h": as_c().encode(),
        "_registers.json": as_json().encode(),
        "_registers.csv": as_csv().encode(),
        "_registers.svd": as_svd().encode(),
    }
