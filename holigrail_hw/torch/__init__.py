"""Networks in PyTorch that compute with exactly the arithmetic of the generated hardware.

``import holigrail_hw.torch as hgt``; needs the extra ``torch``.
"""

from importlib.util import find_spec

if find_spec("torch") is None:
    raise ImportError(
        "holigrail_hw.torch: PyTorch must be installed; try `pip install holigrail_hw[torch]`"
    )

from .arithmetic import Arithmetic, Conversion, Gemm
from .convert import convert, report
from .modules import Conv2d, Linear
from .random import advance, seed

__all__ = [
    "Arithmetic",
    "Conv2d",
    "Conversion",
    "Gemm",
    "Linear",
    "advance",
    "convert",
    "report",
    "seed",
]
