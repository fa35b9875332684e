"""``holigrail info``: everything that is known about a design before a tool runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import brief, leaves_of
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.estimate.energy.memories import Memories, read_memories
from holigrail_hw.flow.explore.describe import describe
from holigrail_hw.flow.synth import capacity
from holigrail_hw.flow.synth.devices import TARGETS
from holigrail_hw.ui.tables import pairs, table

from .arguments import read_design
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["configure", "main"]

_AXI = """\
clk and rst (active high) are there in any case, aclk and aresetn (active low) in TOP_ip.v
tlast  {}

"""
# Keys of the rows of each table, with the headings of the columns.
_PORTS = {
    **{"name": "port", "direction": "direction", "width": "width (bit)"},
    **{"format": "format", "meaning": "meaning"},
}
_LAYOUT = {
    **{"port": "port or register", "bits": "bits", "holds": "holds"},
    **{"format": "format", "extension": "extension"},
}
_REGISTERS = {"address": "word address", "name": "register", "access": "access", "bits": "bits"}
_TIMING = {
    "request": "clock asked",
    "latency": "latency (cycles)",
    "initiation_interval": "interval (cycles)",
    "interleave": "interleaved sums",
    "flip_flops": "flip-flops",
    "promised_period_ns": "promise (ns)",
    "promised_fmax_mhz": "promise (MHz)",
    "estimated_fmax_mhz": "estimate (MHz)",
    "met": "met",
}


def main(words: list[str], session: Session) -> int:
    """Print parameters, ports, latency, promised clock, estimated cost, notes.

    Of long lists the size and a digest; with --json all of their items.
    """
    options, design = read_design(words, session, configure)
    timing = design.timing
    if design.board is not None:
        from holigrail_hw.flow.board import build

        timing = build.planned(design.spec, timing, design.board)
    result = describe(design.spec, timing, _memories(options))
    if design.device in TARGETS:
        result["remarks"] += capacity.remarks(design.spec, timing, TARGETS[design.device])
    return session.show(result, lambda console: _text(console, result, design.spec))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument("--board", metavar="NAME", help="as on this board, at its clock")
    parser.add_argument(
        "--memories", metavar="FILE", help="JSON with the energy of memory accesses (45 nm)"
    )


def _memories(options: argparse.Namespace) -> Memories:
    try:
        return read_memories(None if options.memories is None else Path(options.memories))
    except ValueError as error:
        raise RequestError(
            f"--memories: the file must be a table of memories, not {error}",
            hint="word_bits, source, on_chip with bytes and pj, off_chip with low_pj and high_pj",
        ) from None


def _text(console: "Console", result: dict[str, Any], spec: OperatorSpec) -> None:
    print_line = console.file.write
    print_line(f"{result['operator']}  {result['summary']} ({result['maturity']})\n\n")
    held = {name: value for name, (_, value) in leaves_of(spec, parts=True).items()}
    rows = []
    for row in result["parameters"]:
        value = held[row["name"]]
        shown = brief(value) if isinstance(value, tuple) else row["value"]
        rows.append([row["name"], shown, row["legal"], row["help"]])
    table(console, ("parameter", "value", "legal", "meaning"), rows)
    print_line("\n")
    _columns(console, result["ports"], _PORTS)
    if result["tlast"] is not None or result["registers"]:
        _columns(console, result["layout"], _LAYOUT)
    if result["registers"]:
        _columns(console, result["registers"], _REGISTERS)
    if result["timing"]:
        _columns(console, result["timing"], _TIMING)
    if result["tlast"] is not None:
        print_line(_AXI.format(", ".join(result["tlast"]) or "no stream: there are no frames"))
    _facts(console, result)
    for one in result["tables"]:
        print_line(f"\n{one['title']}\n")
        cells = [["" if cell is None else str(cell) for cell in row] for row in one["rows"]]
        table(console, one["header"], cells)
        print_line(f"{one['caption']}\n" if one["caption"] else "")
    for title, text in (("notes", result["notes"]), ("references", result["references"])):
        if text:
            lines = text.splitlines() if isinstance(text, str) else text
            print_line(f"\n{title}\n" + "".join(f"  {line}".rstrip() + "\n" for line in lines))


def _columns(console: "Console", rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    """A table of what the rows say under the keys of ``columns``, whose values are the headings."""
    table(console, tuple(columns.values()), [[row[key] for key in columns] for row in rows])
    console.file.write("\n")


def _facts(console: "Console", result: dict[str, Any]) -> None:
    cost = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in result["cost"].items())
    known = [("estimate", cost), ("energy", _energy(result["energy"]))]
    if not result["timing"] and result["promise_ns"] is not None:
        promise = result["promise_ns"]
        known.append(("promise", f"{promise:.4g} ns ({1000 / promise:.1f} MHz)"))
    known += [("device model", result["device"]), ("top", result["top"])]
    known.append(("proof", result["proof"]))
    facts = [(name.replace("_", " "), value) for name, value in result["facts"].items()]
    remarks = [("remark", text) for text in result["remarks"]]
    pairs(console, known + facts + remarks)
    if result["energy"]["levels"]:
        _levels(console, result["energy"])


def _energy(found: dict[str, Any]) -> str:
    parts = f"logic {found['logic']:.3g}, registers {found['registers']:.3g}"
    return (
        f"{found['total']:.3g} pJ per {found['per']} at {found['node_nm']} nm, estimated: {parts}"
    )


def _levels(console: "Console", found: dict[str, Any]) -> None:
    """Energy of one product by level; memory outside the chip has a lowest and a highest."""
    console.file.write(f"\nenergy of a product, {found['job']}\n")
    header = ("level", "what", "words per product", "pJ per product")
    rows = []
    for row in found["levels"]:
        low, high = f"{row['low_pj']:.3g}", f"{row['high_pj']:.3g}"
        each = low if low == high else f"{low} to {high}"
        rows.append([row["level"], row["what"], f"{row['accesses']:.4g}", each])
    table(console, header, rows)
