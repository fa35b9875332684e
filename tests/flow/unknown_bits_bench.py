"""cocotb bench of test_netlist_program: what the memories of an iCE40 show, as JSON."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def memories(dut):
    """Every word the test asks for, in the order of the design's steps."""

    async def seen(step):
        dut.rx.value = step
        for level in (0, 1, 0):
            dut.clk.value = level
            await Timer(5, unit="ns")
        return int(dut.tx.value)

    words = [await seen(step) for step in range(6)]
    Path(os.environ["SEEN"]).write_text(json.dumps(words))
