"""Networks in PyTorch that compute with exactly the arithmetic of the generated hardware.

``import holigrail_hw.torch as hgt``; needs the extra ``torch``.
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError(
        "holigrail_hw.torch: PyTorch must be installed; try `pip install holigrail_hw[torch]`"
    ) from error

from . import functional, random
from .arithmetic import Arithmetic, Conversion, Gemm
from .convert import convert, report
from .modules import Conv2d, Linear
from .random import seed

__all__ = [
    "Arithmetic",
    "Conv2d",
    "Conversion",
    "Gemm",
    "Linear",
    "convert",
    "functional",
    "random",
    "report",
    "seed",
]
