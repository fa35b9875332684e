"""``holigrail info``: everything that is known about a design before a tool runs."""

from typing import TYPE_CHECKING, Any

from holigrail_hw.core.parameters import brief, leaves_of
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.flow.explore.describe import describe
from holigrail_hw.ui.tables import pairs, table

from .arguments import read_design
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["main"]

_AXI = """\
clk and rst (active high) are there in any case, aclk and aresetn (active low) in TOP_ip.v
tlast  {}

"""


def main(words: list[str], session: Session) -> int:
    """Print parameters, ports, latency, promised clock, estimated cost, notes.

    Of long lists the size and a digest; with --json all of their items.
    """
    _, design = read_design(words, session)
    result = describe(design.spec, design.timing)
    return session.show(result, lambda console: _text(console, result, design.spec))


def _text(console: "Console", result: dict[str, Any], spec: OperatorSpec) -> None:
    print_line = console.file.write
    print_line(f"{result['operator']}  {result['summary']} ({result['maturity']})\n\n")
    header = ("parameter", "value", "legal", "meaning")
    held = {name: value for name, (_, value) in leaves_of(spec, parts=True).items()}
    rows = []
    for row in result["parameters"]:
        value = held[row["name"]]
        shown = brief(value) if isinstance(value, tuple) else row["value"]
        rows.append([row["name"], shown, row["legal"], row["help"]])
    table(console, header, rows)
    print_line("\n")
    header = ("port", "direction", "width (bit)", "format", "meaning")
    keys = ("name", "direction", "width", "format", "meaning")
    table(console, header, [[row[key] for key in keys] for row in result["ports"]])
    print_line("\n")
    if result["tlast"] is not None or result["registers"]:
        header = ("port or register", "bits", "holds", "format", "extension")
        keys = ("port", "bits", "holds", "format", "extension")
        table(console, header, [[row[key] for key in keys] for row in result["layout"]])
        print_line("\n")
    if result["registers"]:
        keys = ("address", "name", "access", "bits")
        header = ("word address", "register", "access", "bits")
        table(console, header, [[row[key] for key in keys] for row in result["registers"]])
        print_line("\n")
    header = (
        "clock asked",
        "latency (cycles)",
        "interval (cycles)",
        "interleaved sums",
        "flip-flops",
        "promise (ns)",
        "promise (MHz)",
        "estimate (MHz)",
        "met",
    )
    keys = (
        "request",
        "latency",
        "initiation_interval",
        "interleave",
        "flip_flops",
        "promised_period_ns",
        "promised_fmax_mhz",
        "estimated_fmax_mhz",
        "met",
    )
    table(console, header, [[row[key] for key in keys] for row in result["timing"]])
    print_line("\n")
    cost = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in result["cost"].items())
    if result["tlast"] is not None:
        print_line(_AXI.format(", ".join(result["tlast"]) or "no stream: there are no frames"))
    known = [("estimate", cost), ("device model", result["device"]), ("top", result["top"])]
    known.append(("proof", result["proof"]))
    facts = [(name.replace("_", " "), value) for name, value in result["facts"].items()]
    remarks = [("remark", text) for text in result["remarks"]]
    pairs(console, known + facts + remarks)
    for title, text in (("notes", result["notes"]), ("references", result["references"])):
        if text:
            lines = text.splitlines() if isinstance(text, str) else text
            print_line(f"\n{title}\n" + "".join(f"  {line}".rstrip() + "\n" for line in lines))
