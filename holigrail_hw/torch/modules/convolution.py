"""Convolutions and sums over windows, K ordered (channel, ky, kx)."""

from typing import Any

from torch import Tensor, nn

from ..functional import conv2d, conv_transpose2d, window_means
from .base import Layer

__all__ = ["AvgPool2d", "Conv1d", "Conv2d", "ConvTranspose2d"]


class _Convolution(Layer):
    """What convolutions have in common."""

    bias: Tensor | None
    groups: int
    padding_mode: str
    _reversed_padding_repeated_twice: list[int]

    def _padded(self, input: Tensor) -> Tensor:
        """With all numbers around it but zeros."""
        pads = self._reversed_padding_repeated_twice
        if self.padding_mode == "zeros" or not any(pads):
            return input
        return nn.functional.pad(input, pads, self.padding_mode)

    def _convolved(self, input: Tensor, weight: Tensor, stride: Any, dilation: Any) -> Tensor:
        pads = (*self._reversed_padding_repeated_twice, 0, 0)[:4]
        options = {
            "stride": stride,
            "dilation": dilation,
            "groups": self.groups,
            "padding": pads if self.padding_mode == "zeros" else (0, 0, 0, 0),
        }
        return conv2d(input, weight, self.bias, self.arithmetic, key=self.random_key, **options)


class Conv2d(_Convolution, nn.Conv2d):
    """``torch.nn.Conv2d`` in an arithmetic, with every padding and with groups.

    The products of every window are one sum. In the gradient of inputs, the parts that overlapping
    windows have are added in float, as MPTorch adds them.
    """

    def forward(self, input: Tensor) -> Tensor:
        batched = self._padded(input if input.dim() == 4 else input[None])
        found = self._convolved(batched, self.weight, self.stride, self.dilation)
        return found if input.dim() == 4 else found[0]


class Conv1d(_Convolution, nn.Conv1d):
    """``torch.nn.Conv1d`` in an arithmetic: a convolution over images of one row."""

    def forward(self, input: Tensor) -> Tensor:
        batched = self._padded(input if input.dim() == 3 else input[None])
        found = self._convolved(
            batched[:, :, None],
            self.weight[:, :, None],
            (1, *self.stride),
            (1, *self.dilation),
        )[:, :, 0]
        return found if input.dim() == 3 else found[0]


class ConvTranspose2d(Layer, nn.ConvTranspose2d):
    """``torch.nn.ConvTranspose2d``: a convolution of the input with zeros between its pixels.

    The products with these zeros are part of the sums, as hardware that multiplies them has them.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        batched = input if input.dim() == 4 else input[None]
        layer: Any = self
        options = (layer.stride, layer.padding, layer.kernel_size, 2, layer.dilation)
        extra = self._output_padding(input, output_size, *options)
        found = conv_transpose2d(
            batched,
            self.weight,
            self.bias,
            self.arithmetic,
            stride=self.stride,
            padding=layer.padding,
            output_padding=extra,
            dilation=self.dilation,
            groups=self.groups,
            key=self.random_key,
        )
        return found if input.dim() == 4 else found[0]


class AvgPool2d(Layer, nn.AvgPool2d):
    """``torch.nn.AvgPool2d``: sums in the arithmetic, K ordered (ky, kx), then one division.

    Every pixel is multiplied by 1. The quotient is float64 and rounded to the output's format, or
    to that of the accumulator.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.ceil_mode:
            raise ValueError("AvgPool2d: ceil_mode must be False")
        found = window_means(
            input if input.dim() == 4 else input[None],
            self.arithmetic,
            kernel=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_padding=self.count_include_pad,
            divisor=self.divisor_override,
            key=self.random_key,
        )
        return found if input.dim() == 4 else found[0]
