"""A netlist in which a DSP block lost an operand is refused."""

import pytest

from holigrail_hw.core import DesignError
from holigrail_hw.flow.ice40_multipliers import check_operands


def block(choice: str, operand: list) -> dict:
    return {
        "type": "SB_MAC16",
        "parameters": {"TOPADDSUB_UPPERINPUT": choice, "BOTADDSUB_UPPERINPUT": choice},
        "connections": {"C": operand, "D": operand},
    }


def test_an_operand_that_nothing_drives():
    unused, used, constant = block("00", ["x"] * 16), block("1", [7, 8]), block("1", ["0"] * 16)
    module = {"cells": {"one": unused, "two": used, "three": constant}}
    check_operands(module, "top")
    module["cells"]["four"] = block("1", [7, "x"])
    with pytest.raises(DesignError) as caught:
        check_operands(module, "top")
    assert str(caught.value) == (
        "top: every operand of a DSP block must be driven after synthesis, but Yosys lost that of"
        " 1 blocks, the first four"
    )
    assert "shorter --period" in str(caught.value.hint)
