"""What an EIE-like engine costs: its elements with their memories, and the store of activations."""

from .shape import EieShape
from .store import group_width

__all__ = ["eie_cost", "memory_bits"]


def eie_cost(spec: EieShape) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    assert spec.accumulator is not None
    sizes = spec.sizes
    a, w, total = spec.activation.width, spec.weight.width, spec.accumulator.width
    row = (spec.rows - 1).bit_length()
    pointer = sizes.pointer_width
    item = a + 2 * pointer
    # Registers at the outputs of small memories, which are made of lookup tables.
    read = sizes.entry_width + w + 2 * pointer + total
    adders = [total, row + 1, row + 1, pointer, pointer, pointer]
    multiplies = a > 1 and w > 1
    groups = -(-spec.columns // group_width(spec.columns))
    element = {
        "adders": len(adders),
        "one_bit_adders": sum(adders),
        "luts": 2 * sum(adders)
        + (2 if spec.queue == 1 else 4) * item
        + 2 * total
        + (0 if multiplies else a * w),
        "flip_flops": item + read + 3 * a + (a + w) + 3 * row + 20,
        "dsps": int(multiplies),
        "memory_bits": 0,
    }
    counters = spec.columns.bit_length() + spec.rows.bit_length() + 5 * 16 + 32
    store = group_width(spec.columns) * 2 + groups * 2
    shared = {
        "adders": 8,
        "one_bit_adders": counters,
        "luts": 3 * counters + 3 * store + spec.pes * total // 2,
        "flip_flops": 2 * counters + store + a,
        "dsps": 0,
        "memory_bits": sum(memory_bits(spec).values()),
    }
    return {key: spec.pes * element[key] + shared[key] for key in shared}


def memory_bits(spec: EieShape) -> dict[str, int]:
    """Bits of every kind of memory, over all elements."""
    assert spec.accumulator is not None
    sizes = spec.sizes
    item = spec.activation.width + 2 * sizes.pointer_width
    return {
        "entries": spec.pes * spec.entries * sizes.entry_width,
        "pointers": spec.pes * (spec.columns + 1) * sizes.pointer_width,
        "codebooks": spec.pes * sizes.codes * spec.weight.width,
        "sums": spec.pes * spec.rows * spec.accumulator.width,
        "queues": spec.pes * (spec.queue - 1) * item,
        "activations": 2 * spec.columns * (spec.activation.width + 1),
    }
