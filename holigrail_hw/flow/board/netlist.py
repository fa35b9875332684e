"""The netlist of a board design before it is placed: its serial line against the golden model.

Pads become plain ports and every other cell its simulation model (:mod:`.netlist_top`), for any
family; then the exchange of a host with the board is simulated, as :mod:`.proof` does with
a finished bitstream.
"""

import json
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.process import Progress, run
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..synth.netlist_top import netlist_rtlil
from .board import Board
from .design import BoardDesign, SerialNetlist

__all__ = ["check", "pads_as_ports", "serial_ports"]

# Without unknown addresses of writes that never happen, which Verilator does not take.
_TO_VERILOG = (
    "read_rtlil flat.il; opt_expr -mux_undef; opt_clean; memory_collect; opt_mem; memory_unpack;"
    " write_verilog -noattr flat.v"
)
# Pads with the pin inside, when data go inwards and outwards.
_PADS = {
    "SB_IO": ("PACKAGE_PIN", "D_IN_0", "D_OUT_0"),
    "SB_GB_IO": ("PACKAGE_PIN", "GLOBAL_BUFFER_OUTPUT", ""),
    "TRELLIS_IO": ("B", "O", "I"),
    "IBUF": ("I", "O", ""),
    "OBUF": ("O", "", "I"),
}


def check(
    design: BoardDesign,
    goal: Board,
    family: str,
    netlist: Path,
    top: str,
    *,
    interleave: int,
    log: Path,
    seed: int = 1,
    progress: Progress | None = None,
) -> int:
    """Simulate the netlist of a board design; returns how many results were compared.

    Raises
    ------
    DesignError
        An answer differs, or does not come.
    ToolError
        A tool is missing or died.
    """
    if progress is not None:
        progress(f"netlist: simulating the cells of {goal.name}")
    with scratch() as work:
        content = json.loads(netlist.read_text())
        pads_as_ports(content["modules"][top])
        (work / "pads.json").write_text(json.dumps(content))
        (work / "flat.il").write_text(netlist_rtlil(work / "pads.json", top, family))
        run(
            [*tools.require("yosys", who="netlist")["yosys"].command, "-q", "-p", _TO_VERILOG],
            who="yosys",
            log=log,
            cwd=work,
            environment=tools.environment(),
            makes=[work / "flat.v"],
        )
        done = design.simulated(
            SerialNetlist([work / "flat.v"], top, serial_ports(goal), goal.divisor),
            seed,
            design.proof_items,
            interleave=interleave,
            log=log,
            progress=progress,
        )
    return done.items


def serial_ports(goal: Board) -> tuple[str, str, str]:
    """Names Amaranth gives the clock and the serial line of a board."""
    return (f"{goal.platform().default_clk}_0__io", "uart_0__rx__io", "uart_0__tx__io")


def pads_as_ports(module: dict[str, Any]) -> None:
    """Change a module of a JSON netlist: what a pad carries becomes the port itself.

    Raises
    ------
    ToolError
        A pad is driven from both sides.
    """
    port_of = {bit: port for port in module["ports"].values() for bit in port["bits"] if bit != "x"}
    for name, cell in list(module["cells"].items()):
        if cell["type"] not in _PADS:
            continue
        pin, inwards, outwards = _PADS[cell["type"]]
        pins = cell["connections"]
        inside = [pins.get(side, []) if side else [] for side in (inwards, outwards)]
        port = port_of[pins[pin][0]]
        if bool(inside[0]) == bool(inside[1]) and cell["type"] != "TRELLIS_IO":
            raise ToolError(f"netlist: pad {name} must carry data one way")
        is_input = cell["parameters"].get("DIR", "INPUT" if inside[0] else "OUTPUT") == "INPUT"
        port["direction"] = "input" if is_input else "output"
        port["bits"] = inside[0] if is_input else inside[1]
        del module["cells"][name]
