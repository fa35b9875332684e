"""A module around AXI4-Stream ports for block designs: ``aclk``, ``aresetn``, named interfaces.

``TOP_ip`` has the streams of ``TOP`` under the names that they have there, the clock ``aclk`` and
the reset ``aresetn``, active low, as the AMBA AXI-Stream Protocol Specification (Arm IHI 0051)
has them. Attributes as in the Vivado design suite (AMD UG1118 and UG994) say which ports make
an interface, and that all of them belong to that clock; other tools ignore them.
"""

from ..top import CLOCK, RESET, Handshake, Port, Top

__all__ = ["name_of", "wrapper"]


def name_of(top: Top) -> str:
    """The name of the module around ``top``."""
    return f"{top.name}_ip"


def wrapper(top: Top) -> str:
    """The Verilog of the module around ``top``, whose shell must be that of AXI4-Streams."""
    streams = top.handshakes()
    names = ":".join(stream.name for stream in streams)
    clock = f"ASSOCIATED_BUSIF {names}, ASSOCIATED_RESET aresetn"
    ports = [
        _attributes("signal:clock:1.0 aclk CLK", clock) + "  input aclk",
        _attributes("signal:reset:1.0 aresetn RST", "POLARITY ACTIVE_LOW") + "  input aresetn",
    ]
    for stream in streams:
        for port in stream.ports():
            is_first = port.name == stream.valid
            signal = port.name.removeprefix(f"{stream.name}_").upper()
            ports.append(
                _attributes(
                    f"interface:axis:1.0 {stream.name} {signal}",
                    _facts(stream) if is_first else None,
                )
                + f"  {_declaration(port)}"
            )
    links = [(CLOCK, "aclk"), (RESET, "~aresetn")]
    links += [(port.name, port.name) for stream in streams for port in stream.ports()]
    lines = [
        f"// {name_of(top)}: {top.name} with the names of AXI: aclk, aresetn (active low)",
        f"module {name_of(top)}(",
        ",\n".join(ports),
        ");",
        f"  {top.name} inner (",
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


def _facts(stream: Handshake) -> str:
    """What the first port of an interface says about all of it."""
    widths = {str(port.operand): port.width for port in stream.payload}
    return (
        f"TDATA_NUM_BYTES {widths['tdata'] // 8}, HAS_TREADY 1,"
        f" HAS_TLAST {int('tlast' in widths)}, HAS_TKEEP 0, HAS_TSTRB 0"
    )


def _declaration(port: Port) -> str:
    direction = "input" if port.direction == "in" else "output"
    bits = f" [{port.width - 1}:0]" if port.width > 1 else ""
    return f"{direction}{bits} {port.name}"
