"""Networks in PyTorch that compute with exactly the arithmetic of the generated hardware.

``import holigrail_hw.torch as hgt``; needs the extra ``torch``.
"""

from importlib.util import find_spec

if find_spec("torch") is None:
    raise ImportError(
        "holigrail_hw.torch: PyTorch must be installed; try `pip install holigrail_hw[torch]`"
    )

from .arithmetic import Arithmetic, Conversion, Gemm
from .convert import Report, convert, report
from .modules import (
    GELU,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    LayerNorm,
    Linear,
    MultiheadAttention,
    Softmax,
)
from .random import advance, seed

__all__ = [
    "GELU",
    "Arithmetic",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Conversion",
    "Embedding",
    "Gemm",
    "LayerNorm",
    "Linear",
    "MultiheadAttention",
    "Report",
    "Softmax",
    "advance",
    "convert",
    "report",
    "seed",
]
