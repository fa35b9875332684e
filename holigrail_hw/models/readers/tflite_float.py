"""TFLite files with real tensors.

Weights of 8 bits ("dynamic range") are taken as the real numbers that they stand for. In front of
them the reference kernels round every operand to 255 steps of its own greatest magnitude, which the
operator DynamicRange here repeats.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode

from .tflite_file import TfliteFile, TfliteOperator, TfliteTensor
from .tflite_moves import averaged_over_images, joined_axis, paddings
from .tflite_windows import activation, attributes_of, needed, ordered, weights_of

__all__ = ["tflite_floats"]


def tflite_floats(file: TfliteFile, who: str) -> FloatGraph:
    """The graph in ONNX's operators: images are channels first around windows.

    Raises
    ------
    ModelError
        With one line for everything that is not supported.
    """
    return _Floats(file, who).graph()


def _real(tensor: TfliteTensor) -> np.ndarray:
    """The numbers that a constant stands for."""
    assert tensor.data is not None
    if not tensor.scales.size:
        return tensor.data.astype(np.float64)
    shape = [1] * len(tensor.shape)
    if tensor.scales.size > 1:
        shape[tensor.axis % len(shape)] = -1
    centred = tensor.data.astype(np.float64) - tensor.zeros.reshape(shape)
    return centred * tensor.scales.reshape(shape)


class _Floats:
    def __init__(self, file: TfliteFile, who: str):
        self.file, self.who = file, who
        self.nodes: list[SourceNode] = []
        self.constants: dict[str, np.ndarray] = {}

    def graph(self) -> FloatGraph:
        violations = []
        for index in (*self.file.inputs, *self.file.outputs):
            tensor = self.file.tensors[index]
            if tensor.kind != "float32" or not tensor.shape:
                violations.append(f"{self.who}: tensor {tensor.name} must be float32")
        for operator in ordered(self.file, self.who):
            try:
                self._lowered(operator)
            except ModelError as error:
                violations += error.violations
            except (ValueError, IndexError, KeyError, TypeError) as error:
                label = f"{self.who}: node {operator.where}, {operator.name}"
                violations.append(f"{label}: operands must fit this operator: {error}")
        if violations:
            raise ModelError(violations)
        inputs = tuple(
            SourceInput(f"t{i}", (1, *self.file.tensors[i].shape[1:])) for i in self.file.inputs
        )
        outputs = tuple(f"t{i}" for i in self.file.outputs)
        remark = f"{self.who}: operands of weights of 8 bits are rounded as the runtime does it"
        coded = any(t.data is not None and t.scales.size for t in self.file.tensors)
        remarks = (remark,) if coded else ()
        nodes = tuple(self.nodes)
        return FloatGraph(self.who, inputs, outputs, nodes, self.constants, remarks)

    def _add(
        self, operator: TfliteOperator, name: str, value: str, *more: Any, **fields: Any
    ) -> str:
        names = [value]
        for constant in more:
            names.append(f"c{len(self.constants)}")
            self.constants[names[-1]] = np.asarray(constant)
        result = f"v{len(self.nodes)}"
        where = f"{operator.where} {operator.name}"
        self.nodes.append(SourceNode(where, name, tuple(names), (result,), fields))
        return result

    def _lowered(self, operator: TfliteOperator) -> None:
        label = f"{self.who}: node {operator.where}, {operator.name}"
        value = f"t{operator.inputs[0]}"
        shape = self.file.tensors[operator.outputs[0]].shape
        match operator.name:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                tensor = needed(operator, 1, self.file, self.who)
                weights, group = weights_of(operator, tensor, _real(tensor))
                fields = attributes_of(operator, weights.shape[:2], self.who)
                more = [weights.transpose(3, 2, 0, 1), *self._bias(operator)]
                value = self._rounded(operator, value, tensor)
                value = self._window(operator, "Conv", value, *more, group=group, **fields)
            case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
                kernel = (operator.options["FilterHeight"], operator.options["FilterWidth"])
                name = "AveragePool" if operator.name.startswith("A") else "MaxPool"
                fields = attributes_of(operator, kernel, self.who)
                value = self._window(operator, name, value, **fields)
            case "FULLY_CONNECTED":
                tensor = needed(operator, 1, self.file, self.who)
                matrix = _real(tensor).T
                value = self._rounded(operator, value, tensor)
                value = self._add(operator, "Flatten", value)
                value = self._add(operator, "Gemm", value, matrix, *self._bias(operator))
            case "ADD":
                other = operator.inputs[1]
                names = (value, f"t{other}")
                if self.file.tensors[other].data is not None:
                    value = self._add(operator, "Add", value, _real(self.file.tensors[other]))
                else:
                    result = f"v{len(self.nodes)}"
                    self.nodes.append(SourceNode(operator.where, "Add", names, (result,)))
                    value = result
            case "RESHAPE":
                value = self._add(operator, "Reshape", value, np.array([1, *shape[1:]]))
            case "SOFTMAX":
                if operator.options.get("Beta", 1.0) != 1.0:
                    raise ModelError(f"{label}: beta must be 1")
                value = self._add(operator, "Softmax", value, axis=-1)
            case "PAD":
                pairs = paddings(operator, self.file, self.who)
                pads = [0, *(p[0] for p in pairs), 0, *(p[1] for p in pairs)]
                value = self._add(operator, "Pad", value, np.array(pads))
            case "CONCATENATION":
                axis = joined_axis(operator, self.file, self.who)
                names = tuple(f"t{index}" for index in operator.inputs)
                value = f"v{len(self.nodes)}"
                where = f"{operator.where} {operator.name}"
                self.nodes.append(SourceNode(where, "Concat", names, (value,), {"axis": axis}))
            case "MEAN":
                frame = averaged_over_images(operator, self.file, self.who)[1]
                value = self._window(operator, "GlobalAveragePool", value)
                value = self._add(operator, "Reshape", value, np.array([1, *frame]))
            case _:
                names = {"RELU": "Relu", "LOGISTIC": "Sigmoid", "TANH": "Tanh"}
                value = self._add(operator, names[operator.name], value)
        low, high = activation(operator, self.who)
        if low is not None or high is not None:
            value = self._add(operator, "Clip", value, min=low, max=high)
        last = self.nodes[-1]
        self.nodes[-1] = SourceNode(
            last.where, last.operator, last.inputs, (f"t{operator.outputs[0]}",), last.attributes
        )

    def _rounded(self, operator: TfliteOperator, value: str, weights: TfliteTensor) -> str:
        return self._add(operator, "DynamicRange", value) if weights.kind == "int8" else value

    def _bias(self, operator: TfliteOperator) -> list[np.ndarray]:
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            return []
        return [_real(needed(operator, 2, self.file, self.who))]

    def _window(
        self, operator: TfliteOperator, name: str, value: str, *more: Any, **fields: Any
    ) -> str:
        value = self._add(operator, "Transpose", value, perm=[0, 3, 1, 2])
        value = self._add(operator, name, value, *more, **fields)
        return self._add(operator, "Transpose", value, perm=[0, 2, 3, 1])
