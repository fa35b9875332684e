"""A program for people and for other programs: a manifest, and a C header with its addresses."""

from typing import Any

from holigrail_hw.soc.registers.memory_map import REGIONS

from .layers import Product
from .program import Program

__all__ = ["image_header", "manifest"]


def manifest(program: Program) -> dict[str, Any]:
    """Sizes, addresses, and for every layer its descriptors, cycles about, and buffer."""
    network, machine = program.network, program.machine
    layers = {layer.result: layer for layer in network.layers}
    steps = []
    for step in program.steps:
        found: dict[str, Any] = {
            "name": step.name,
            "kind": step.kind,
            "source": step.source,
            "first_descriptor": step.first,
            "descriptors": step.count,
            "cycles": sum(program.predicted[step.first : step.first + step.count]),
        }
        layer = layers.get(step.name)
        if isinstance(layer, Product):
            rows, columns, _ = network.images[step.name]
            found["products"] = rows * columns * layer.macs_per_pixel
        buffer = program.buffers.get(step.name)
        if buffer is not None:
            geometry = buffer.geometry
            found["tensor"] = {
                "first": buffer.first,
                "shape": list(geometry.image),
                "pixel_bytes": geometry.pitch,
                "row_bytes": geometry.row_step,
            }
        steps.append(found)
    return {
        "network": network.name,
        "machine": machine.text,
        "digest": f"{machine.digest:08x}",
        "image_bytes": len(program.image),
        "resident_bytes": program.resident,
        "scratchpad_bytes_used": program.used,
        "scratchpad_bytes": machine.scratchpad,
        "loads": len(program.loads),
        "input": dict(zip(("address", "bytes"), program.input, strict=True)),
        "output": dict(zip(("address", "bytes"), program.output, strict=True)),
        "softmax": network.shares is not None,
        "cycles": program.cycles,
        "layers": steps,
    }


def image_header(program: Program) -> str:
    """Names ACCELERATOR_IMAGE_... for a programme in C that runs this network only."""
    base = next(region.base for region in REGIONS if region.name == "scratchpad")
    facts = {
        "DIGEST": program.machine.digest,
        "BYTES": len(program.image),
        "RESIDENT_BYTES": program.resident,
        "START": program.start,
        "INPUT": base + program.input[0],
        "INPUT_BYTES": program.input[1],
        "OUTPUT": base + program.output[0],
        "OUTPUT_BYTES": program.output[1],
        "CLASSES": program.output[1] if program.network.shares else 0,
    }
    name = "ACCELERATOR_IMAGE"
    lines = [f"#ifndef {name}_H", f"#define {name}_H", ""]
    lines += [f"#define {name}_{key} 0x{value:x}u" for key, value in facts.items()]
    return "\n".join([*lines, "", f"#endif /* {name}_H */", ""])
