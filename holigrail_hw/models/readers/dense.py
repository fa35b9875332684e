"""Fully connected networks as graphs: for files that hold nothing but matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode

__all__ = ["ACTIVATIONS", "DenseLayer", "dense_graph"]

# Names in files by Matlab, Keras and others: the ONNX operator.
ACTIVATIONS = {
    "relu": "Relu",
    "poslin": "Relu",
    "sigmoid": "Sigmoid",
    "logsig": "Sigmoid",
    "tanh": "Tanh",
    "tansig": "Tanh",
    "linear": "linear",
    "purelin": "linear",
}


@dataclass(frozen=True)
class DenseLayer:
    """activation(weights x + biases), one row of weights per result."""

    weights: np.ndarray
    biases: np.ndarray
    activation: str


def dense_graph(
    who: str,
    inputs: int,
    layers: Sequence[DenseLayer],
    before: Sequence[tuple[str, np.ndarray]] = (),
    after: Sequence[tuple[str, np.ndarray]] = (),
) -> FloatGraph:
    """The layers one after the other, between operators with a constant each."""
    nodes: list[SourceNode] = []
    constants: dict[str, np.ndarray] = {}
    value = "x"

    def add(where: str, operator: str, constant: np.ndarray | None = None) -> None:
        nonlocal value
        names = [value]
        if constant is not None:
            constants[f"{where}_constant"] = constant
            names.append(f"{where}_constant")
        nodes.append(SourceNode(where, operator, tuple(names), (f"{where}_result",)))
        value = f"{where}_result"

    for index, (operator, constant) in enumerate(before):
        add(f"before{index}", operator, constant)
    for index, layer in enumerate(layers):
        add(f"matmul{index}", "MatMul", layer.weights.T)
        add(f"add{index}", "Add", layer.biases)
        if layer.activation != "linear":
            add(f"{layer.activation.lower()}{index}", layer.activation)
    for index, (operator, constant) in enumerate(after):
        add(f"after{index}", operator, constant)
    return FloatGraph(who, (SourceInput("x", (1, inputs)),), (value,), tuple(nodes), constants)
