"""Networks in PyTorch that compute with exactly the arithmetic of the generated hardware.

``import holigrail_hw.torch as hgt``; needs the extra ``torch``.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("torch") is None:
    raise ImportError(
        "holigrail_hw.torch: PyTorch must be installed; try `pip install holigrail_hw[torch]`"
    )

import torch

from .approximate import replace_multipliers
from .arithmetic import Arithmetic, Conversion, Gemm
from .check import Checked, DifferenceError, check
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
from .quantizers import LSQ, PACT, BlockScaled, DoReFa, Quantize, Words, attach
from .random import advance, seed
from .scales import Float, PowerOfTwo

if TYPE_CHECKING:
    import holigrail_hw.torch.methods as methods
    import holigrail_hw.torch.optim as optim
    import holigrail_hw.torch.quantizers as quantizers
    import holigrail_hw.torch.scales as scales
    import holigrail_hw.torch.search as search
    from holigrail_hw.models.graph.front import Front

    from .exporting.network import IntegerNetwork, NumberNetwork


__all__ = [
    "GELU",
    "LSQ",
    "PACT",
    "Arithmetic",
    "AvgPool2d",
    "BlockScaled",
    "Checked",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Conversion",
    "DifferenceError",
    "DoReFa",
    "Embedding",
    "Float",
    "Gemm",
    "LayerNorm",
    "Linear",
    "MultiheadAttention",
    "PowerOfTwo",
    "Quantize",
    "Report",
    "Softmax",
    "Words",
    "advance",
    "attach",
    "check",
    "convert",
    "export",
    "methods",
    "optim",
    "quantizers",
    "replace_multipliers",
    "report",
    "scales",
    "search",
    "seed",
]


def export(
    model: torch.nn.Module,
    example: torch.Tensor,
    name: str = "network",
    front: "Front | None" = None,
) -> "IntegerNetwork | NumberNetwork":
    """The network that hardware computes, with the same codes of logits as a trained model.

    Layers that multiply integers give a network of integers, sums of floats one of numbers. Both
    have ``codes`` (the golden twin), ``accuracy``, ``to_json``, ``to_qonnx``, ``design`` (an
    operator of this package) and ``simulate`` (its simulated hardware).

    Parameters
    ----------
    model : torch.nn.Module
        In the mode for evaluation (``model.eval()``), with weights and activations quantised: by
        :mod:`holigrail_hw.torch.quantizers` around layers of ``torch.nn``, or by layers of
        ``holigrail_hw.torch``.
    example : tensor
        Samples, (samples, *shape of one). What PyTorch computes for them is compared with what the
        network does; logits must be the same.
    name : str
        Of files and of the hardware.
    front : Front or None
        What a search weighed, from :meth:`.Precision.front`; it goes with the files of a network of
        integers, and ``holigrail report network`` draws it.

    Raises
    ------
    ModelError
        With one line for everything that cannot be exported, each with its path in the model; or
        if logits differ.
    """
    from .exporting.export import exported

    return exported(model, example, name, front)


def __getattr__(name: str) -> Any:
    """What many users never need is imported when it is first asked for."""
    if name in ("methods", "optim", "search"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
