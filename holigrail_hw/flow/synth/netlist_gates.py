"""A netlist with memories as gates in NumPy: a clocked machine with streams, nothing compiled.

A netlist of thousands of look-up tables is much work for a C++ compiler and little for a simulator
that walks through its gates level by level (:mod:`.gates`). Each lane is a copy of the machine with
inputs of its own, one bit of a 64-bit word. Memories stay arrays of words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.errors import ToolError
from holigrail_hw.core.run.process import run
from holigrail_hw.core.work_folder import scratch

from .. import tools
from ..simulate.gates import Network
from ..top import CLOCK, RESET

__all__ = ["Machine"]

_ONES = ~np.uint64(0)
_TO_WORDS = (
    "proc",
    "flatten",
    "opt_expr -fine",
    "opt_merge",
    "opt_dff",
    "opt_clean",
    "memory_dff",
    "opt_clean",
    "memory_share",
    "memory_collect",
    "write_json words.json",
)
# Look-up tables and carry cells leave little to simplify: one round is enough.
_TO_GATES = (
    "memory_map",
    "techmap",
    "opt_expr",
    "setundef -zero",
    "async2sync",
    "dffunmap",
    "aigmap",
    "opt_clean",
)
_UNKNOWN = 0x5A5A5A5A5A5A5A5A
"""In place of a word that a memory does not promise."""
_ROUNDS = 16


@dataclass
class _Memory:
    """One memory; ``reads`` and ``writes`` hold the names of its ports in the network."""

    size: int
    width: int
    offset: int
    initial: list[int]
    reads: list[dict[str, Any]]
    writes: list[dict[str, Any]]


class Machine:
    """A design as gates and memories, clock by clock.

    Parameters
    ----------
    rtlil : str
        The design, without cells of a device.
    top : str
    lanes : int
        Copies, 64 at most.

    Raises
    ------
    ToolError
        Yosys is missing or died, or a memory has several clocks' worth of features that no device
        here has.
    """

    def __init__(self, rtlil: str, top: str, lanes: int):
        self.lanes = lanes
        text, self._memories = _prepared(rtlil, top)
        self.network = network = Network.parse(text)
        half = network.variables + 1
        self._values = np.zeros(2 * half, np.uint64)
        self._values[half] = _ONES
        self._half = half
        self._next = np.array(
            [(literal >> 1) + half * (literal & 1) for literal in network.latches[:, 1]], np.int64
        )
        self._current = network.latches[:, 0] >> 1
        start = np.where(network.latches[:, 2] == 1, _ONES, np.uint64(0))
        self._assign(self._current, start)
        self._inputs, self._outputs = _rows(network.inputs, half), _rows(network.outputs, half)
        self._words = [[list(memory.initial) for _ in range(lanes)] for memory in self._memories]
        for memory in self._memories:
            for read in memory.reads:
                self.put(read["data"], [read["initial"]] * lanes)
        self.put(CLOCK, [0] * lanes)

    def put(self, port: str, codes: list[int]) -> None:
        """Give an input the code of each lane; a port that the network does not have is ignored."""
        for bit, row in self._inputs.get(port, {}).items():
            word = 0
            for lane, code in enumerate(codes):
                word |= (code >> bit & 1) << lane
            self._values[row], self._values[row + self._half] = word, word ^ int(_ONES)

    def get(self, port: str) -> list[int]:
        """The code of an output in each lane."""
        codes = [0] * self.lanes
        for bit, row in self._outputs.get(port, {}).items():
            word = int(self._values[row])
            for lane in range(self.lanes):
                codes[lane] |= (word >> lane & 1) << bit
        return codes

    def settle(self) -> None:
        """Let the gates follow the inputs, and memories without a clock at their output."""
        for _ in range(_ROUNDS):
            self.network.evaluate(self._values)
            pairs = zip(self._memories, self._words, strict=True)
            if not sum(self._follow(*pair) for pair in pairs):
                return
        raise ToolError("simulate: memories must not feed their own addresses")

    def _follow(self, memory: _Memory, words: list[list[int]]) -> bool:
        """Show what lies at the addresses now; whether that is something else than before."""
        changed = False
        for read in memory.reads:
            if read["clocked"]:
                continue
            addresses = self.get(read["address"])
            codes = [_word(memory, *pair) for pair in zip(words, addresses, strict=True)]
            if codes != self.get(read["shown"]):
                self.put(read["data"], codes)
                changed = True
        return changed

    def edge(self) -> None:
        """One clock edge after the gates have settled."""
        state = self._values[self._next]
        shown = []
        for memory, words in zip(self._memories, self._words, strict=True):
            shown += self._clock_memory(memory, words)
        self._assign(self._current, state)
        for port, codes in shown:
            self.put(port, codes)

    def reset(self) -> None:
        """Hold the reset for one cycle."""
        for reset in (1, 0):
            self.put(RESET, [reset] * self.lanes)
            if reset:
                self.settle()
                self.edge()

    def _assign(self, rows: np.ndarray, words: np.ndarray) -> None:
        self._values[rows], self._values[rows + self._half] = words, ~words

    def _clock_memory(self, memory: _Memory, words: list[list[int]]) -> list[tuple[str, list[int]]]:
        shown, before = [], []
        for read in memory.reads:
            enabled = self.get(read["enable"]) if read["clocked"] else ()
            if not any(enabled):
                before.append(None)
                continue
            addresses = self.get(read["address"])
            old = self.get(read["shown"])
            codes = [
                _word(memory, words[lane], addresses[lane]) if enabled[lane] else old[lane]
                for lane in range(self.lanes)
            ]
            before.append((enabled, addresses, codes))
        for index, write in enumerate(memory.writes):
            masks = self.get(write["enable"])
            if not any(masks):
                continue
            addresses, data = self.get(write["address"]), self.get(write["data"])
            for lane, mask in enumerate(masks):
                place = addresses[lane] - memory.offset
                if not mask or not 0 <= place < memory.size:
                    continue
                row = words[lane]
                row[place] = row[place] & ~mask | data[lane] & mask
                for read, found in zip(memory.reads, before, strict=True):
                    same = found and found[0][lane] and found[1][lane] == addresses[lane]
                    if found and same and read["transparent"] >> index & 1:
                        found[2][lane] = found[2][lane] & ~mask | data[lane] & mask
        for read, found in zip(memory.reads, before, strict=True):
            if found:
                shown.append((read["data"], found[2]))
        return shown


def _word(memory: _Memory, words: list[int], address: int) -> int:
    place = address - memory.offset
    return words[place] if 0 <= place < memory.size else _UNKNOWN & ((1 << memory.width) - 1)


def _rows(ports: Mapping[tuple[str, int], int], half: int) -> dict[str, dict[int, int]]:
    """Row of the values of every bit of every port."""
    found: dict[str, dict[int, int]] = {}
    for (port, bit), literal in ports.items():
        found.setdefault(port, {})[bit] = (literal >> 1) + half * (literal & 1)
    return found


def _prepared(rtlil: str, top: str) -> tuple[str, list[_Memory]]:
    """The gates as AIGER, with the ports of the memories that were taken out."""
    yosys = tools.require("yosys", who="simulate")["yosys"]
    with scratch() as work:
        (work / "design.il").write_text(rtlil)

        def yosys_runs(commands: list[str], makes: str) -> Path:
            (work / "commands.ys").write_text("\n".join(commands) + "\n")
            run(
                [*yosys.command, "-q", "commands.ys"],
                who="yosys",
                log=work / "yosys.log",
                cwd=work,
                environment=tools.environment(),
                makes=[work / makes],
            )
            return work / makes

        reading = ["read_rtlil design.il", f"hierarchy -top {top}"]
        content = json.loads(yosys_runs([*reading, *_TO_WORDS], "words.json").read_text())
        memories = _take_memories(content["modules"][top])
        (work / "gates.json").write_text(json.dumps(content))
        commands = ["read_json gates.json", *_TO_GATES]
        commands.append("write_aiger -ascii -symbols design.aag")
        return yosys_runs(commands, "design.aag").read_text(), memories


def _take_memories(module: dict[str, Any]) -> list[_Memory]:
    """Take the memories out of a module of a JSON netlist.

    What they read becomes an input; addresses, data and enables become outputs.
    """
    taken = []
    for name, cell in list(module["cells"].items()):
        if cell["type"] != "$mem_v2":
            continue
        numbers = {key: _number(text) for key, text in cell["parameters"].items() if key != "MEMID"}
        reads, writes = numbers["RD_PORTS"], numbers["WR_PORTS"]
        unusual = numbers["RD_WIDE_CONTINUATION"] or numbers["WR_WIDE_CONTINUATION"]
        pins = cell["connections"]
        if unusual or any(pins[pin].count("0") < reads for pin in ("RD_ARST", "RD_SRST")):
            # Registers instead, which is right and slow.
            continue
        del module["cells"][name]
        taken.append(_taken(module, f"memory{len(taken)}", numbers, cell, reads, writes))
    return taken


def _taken(module, prefix, numbers, cell, reads, writes) -> _Memory:
    width, address = numbers["WIDTH"], numbers["ABITS"]
    ones = (1 << width) - 1
    pins = cell["connections"]

    def port(name: str, direction: str, bits: list[Any]) -> str:
        module["ports"][f"{prefix}_{name}"] = {"direction": direction, "bits": bits}
        return f"{prefix}_{name}"

    def part(pin: str, index: int, size: int) -> list[Any]:
        return pins[pin][index * size : (index + 1) * size]

    first = numbers["INIT"]
    memory = _Memory(
        numbers["SIZE"],
        width,
        numbers["OFFSET"],
        [first >> (row * width) & ones for row in range(numbers["SIZE"])],
        [],
        [],
    )
    for index in range(reads):
        data = part("RD_DATA", index, width)
        memory.reads.append(
            {
                "data": port(f"read{index}", "input", data),
                "shown": port(f"shown{index}", "output", data),
                "address": port(f"read_address{index}", "output", part("RD_ADDR", index, address)),
                "enable": port(f"read_enable{index}", "output", part("RD_EN", index, 1)),
                "clocked": bool(numbers["RD_CLK_ENABLE"] >> index & 1),
                "initial": numbers["RD_INIT_VALUE"] >> (index * width) & ones,
                "transparent": numbers["RD_TRANSPARENCY_MASK"] >> (index * writes),
            }
        )
    for index in range(writes):
        memory.writes.append(
            {
                "data": port(f"write{index}", "output", part("WR_DATA", index, width)),
                "address": port(f"write_address{index}", "output", part("WR_ADDR", index, address)),
                "enable": port(f"write_enable{index}", "output", part("WR_EN", index, width)),
            }
        )
    return memory


def _number(text: Any) -> int:
    """A parameter of a JSON netlist; an unknown bit is taken as 1."""
    if isinstance(text, int):
        return text
    digits = text.strip().replace("x", "1").replace("z", "1")
    return int(digits, 2) if digits else 0
