"""A linear layer."""

from typing import Any

from torch import Tensor, nn

from ..arithmetic import Arithmetic
from ..functional import linear

__all__ = ["Linear"]


class Linear(nn.Linear):
    """``torch.nn.Linear`` in an arithmetic; the same parameters under the same names.

    Parameters
    ----------
    arithmetic : Arithmetic
        What it computes with; all other parameters are those of ``torch.nn.Linear``.
    """

    def __init__(self, *given: Any, arithmetic: Arithmetic, **options: Any):
        super().__init__(*given, **options)
        self.arithmetic, self.random_key = arithmetic, 0

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias, self.arithmetic, key=self.random_key)
