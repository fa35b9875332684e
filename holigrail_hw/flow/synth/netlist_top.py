"""A netlist of a device in place of the design it was made from, for the same simulators.

Yosys reads the netlist back, puts the simulation model of every cell in its place, and writes the
result as RTLIL. The top module keeps its name and ports, so whatever simulates a design simulates
its netlist. Models come from Yosys's own libraries where these describe more than ports, and from
this folder where they do not.
"""

import importlib.util
import json
import re
from collections.abc import Iterable
from pathlib import Path

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.process import run
from holigrail_hw.core.work_folder import scratch

from .. import tools

__all__ = ["NoModel", "cell_models", "netlist_rtlil"]

_HERE = Path(__file__).parent
# Files with the models of a family; the first one that has a cell counts.
_OURS = {
    "ice40": ("ice40/large_memory.v",),
    "ecp5": ("ecp5/cells.v", "ecp5/memories.v"),
    "gowin": ("gowin/cells.v", "gowin/memories.v"),
}
_THEIRS = {
    "ice40": "ice40/cells_sim.v",
    "gowin": "gowin/cells_sim.v",
    "xilinx": "xilinx/cells_sim.v",
}


class NoModel(ToolError):
    """A cell that nobody can simulate here."""


def netlist_rtlil(netlist: Path, top: str, family: str) -> str:
    """Module ``top`` of a JSON netlist as RTLIL without cells of the family.

    Raises
    ------
    ToolError
        Yosys is missing.
    NoModel
        A cell has no model.
    """
    yosys = tools.require("yosys", who="netlist")["yosys"]
    content = json.loads(netlist.read_text())
    module = content["modules"][top]
    cells = {cell["type"] for cell in module["cells"].values() if cell["type"][0] != "$"}
    content["modules"] = {top: module}
    with scratch() as work:
        (work / "netlist.json").write_text(json.dumps(content))
        (work / "models.v").write_text(cell_models(cells, family))
        commands = [
            "read_json netlist.json",
            "delete t:$scopeinfo",
            "read_verilog -sv models.v",
            f"hierarchy -check -top {top}",
            "proc",
            "flatten",
            "attrmap -remove src",
            "opt_expr",
            "opt_clean -purge",
            "write_rtlil netlist.il",
        ]
        (work / "netlist.ys").write_text("\n".join(commands) + "\n")
        run(
            [*yosys.command, "netlist.ys"],
            who="yosys",
            log=work / "yosys.log",
            cwd=work,
            environment=tools.environment(),
            makes=[work / "netlist.il"],
        )
        return (work / "netlist.il").read_text()


def cell_models(cells: Iterable[str], family: str) -> str:
    """Verilog of the models of some cells, and of those cells they consist of.

    To read a whole library takes Yosys up to 20 s.

    Raises
    ------
    NoModel
        A cell has no model.
    """
    files = [_HERE / name for name in _OURS.get(family, ())]
    if family in _THEIRS:
        files.append(_library() / _THEIRS[family])
    known: dict[str, str] = {}
    heads = []
    for file in files:
        text = file.read_text()
        # Macros that the models use, with their conditions.
        head, _, _ = text.partition("\nmodule ")
        heads += re.findall(r"^`(?!timescale).*$", head, re.M)
        for match in re.finditer(r"^module (\w+).*?^\s*endmodule", text, re.M | re.S):
            known.setdefault(match[1], match[0])
    wanted, todo = {}, sorted(cells)
    while todo:
        name = todo.pop()
        if name not in known:
            raise NoModel(f"netlist: cell {name} must have a simulation model")
        if name not in wanted:
            wanted[name] = known[name]
            todo += sorted(known.keys() & set(re.findall(r"\w+", known[name])))
    return "\n".join([*heads, *wanted.values(), ""])


def _library() -> Path:
    """Folder of Yosys's libraries of cells."""
    spec = importlib.util.find_spec("pyosys")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "share"
        if path.is_dir():
            return path
    raise ToolError(
        "netlist: Yosys's cell library must be installed", hint=tools.TOOLS["yosys"].install
    )
