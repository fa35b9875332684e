"""The registers of a Wishbone slave as a C header: offsets in bytes, shifts, masks.

Every name begins with the name of the top module in capitals. Field FIELD of stream STREAM has
``FIELD_STREAM_FIELD_...``: ``OFFSET`` of its word, ``SHIFT`` and ``MASK`` in it (the mask applies
after the right shift), ``WIDTH`` in bits, and ``SIGNED``, 1 if the code is two's complement of that
width. A field of more than 32 bits takes ``WORDS`` words, lowest bits first, with ``MASK`` for the
last of them. The registers are ``REGISTER_STREAM_STATUS`` and ``REGISTER_STREAM_DATA``, the first
of ``REGISTER_STREAM_WORDS`` words.
"""

from typing import Any

from holigrail_hw.core.packing import is_twos_complement
from holigrail_hw.formats import Format

from .register_map import (
    BYTES,
    MOVABLE,
    PARTLY,
    REFUSED,
    WORD,
    Register,
    register_map,
)

__all__ = ["header"]

_RULES = """\
/* Registers of {top}.
 *
 * Offsets count bytes from the base of the slave; wb_adr counts words of 32 bits. An item is moved
 * when all bytes that hold a field have been written or read, in any order. An access that must
 * wait for more than {wait} cycles ends with err, moves nothing and sets STATUS_REFUSED of its
 * stream; writing 1 there clears it. Writing 1 to STATUS_PARTLY begins the item again.
 * A field is its code: a signed one is two's complement of its own width, not extended. Other bits
 * are read as 0, and what is written there does not matter.
 */
"""


def header(top: str, view: Any) -> str:
    """The text of the header of the module ``top``; ``view`` is a :class:`.shell.Wishbone`."""
    streams, wait_cycles = view.streams(), view.wait_cycles
    prefix = top.upper()
    lines = [
        _RULES.format(top=top, wait=wait_cycles) + f"#ifndef {prefix}_H",
        f"#define {prefix}_H",
        "",
        f"#define {prefix}_BYTES {BYTES * len(view.registers())}u",
        f"#define {prefix}_WAIT_CYCLES {wait_cycles}u",
    ]
    for name, bit in (("MOVABLE", MOVABLE), ("PARTLY", PARTLY), ("REFUSED", REFUSED)):
        lines.append(f"#define {prefix}_STATUS_{name} 0x{1 << bit:x}u")
    for stream, kind in streams.items():
        mine = register_map(streams, stream)
        lines += _stream(prefix, stream, kind.direction, mine)
        for field, format in kind.fields.items():
            lines += _field(f"{prefix}_FIELD_{stream}_{field}".upper(), field, format, mine)
    return "\n".join([*lines, "", f"#endif /* {prefix}_H */"]) + "\n"


def _stream(prefix: str, stream: str, direction: str, registers: list[Register]) -> list[str]:
    start = f"#define {prefix}_REGISTER_{stream.upper()}"
    how = "written by the host" if direction == "in" else "read by the host"
    status, first = registers[0], registers[1]
    return [
        "",
        f"/* stream {stream}, {how} */",
        f"{start}_STATUS 0x{BYTES * status.address:x}u",
        f"{start}_DATA 0x{BYTES * first.address:x}u",
        f"{start}_WORDS {len(registers) - 1}u",
    ]


def _field(name: str, field: str, format: Format, registers: list[Register]) -> list[str]:
    found = [(one, piece) for one in registers for piece in one.pieces if piece.field == field]
    register, first = found[0]
    last = found[-1][1]
    facts = {
        "OFFSET": f"0x{BYTES * register.address:x}u",
        **({"WORDS": f"{len(found)}u"} if format.width > WORD else {}),
        "SHIFT": f"{first.low}u",
        "MASK": f"0x{(1 << last.width) - 1:x}u",
        "WIDTH": f"{format.width}u",
        "SIGNED": f"{int(is_twos_complement(format))}",
    }
    return [f"/* {field}: {format.name} */", *(f"#define {name}_{k} {v}" for k, v in facts.items())]
