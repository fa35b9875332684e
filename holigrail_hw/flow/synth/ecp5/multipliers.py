"""Registers behind the multipliers of an ECP5, moved into the DSP blocks, which have them anyway.

Yosys leaves them in the fabric. In the block, the way from the multiplier to its register needs no
routing, and the register no flip-flop. A register can move if every product bit in use goes to
exactly one flip-flop, all of them with one clock and one enable, zero at start and without reset.
"""

from collections import defaultdict
from typing import Any

__all__ = ["absorb_product_registers"]

_BITS = 36


def absorb_product_registers(module: dict[str, Any]) -> int:
    """Change a module of a Yosys JSON netlist; returns how many multipliers took their register."""
    readers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers[bit].append((name, port))
    for port in module["ports"].values():
        if port["direction"] != "input":
            for bit in port["bits"]:
                readers[bit].append(("", ""))
    moved = 0
    for cell in [c for c in module["cells"].values() if c["type"] == "MULT18X18D"]:
        registers = _registers(module, cell, readers)
        if registers:
            _absorb(module, cell, registers)
            moved += 1
    return moved


def _registers(
    module: dict[str, Any], multiplier: dict[str, Any], readers: dict[int, list[tuple[str, str]]]
) -> dict[str, str]:
    """The flip-flop behind every product bit in use, by port; empty if it cannot move."""
    if any(name.startswith("REG_") for name in multiplier["parameters"]):
        return {}
    found, controls = {}, set()
    for index in range(_BITS):
        port = f"P{index}"
        bits = multiplier["connections"].get(port, [])
        sinks = readers[bits[0]] if bits else []
        if not sinks:
            continue
        name = sinks[0][0]
        register = module["cells"].get(name, {"type": ""})
        if len(sinks) > 1 or register["type"] != "TRELLIS_FF" or sinks[0][1] != "DI":
            return {}
        control = _control(register)
        if control is None:
            return {}
        found[port] = name
        controls.add(control)
    return found if len(controls) == 1 else {}


def _control(register: dict[str, Any]) -> tuple[Any, Any] | None:
    """Clock and enable of a flip-flop that a DSP block can be; ``None`` if it has anything else."""
    values = {name: str(value).strip() for name, value in register["parameters"].items()}
    wires = {name: bits[0] for name, bits in register["connections"].items() if bits}
    plain = (
        values.get("CLKMUX", "CLK") == "CLK"
        and values.get("REGSET", "RESET") == "RESET"
        and values.get("LSRMUX", "LSR") == "LSR"
        and wires.get("LSR", "0") == "0"
        and "M" not in wires
    )
    mode = values.get("CEMUX", "1")
    if not plain or mode not in ("CE", "1"):
        return None
    return wires["CLK"], wires["CE"] if mode == "CE" else "1"


def _absorb(module: dict[str, Any], multiplier: dict[str, Any], registers: dict[str, str]) -> None:
    clock, enable = "", ""
    for port, name in registers.items():
        register = module["cells"].pop(name)
        clock, enable = _control(register) or ("", "")
        multiplier["connections"][port] = register["connections"]["Q"]
    for port, bit in (("CLK0", clock), ("CE0", enable), ("RST0", "0")):
        multiplier["connections"][port] = [bit]
        multiplier["port_directions"][port] = "input"
    multiplier["parameters"] |= {
        "REG_OUTPUT_CLK": "CLK0",
        "REG_OUTPUT_CE": "CE0",
        "REG_OUTPUT_RST": "RST0",
    }
