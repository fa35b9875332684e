"""Small models of real numbers, with random weights."""

import numpy as np

from holigrail_hw.models import FloatGraph
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph
from holigrail_hw.models.source.graph import SourceInput
from holigrail_hw.models.source.nodes import SourceNode


def dense(sizes, activations, seed=1, before=(), after=()):
    """Matrices with activations by their ONNX names."""
    rng = np.random.default_rng(seed)
    layers = [
        DenseLayer(rng.normal(0, 1 / np.sqrt(n), (m, n)), rng.normal(0, 0.2, m), activation)
        for n, m, activation in zip(sizes[:-1], sizes[1:], activations, strict=True)
    ]
    return dense_graph("dense", sizes[0], layers, before, after)


def convolutional(seed=1, softmax=False):
    """Images of 2 channels of 7 x 6 through strided, padded, dilated windows and pools."""
    rng = np.random.default_rng(seed)

    def node(operator, *inputs, **attributes):
        name = f"{operator.lower()}{len(nodes)}"
        nodes.append(SourceNode(name, operator, inputs, (name,), attributes))
        return name

    nodes: list[SourceNode] = []
    constants = {
        "unit": np.array(0.125),
        "k1": rng.normal(0, 0.4, (3, 2, 3, 3)),
        "b1": rng.normal(0, 0.2, 3),
        "k2": rng.normal(0, 0.4, (4, 3, 2, 2)),
        "m": rng.normal(0, 0.4, (8, 3)),
        "b3": rng.normal(0, 0.2, 3),
    }
    x = node("Mul", "x", "unit")
    x = node("Relu", node("Conv", x, "k1", "b1", kernel_shape=[3, 3], pads=[1, 0, 1, 1]))
    x = node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 1], pads=[0, 0, 1, 0])
    x = node("Conv", x, "k2", kernel_shape=[2, 2], dilations=[2, 1], strides=[1, 3])
    x = node("Flatten", node("Relu", x))
    x = node("Gemm", x, "m", "b3")
    x = node("Softmax", x, axis=1) if softmax else x
    inputs = (SourceInput("x", (1, 2, 7, 6)),)
    return FloatGraph("images", inputs, (x,), tuple(nodes), constants)
