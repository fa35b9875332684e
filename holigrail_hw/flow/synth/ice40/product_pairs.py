"""Two small products in one DSP block of an iCE40 UltraPlus.

An SB_MAC16 is one product of 16 bits by 16, or two of 8 bits by 8, with the same signs. Yosys only
uses the first form. Here two blocks become one in a netlist that has more of them than the device:
both must be plain signed products, without registers, whose operands have 8 bits at most; as signed
numbers of 9 bits or more they repeat their highest bit, and so does the product beyond its 16 bits.
"""

from typing import Any

__all__ = ["pair_products"]

_NARROW, _WHOLE = 8, 16


def pair_products(module: dict[str, Any], room: int) -> int:
    """Change a module of a Yosys JSON netlist; returns how many pairs were made.

    Parameters
    ----------
    module : dict
    room : int
        Blocks of the device: as many pairs are made as are needed to fit, if there are enough.
    """
    blocks = [name for name, cell in module["cells"].items() if cell["type"] == "SB_MAC16"]
    small = sorted(name for name in blocks if _is_small(module["cells"][name]))
    pairs = max(0, min(len(blocks) - room, len(small) // 2))
    same: dict[Any, Any] = {}
    for number in range(pairs):
        first, second = small[2 * number : 2 * number + 2]
        cell, other = module["cells"][first], module["cells"].pop(second)
        outputs = []
        for pins in (cell["connections"], other["connections"]):
            low, high = pins["O"][:_WHOLE], pins["O"][_WHOLE:]
            same.update(dict.fromkeys(high, low[-1]))
            outputs += low
        for side in "AB":
            operands = (cell["connections"][side], other["connections"][side])
            cell["connections"][side] = [bit for one in operands for bit in one[:_NARROW]]
        cell["connections"]["O"] = outputs
        cell["parameters"] |= {"MODE_8x8": "1", "TOPOUTPUT_SELECT": "10", "BOTOUTPUT_SELECT": "10"}
    if same:
        _replace(module, same)
    return pairs


def _is_small(cell: dict[str, Any]) -> bool:
    values = {name: str(value).strip().lstrip("0") for name, value in cell["parameters"].items()}
    set_ones = {name for name, value in values.items() if value}
    pins = cell["connections"]
    is_plain = (
        set_ones == {"A_SIGNED", "B_SIGNED", "TOPOUTPUT_SELECT", "BOTOUTPUT_SELECT"}
        and values["TOPOUTPUT_SELECT"] == values["BOTOUTPUT_SELECT"] == "11"
        and len(pins["O"]) == 2 * _WHOLE
    )
    return is_plain and all(
        len(pins[side]) == _WHOLE and len(set(pins[side][_NARROW - 1 :])) == 1 for side in "AB"
    )


def _replace(module: dict[str, Any], same: dict[Any, Any]) -> None:
    """Whoever reads one of the bits reads the other one."""
    for cell in module["cells"].values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                cell["connections"][port] = [same.get(bit, bit) for bit in bits]
    for group in ("ports", "netnames"):
        for named in module[group].values():
            named["bits"] = [same.get(bit, bit) for bit in named["bits"]]
