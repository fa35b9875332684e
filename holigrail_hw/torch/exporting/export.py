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
from holigrail_hw.models.graph.front import Front
from holigrail_hw.models.reading import integers

from .floats import number_graph
from .network import IntegerNetwork, NumberNetwork
from .quantised import quantised_graph
from .trace import Step, steps_of

__all__ = ["exported"]


def exported(
    model: nn.Module, example: Tensor, name: str, front: Front | None = None
) -> IntegerNetwork | NumberNetwork:
    """What :func:`holigrail_hw.torch.export` gives."""
    if not name.isidentifier():
        raise ModelError(f"export: name must be letters, digits and _, not {name!r}")
    shape = tuple(example.shape[1:])
    steps = steps_of(model, example[:1], name)
    is_float = _is_float(steps)
    _check_end(steps, is_float, name)
    if is_float and front is not None:
        raise ModelError(f"{name}: a front must go with a network of integers, not of floats")
    if is_float:
        network: IntegerNetwork | NumberNetwork = NumberNetwork(number_graph(steps, shape, name))
    else:
        mantissa = 53 if example.dtype == torch.float64 else 24
        source = quantised_graph(steps, shape, name, mantissa)
        network = IntegerNetwork(integers(source).changed(front=front), source)
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


def _check_end(steps: tuple[Step, ...], is_float: bool, who: str) -> None:
    """That logits are codes: sums, or numbers of a format; raises ModelError."""
    kept = ("flatten", "relu", "pool") if is_float else ("flatten",)
    last = next((step for step in reversed(steps) if step.kind not in kept), steps[-1])
    if not is_float and last.kind == "relu":
        raise ModelError(
            f"{who}: {last.path}: a quantiser must follow, not the end of the network",
            hint="or leave the ReLU of logits to the host",
        )
    how = getattr(last.module, "arithmetic", None)
    if is_float and how is not None and how.bias == "after" and how.output is None:
        if last.module.bias is not None:
            raise ModelError(
                f"{who}: {last.path}: a bias after the sums must have an output format, at the end"
                " of a network"
            )


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
