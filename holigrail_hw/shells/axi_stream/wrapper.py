"""A module around AXI4-Stream ports for block designs: ``aclk``, ``aresetn``, named interfaces.

``TOP_ip`` has the streams of ``TOP`` under the same names, the clock ``aclk`` and the active-low
reset ``aresetn``, as in the AMBA AXI-Stream Protocol Specification (Arm IHI 0051). Attributes of
the Vivado design suite (AMD UG1118 and UG994) say which ports form an interface, and that all of
them belong to that clock; other tools ignore them.
"""

from collections.abc import Mapping

from holigrail_hw.core.identifiers import CLOCK, RESET
from holigrail_hw.core.streams import Stream

__all__ = ["name_of", "wrapper"]


def name_of(top: str) -> str:
    """The name of the module around ``top``."""
    return f"{top}_ip"


def wrapper(top: str, streams: Mapping[str, Stream]) -> str:
    """The Verilog of the module around ``top``, with these AXI4-Streams."""
    clock = f"ASSOCIATED_BUSIF {':'.join(streams)}, ASSOCIATED_RESET aresetn"
    ports = [
        _attributes("signal:clock:1.0 aclk CLK", clock) + "  input aclk",
        _attributes("signal:reset:1.0 aresetn RST", "POLARITY ACTIVE_LOW") + "  input aresetn",
    ]
    links = [(CLOCK, "aclk"), (RESET, "~aresetn")]
    for name, stream in streams.items():
        along, against = ("input", "output") if stream.direction == "in" else ("output", "input")
        signals = [("tvalid", along, 1), ("tready", against, 1)]
        signals += [(field, along, format.width) for field, format in stream.fields.items()]
        for signal, direction, width in signals:
            info = f"interface:axis:1.0 {name} {signal.upper()}"
            facts = _facts(stream) if signal == "tvalid" else None
            port = f"{name}_{signal}"
            ports.append(_attributes(info, facts) + f"  {_declaration(port, direction, width)}")
            links.append((port, port))
    lines = [
        f"// {name_of(top)}: {top} with the names of AXI: aclk, aresetn (active low)",
        f"module {name_of(top)}(",
        ",\n".join(ports),
        ");",
        f"  {top} inner (",
        ",\n".join(f"    .{inner}({outer})" for inner, outer in links),
        "  );",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _attributes(info: str, parameter: str | None) -> str:
    kind, _, rest = info.partition(":")
    found = f'  (* X_INTERFACE_INFO = "xilinx.com:{kind}:{rest}" *)\n'
    if parameter is not None:
        found += f'  (* X_INTERFACE_PARAMETER = "{parameter}" *)\n'
    return found


def _facts(stream: Stream) -> str:
    """What the attribute of an interface's first port says about the whole interface."""
    return (
        f"TDATA_NUM_BYTES {stream.fields['tdata'].width // 8}, HAS_TREADY 1,"
        f" HAS_TLAST {int('tlast' in stream.fields)}, HAS_TKEEP 0, HAS_TSTRB 0"
    )


def _declaration(port: str, direction: str, width: int) -> str:
    bits = f" [{width - 1}:0]" if width > 1 else ""
    return f"{direction}{bits} {port}"
