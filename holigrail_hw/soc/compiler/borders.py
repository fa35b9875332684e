"""Borders of images: bytes one by one, or as products with weights of 0."""

from collections.abc import Callable

from holigrail_hw.soc.descriptors.kinds import Fill, Matmul
from holigrail_hw.soc.machine import Machine

from .buffers import Geometry, Strip
from .cycles import descriptor_cycles

__all__ = ["filled_strip"]


def filled_strip(
    machine: Machine, geometry: Geometry, strip: Strip, constant: Callable[[bytes], int]
) -> Fill | Matmul:
    """A strip of a border, in the way that takes fewer cycles; ``constant`` gives bytes an
    address."""
    plain = Fill(
        nx=strip.pixels * geometry.pitch,
        ny=strip.rows,
        y_base=strip.base,
        y_step_y=strip.step,
        value=geometry.value,
    )
    product = _by_product(machine, geometry, strip, constant)
    ways = [plain] if product is None else [plain, product]
    return min(ways, key=lambda way: descriptor_cycles(machine, way))


def _by_product(
    machine: Machine, geometry: Geometry, strip: Strip, constant: Callable[[bytes], int]
) -> Matmul | None:
    """A strip as products with weights of 0, whose codes are the zero point; None if it does not
    fit. It writes ``columns`` bytes at a time."""
    columns, vectors = machine.columns, strip.pixels * strip.rows
    if geometry.pitch % columns or vectors > min(
        machine.accumulator_depth, machine.activation_depth
    ):
        return None
    groups = geometry.pitch // columns
    return Matmul(
        nx=strip.pixels,
        ny=strip.rows,
        groups=groups,
        a_base=strip.base,
        diagonal=1,
        w_base=constant(bytes(columns)),
        w_restart=1,
        p_base=constant(bytes(8 * columns)),
        p_restart=1,
        y_base=strip.base,
        y_step_x=geometry.pitch if strip.pixels > 1 else 0,
        y_step_y=strip.step,
        y_step_group=columns if groups > 1 else 0,
        zero_point=geometry.value,
    )
