"""Blocks of numbers with a scale each (OCP Microscaling Formats Specification 1.0, 2023)."""

from typing import Any

import torch
from torch import Tensor, nn

from holigrail_hw.formats import Format, FormatError, parse

from ..arithmetic import Conversion
from ..functional import round as rounded
from ..scales import powers_of_two
from .base import straight

__all__ = ["BlockScaled"]


class BlockScaled(nn.Module):
    """Blocks along an axis, each with a scale that is a power of two.

    The scale of a block is 2^(floor(log2 of its greatest magnitude) - that of the element format).

    Parameters
    ----------
    format : Format
        A block format with scales ``e8m0``: ``mxfp8_e4m3``, ``block16_fp4_e2m1_e8m0`` ...
    axis : int
        Along which blocks lie; the last one is filled up with zeros.
    """

    def __init__(self, format: Format | str, axis: int = -1):
        super().__init__()
        self.format, self.axis = parse(format), axis
        scale = getattr(self.format, "scale", None)
        if self.format.block_size is None or scale is None or not scale.is_power_of_two:
            raise FormatError(
                f"BlockScaled: format must be a block with a scale e8m0, not {self.format}",
                hint="for instance mxfp8_e4m3",
            )

    def forward(self, x: Tensor) -> Tensor:
        element: Any = self.format.element  # type: ignore[attr-defined]
        size = self.format.block_size
        assert size is not None
        rows = x.detach().movedim(self.axis, -1)
        length = rows.shape[-1]
        blocks = nn.functional.pad(rows, (0, -length % size)).unflatten(-1, (-1, size))
        largest = float(element.number_range[1])
        top = torch.frexp(torch.tensor(largest)).exponent - 1
        exponent = torch.frexp(blocks.abs().amax(-1, keepdim=True)).exponent - 1 - top
        unit = powers_of_two(exponent).to(x.dtype)
        codes = (blocks / unit).clamp(-largest, largest)
        overflow = "saturate" if "saturate" in element.overflow_modes else None
        found = rounded(codes, Conversion(format=element, overflow=overflow))
        whole = (found.to(x.dtype) * unit).flatten(-2)[..., :length]
        return straight(x, whole.movedim(-1, self.axis))
