"""Multipliers of an iCE40 UltraPlus that Yosys loses, and a script that keeps them.

The pass ``ice40_dsp`` (Yosys 0.70) moves registers and the adder around a product into its block.
It looks for all of them before it changes anything. A register between two blocks, as between the
elements of a systolic array, may be moved into both: then one product has no reader any more, and
the other block adds an undefined number. The netlist is wrong, and Yosys says nothing. It shows in
the number of blocks, so it is counted; the other script moves nothing into the blocks.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["has_lost_multipliers", "safe_commands"]

_BLOCK = "SB_MAC16"
# Limits of a block, as in Yosys's own script.
_LIMITS = {
    "DSP_A_MAXWIDTH": 16,
    "DSP_B_MAXWIDTH": 16,
    "DSP_A_MINWIDTH": 2,
    "DSP_B_MINWIDTH": 2,
    "DSP_Y_MINWIDTH": 11,
    "DSP_NAME": "$__MUL16X16",
}


def has_lost_multipliers(log: Path, cells: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the netlist has fewer blocks than the pass found products.

    Parameters
    ----------
    log : Path
        What Yosys wrote.
    cells : mapping
        Cells of the top module in Yosys's JSON.
    """
    found = len(re.findall(r"^Checking .* for iCE40 DSP inference\.$", log.read_text(), re.M))
    return found > sum(cell["type"] == _BLOCK for cell in cells.values())


def safe_commands(synthesis: str) -> list[str]:
    """Passes to run in place of ``synth_ice40 -dsp``; ``synthesis`` is the rest of that command."""
    limits = " ".join(f"-D {name}={value}" for name, value in _LIMITS.items())
    return [
        "wreduce t:$mul",
        f"techmap -map +/mul2dsp.v -map +/ice40/dsp_map.v {limits}",
        "select a:mul2dsp",
        "setattr -unset mul2dsp",
        "opt_expr -fine",
        "wreduce",
        "select -clear",
        "chtype -set $mul t:$__soft_mul",
        synthesis,
    ]
