"""What an accelerator must answer: requests carried out on an array of bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.core.streams import Items
from holigrail_hw.soc.executor.execute import run
from holigrail_hw.soc.machine import Machine
from holigrail_hw.soc.registers.memory_map import CONTROL

from .shape import PROFILE, READ, START, WRITE

__all__ = ["accelerator_golden", "status_word"]


def status_word(error: int, index: int) -> int:
    """What the status register shows when a chain has ended."""
    parts = CONTROL.register("status")
    values = {"done": 1, "error": error, "index": index & 0xFFFF}
    return sum(parts.part(name).put(value) for name, value in values.items())


class _Blocks:
    """The flash memory behind a stream: words come in the order in which they are asked for."""

    def __init__(self, words: Any):
        self._words = np.asarray(words, np.uint64).astype("<u4")
        self._at = 0
        self.fetches: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return 1 << 24

    def __getitem__(self, bytes_of: slice) -> bytes:
        """The next words, so many as a load takes."""
        count = (bytes_of.stop - bytes_of.start) // 4
        found = self._words[self._at : self._at + count]
        self._at += count
        self.fetches.append((bytes_of.start, count))
        return found.tobytes()


def accelerator_golden(machine: Machine, items: Mapping[str, Mapping[str, Any]]) -> Items:
    """The answers to all requests, from a scratchpad of zeros on."""
    memory = np.zeros(machine.scratchpad, np.uint8)
    words = memory.view("<u4")
    request, answers = items["request"], []
    blocks = _Blocks(items["block"]["data"]) if machine.loader else b""
    columns = (np.asarray(request[name]).tolist() for name in ("operation", "address", "data"))
    for operation, address, data in zip(*columns, strict=True):
        place = address // 4
        if operation == WRITE and place < len(words):
            words[place] = data
        elif operation == READ:
            answers.append(int(words[place]) if place < len(words) else 0)
        elif operation == START:
            first = data or None if machine.loader else None
            outcome = run(machine, memory, address, loader_start=first, flash=blocks)
            answers.append(status_word(outcome.error, outcome.index))
        elif operation == PROFILE:
            answers.append(0)
    found: Items = {"answer": {"data": np.array(answers, np.uint64), "cycles": None}}
    if isinstance(blocks, _Blocks):
        fetches = np.array(blocks.fetches, np.uint64).reshape(-1, 2).T
        found["fetch"] = {"address": fetches[0], "words": fetches[1]}
    return found
