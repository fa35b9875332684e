"""Which bits of which port hold what, and what a reader of wider words must do with a code.

A port holds the bits of a code and nothing else. Someone who puts it into a wider word extends it
by its highest bit if it is two's complement, else by zeros. Bits of a packed port that hold no
field are zeros where the hardware drives them, and are not read where somebody else does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from holigrail_hw.formats import Format

__all__ = ["Bits", "code_bits", "comments", "is_twos_complement", "padding"]


@dataclass(frozen=True)
class Bits:
    """Bits of a port (or of a register) and what they hold.

    ``format`` is the name of a number format, and empty for what is no number; ``extension`` is
    ``sign`` or ``zero`` for a code, and what the bits are for padding.
    """

    port: str
    high: int
    low: int
    holds: str
    format: str
    extension: str

    @property
    def bits(self) -> str:
        return f"{self.high}:{self.low}" if self.high > self.low else f"{self.low}"

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "port": self.port,
            "bits": self.bits,
            "holds": self.holds,
            "format": self.format,
            "extension": self.extension,
        }


def is_twos_complement(format: Format) -> bool:
    """Whether a code is a signed integer of its width; a reader extends it by its highest bit.

    Other codes are extended by zeros: unsigned integers, and bit patterns, such as floats.
    """
    return format.codes_are_integers and format.signed


def code_bits(
    port: str, holds: str, format: Format, low: int = 0, width: int | None = None
) -> Bits:
    """The place of a code, or of ``width`` bits of it, from bit ``low`` of a port on."""
    high = low + (format.width if width is None else width) - 1
    extension = "sign" if is_twos_complement(format) else "zero"
    return Bits(port, high, low, holds, format.name, extension)


def padding(port: str, direction: str, low: int, width: int) -> list[Bits]:
    """The bits of a port of ``width`` bits that hold nothing, from ``low`` on, if there are any."""
    what = "not read" if direction == "in" else "zeros"
    return [Bits(port, width - 1, low, "-", "", what)] if low < width else []


def comments(rows: Sequence[Bits]) -> list[str]:
    """What the bits of each port hold, a line for a port.

    Neighbours that hold one code each, of the same format, share a line.
    """
    lines: list[str] = []
    ports = [list(group) for _, group in groupby(rows, lambda row: row.port)]

    def is_single(row: Bits) -> bool:
        # A port of its own is called like the operand, with something in front perhaps.
        return row.port in (row.holds, f"i_{row.holds}", f"o_{row.holds}")

    def kind(group: list[Bits]) -> Any:
        row = group[0]
        side = row.port.removesuffix(row.holds)
        return (side, row.bits, row.format) if is_single(row) else row.port

    for _, same in groupby(ports, kind):
        groups = list(same)
        names = [group[0].port for group in groups]
        row = groups[0][0]
        if is_single(row):
            joined = ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"
            lines.append(f"{joined} [{row.bits}]: {_in_words(row)}")
        else:
            lines.append(f"{row.port}: " + "; ".join(map(_one, groups[0])))
    return lines


def _one(row: Bits) -> str:
    name = "" if row.holds == "-" else f"{row.holds} "
    return f"[{row.bits}] {name}{_in_words(row)}"


def _in_words(row: Bits) -> str:
    return f"{row.format} ({row.extension} extension)" if row.format else row.extension
