"""An accelerator by its memory map, whose chains the executor carries out."""

import numpy as np

from holigrail_hw.soc.descriptors.checks import load_of
from holigrail_hw.soc.executor.execute import load, run
from holigrail_hw.soc.registers.memory_map import CONTROL

SCRATCHPAD = 0x3000_0000


class Accelerator:
    """Registers and scratchpad; a chain is done when it is started, or never if ``stands``."""

    def __init__(self, machine, flash=b""):
        self.machine, self.flash, self.stands = machine, flash, False
        self.memory = np.full(machine.scratchpad, 0xAA, np.uint8)
        self.loader_start, self.status, self.stopped = None, 0, 0
        self.names = {one.offset: one.name for one in CONTROL.registers}

    def read_word(self, address):
        assert address % 4 == 0
        if address >= CONTROL.base:
            if self.status_is(address):
                self.loader_start = None
            values = {"status": self.status, "digest": self.machine.digest, "cycles": 1234}
            return values[self.names[address - CONTROL.base]]
        at = address - SCRATCHPAD
        return int.from_bytes(self.memory[at : at + 4].tobytes(), "little")

    def write_word(self, address, word):
        assert address % 4 == 0
        if address < CONTROL.base:
            at = address - SCRATCHPAD
            self.memory[at : at + 4] = np.frombuffer(word.to_bytes(4, "little"), np.uint8)
            return
        match self.names[address - CONTROL.base]:
            case "loader_start":
                self.loader_start = word
                self.load_first()
            case "start":
                self.start(word)
            case "stop":
                self.stopped, self.status = self.stopped + 1, 0
            case name:
                raise AssertionError(name)

    def status_is(self, address):
        """Whoever reads the status before a chain has begun waits for loads alone."""
        return self.names[address - CONTROL.base] == "status"

    def load_first(self):
        """Without a wait the first load is done at once; a chain does it once more."""
        record = load_of(self.memory[self.loader_start : self.loader_start + 16].tobytes())
        if record is None or not record.wait:
            error = load(self.machine, self.memory, self.flash, record)
            self.status = CONTROL.register("status").part("error").put(int(error))

    def start(self, address):
        if self.stands:
            self.status = 1
            return
        outcome = run(
            self.machine, self.memory, address, loader_start=self.loader_start, flash=self.flash
        )
        self.loader_start = None
        parts = CONTROL.register("status")
        values = {"done": 1, "error": int(outcome.error), "index": outcome.index}
        self.status = sum(parts.part(name).put(value) for name, value in values.items())
