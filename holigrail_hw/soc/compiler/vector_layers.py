"""Layers that are a descriptor or two: windows, maxima, tables, padding."""

from collections.abc import Iterator
from typing import Any

from holigrail_hw.soc.descriptors.kinds import Add, Copy, Descriptor, Fill, Maximum
from holigrail_hw.soc.machine import Machine

from .buffers import Buffer, copied
from .geometries import Stage
from .layers import Maximum as MaximumLayer
from .layers import Network, Padded, Product

__all__ = ["by_tables", "maximum", "padded", "windows"]


def windows(stage: Stage, source: Buffer, target: Buffer, network: Network) -> Iterator[Copy]:
    """Every window of a row as a pixel, or those of some rows, one behind the other."""
    original = next(x for x in network.layers if x.result == stage.layer.result)
    assert isinstance(original, Product)
    rows, across, length = stage.windows.image
    a, y = stage.packed, stage.windows
    each, given = length // stage.folded, a.size // a.row_step
    for place in range(stage.folded):
        yield Copy(
            nx=each,
            ny=across,
            groups=min(rows, -(-(given - place) // stage.folded)),
            a_base=source.base + place * a.row_step,
            a_step_y=original.window.strides[1] * a.pitch,
            a_step_group=stage.folded * a.row_step,
            y_base=target.base + place * each,
            y_step_y=y.pitch,
            y_step_group=y.row_step,
        )


def maximum(machine: Machine, layer: MaximumLayer, a: Buffer, y: Buffer) -> Maximum:
    rows, columns, channels = y.geometry.image
    above, before = layer.window.pads[:2]
    down, across = layer.window.strides
    pitch, step = a.geometry.pitch, a.geometry.row_step
    groups = -(-channels // machine.rows)
    return Maximum(
        nx=columns,
        ny=rows,
        fx=layer.window.kernel[1],
        fy=layer.window.kernel[0],
        groups=groups,
        a_base=a.pixel(-above, -before),
        a_step_x=across * pitch if columns > 1 else 0,
        a_step_y=down * step if rows > 1 else 0,
        a_step_fx=layer.window.dilations[1] * pitch,
        a_step_fy=layer.window.dilations[0] * step,
        a_step_group=machine.rows,
        y_base=y.first,
        y_step_x=y.geometry.pitch if columns > 1 else 0,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        y_step_group=machine.rows,
        valid=channels % machine.rows,
        low=layer.low,
        high=layer.high,
    )


def by_tables(a: Buffer, b: Buffer, y: Buffer, fields: dict[str, Any]) -> Add:
    """Rows of codes, spare bytes of pixels included."""
    rows, columns, _ = y.geometry.image
    return Add(
        nx=columns * y.geometry.pitch,
        ny=rows,
        a_base=a.first,
        a_step_y=a.geometry.row_step if rows > 1 else 0,
        b_base=b.first,
        b_step_y=b.geometry.row_step if rows > 1 else 0,
        y_base=y.first,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        **fields,
    )


def padded(layer: Padded, a: Buffer, y: Buffer) -> list[Descriptor]:
    """The value everywhere, then the image within."""
    rows, columns, _ = y.geometry.image
    fill = Fill(
        nx=columns * y.geometry.pitch,
        ny=rows,
        y_base=y.first,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        value=layer.value,
    )
    above, before = layer.before
    return [fill, copied(a, y, above * y.geometry.row_step + before * y.geometry.pitch)]
