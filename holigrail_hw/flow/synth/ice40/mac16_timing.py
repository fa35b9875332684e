"""The time paths take through the DSP blocks of an iCE40, which nextpnr leaves out.

nextpnr treats an SB_MAC16 as if both its sides were registered, so a product between two registers
would cost nothing. Here the missing part is added to nextpnr's own arrival times: up to the
operands, through the block, on to the next register. The block counts with the worst delay from
operand to result of IceStorm's timing table of the UP5K (``SB_MAC16_MUL_U_16X16_BYPASS``), wherever
its inner registers are. With several blocks the slowest way in and the slowest way out are taken
together. Both errors are on the safe side.
"""

from typing import Any

__all__ = ["mac16_period_ns"]

THROUGH_NS = 9.05
# What nextpnr starts its arrival times behind a block with, and a look-up table's set-up time.
CLOCK_TO_OUTPUT_NS = 1.98
SETUP_NS = 1.2


def mac16_period_ns(
    module: dict[str, Any], timings: list[dict[str, Any]], period_ns: float
) -> float | None:
    """The clock period the DSP blocks of a placed design need; ``None`` if there are none.

    Parameters
    ----------
    module : dict
        The module of the Yosys JSON netlist that was placed.
    timings : list of dict
        ``detailed_net_timings`` of nextpnr's report: arrival times at registers and blocks.
    period_ns : float
        What nextpnr found without the blocks.
    """
    blocks = {
        f"{name}_DSP": cell for name, cell in module["cells"].items() if cell["type"] == "SB_MAC16"
    }
    if not blocks:
        return None
    into = dict.fromkeys(blocks, 0.0)
    behind_unclocked = 0.0
    for net in timings:
        for end in net["endpoints"]:
            time = max(end["delay"])
            if end["cell"] in into:
                into[end["cell"]] = max(into[end["cell"]], time)
            elif "$PACKER_GND" in net["event"]:
                # Only a block without a clock launches anything on the constant net.
                behind_unclocked = max(behind_unclocked, time - CLOCK_TO_OUTPUT_NS + SETUP_NS)
    needed = []
    for name, cell in blocks.items():
        parameters = cell["parameters"]
        before = 0.0 if _bits(parameters, "A_REG", 1) == "1" else into[name]
        if all(_bits(parameters, f"{half}OUTPUT_SELECT", 2) == "01" for half in ("TOP", "BOT")):
            # The next path starts at the block's own output register, and nextpnr knows that one.
            after = 0.0
        elif isinstance(cell["connections"].get("CLK", ["0"])[0], int):
            after = period_ns - CLOCK_TO_OUTPUT_NS
        else:
            after = behind_unclocked
        needed.append(before + THROUGH_NS + after)
    return max(needed)


def _bits(parameters: dict[str, str], name: str, count: int) -> str:
    """The low bits of a parameter of a JSON netlist, a text of binary digits."""
    return parameters.get(name, "0").strip().rjust(count, "0")[-count:]
