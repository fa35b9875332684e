"""Registers around the multipliers of an ECP5, moved into the DSP blocks, which have them anyway.

Yosys leaves them in the fabric. In the block, the way between the multiplier and its registers
needs no routing, and the registers no flip-flops.

The register behind a product can move if every product bit in use goes to exactly one flip-flop.
Those of the factors can if all bits of both come from flip-flops that are fed by other registers
alone: with logic in front of it, a register is better off near that logic. A flip-flop that others
read, too, stays, and the block has a copy. All flip-flops of one register must have one clock and
one enable, be zero at start and have no reset.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["absorb_product_registers"]

_BITS = 36
_FACTOR_BITS = 18
# Outputs that begin a cycle; those of a block with a register behind the product do, too.
_STARTS = {"TRELLIS_FF": "Q", "DP16KD": "DO"}
_ENABLES = {"A": "CE1", "B": "CE2"}


def absorb_product_registers(module: dict[str, Any]) -> int:
    """Change a module of a Yosys JSON netlist; returns how many multipliers took registers."""
    readers: dict[Any, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers[bit].append((name, port))
    for port in module["ports"].values():
        if port["direction"] != "input":
            for bit in port["bits"]:
                readers[bit].append(("", ""))
    multipliers = [c for c in module["cells"].values() if c["type"] == "MULT18X18D"]
    touched = [cell for cell in multipliers if not _has_registers(cell)]
    for cell in touched:
        registers = _registers(module, cell, readers)
        if registers:
            _absorb(module, cell, registers)
    _absorb_factors(module, touched)
    return sum(map(_has_registers, touched))


def _has_registers(multiplier: dict[str, Any]) -> bool:
    return any(name.startswith("REG_") for name in multiplier["parameters"])


def _registers(
    module: dict[str, Any], multiplier: dict[str, Any], readers: dict[Any, list[tuple[str, str]]]
) -> dict[str, str]:
    """The flip-flop behind every product bit in use, by port; empty if it cannot move."""
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
    _connect(multiplier, {"CLK0": clock, "CE0": enable, "RST0": "0"})
    multiplier["parameters"] |= {
        "REG_OUTPUT_CLK": "CLK0",
        "REG_OUTPUT_CE": "CE0",
        "REG_OUTPUT_RST": "RST0",
    }


def _connect(multiplier: dict[str, Any], wires: Mapping[str, Any]) -> None:
    for port, bit in wires.items():
        multiplier["connections"][port] = [bit]
        multiplier["port_directions"][port] = "input"


def _absorb_factors(module: dict[str, Any], multipliers: list[dict[str, Any]]) -> None:
    """Registers in front of the products; flip-flops that nobody reads any more are removed."""
    flip_flops, starts = {}, set()
    for name, cell in module["cells"].items():
        out = _STARTS.get(cell["type"])
        if "REG_OUTPUT_CLK" in cell["parameters"]:
            out = "P"
        for port, bits in cell["connections"].items():
            if out and port.startswith(out):
                starts.update(bits)
        if cell["type"] == "TRELLIS_FF":
            flip_flops[cell["connections"]["Q"][0]] = name
    freed: set[str] = set()
    for cell in multipliers:
        found = {factor: _factor(module, cell, factor, flip_flops, starts) for factor in "AB"}
        clocks = {control[0] for control, _ in found.values()}
        if "REG_OUTPUT_CLK" in cell["parameters"]:
            clocks.update(cell["connections"]["CLK0"])
        # nextpnr times a block with both of them registered, or none.
        if None in clocks or len(clocks) > 1:
            continue
        for factor, ((clock, enable), registers) in found.items():
            for port, name in registers.items():
                cell["connections"][port] = module["cells"][name]["connections"]["DI"]
            freed.update(registers.values())
            _connect(cell, {"CLK0": clock, _ENABLES[factor]: enable, "RST0": "0"})
            cell["parameters"] |= {
                f"REG_INPUT{factor}_CLK": "CLK0",
                f"REG_INPUT{factor}_CE": _ENABLES[factor],
                f"REG_INPUT{factor}_RST": "RST0",
            }
    _remove_unread(module, freed)


def _factor(
    module: dict[str, Any],
    multiplier: dict[str, Any],
    factor: str,
    flip_flops: dict[Any, str],
    starts: set[Any],
) -> tuple[tuple[Any, Any], dict[str, str]]:
    """Clock and enable of a factor's flip-flops, and these by port; no clock if they must stay."""
    found, controls, stays = {}, set(), ((None, None), {})
    for index in range(_FACTOR_BITS):
        port = f"{factor}{index}"
        bit = multiplier["connections"][port][0]
        if bit in ("0", "x"):
            continue
        name = flip_flops.get(bit)
        if name is None:
            return stays
        register = module["cells"][name]
        control = _control(register)
        if control is None or register["connections"]["DI"][0] not in starts:
            return stays
        found[port] = name
        controls.add(control)
    return (controls.pop(), found) if len(controls) == 1 else stays


def _remove_unread(module: dict[str, Any], names: set[str]) -> None:
    count: Counter[Any] = Counter()
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                count.update(bits)
    for port in module["ports"].values():
        if port["direction"] != "input":
            count.update(port["bits"])
    for name in names:
        if not count[module["cells"][name]["connections"]["Q"][0]]:
            del module["cells"][name]
