"""Forms of processors."""

__all__ = ["INSTRUCTIONS", "PRESETS", "PROCESSORS"]

PRESETS = {
    "small": {"BARREL_SHIFTER": 0, "TWO_STAGE_SHIFT": 1},
    "shifts": {"BARREL_SHIFTER": 1, "TWO_STAGE_SHIFT": 1},
    "fast": {"BARREL_SHIFTER": 1, "TWO_STAGE_SHIFT": 1, "TWO_CYCLE_COMPARE": 1, "ENABLE_PCPI": 1},
}
"""PicoRV32: parameters of the Verilog module, beside those that are the same for all.

Products are made behind its port for instructions of others: its own multiplier has no registers
between the factors and the product. A branch takes a cycle more where the comparison before it
would be the longest path of a system.
"""
PROCESSORS = ("picorv32", "serv", "sentinel")
INSTRUCTIONS = {"small": "rv32i", "shifts": "rv32i", "fast": "rv32im"}
INSTRUCTIONS |= {"serv": "rv32i", "sentinel": "rv32i"}
"""What each form obeys, a preset of PicoRV32 or another processor: a prebuilt programme's name."""
