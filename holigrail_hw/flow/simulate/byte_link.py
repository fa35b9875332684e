"""A link to an engine through bytes: a board at a serial port, or its whole design in simulation.

The protocol is that of :mod:`holigrail_hw.hdl.stream.link.protocol`.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.run.process import Progress
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from ..board.serial_port import SerialPort
from . import link_protocol as protocol
from .compiled import Compiled
from .host_link import Link, streamed
from .link_protocol import Deframer, Identity, frame
from .link_shell import DEPTH, LinkTop

__all__ = ["ByteLink", "Line", "SerialLine", "SimulatedLine"]

# Content of a frame, in bytes: longer ones gain little, shorter ones let credit be used sooner.
_FRAME_BYTES = 240
_TRIES = 3


class Line(ABC):
    """Bytes to a board and back."""

    where: str

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of ``data``."""

    @abstractmethod
    def read(self, seconds: float) -> bytes:
        """What has come, at least one byte; none if nothing comes for so long."""

    def close(self) -> None:
        """Give back what the line holds."""
        return


class SerialLine(Line):
    """A board's serial port."""

    def __init__(self, path: Path, baud: int):
        self._port, self.where = SerialPort(path, baud), str(path)

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def read(self, seconds: float) -> bytes:
        return self._port.read_some(seconds)

    def close(self) -> None:
        self._port.close()


class SimulatedLine(Line):
    """The whole design of a board, byte for byte; time passes only while somebody reads.

    Parameters
    ----------
    depth : int
        Items of each queue.
    divisor : int or None
        Through a serial line with so many cycles per bit; at full speed without it.

    Attributes
    ----------
    cycles : int
        Clock cycles simulated so far.
    """

    where = "simulation"

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing | None = None,
        *,
        depth: int = DEPTH,
        divisor: int | None = None,
        progress: Progress | None = None,
    ):
        top = LinkTop(spec, streamed(spec, timing), depth=depth, divisor=divisor)
        self._design = Compiled.of(top, progress=progress)
        self._design.reset()
        quiet = spec.quiet_cycles
        # Some bytes of a frame pass between two that are seen here.
        self._quiet = quiet + 100 * 10 * (divisor or 1)
        self._bytes = b""

    @property
    def cycles(self) -> int:
        return self._design.cycles

    def write(self, data: bytes) -> None:
        self._bytes += data

    def read(self, seconds: float) -> bytes:
        if not seconds:
            return b""
        codes = np.frombuffer(self._bytes, np.uint8)
        run = self._design.pump({"i": {"byte": codes}}, {"o": 1}, quiet=self._quiet)
        self._bytes = self._bytes[run.moved["i"] :]
        return bytes(run.results["o"]["byte"].astype(np.uint8))


class ByteLink(Link):
    """A link through a line of bytes.

    Parameters
    ----------
    patience_s : float
        How long the board may say nothing while items are wanted.

    Raises
    ------
    DesignError
        No answer, another design, or another version of the protocol.
    """

    def __init__(self, spec: OperatorSpec, line: Line, *, patience_s: float = 5.0):
        super().__init__(spec)
        self._line, self._patience_s = line, patience_s
        self._sources = [n for n, s in self.streams.items() if s.direction == "in"]
        self._sinks = [n for n, s in self.streams.items() if s.direction == "out"]
        self._deframer = Deframer()
        self._credit: dict[str, int] = {}
        try:
            self._reset()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._line.close()

    def _move(self, wanted: Mapping[str, int]) -> None:
        while True:
            self._send()
            missing = self._missing(wanted)
            data = self._line.read(self._patience_s if missing else 0)
            if data:
                for found in self._deframer.feed(data):
                    self._take(found)
            elif missing:
                raise self._standstill(wanted, f"from {self._line.where}, which has gone silent")
            else:
                return

    def _send(self) -> None:
        """Items for which there is credit."""
        for number, name in enumerate(self._sources):
            queue, stream = self._waiting[name], self.streams[name]
            most = max(_FRAME_BYTES // protocol.item_size(stream), 1)
            while count := min(len(queue), self._credit[name], most):
                content = protocol.pack_items(stream, queue.take(count))
                self._line.write(frame(protocol.ITEMS + number, content))
                self._credit[name] -= count

    def _take(self, found: tuple[int, bytes] | None) -> None:
        """One frame from the board."""
        if found is None:
            raise self._broken("a frame from it arrived damaged")
        header, content = found
        kind, number = header & protocol.KIND, header & protocol.NUMBER
        if kind == protocol.ITEMS and number < len(self._sinks):
            name = self._sinks[number]
            stream = self.streams[name]
            if content and not len(content) % protocol.item_size(stream):
                self._arrived[name].put(protocol.unpack_items(stream, content))
                return
        elif kind == protocol.CREDIT and number < len(self._sources) and len(content) == 2:
            self._credit[self._sources[number]] += int.from_bytes(content, "little")
            return
        elif header == protocol.IDENTITY and (identity := Identity.read(content)):
            if identity.status:
                reason = protocol.STATUS.get(identity.status, f"status {identity.status}")
                raise self._broken(f"it says that {reason}")
            return
        raise self._broken(f"a frame with header {header:#04x} and {len(content)} bytes came")

    def _broken(self, reason: str) -> DesignError:
        return DesignError(
            f"link: {self.spec.name}: every byte to and from {self._line.where} must arrive,"
            f" but {reason}",
            hint="reset() starts again; a shorter cable or a lower speed may help",
        )

    def _reset(self) -> None:
        """Reset the board, and check who answers."""
        for _ in range(_TRIES):
            nonce = secrets.randbelow(256)
            self._line.write(frame(protocol.RESET, bytes([nonce])))
            while data := self._line.read(self._patience_s / _TRIES):
                # What was on its way before the reset comes first; it may end anywhere.
                frames = self._deframer.feed(data)
                for place, found in enumerate(frames):
                    identity = _identity(found)
                    if identity is None or identity.nonce != nonce:
                        continue
                    self._check(identity)
                    self._credit = dict.fromkeys(self._sources, identity.depth)
                    for later in frames[place + 1 :]:
                        self._take(later)
                    return
        raise DesignError(
            f"link: {self.spec.name}: the board at {self._line.where} must answer, not stay silent",
            hint="is the design loaded (`holigrail flash`), and is this its serial port?",
        )

    def _check(self, identity: Identity) -> None:
        if identity.version != protocol.VERSION:
            raise DesignError(
                f"link: {self.spec.name}: the board must speak version {protocol.VERSION} of the"
                f" protocol, not {identity.version}",
                hint="build and load the design again",
            )
        wanted = protocol.digest(self.spec)
        if identity.digest != wanted:
            raise DesignError(
                f"link: {self.spec.name}: the board must hold the design {wanted.hex()},"
                f" not {identity.digest.hex()}",
                hint="build and load it with the same engine and parameters",
            )


def _identity(found: tuple[int, bytes] | None) -> Identity | None:
    if found is None or found[0] != protocol.IDENTITY:
        return None
    return Identity.read(found[1])
