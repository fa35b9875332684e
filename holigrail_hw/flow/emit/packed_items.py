"""Items of streams as numbers, the form in which the memories of Verilog benches hold them."""

from collections.abc import Sequence

import numpy as np

from ..top import Handshake
from ..verify.workloads import Workload

__all__ = ["pack"]


def pack(streams: Sequence[Handshake], workload: Workload) -> dict[str, list[int]]:
    """Every item of every stream as one number, the first field in the lowest bits.

    An item of a sink is its low codes, then its high codes, then a mask of the bits that count.
    """
    return {stream.name: _packed(stream, workload) for stream in streams}


def _packed(stream: Handshake, workload: Workload) -> list[int]:
    if stream.direction == "in":
        fields = workload.items[stream.name]
        columns = [(port.width, fields[str(port.operand)]) for port in stream.payload]
    else:
        expected, columns, mask = workload.expected[stream.name], [], []
        nothing = np.zeros(workload.counts[stream.name], dtype=object)
        for side in (0, 1):
            for port in stream.payload:
                sides = expected[str(port.operand)]
                columns.append((port.width, nothing if sides is None else sides[side]))
        for port in stream.payload:
            sides = expected[str(port.operand)]
            ones = 0 if sides is None else sides[2] & ((1 << port.width) - 1)
            mask.append((port.width, nothing + ones))
        columns += mask
    packed, shift = np.zeros(len(columns[0][1]), dtype=object), 0
    for width, values in columns:
        packed = packed | (np.asarray(values).astype(object) << shift)
        shift += width
    return packed.tolist()
