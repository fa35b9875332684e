"""What queues are made of, and what they cost."""

__all__ = ["KINDS", "kind_of", "queue_cost"]

KINDS = ("registers", "distributed", "block")
_FEW = 2
# Words up to which memory made of look-up tables is the smaller one; iCE40 has none.
_DISTRIBUTED = 64


def kind_of(depth: int, device: str) -> str:
    """The kind of memory for a queue of so many words."""
    if depth <= _FEW:
        return "registers"
    distributed = not device.startswith("ice40")
    return "distributed" if distributed and depth <= _DISTRIBUTED else "block"


def queue_cost(depth: int, width: int, device: str) -> dict[str, int]:
    """Estimated look-up tables, flip-flops and memory bits of a queue."""
    kind = kind_of(depth, device)
    counters = 3 * depth.bit_length()
    if kind == "registers":
        return {"luts": width + 4, "flip_flops": 2 * width + 2, "memory_bits": 0}
    if kind == "distributed":
        luts = -(-depth // 32) * -(-width // 2) + 2 * counters
        return {"luts": luts, "flip_flops": counters, "memory_bits": 0}
    return {
        "luts": 2 * counters + width,
        "flip_flops": counters + width,
        "memory_bits": depth * width,
    }
