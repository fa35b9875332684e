"""Registers around a netlist, so that place and route measures the core and not its pins.

A core may have more ports than the package has pins. The harness feeds every input bit from a
register and captures every output bit in one; the input registers form one shift chain, the
captured outputs are folded into another, so that three pins are enough. No logic is added between
the registers and the core: the clock frequency found is that of the core. It is put around the
synthesised netlist, so the core's cells are the ones that were counted.
"""

from typing import Any

from holigrail_hw.core.errors import RequestError

__all__ = ["wrap"]

# A text of only 0 and 1 would be read as a number; the space at its end keeps it a text.
_ECP5_REGISTER = {
    "CEMUX": "1 ",
    "CLKMUX": "CLK",
    "GSR": "DISABLED",
    "LSRMUX": "LSR",
    "REGSET": "RESET",
    "SRMODE": "LSR_OVER_CE",
}


class _Cells:
    """Adds cells of one family to a module of a Yosys JSON netlist."""

    def __init__(self, module: dict[str, Any], family: str, clock: int):
        self.module, self.family, self.clock = module, family, clock
        used = [0, 1]
        for cell in module["cells"].values():
            used += [b for bits in cell["connections"].values() for b in bits if isinstance(b, int)]
        for net in (*module["netnames"].values(), *module["ports"].values()):
            used += [b for b in net["bits"] if isinstance(b, int)]
        self._next = max([*used, clock]) + 1
        self._count = 0

    def new_bit(self) -> int:
        self._next += 1
        self.module["netnames"][f"harness_net_{self._next}"] = {
            "hide_name": 0,
            "bits": [self._next],
            "attributes": {},
        }
        return self._next

    def add(self, kind: str, parameters: dict[str, str], **pins: tuple[str, Any]) -> None:
        self._count += 1
        self.module["cells"][f"harness_{self._count}"] = {
            "hide_name": 0,
            "type": kind,
            "parameters": parameters,
            "attributes": {},
            "port_directions": {name: way for name, (way, _) in pins.items()},
            "connections": {name: [bit] for name, (_, bit) in pins.items()},
        }

    def register(self, source: Any, target: Any) -> None:
        clock, data, out = ("input", self.clock), ("input", source), ("output", target)
        if self.family == "ice40":
            self.add("SB_DFF", {}, C=clock, D=data, Q=out)
        elif self.family == "ecp5":
            self.add("TRELLIS_FF", _ECP5_REGISTER, CLK=clock, DI=data, LSR=("input", "0"), Q=out)
        else:
            self.add("DFF", {}, CLK=clock, D=data, Q=out)

    def exclusive_or(self, one: Any, two: Any, target: Any) -> None:
        a, b, zero, out = ("input", one), ("input", two), ("input", "0"), ("output", target)
        if self.family == "ice40":
            self.add("SB_LUT4", {"LUT_INIT": "0110" * 4}, I0=a, I1=b, I2=zero, I3=zero, O=out)
        elif self.family == "ecp5":
            self.add("LUT4", {"INIT": "0110" * 4}, A=a, B=b, C=zero, D=zero, Z=out)
        else:
            self.add("LUT2", {"INIT": "0110"}, I0=a, I1=b, F=out)

    def pin(self, outside: int, inside: int, inwards: bool) -> None:
        """A pad buffer, where the placer does not make it by itself (Gowin)."""
        source, target = (outside, inside) if inwards else (inside, outside)
        kind = "IBUF" if inwards else "OBUF"
        self.add(kind, {}, I=("input", source), O=("output", target))


def wrap(netlist: dict[str, Any], top: str, family: str, clock: str = "clk") -> dict[str, Any]:
    """Put the harness around module ``top`` of a Yosys JSON netlist; changes and returns it.

    Afterwards the module has the ports ``clock``, ``harness_in`` and ``harness_out``.

    Raises
    ------
    RequestError
        If the module has a bidirectional port.
    """
    module = netlist["modules"][top]
    ports = module["ports"]
    for name, port in ports.items():
        if port["direction"] == "inout":
            raise RequestError(f"synth: port {name} of {top} must be an input or output, not inout")
    core_clock = ports.pop(clock, None)
    inside = core_clock["bits"][0] if core_clock else -1
    cells = _Cells(module, family, inside)
    if inside < 0:
        cells.clock = cells.new_bit()
    serial_in, serial_out = cells.new_bit(), cells.new_bit()
    pins = {clock: cells.clock, "harness_in": serial_in, "harness_out": serial_out}
    if family == "gowin":
        for name, bit in list(pins.items()):
            pins[name] = cells.new_bit()
            cells.pin(pins[name], bit, name != "harness_out")
    chain = serial_in
    for port in ports.values():
        if port["direction"] == "input":
            for bit in port["bits"]:
                cells.register(chain, bit)
                chain = bit
    folded: Any = None
    for port in ports.values():
        if port["direction"] == "output":
            for bit in port["bits"]:
                if not isinstance(bit, int):
                    continue
                captured = cells.new_bit()
                cells.register(bit, captured)
                if folded is None:
                    folded = captured
                    continue
                mixed, stored = cells.new_bit(), cells.new_bit()
                cells.exclusive_or(captured, folded, mixed)
                cells.register(mixed, stored)
                folded = stored
    cells.register("0" if folded is None else folded, serial_out)
    module["ports"] = {
        name: {"direction": "output" if name == "harness_out" else "input", "bits": [bit]}
        for name, bit in pins.items()
    }
    return netlist
