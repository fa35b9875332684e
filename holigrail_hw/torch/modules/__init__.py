"""Layers of ``torch.nn`` that compute in an arithmetic of this package."""

from .attention import MultiheadAttention, unsupported
from .base import Layer
from .convolution import AvgPool2d, Conv1d, Conv2d, ConvTranspose2d
from .functions import GELU, LayerNorm, Softmax
from .linear import Embedding, Linear

__all__ = [
    "GELU",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Embedding",
    "Layer",
    "LayerNorm",
    "Linear",
    "MultiheadAttention",
    "Softmax",
    "unsupported",
]
