"""From a design to standard cells, by Yosys and the ABC inside of it.

``synth -flatten``, registers to the library's flip-flops (``dfflibmap``), then ``abc -liberty``,
which never uses a cell with two outputs. So every design is mapped a second time with the full
adders that Yosys finds in its gates (``extract_fa``) as cells of the library, if that has such a
cell; products that Yosys makes itself also with Booth digits (``-booth``). The smallest result
counts. Memories become registers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.run.process import Progress, run
from holigrail_hw.core.store import compiled_files as cache
from holigrail_hw.core.store.kept_files import content
from holigrail_hw.core.work_folder import plain

from ... import tools
from ...top import Top
from .cells import Library

__all__ = ["Netlist", "map_to_cells"]

_PROCESSOR_LIMIT_S = 1800
_NO_HURRY_NS = 1000.0
"""The period that ABC gets where none is asked for: it then makes the design small."""


@dataclass(frozen=True)
class Netlist:
    """Cells of a library: a module of Yosys's JSON, its area in um2, and how it was made."""

    module: dict[str, Any]
    area: float
    way: "Way"


@dataclass(frozen=True)
class Way:
    """How a design is mapped: products with Booth digits, full adders as cells."""

    booth: bool
    adders: bool

    def __str__(self) -> str:
        words = ["Booth digits"] * self.booth + ["full adders as cells"] * self.adders
        return ", ".join(words) or "gates only"


def map_to_cells(
    top: Top, library: Library, *, period_ns: float | None = None, progress: Progress | None = None
) -> Netlist:
    """Map a design to the cells of a library, as small as the period allows.

    Raises
    ------
    RequestError
        The design has registers and the library no flip-flop, or a memory that is too large for
        registers.
    DesignError
        Yosys refuses the design, or leaves cells that the library does not have.
    ToolError
        Yosys is missing or died.
    """
    if top.clocked and not library.has_registers:
        raise RequestError(
            f"asic: {library.path} must have a flip-flop for {top.spec.name}, not only gates"
        )
    booths = (False, True) if "cell $mul " in top.rtlil else (False,)
    adders = (False, True) if library.full_adder else (False,)
    ways = [Way(booth, adder) for booth in booths for adder in adders]
    found = [_mapped(top, library, period_ns, way, progress) for way in ways]
    return min(found, key=lambda netlist: netlist.area)


def _mapped(
    top: Top, library: Library, period_ns: float | None, way: Way, progress: Progress | None
) -> Netlist:
    yosys = tools.require("yosys", who="asic")["yosys"]
    commands = _commands(top.name, library, period_ns, way)
    adder = _full_adder(library) if way.adders else ("", "")
    texts = [yosys.version, *commands, *adder, library.digest, top.rtlil]
    kept = cache.digest(texts) + ".cells.json"
    if progress is not None:
        progress(f"yosys: {top.name} in cells of {library.name}, {way}")

    def make(work: Path) -> Path:
        (work / "design.il").write_text(top.rtlil)
        (work / "adder.v").write_text(adder[0])
        (work / "adder_map.v").write_text(adder[1])
        script = [command.replace("LIBERTY", str(plain(library.path))) for command in commands]
        (work / "map.ys").write_text("\n".join(script) + "\n")
        run(
            [*yosys.command, "map.ys"],
            who="yosys",
            log=work / "yosys.log",
            cwd=work,
            environment=tools.environment(),
            time_limit=4 * _PROCESSOR_LIMIT_S,
            processor_limit=_PROCESSOR_LIMIT_S,
            failure=DesignError,
            makes=[work / "cells.json"],
        )
        return work / "cells.json"

    module = json.loads(cache.use(kept, make, content))["modules"][top.name]
    kinds = [cell["type"] for cell in module["cells"].values() if cell["type"] != "$scopeinfo"]
    strange = sorted({kind for kind in kinds if kind not in library.cells})
    if strange:
        raise DesignError(
            f"asic: {top.spec.name} must consist of cells of {library.name} that can be simulated,"
            f" not of {', '.join(strange)}"
        )
    return Netlist(module, sum(library.cells[kind].area for kind in kinds), way)


def _commands(top: str, library: Library, period_ns: float | None, way: Way) -> list[str]:
    """The script; LIBERTY stands for the path of the file."""
    picoseconds = round(1000 * (period_ns or _NO_HURRY_NS))
    unused = " ".join(f"-dont_use {c.name}" for c in library.cells.values() if not c.usable)
    # Full adders are found in gates as they were written, not in those that ABC has changed.
    adders = ["read_verilog adder.v", "extract_fa -fa", "techmap -map adder_map.v", "opt_clean"]
    registers = [f"dfflibmap -liberty LIBERTY {unused}".rstrip()] if library.has_registers else []
    options = "-booth " * way.booth + "-noabc " * way.adders
    return [
        "read_rtlil design.il",
        f"hierarchy -top {top}",
        "proc",
        "flatten",
        "splitnets",
        "opt_clean",
        f"synth -flatten {options}-top {top}",
        *(adders if way.adders else ()),
        *registers,
        f"abc -liberty LIBERTY -D {picoseconds} {unused}".rstrip(),
        "setundef -zero",
        "opt_clean -purge",
        "write_json cells.json",
    ]


def _full_adder(library: Library) -> tuple[str, str]:
    """Verilog of the full adder as a black box, and what makes Yosys's own one of it."""
    assert library.full_adder is not None
    cell, pins = library.full_adder
    ports = ", ".join(
        f"{'output' if name in ('sum', 'carry') else 'input'} {pin}" for name, pin in pins.items()
    )
    wires = {"a": "A", "b": "B", "c": "C", "sum": "Y", "carry": "X"}
    connections = ", ".join(f".{pin}({wires[name]}[i])" for name, pin in pins.items())
    box = f"(* blackbox *) module {cell.name} ({ports}); endmodule\n"
    return box, _ADDER.replace("CELL", cell.name).replace("CONNECTIONS", connections)


_ADDER = """\
(* techmap_celltype = "$fa" *)
module full_adders (A, B, C, X, Y);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : bits
      CELL full_adder (CONNECTIONS);
    end
  endgenerate
endmodule
"""
