"""Products, roundings and functions of tensors; layers are made of them."""

from typing import Any

from torch import Tensor

from .activations import function, layer_norm, softmax
from .codes import convert_codes, decode, encode, exact_gemm, gemm_codes, table_gemm
from .convolutions import conv2d, conv_transpose2d, window_means
from .products import gemm, linear, product, products, round, sums

__all__ = [
    "conv2d",
    "conv_transpose2d",
    "convert",
    "convert_codes",
    "decode",
    "encode",
    "exact_gemm",
    "function",
    "gemm",
    "gemm_codes",
    "layer_norm",
    "linear",
    "product",
    "products",
    "round",
    "softmax",
    "sums",
    "table_gemm",
    "window_means",
]


def convert(
    x: Tensor, how: Any, *, codes: bool = False, source: Any = None, key: int = 0
) -> Tensor:
    """Numbers rounded to a format; with ``codes``, codes of the format ``source`` turned to codes.

    ``how``: a :class:`Conversion` or a format.
    """
    if codes:
        return convert_codes(x, source, how, key=key)
    return round(x, how, key=key)
