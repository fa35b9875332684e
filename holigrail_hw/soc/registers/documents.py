"""The register map as JSON, CSV, SVD (CMSIS system view description 1.3) and as a C header."""

import csv
import io
import json
from collections.abc import Sequence
from xml.etree import ElementTree

from .memory_map import CONTROL, REGIONS, UART, Block, Register

__all__ = ["as_c", "as_csv", "as_json", "as_svd"]

BLOCKS = (CONTROL, UART)
_ACCESS = {"read": "read-only", "write": "write-only", "read-write": "read-write"}


def as_json(blocks: Sequence[Block] = BLOCKS) -> str:
    """Regions, blocks, registers and their parts."""
    document = {
        "regions": [{"name": r.name, "base": r.base, "meaning": r.meaning} for r in REGIONS],
        "blocks": [
            {
                "name": block.name,
                "base": block.base,
                "meaning": block.meaning,
                "registers": [_register(one) for one in block.registers],
            }
            for block in blocks
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _register(one: Register) -> dict[str, object]:
    parts = [
        {"name": p.name, "bit": p.low, "width": p.width, "meaning": p.meaning} for p in one.parts
    ]
    return {
        "name": one.name,
        "offset": one.offset,
        "access": one.access,
        "count": one.count,
        "meaning": one.meaning,
        "parts": parts,
    }


def as_csv(blocks: Sequence[Block] = BLOCKS) -> str:
    """One line for every register and, below it, for each of its parts."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("block", "register", "part", "address", "count", "bits", "access", "meaning"))
    for block in blocks:
        for one in block.registers:
            place = f"0x{block.base + one.offset:08x}"
            start = (block.name, one.name)
            rows.writerow((*start, "", place, one.count, "31:0", one.access, one.meaning))
            for part in one.parts:
                bits = f"{part.low + part.width - 1}:{part.low}"
                rows.writerow((*start, part.name, place, 1, bits, one.access, part.meaning))
    return text.getvalue()


def _texts(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)


def as_svd(blocks: Sequence[Block] = BLOCKS) -> str:
    """For debuggers and for generators of drivers."""
    device = ElementTree.Element("device", schemaVersion="1.3")
    _texts(device, name="accelerator", version="1", description="holigrail accelerator")
    _texts(device, addressUnitBits=8, width=32, size=32, resetValue="0x0", resetMask="0x0")
    peripherals = ElementTree.SubElement(device, "peripherals")
    for block in blocks:
        peripheral = ElementTree.SubElement(peripherals, "peripheral")
        _texts(peripheral, name=block.name, description=block.meaning)
        _texts(peripheral, baseAddress=f"0x{block.base:08x}")
        span = ElementTree.SubElement(peripheral, "addressBlock")
        size = max(one.offset + 4 * one.count for one in block.registers)
        _texts(span, offset="0x0", size=f"0x{size:x}", usage="registers")
        registers = ElementTree.SubElement(peripheral, "registers")
        for one in block.registers:
            _svd_register(ElementTree.SubElement(registers, "register"), one)
    ElementTree.indent(device)
    return ElementTree.tostring(device, encoding="unicode", xml_declaration=True) + "\n"


def _svd_register(element: ElementTree.Element, one: Register) -> None:
    if one.count > 1:
        _texts(element, dim=one.count, dimIncrement=4)
    name = f"{one.name}[%s]" if one.count > 1 else one.name
    _texts(element, name=name, description=one.meaning, addressOffset=f"0x{one.offset:x}")
    _texts(element, access=_ACCESS[one.access])
    if one.parts:
        fields = ElementTree.SubElement(element, "fields")
        for part in one.parts:
            field = ElementTree.SubElement(fields, "field")
            _texts(field, name=part.name, description=part.meaning)
            _texts(field, bitOffset=part.low, bitWidth=part.width)


def as_c(blocks: Sequence[Block] = BLOCKS) -> str:
    """Names ACCELERATOR_BLOCK_REGISTER with addresses, and shifts and masks of parts."""
    lines = ["#ifndef ACCELERATOR_REGISTERS_H", "#define ACCELERATOR_REGISTERS_H", ""]
    for region in REGIONS:
        lines.append(f"/* {region.meaning} */")
        lines.append(f"#define ACCELERATOR_BASE_{region.name.upper()} 0x{region.base:08x}u")
    for block in blocks:
        lines += ["", f"/* {block.meaning} */"]
        for one in block.registers:
            name = f"ACCELERATOR_{block.name}_{one.name}".upper()
            lines.append(f"/* {one.access}: {one.meaning} */")
            lines.append(f"#define {name} 0x{block.base + one.offset:08x}u")
            if one.count > 1:
                lines.append(f"#define {name}_COUNT {one.count}u")
            for part in one.parts:
                mask = (1 << part.width) - 1
                lines.append(f"#define {name}_{part.name.upper()}_SHIFT {part.low}u")
                lines.append(f"#define {name}_{part.name.upper()}_MASK 0x{mask:x}u")
    return "\n".join([*lines, "", "#endif", ""])
