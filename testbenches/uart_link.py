"""cocotb bench: jobs through an engine's link, over its serial line.

The host's own code runs here, next to the simulation. LINK_JOB is JSON: operator, parameters,
modules to import first, seed and count of the results; ``uart_line`` needs more variables.
"""

import importlib
import json
import os
from pathlib import Path

import cocotb
from cocotb.task import bridge, resume
from cocotb.triggers import Event, First, Timer
from uart_line import CLOCK_NS, UartLine

from holigrail_hw.core.errors import HoligrailError
from holigrail_hw.flow.board import linked
from holigrail_hw.flow.emit import manifest
from holigrail_hw.flow.simulate.byte_link import Line

JOB = json.loads(os.environ["LINK_JOB"])
for _module in JOB["modules"]:
    importlib.import_module(_module)
SPEC, _ = manifest.rebuild(
    JOB["operator"], JOB["parameters"], {}, who="bench", folder=Path(JOB["folder"])
)


class SimulatedPort(Line):
    """The serial line as the host sees it: calls wait for the simulation."""

    where = "the serial line"

    def __init__(self, line: UartLine):
        self._line, self._come, self._bytes = line, Event(), b""
        frame = 10 * line.divisor
        # Some bytes of a frame pass between two that are noticed here.
        self._quiet_ns = CLOCK_NS * (SPEC.quiet_cycles + 100 * frame)
        cocotb.start_soon(self._listen())

    async def _listen(self):
        while True:
            byte = await self._line.receive()
            self._bytes += bytes([byte])
            self._come.set()

    @resume
    async def write(self, data):
        for byte in data:
            await self._line.send(byte)

    @resume
    async def read(self, seconds):
        self._come.clear()
        if not self._bytes and seconds:
            await First(self._come.wait(), Timer(self._quiet_ns, unit="ns"))
        data, self._bytes = self._bytes, b""
        return data


@cocotb.test()
async def jobs(dut):
    """Items in, the golden items out."""
    line = UartLine(dut)
    await line.start()
    port = SimulatedPort(line)
    chosen = linked.short_jobs(SPEC, JOB["count"], JOB["seed"])

    @bridge
    def host():
        try:
            return linked.check_line(SPEC, port, chosen)
        except HoligrailError as error:
            return error

    found = await host()
    # One line, which the process that started the simulation looks for.
    assert isinstance(found, int), "; ".join(text.strip() for text in str(found).splitlines())
    assert found == len(chosen) > 0, "at least one result must be compared, not none"
