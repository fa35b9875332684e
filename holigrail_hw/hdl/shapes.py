"""Amaranth shapes of number formats, with named fields.

A fixed-point format is a plain signed or unsigned integer shape. A float is a structure of
``fraction``, ``exponent`` and ``sign``, the sign being the top bit. A block is a structure of
``elements`` and ``scale``, the scale on top; exception flags have a bit for each. Every other
format is a bit pattern. The format itself stays attached to floats and blocks: ``number_format``.
"""

from functools import singledispatch
from typing import Any

from amaranth import signed, unsigned
from amaranth.lib import data

from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.formats.block.block import BlockFormat
from holigrail_hw.formats.scalar.binary_float import BinaryFloat
from holigrail_hw.formats.scalar.flags import FLAG_NAMES, FlagsFormat

__all__ = ["BlockShape", "FloatShape", "shape_of"]


class FloatShape(data.StructLayout):
    """Layout of a packed float.

    Parameters
    ----------
    format : BinaryFloat

    Members
    -------
    fraction : unsigned, trailing significand, absent when its width is 0
    exponent : unsigned, biased
    sign : 1 bit, absent from unsigned floats
    """

    def __init__(self, format: BinaryFloat):
        self.number_format = format
        members = {
            "fraction": unsigned(format.fraction_width),
            "exponent": unsigned(format.exponent_width),
            "sign": unsigned(int(format.signed)),
        }
        super().__init__({name: shape for name, shape in members.items() if shape.width})


class BlockShape(data.StructLayout):
    """Layout of a packed block.

    Parameters
    ----------
    format : BlockFormat

    Members
    -------
    elements : array of the elements' shape, the first one in the lowest bits
    scale : of the scale's shape, absent from blocks without one
    """

    def __init__(self, format: BlockFormat):
        self.number_format = format
        members: dict[str, Any] = {
            "elements": data.ArrayLayout(shape_of(format.element), format.block_size)
        }
        if format.scale is not None:
            members["scale"] = shape_of(format.scale)
        super().__init__(members)


@singledispatch
def shape_of(format: Format) -> Any:
    """The Amaranth shape of a value of ``format``; as wide as the format."""
    return unsigned(format.width)


@shape_of.register
def _(format: FixedFormat) -> Any:
    return signed(format.width) if format.signed else unsigned(format.width)


@shape_of.register
def _(format: BinaryFloat) -> Any:
    return FloatShape(format)


@shape_of.register
def _(format: BlockFormat) -> Any:
    return BlockShape(format)


@shape_of.register
def _(format: FlagsFormat) -> Any:
    return data.StructLayout(dict.fromkeys(FLAG_NAMES, 1))
