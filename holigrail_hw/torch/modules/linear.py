"""Linear layers, and tables of vectors."""

import torch
from torch import Tensor, nn

from ..functional import linear, round
from .base import Layer

__all__ = ["Embedding", "Linear"]


class Linear(Layer, nn.Linear):
    """``torch.nn.Linear`` in an arithmetic."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias, self.arithmetic, key=self.random_key)


class Embedding(Layer, nn.Embedding):
    """``torch.nn.Embedding``: vectors rounded as weights are, then to the output's format."""

    def forward(self, input: Tensor) -> Tensor:
        how = self.arithmetic
        if self.max_norm is not None:
            # Of the parameter itself, as in PyTorch; rounded numbers stay numbers of the format.
            with torch.no_grad():
                norms = (self.max_norm, self.norm_type)
                torch.embedding_renorm_(self.weight, input.contiguous(), *norms)
        weight = round(self.weight, how.of_weights, key=self.random_key, operation="weight")
        found = nn.functional.embedding(
            input,
            weight,
            self.padding_idx,
            scale_grad_by_freq=self.scale_grad_by_freq,
            sparse=self.sparse,
        )
        if how.output is None:
            return found
        return round(found, how.output, key=self.random_key, operation="output")
