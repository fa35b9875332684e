"""Layers of ``torch.nn`` that compute in an arithmetic of this package."""

from .convolution import Conv2d
from .linear import Linear

__all__ = ["Conv2d", "Linear"]
