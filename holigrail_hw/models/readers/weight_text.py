"""Plain numbers, one a line: inputs, outputs, hidden layers, their sizes, then neuron by neuron.

The format of the verification tool Sherlock (Dutta et al., 2018): the weights of a neuron, then its
bias. It does not name the activations.
"""

from pathlib import Path

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph

from .dense import ACTIVATIONS, DenseLayer, dense_graph
from .files import contents

__all__ = ["read_weight_text"]


def read_weight_text(path: Path, who: str, activation: str | None) -> FloatGraph:
    """The layers, all with the same activation.

    Raises
    ------
    ModelError
        If no activation is given, or the numbers are fewer than the sizes need.
    """
    if activation not in ACTIVATIONS:
        raise ModelError(
            f"{who}: activation must be one of {', '.join(ACTIVATIONS)}, not {activation}",
            hint="this format does not name it: read(path, activation='relu')",
        )
    words = contents(path, who).decode("utf-8", "replace").split()
    try:
        numbers = [float(word) for word in words]
        if not np.isfinite(numbers).all():
            raise ValueError
        inputs, outputs, hidden = (int(v) for v in numbers[:3])
        sizes = [inputs, *(int(v) for v in numbers[3 : 3 + hidden]), outputs]
    except ValueError:
        raise ModelError(f"{who}: must be a list of finite numbers, not another text") from None
    if not all(0 < size < 1 << 16 for size in sizes) or len(sizes) != hidden + 2:
        raise ModelError(f"{who}: sizes must be positive, not {sizes[:20]}")
    at = 3 + hidden
    needed = at + sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
    if len(numbers) < needed:
        raise ModelError(f"{who}: there must be {needed} numbers, not {len(numbers)}")
    layers = []
    for width, count in zip(sizes, sizes[1:], strict=False):
        rows = np.array(numbers[at : at + (width + 1) * count]).reshape(count, width + 1)
        layers.append(DenseLayer(rows[:, :-1], rows[:, -1], ACTIVATIONS[activation]))
        at += (width + 1) * count
    return dense_graph(who, inputs, layers)
