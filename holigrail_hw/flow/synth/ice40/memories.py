"""The memories of an iCE40 bitstream as Verilog, for :mod:`.bitstream`.

What the bits mean is IceStorm's knowledge; the cells are those of Yosys's simulation library.
"""

from typing import Any, Protocol

__all__ = ["Netlist", "write"]


class Netlist(Protocol):
    """What is being decoded."""

    icebox: Any
    chip: Any
    net_of: dict[tuple[int, int, str], str]
    body: list[str]

    def option(self, x: int, y: int, kind: str, name: str) -> bool: ...

    def net(self, x: int, y: int, name: str, default: str = "1'b0") -> str: ...

    def new(self, x: int, y: int, name: str) -> str: ...


def write(netlist: Netlist) -> int:
    """Add every memory that is switched on; returns how many there are."""
    return _block_memories(netlist) + _large_memories(netlist)


def _block_memories(netlist: Netlist) -> int:
    """Memories of 4 kbit; each lies in a tile and the one above it."""
    count = 0
    # The bit that switches a memory on has the other sense in the smaller devices.
    on = netlist.chip.device in ("8k", "5k", "u4k")
    for x, y in sorted(netlist.chip.ramb_tiles):
        if netlist.option(x, y, "RamConfig", "PowerUp") == on:
            count += 1
            _block_memory(netlist, x, y)
    return count


def _block_memory(netlist: Netlist, x: int, y: int) -> None:
    def net(name: str, idle: str = "1'b0") -> str:
        return netlist.net(x, y, f"ram/{name}", netlist.net(x, y + 1, f"ram/{name}", idle))

    def word(name: str, width: int) -> str:
        return f"{{{', '.join(net(f'{name}_{bit}') for bit in reversed(range(width)))}}}"

    def mode(low: int) -> int:
        # The modes stand in the upper tile.
        names = (f"CBIT_{low}", f"CBIT_{low + 1}")
        bits = [netlist.option(x, y + 1, "RamConfig", name) for name in names]
        return bits[0] + 2 * bits[1]

    # Which tile turns which clock over depends on the device.
    lower, upper = (
        netlist.icebox.get_negclk_bit(netlist.chip.tile(x, row)) == "1" for row in (y, y + 1)
    )
    read, write = (lower, upper) if netlist.chip.device == "8k" else (upper, lower)
    parameters = [f".WRITE_MODE({mode(0)})", f".READ_MODE({mode(2)})"]
    for row, digits in enumerate(netlist.chip.ram_data.get((x, y), ())):
        parameters.append(f".INIT_{row:X}(256'h{digits})")
    places = [(x, y), (x, y + 1)]
    outputs = []
    for bit in reversed(range(16)):
        at = next((p for p in places if (*p, f"ram/RDATA_{bit}") in netlist.net_of), places[0])
        outputs.append(netlist.new(*at, f"ram/RDATA_{bit}"))
    pins = [f".RDATA({{{', '.join(outputs)}}})"]
    pins += [f".{name}({word(name, 11)})" for name in ("RADDR", "WADDR")]
    pins += [f".{name}({word(name, 16)})" for name in ("MASK", "WDATA")]
    pins += [f".{name}({net(name)})" for name in ("RE", "WE")]
    # An unconnected clock enable is on.
    enabled = "1'b1"
    pins += [f".{name}({net(name, enabled)})" for name in ("RCLKE", "WCLKE")]
    pins += [f".RCLK{'N' * read}({net('RCLK')})", f".WCLK{'N' * write}({net('WCLK')})"]
    kind = f"SB_RAM40_4K{'NR' * read}{'NW' * write}"
    netlist.body.append(
        f"{kind} #({', '.join(parameters)}) ram_{x}_{y} (\n  " + ",\n  ".join(pins) + ");"
    )


def _large_memories(netlist: Netlist) -> int:
    """Memories of 256 kbit, which only the UltraPlus devices have."""
    count = 0
    known: dict[Any, dict[str, tuple[int, int, str]]]
    known = netlist.icebox.spram_db.get(netlist.chip.device, {})
    for (x, _, z), places in sorted(known.items()):
        tile_x, tile_y, option = places["SPRAM_EN"]
        if not netlist.option(tile_x, tile_y, "IpConfig", option):
            continue
        count += 1

        def word(name: str, width: int, places: dict = places) -> str:
            nets = [netlist.net(*places[f"{name}_{bit}"]) for bit in reversed(range(width))]
            return f"{{{', '.join(nets)}}}"

        widths = {"ADDRESS": 14, "DATAIN": 16, "MASKWREN": 4}
        pins = [f".{name}({word(name, width)})" for name, width in widths.items()]
        for name in ("WREN", "CHIPSELECT", "CLOCK", "STANDBY", "SLEEP"):
            pins.append(f".{name}({netlist.net(*places[name])})")
        # An unconnected memory has power.
        power = netlist.net(*places["POWEROFF"], "1'b1")
        pins.append(f".POWEROFF({power})")
        outputs = [netlist.new(*places[f"DATAOUT_{bit}"]) for bit in reversed(range(16))]
        pins.append(f".DATAOUT({{{', '.join(outputs)}}})")
        netlist.body.append(f"SB_SPRAM256KA spram_{x}_{z} (\n  " + ",\n  ".join(pins) + ");")
    return count
