"""A check of the DSP blocks of an iCE40 netlist.

The pass ``ice40_dsp`` of Yosys 0.70 may take one register twice: as the output register of the
block that makes a product, and as the operand register of the block that adds it up. The operand of
the second is then connected to nothing, and the first is removed: the netlist computes something
else. Chains of multiply-accumulate elements without a register between product and sum are such
designs.
"""

from collections.abc import Mapping
from typing import Any

from ..core.errors import DesignError

__all__ = ["check_operands"]


def check_operands(module: Mapping[str, Any], name: str) -> None:
    """Refuse a netlist in which a block adds an operand that nothing drives.

    Raises
    ------
    DesignError
        If there is one.
    """
    lost = [
        cell
        for cell, content in module["cells"].items()
        if content["type"] == "SB_MAC16" and _adds_nothing(content)
    ]
    if lost:
        raise DesignError(
            f"{name}: every operand of a DSP block must be driven after synthesis, but Yosys lost"
            f" that of {len(lost)} blocks, the first {lost[0]}",
            hint="ask for a shorter --period, so that products have registers of their own,"
            " or keep multipliers out of DSP blocks",
        )


def _adds_nothing(cell: Mapping[str, Any]) -> bool:
    """Whether an upper operand is selected that is unknown."""
    choices, pins = cell["parameters"], cell["connections"]
    return any(
        int(choices.get(choice, "0"), 2) == 1 and "x" in pins.get(port, [])
        for choice, port in (("TOPADDSUB_UPPERINPUT", "C"), ("BOTADDSUB_UPPERINPUT", "D"))
    )
