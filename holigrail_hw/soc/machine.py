"""The sizes of an accelerator, as descriptors and compiled images need them, and its digest."""

from dataclasses import dataclass, fields
from zlib import crc32

from holigrail_hw.core.errors import RequestError

__all__ = ["DESCRIPTOR_BYTES", "Machine"]

DESCRIPTOR_BYTES = 64
_SIDES, _WORD, _SHORTEST_LINE = (2, 4, 8, 16), 4, 3
# Steps of vectors are signed 16-bit numbers, sizes of buffers unsigned ones; addresses have 24.
_MOST_ROWS, _MOST_BYTES = (1 << 16) - 1, 1 << 24


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The sizes of an accelerator.

    Parameters
    ----------
    rows, columns : int
        Of the array: 2, 4, 8 or 16; neither is more than twice the other, one is 4 at least.
    activation_depth : int
        Vectors of ``rows`` bytes that one command can hold.
    accumulator_depth : int
        Vectors of sums that one command can hold.
    scratchpad : int
        Bytes, a multiple of 64.
    maximum : bool
        Whether the operation MAX is there.
    loader : bool
        Whether blocks can be loaded from a flash memory while layers are computed.
    wide_parameters : bool
        Whether parameters of 16 bytes with biases of 32 bits are there.
    line_buffer : int
        Pixels of a row that the unit for depthwise layers can hold; 0 if there is no such unit.
    addition : bool
        Whether the operation ADD is there.

    Raises
    ------
    RequestError
        With one line for every size that is impossible.
    """

    rows: int = 4
    columns: int = 4
    activation_depth: int = 2048
    accumulator_depth: int = 256
    scratchpad: int = 1 << 16
    maximum: bool = True
    loader: bool = True
    wide_parameters: bool = False
    line_buffer: int = 0
    addition: bool = True

    def __post_init__(self) -> None:
        wrong = []
        for name in ("rows", "columns"):
            if getattr(self, name) not in _SIDES:
                sides = ", ".join(map(str, _SIDES))
                wrong.append(f"machine: {name} must be one of {sides}, not {getattr(self, name)}")
        if not wrong and max(self.rows, self.columns) > 2 * min(self.rows, self.columns):
            wrong.append(
                "machine: rows and columns must differ by a factor of 2 at most, not"
                f" {self.rows} x {self.columns}"
            )
        elif not wrong and max(self.rows, self.columns) < _WORD:
            wrong.append(
                f"machine: rows or columns must be at least {_WORD}, the bytes of a word, not"
                f" {self.rows} x {self.columns}"
            )
        for name in ("activation_depth", "accumulator_depth"):
            if not 1 <= getattr(self, name) <= _MOST_ROWS:
                wrong.append(
                    f"machine: {name} must be 1 to {_MOST_ROWS}, not {getattr(self, name)}"
                )
        if not (self.line_buffer == 0 or _SHORTEST_LINE <= self.line_buffer <= _MOST_ROWS):
            wrong.append(
                f"machine: line_buffer must be 0 or {_SHORTEST_LINE} to {_MOST_ROWS}, not"
                f" {self.line_buffer}"
            )
        size = self.scratchpad
        if not DESCRIPTOR_BYTES <= size <= _MOST_BYTES or size % DESCRIPTOR_BYTES:
            wrong.append(
                f"machine: scratchpad must be a multiple of {DESCRIPTOR_BYTES} of at most"
                f" {_MOST_BYTES} bytes, not {size}"
            )
        if wrong:
            raise RequestError(wrong)

    @property
    def grain(self) -> int:
        """Bytes that addresses and steps of vectors are multiples of: half of the longer side."""
        return max(self.rows, self.columns) // 2

    @property
    def lanes(self) -> int:
        """Channels that a tile of diagonal weights works on."""
        return min(self.rows, self.columns)

    @property
    def text(self) -> str:
        """All sizes in one line, always in the same order."""
        return " ".join(f"{item.name}={int(getattr(self, item.name))}" for item in fields(self))

    @property
    def digest(self) -> int:
        """The CRC-32 of :attr:`text`; hardware shows it in a register, images carry it."""
        return crc32(self.text.encode("ascii"))
