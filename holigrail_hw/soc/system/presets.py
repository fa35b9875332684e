"""Forms of the processor PicoRV32."""

__all__ = ["INSTRUCTIONS", "PRESETS"]

PRESETS = {
    "small": {"BARREL_SHIFTER": 0, "TWO_STAGE_SHIFT": 1, "ENABLE_FAST_MUL": 0},
    "shifts": {"BARREL_SHIFTER": 1, "TWO_STAGE_SHIFT": 1, "ENABLE_FAST_MUL": 0},
    "fast": {"BARREL_SHIFTER": 1, "TWO_STAGE_SHIFT": 1, "ENABLE_FAST_MUL": 1},
}
"""Parameters of the Verilog module, beside those that are the same for all."""
INSTRUCTIONS = {"small": "rv32i", "shifts": "rv32i", "fast": "rv32im"}
"""What each obeys: the name of a prebuilt programme."""
