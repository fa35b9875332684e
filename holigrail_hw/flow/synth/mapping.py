"""From a design to the cells of a device: the one way in which ``synth`` and ``build`` use Yosys.

Yosys always runs ``hierarchy; proc; flatten; splitnets; opt_clean`` first, then puts products into
DSP blocks (:mod:`.dsp_blocks`), then the family's own script, which is told to leave products
alone. Registers then move into the blocks where that is certain to be right, and small products
share blocks where there are too few.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run.process import Finished, Progress
from holigrail_hw.core.run.process import run as run_tool

from .. import tools
from ..yosys import prepare_commands
from .devices import Target
from .dsp_blocks import product_commands
from .ecp5.multipliers import absorb_product_registers
from .ice40.product_pairs import pair_products

__all__ = ["Mapped", "map_design"]

_PROCESSOR_LIMIT_S = 1800
# ABC compares what it has mapped with what it was given by SAT, which can take hours where many
# carry chains stand behind each other (a network of 8000 of them is mapped in 40 s).
_WITHOUT_PROOF = ("scratchpad -set abc9.verify 0",)


@dataclass(frozen=True)
class Mapped:
    """A netlist in Yosys's JSON, its module ``top``, and how Yosys ended."""

    netlist: Path
    module: dict[str, Any]
    finished: Finished


def map_design(
    reading: Sequence[str],
    top: str,
    goal: Target,
    *,
    dsp: bool,
    pads: bool,
    netlist: Path,
    log: Path,
    who: str,
    after: Sequence[str] = (),
    progress: Progress | None = None,
) -> Mapped:
    """Map module ``top`` to the cells of a device.

    Parameters
    ----------
    reading : sequence of str
        Commands that read the design; file names are relative to the netlist's folder.
    dsp : bool
        Whether products go into DSP blocks.
    pads : bool
        Whether the ports are pins of the device, where the family's script must know.
    netlist, log : Path
        What is written; the script lies beside the netlist.
    after : sequence of str
        Commands between mapping and writing.

    Raises
    ------
    DesignError
        Yosys refuses the design.
    ToolError
        Yosys is missing or died.
    """
    synthesis = goal.synthesis if pads else f"{goal.synthesis} {goal.without_pads}".rstrip()
    products = product_commands(goal.family) if dsp and goal.has_dsp else []
    commands = [
        *_WITHOUT_PROOF,
        *reading,
        *prepare_commands(top),
        *products,
        f"{synthesis} {goal.without_dsp} -top {top}".replace("  ", " "),
        *after,
        f"write_json {netlist.name}",
    ]
    script = netlist.with_suffix(".ys")
    script.write_text("\n".join(commands) + "\n")
    if progress is not None:
        progress(f"yosys: {goal.synthesis} of {top}")
    finished = run_tool(
        [*tools.require("yosys", who=who)["yosys"].command, script.name],
        who="yosys",
        log=log,
        cwd=netlist.parent,
        environment=tools.environment(),
        time_limit=4 * _PROCESSOR_LIMIT_S,
        processor_limit=_PROCESSOR_LIMIT_S,
        failure=DesignError,
        makes=[netlist],
    )
    whole = json.loads(netlist.read_text())
    module = whole["modules"][top]
    changed = goal.family == "ecp5" and absorb_product_registers(module)
    if goal.family == "ice40" and goal.has_dsp:
        changed = pair_products(module, goal.room["dsps"])
    if changed:
        netlist.write_text(json.dumps(whole))
    return Mapped(netlist, module, finished)
