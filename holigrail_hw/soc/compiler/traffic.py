"""What a descriptor reads and writes: items of the scratchpad's ports, each a vector wide."""

from dataclasses import astuple, dataclass

from holigrail_hw.soc.descriptors.checks import TABLE_BYTES
from holigrail_hw.soc.descriptors.kinds import Add, Copy, Descriptor, Fill, Matmul, Maximum
from holigrail_hw.soc.machine import Machine

from .cycles import items_of_row

__all__ = ["Traffic", "traffic_of"]

_RECORD, _WIDE_RECORD = 8, 16


@dataclass(frozen=True)
class Traffic:
    """Items read, by reader, and items written."""

    weights: int = 0
    parameters: int = 0
    activations: int = 0
    results: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Traffic(*(one + two for one, two in pairs))

    @property
    def read(self) -> int:
        """Items that the reading port moves."""
        return self.weights + self.parameters + self.activations


def traffic_of(machine: Machine, descriptor: Descriptor) -> Traffic:
    """Of one descriptor that is carried out, its own fetch left out."""
    match descriptor:
        case Matmul() as d:
            return _products(machine, d)
        case Add() as d:
            codes = d.nx * d.ny
            return Traffic(codes, TABLE_BYTES // min(_RECORD, 2 * machine.grain), codes, codes)
        case Maximum() as d:
            results = d.nx * d.ny * d.groups
            return Traffic(activations=results * d.fx * d.fy, results=results)
        case Copy() as d:
            items = items_of_row(machine, d) * d.ny * d.groups
            return Traffic(activations=items, results=items)
        case Fill() as d:
            return Traffic(results=items_of_row(machine, d) * d.ny)
        case _:
            return Traffic()


def _products(machine: Machine, d: Matmul) -> Traffic:
    tiles, record = d.groups * d.column_tiles, _WIDE_RECORD if d.p_wide else _RECORD
    high, wide = d.raster
    pixels = high * wide if d.line_buffered else d.vectors * d.k_tiles
    return Traffic(
        weights=tiles * d.k_tiles * (1 if d.diagonal else machine.rows),
        parameters=tiles * machine.columns * record // min(record, 2 * machine.grain),
        activations=d.groups * pixels,
        results=tiles * d.vectors,
    )
