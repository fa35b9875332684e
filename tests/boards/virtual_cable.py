"""A virtual board for the loader: Xilinx Virtual Cable over TCP, with a virtual ECP5 behind it.

The protocol is Xilinx's XVC 1.0 (``getinfo:``, ``settck:``, ``shift:``). Behind it sits the state
machine of IEEE 1149.1 with the few instructions of an ECP5 that the loader uses (Lattice FPGA-TN-
02039): read the IDCODE and the status, enable configuration, take a bitstream in one burst.
"""

import socket
import struct
import threading

LFE5U_85F, LFE5U_25F = 0x41113043, 0x41111043

READ_ID, ENABLE, DISABLE, STATUS, BURST, BUSY = 0xE0, 0xC6, 0x26, 0x3C, 0x7A, 0xF0

# State of the controller: next state for TMS = 0 and for TMS = 1.
_NEXT = {
    "reset": ("idle", "reset"),
    "idle": ("idle", "select-dr"),
    "select-dr": ("capture-dr", "select-ir"),
    "capture-dr": ("shift-dr", "exit1-dr"),
    "shift-dr": ("shift-dr", "exit1-dr"),
    "exit1-dr": ("pause-dr", "update-dr"),
    "pause-dr": ("pause-dr", "exit2-dr"),
    "exit2-dr": ("shift-dr", "update-dr"),
    "update-dr": ("idle", "select-dr"),
    "select-ir": ("capture-ir", "reset"),
    "capture-ir": ("shift-ir", "exit1-ir"),
    "shift-ir": ("shift-ir", "exit1-ir"),
    "exit1-ir": ("pause-ir", "update-ir"),
    "pause-ir": ("pause-ir", "exit2-ir"),
    "exit2-ir": ("shift-ir", "update-ir"),
    "update-ir": ("idle", "select-dr"),
}


class VirtualEcp5:
    """The device: ``image`` holds the bytes of the last configuration burst."""

    def __init__(self, idcode: int = LFE5U_85F):
        self.idcode = idcode
        self.image = b""
        self.instructions: list[int] = []
        self._state, self._instruction = "reset", READ_ID
        self._shift, self._width = 0, 32
        self._burst = bytearray()
        self._done = self._enabled = False

    def clock(self, tms: int, tdi: int) -> int:
        """One cycle of TCK; returns TDO."""
        tdo = 0
        if self._state == "shift-dr" and self._instruction == BURST:
            self._burst.append(tdi)
        elif self._state in ("shift-dr", "shift-ir"):
            tdo = self._shift & 1
            self._shift = (self._shift >> 1) | (tdi << (self._width - 1))
        self._state = _NEXT[self._state][tms]
        action = {
            "reset": self._reset,
            "capture-dr": self._capture_data,
            "capture-ir": self._capture_instruction,
            "update-ir": self._update_instruction,
            "update-dr": self._update_data,
        }.get(self._state)
        if action is not None:
            action()
        return tdo

    def _reset(self):
        self._instruction = READ_ID

    def _capture_data(self):
        status = self._done << 8 | self._enabled << 9
        registers = {READ_ID: (self.idcode, 32), STATUS: (status, 32), BUSY: (0, 8)}
        self._shift, self._width = registers.get(self._instruction, (0, 1))
        self._burst.clear()

    def _capture_instruction(self):
        self._shift, self._width = 1, 8

    def _update_instruction(self):
        self._instruction = self._shift
        self.instructions.append(self._instruction)
        if self._instruction == ENABLE:
            self._enabled, self._done = True, False
        elif self._instruction == DISABLE:
            self._enabled, self._done = False, bool(self.image)

    def _update_data(self):
        if self._instruction == BURST and len(self._burst) >= 64:
            bits = self._burst
            self.image = bytes(
                sum(bits[start + place] << (7 - place) for place in range(8))
                for start in range(0, len(bits) // 8 * 8, 8)
            )
            self._done = True


class VirtualCable:
    """The server; use it as a context manager, ``address`` is what the loader connects to."""

    def __init__(self, device: VirtualEcp5):
        self.device = device
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "VirtualCable":
        self._thread.start()
        return self

    def __exit__(self, *_):
        # Shutting down wakes the thread out of accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self._talk(connection, stream)

    def _talk(self, connection, stream):
        while True:
            word = b""
            while not word.endswith(b":"):
                byte = stream.read(1)
                if not byte:
                    return
                word += byte
            if word == b"getinfo:":
                connection.sendall(b"xvcServer_v1.0:2048\n")
            elif word == b"settck:":
                connection.sendall(stream.read(4))
            elif word == b"shift:":
                connection.sendall(self._shift(stream))
            else:
                raise AssertionError(f"the loader must speak XVC 1.0, not send {word!r}")

    def _shift(self, stream) -> bytes:
        (count,) = struct.unpack("<I", stream.read(4))
        length = -(-count // 8)
        tms, tdi, tdo = stream.read(length), stream.read(length), bytearray(length)
        for index in range(count):
            byte, bit = divmod(index, 8)
            if self.device.clock(tms[byte] >> bit & 1, tdi[byte] >> bit & 1):
                tdo[byte] |= 1 << bit
        return bytes(tdo)
