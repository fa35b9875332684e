"""Functions of activations: sums in the arithmetic, functions in float64, rounded once."""

from torch import Tensor, nn

from ..functional import function, layer_norm, softmax
from .base import Layer

__all__ = ["GELU", "LayerNorm", "Softmax"]


class GELU(Layer, nn.GELU):
    """``torch.nn.GELU`` of rounded inputs in float64, rounded to the output's format."""

    def forward(self, input: Tensor) -> Tensor:
        how = lambda x: nn.functional.gelu(x, approximate=self.approximate)  # noqa: E731
        return function(input, how, self.arithmetic, key=self.random_key)


class Softmax(Layer, nn.Softmax):
    """``torch.nn.Softmax``: powers rounded as inputs are, their sum in the arithmetic."""

    def forward(self, input: Tensor) -> Tensor:
        axis = -1 if self.dim is None else self.dim
        return softmax(input, self.arithmetic, axis, key=self.random_key)


class LayerNorm(Layer, nn.LayerNorm):
    """``torch.nn.LayerNorm``: both sums in the arithmetic, the rest in float64."""

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(
            input,
            self.arithmetic,
            self.normalized_shape,
            self.weight,
            self.bias,
            self.eps,
            key=self.random_key,
        )
