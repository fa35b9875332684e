"""A host of the firmware that comes with the accelerator: bytes to a serial line, lines back."""

from struct import pack
from typing import Any, Protocol

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.descriptors.checks import WHY, Error

from .host import checked_frames

__all__ = ["FirmwareHost", "Port"]

_SAID = {
    8: "there is no image in the scratchpad",
    9: "the image is for an accelerator with another digest",
    10: "the chain did not end in time",
}


class Port(Protocol):
    """A serial line, as the package pyserial has it."""

    def write(self, data: bytes) -> Any:
        """Send bytes."""
        ...

    def readline(self) -> bytes:
        """The bytes up to a line feed; fewer if they do not come in time."""
        ...

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if they do not come in time."""
        ...


class FirmwareHost:
    """Frames through an accelerator whose processor runs the firmware.

    Attributes
    ----------
    cycles : int
        Of the accelerator, in the latest call of :meth:`run`.
    """

    def __init__(self, port: Port):
        self._port, self.cycles = port, 0

    def _line(self, command: str) -> list[str]:
        """The words of an answer."""
        line = self._port.readline()
        if not line.endswith(b"\n"):
            raise DesignError(
                f"firmware host: command {command} must be answered with a line, not with"
                f" {line[:40]!r}",
                hint="the firmware may not run, or the baud rate may be another",
            )
        words = line.decode("ascii", "replace").split()
        if words[:1] == ["error"]:
            code, place = self._numbers(command, words[1:], 2)
            why = _SAID.get(code) or (WHY[Error(code)] if code in {*Error} else f"error {code}")
            raise DesignError(f"firmware host: command {command}, descriptor {place}: {why}")
        return words

    def _numbers(
        self, command: str, words: list[str], count: int | None, base: int = 10
    ) -> list[int]:
        """The numbers of an answer, so many or any."""
        try:
            numbers = [int(word, base) for word in words]
        except ValueError:
            numbers = None
        if numbers is None or count not in (None, len(numbers)):
            many = "numbers" if count is None else f"{count} number{'s' * (count > 1)}"
            raise DesignError(
                f"firmware host: command {command} must be answered with {many}, not with"
                f" {' '.join(words)}"
            )
        return numbers

    def _expect(self, command: str, first: str) -> list[str]:
        words = self._line(command)
        if words[:1] != [first]:
            raise DesignError(
                f"firmware host: command {command} must be answered with {first}, not with"
                f" {' '.join(words)}"
            )
        return words[1:]

    def digest(self) -> int:
        """Of the machine."""
        self._port.write(b"?")
        return self._numbers("?", self._expect("?", "machine")[:1], 1, 16)[0]

    def load(self, program: Program) -> None:
        """Send the resident block of an image; one with loads must lie in the flash memory.

        Raises
        ------
        DesignError
            If the machine is another one, or nothing answers.
        """
        if program.loads:
            self._port.write(b"F")
            self._expect("F", "ok")
            return
        self.put(0, program.image[: program.resident])
        self._port.write(b"C")
        self._expect("C", "ok")

    def put(self, address: int, data: bytes) -> None:
        """Bytes into the scratchpad."""
        self._port.write(b"P" + pack("<II", address, len(data)) + data)
        self._expect("P", "ok")

    def read(self, address: int, count: int) -> bytes:
        """Bytes of the scratchpad.

        Raises
        ------
        DesignError
            If fewer come.
        """
        self._port.write(b"R" + pack("<II", address, count))
        data = self._port.read(count)
        if len(data) != count:
            raise DesignError(
                f"firmware host: command R must be answered with {count} bytes, not {len(data)}"
            )
        return data

    def frame(self, codes: np.ndarray) -> None:
        """The codes of a frame, int8."""
        self._port.write(b"I" + np.ascontiguousarray(codes, np.int8).tobytes())
        self._expect("I", "ok")

    def go(self) -> list[int]:
        """Run the chain; the codes of its output, softmax included."""
        self._port.write(b"G")
        codes = self._numbers("G", self._expect("G", "answer"), None)
        (self.cycles,) = self._numbers("G", self._expect("G", "cycles"), 1)
        return codes

    def run(self, program: Program, frames: Any) -> np.ndarray:
        """The codes of the network's output, softmax included, (frames, codes).

        Raises
        ------
        RequestError
            Frames of another size, or no int8 codes.
        DesignError
            The firmware reports an error, or does not answer.
        """
        total, found = 0, []
        for frame in checked_frames(program, frames):
            self.frame(frame)
            found.append(self.go())
            total += self.cycles
        self.cycles = total
        return np.array(found, np.int64)
