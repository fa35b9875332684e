"""Convolutions."""

from typing import Any

from torch import Tensor, nn

from ..arithmetic import Arithmetic
from ..functional import conv2d

__all__ = ["Conv2d"]


class Conv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` in an arithmetic; the same parameters under the same names."""

    def __init__(self, *given: Any, arithmetic: Arithmetic, **options: Any):
        super().__init__(*given, **options)
        self.arithmetic, self.random_key = arithmetic, 0

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(
            input,
            self.weight,
            self.bias,
            self.arithmetic,
            stride=self.stride,  # type: ignore[arg-type]
            padding=self.padding,  # type: ignore[arg-type]
            dilation=self.dilation,  # type: ignore[arg-type]
            groups=self.groups,
            key=self.random_key,
        )
