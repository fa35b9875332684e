"""Processors by name, each behind the same bus."""

from typing import Any

from holigrail_hw.core.timing import Timing

from .presets import PRESETS
from .processor import PicoRV32, picorv32_source
from .sentinel import Sentinel, sentinel_licence
from .serv import Serv, serv_source

__all__ = ["processor_files", "processor_of"]


def processor_of(form: str, timing: Timing | None = None) -> Any:
    """The component of a form: a preset of PicoRV32, ``serv`` or ``sentinel``."""
    if form in PRESETS:
        return PicoRV32(form, timing)
    return {"serv": Serv, "sentinel": Sentinel}[form]()


def processor_files(form: str) -> dict[str, bytes]:
    """What goes along with a system: Verilog that it needs, or a licence; by endings of names.

    Raises
    ------
    ToolError
        If the processor's package is not installed.
    """
    if form in PRESETS:
        return {"_picorv32.v": picorv32_source().read_bytes()}
    if form == "serv":
        return {"_serv.v": serv_source()}
    return {"_sentinel_licence.md": sentinel_licence()}
