"""Text files .nnet of the Stanford Intelligent Systems Laboratory (Kyle Julian, 2016).

Comments; layers, inputs, outputs, largest layer; the sizes; an unused flag; least and greatest
inputs; means and ranges of the inputs and of all outputs together; then for every layer its
weights, one row per neuron, and its biases. Hidden layers have a ReLU. Inputs are clipped and
normalised, outputs are stored normalised. A header of single zeros means that nothing is.
"""

from pathlib import Path

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph

from .dense import DenseLayer, dense_graph
from .files import contents

__all__ = ["read_nnet"]

_WIDEST = 1 << 16


def read_nnet(path: Path, who: str) -> FloatGraph:
    """The network with its normalisation.

    Raises
    ------
    ModelError
        If the text is not what the sizes in it say.
    """
    text = contents(path, who).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("//")]
    rows = iter(enumerate(lines, 1))

    def numbers(what: str) -> list[float]:
        place, line = next(rows, (0, ""))
        if not place:
            raise ModelError(f"{who}: {what} must follow, not the end of the file")
        try:
            found = [float(word) for word in line.rstrip(",").split(",")]
        except ValueError:
            raise ModelError(f"{who}: {what} must be numbers, not {line[:40]!r}") from None
        if not np.isfinite(found).all():
            raise ModelError(f"{who}: {what} must be finite, not {line[:40]!r}")
        return found

    header = numbers("numbers of layers, inputs and outputs")
    sizes = [int(v) for v in numbers("sizes")]
    layers = int(header[0])
    # Some writers add an entry to the line of sizes.
    sizes = sizes[: layers + 1]
    if len(sizes) != layers + 1 or not all(0 < size <= _WIDEST for size in sizes):
        raise ModelError(f"{who}: there must be {layers + 1} sizes, not {sizes[:20]}")
    if len(header) > 2 and [int(v) for v in header[1:3]] != [sizes[0], sizes[-1]]:
        raise ModelError(f"{who}: inputs and outputs must be those of the layers")
    numbers("a flag")
    low, high = numbers("least inputs"), numbers("greatest inputs")
    means, ranges = numbers("means"), numbers("ranges")
    found = []
    for index in range(layers):
        matrix = [numbers(f"weights of layer {index}") for _ in range(sizes[index + 1])]
        biases = [numbers(f"biases of layer {index}") for _ in range(sizes[index + 1])]
        if {len(row) for row in matrix} != {sizes[index]} or {len(b) for b in biases} != {1}:
            raise ModelError(f"{who}: layer {index} must have rows of {sizes[index]} weights")
        activation = "Relu" if index < layers - 1 else "linear"
        found.append(DenseLayer(np.array(matrix), np.array(biases)[:, 0], activation))
    inputs = sizes[0]
    if not any(ranges):
        return dense_graph(who, inputs, found)
    if {len(low), len(high)} != {inputs} or {len(means), len(ranges)} != {inputs + 1}:
        raise ModelError(f"{who}: the header must have {inputs} limits and {inputs + 1} means")
    if not all(ranges):
        raise ModelError(f"{who}: ranges must not be zero where others are not")
    before = [
        ("Max", np.array(low)),
        ("Min", np.array(high)),
        ("Sub", np.array(means[:-1])),
        ("Div", np.array(ranges[:-1])),
    ]
    after = [("Mul", np.array(ranges[-1])), ("Add", np.array(means[-1]))]
    return dense_graph(who, inputs, found, before, after)
