"""From a model in PyTorch to the graph that its hardware computes, with the same logits.

A model whose layers multiply integers becomes a graph of integers
(:mod:`holigrail_hw.models.graph`), by way of QONNX's operators; one whose sums are floats a graph
of numbers (:mod:`holigrail_hw.nn.number_network`). Layers and quantisers carry their formats, so
nothing is guessed.
"""

import numpy as np
import torch
from torch import Tensor, nn

from holigrail_hw.formats import FixedFormat
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.reading import integers

from .floats import number_graph
from .network import IntegerNetwork, NumberNetwork
from .quantised import quantised_graph
from .trace import Step, steps_of

__all__ = ["exported"]


def exported(model: nn.Module, example: Tensor, name: str) -> IntegerNetwork | NumberNetwork:
    """What :func:`holigrail_hw.torch.export` gives."""
    if not name.isidentifier():
        raise ModelError(f"export: name must be letters, digits and _, not {name!r}")
    shape = tuple(example.shape[1:])
    steps = steps_of(model, example[:1], name)
    if _is_float(steps):
        network: IntegerNetwork | NumberNetwork = NumberNetwork(number_graph(steps, shape, name))
    else:
        mantissa = 53 if example.dtype == torch.float64 else 24
        source = quantised_graph(steps, shape, name, mantissa)
        network = IntegerNetwork(integers(source), source)
    with torch.no_grad():
        logits = model(example).detach().cpu().double().numpy().reshape(len(example), -1)
    codes = network.codes(example.detach().cpu().double().numpy())
    found = network.numbers(codes)
    wrong = ~((found == logits) | (np.isnan(found) & np.isnan(logits)))
    if wrong.any():
        sample, place = map(int, np.argwhere(wrong)[0])
        raise ModelError(
            f"{name}: logits must be those of PyTorch, {float(logits[sample, place])!r} at output"
            f" {place} of sample {sample}, not {float(found[sample, place])!r}"
        )
    return network


def _is_float(steps: tuple[Step, ...]) -> bool:
    """Whether a layer's sums are no integers."""
    for step in steps:
        how = getattr(step.module, "arithmetic", None) if step.kind == "layer" else None
        if how is None:
            continue
        gemm = how.forward
        if not all(isinstance(f, FixedFormat) for f in (gemm.a, gemm.accumulator)):
            return True
    return False
