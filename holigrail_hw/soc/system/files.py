"""The files of an accelerator with a processor: Verilog, firmware, registers."""

from holigrail_hw.core.timing import Timing
from holigrail_hw.soc.firmware.build import prebuilt, sources
from holigrail_hw.soc.hardware.core import PATIENCE
from holigrail_hw.soc.hardware.flash import clock_cycles
from holigrail_hw.soc.hardware.style import Style
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.documents import as_c, as_csv, as_json, as_svd

from .presets import INSTRUCTIONS
from .processors import processor_files
from .system import System

__all__ = ["system_files", "system_of", "system_sources"]


def system_of(
    machine: Machine,
    preset: str,
    lane_count: int | None = None,
    timing: Timing | None = None,
    patience: int = PATIENCE,
    style: Style | None = None,
) -> System:
    """The system; it has the bytes of the serial line as streams ``sent`` and ``received``.

    Its memory holds the firmware. The clock of its flash memory is one that the device can give.
    """
    words = prebuilt(INSTRUCTIONS[preset]).words()
    timing = timing or Timing()
    return System(
        machine,
        words,
        preset,
        timing,
        lane_count=lane_count,
        half_rate=clock_cycles(timing.device) > 1,
        patience=patience,
        style=style,
    )


def system_sources(preset: str) -> dict[str, bytes]:
    """The processor's Verilog, by the name of its file; none of a processor that is made here.

    Raises
    ------
    ToolError
        If the processor's package is not installed.
    """
    found = processor_files(preset)
    return {name.removeprefix("_"): text for name, text in found.items() if name.endswith(".v")}


def system_files(preset: str) -> dict[str, bytes]:
    """Contents by the endings of their names.

    The processor comes with its licence, as a file of its own if it is not made here.

    Raises
    ------
    ToolError
        If the processor's package is not installed.
    """
    firmware = prebuilt(INSTRUCTIONS[preset])
    return (
        processor_files(preset)
        | {
            "_firmware.bin": firmware.code,
            "_registers.h": as_c().encode(),
            "_registers.json": as_json().encode(),
            "_registers.csv": as_csv().encode(),
            "_registers.svd": as_svd().encode(),
        }
        | {f"_firmware/{name}": text.encode() for name, text in sources().items()}
    )
