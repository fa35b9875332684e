"""Ways from a host to an accelerator: its streams, or words of its memory map.

No wait is without an end: what does not answer in time is an error, and the accelerator is stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.link import Link
from holigrail_hw.soc.compiler.program import FLASH
from holigrail_hw.soc.descriptors.kinds import LOAD_BYTES, Load
from holigrail_hw.soc.registers.memory_map import CONTROL, REGIONS
from holigrail_hw.soc.registers.requests import READ, START, WRITE

__all__ = ["Bus", "RegisterBus", "RequestBus"]

_WORD = 4


class Bus(Protocol):
    """Words of the scratchpad by their addresses in bytes, and chains."""

    def digest(self) -> int | None:
        """What the register of the machine's digest says; None if it cannot be read."""
        ...

    def write(self, address: int, words: Sequence[int]) -> None:
        """Words one after the other."""
        ...

    def read(self, address: int, count: int) -> list[int]:
        """Words one after the other."""
        ...

    def run(self, start: int, loader_start: int | None) -> tuple[int, int]:
        """Start a chain, and wait for its end: the status word, and the cycles."""
        ...


@dataclass(frozen=True)
class RequestBus:
    """The streams ``request`` and ``answer`` of the operator ``accelerator`` behind a link.

    Streams do not tell the digest; the machine is that of the link's operator.

    Parameters
    ----------
    link : Link
    flash : bytes
        What loads find from address ``flash_at`` on; their words go over the stream ``block``.
    flash_at : int
    """

    link: Link
    flash: bytes = b""
    flash_at: int = FLASH

    def digest(self) -> int | None:
        return self.link.spec.machine.digest

    def _asked(self, rows: Sequence[tuple[int, int, int]], answers: int) -> dict[str, np.ndarray]:
        columns = np.array(rows, np.uint64).reshape(-1, 3).T
        names = ("operation", "address", "data")
        items: dict[str, dict[str, np.ndarray]] = {
            "request": {str(name): column for name, column in zip(names, columns, strict=True)}
        }
        counts = {"answer": answers}
        if self.link.spec.machine.loader:
            items["block"], counts["fetch"] = {"data": self._words([])}, 0
        return self.link.exchange(items, counts)["answer"]

    def write(self, address: int, words: Sequence[int]) -> None:
        self._asked([(WRITE, address + _WORD * n, word) for n, word in enumerate(words)], 0)

    def read(self, address: int, count: int) -> list[int]:
        rows = [(READ, address + _WORD * n, 0) for n in range(count)]
        return [int(word) for word in self._asked(rows, count)["data"]]

    def run(self, start: int, loader_start: int | None) -> tuple[int, int]:
        if not self.link.spec.machine.loader:
            if loader_start is not None:
                raise DesignError("accelerator host: the accelerator must have a loader for loads")
            answer = self._asked([(START, start, 0)], 1)
            return int(answer["data"][0]), int(answer["cycles"][0])
        loads = [] if loader_start is None else self._loads(loader_start)
        request = {"operation": START, "address": start, "data": loader_start or 0}
        items = {"request": {name: np.array([v], np.uint64) for name, v in request.items()}}
        items["block"] = {"data": self._words(loads)}
        counts = {"answer": 1, "fetch": len(loads)}
        answer = self.link.exchange(items, counts)["answer"]
        return int(answer["data"][0]), int(answer["cycles"][0])

    def _loads(self, at: int) -> list[Load]:
        """The chain of loads that lies in the scratchpad."""
        found = []
        while not found or not found[-1].last:
            words = self.read(at + LOAD_BYTES * len(found), LOAD_BYTES // _WORD)
            found.append(Load.decode(np.array(words, "<u4").tobytes()))
        return found

    def _words(self, loads: Sequence[Load]) -> np.ndarray:
        """The words that loads bring."""
        found = bytearray()
        for load in loads:
            first, size = load.flash - self.flash_at, load.length + _WORD * load.crc
            if first < 0 or first + size > len(self.flash):
                raise DesignError(
                    "accelerator host: flash must have the image whose loads the accelerator does"
                )
            found += self.flash[first : first + size]
        return np.frombuffer(bytes(found), "<u4").astype(np.uint64)


@dataclass(frozen=True)
class RegisterBus:
    """The memory map of :mod:`holigrail_hw.soc.registers`, by any bus that moves words.

    Parameters
    ----------
    read_word, write_word : callable
        Of an address in bytes; the bus itself must not wait without an end.
    most_polls : int
        How often the status is read before the chain is stopped.
    """

    read_word: Callable[[int], int]
    write_word: Callable[[int, int], None]
    most_polls: int = 1 << 20

    def _scratchpad(self) -> int:
        return next(region.base for region in REGIONS if region.name == "scratchpad")

    def digest(self) -> int | None:
        return self.read_word(CONTROL.at("digest"))

    def write(self, address: int, words: Sequence[int]) -> None:
        base = self._scratchpad() + address
        for n, word in enumerate(words):
            self.write_word(base + _WORD * n, word)

    def read(self, address: int, count: int) -> list[int]:
        base = self._scratchpad() + address
        return [self.read_word(base + _WORD * n) for n in range(count)]

    def run(self, start: int, loader_start: int | None) -> tuple[int, int]:
        status = CONTROL.register("status")
        if loader_start is not None:
            self.write_word(CONTROL.at("loader_start"), loader_start)
        self.write_word(CONTROL.at("start"), start)
        for _ in range(self.most_polls):
            word = self.read_word(CONTROL.at("status"))
            if status.part("done").get(word):
                return word, self.read_word(CONTROL.at("cycles"))
        self.write_word(CONTROL.at("stop"), 1)
        raise DesignError(
            f"accelerator host: a chain must end within {self.most_polls} readings of the status",
            hint="it has been stopped; the next frame can be tried",
        )
