"""Windows, weights and activations as TFLite's operators have them."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.windows import Window, window_of

from .tflite_file import TfliteFile, TfliteOperator, TfliteTensor

__all__ = ["attributes_of", "needed", "ordered", "output_shape", "weights_of", "window_for"]

# Fused activation: the least and the greatest number, or None.
ACTIVATIONS: dict[int, tuple[float | None, float | None]] = {
    0: (None, None),
    1: (0.0, None),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}


def needed(operator: TfliteOperator, place: int, file: TfliteFile, who: str) -> TfliteTensor:
    """A constant operand.

    Raises
    ------
    ModelError
        If it is left out or computed.
    """
    index = operator.inputs[place] if place < len(operator.inputs) else -1
    if index < 0 or file.tensors[index].data is None:
        label = f"{who}: node {operator.where}, {operator.name}"
        raise ModelError(f"{label}: operand {place} must be a constant, not missing or computed")
    return file.tensors[index]


def activation(operator: TfliteOperator, who: str) -> tuple[float | None, float | None]:
    """Limits of the fused activation."""
    number = operator.options.get("FusedActivationFunction", 0)
    if number not in ACTIVATIONS:
        label = f"{who}: node {operator.where}, {operator.name}"
        raise ModelError(f"{label}: the fused activation must be ReLU or ReLU6, not {number}")
    return ACTIVATIONS[number]


def attributes_of(operator: TfliteOperator, kernel: Any, who: str) -> dict[str, Any]:
    """Stride, dilation and padding as ONNX attributes."""
    options = operator.options
    strides = [int(options.get("StrideH", 1)), int(options.get("StrideW", 1))]
    dilations = [int(options.get(f"Dilation{a}Factor", 1)) for a in "HW"]
    if min(*strides, *dilations, *kernel) < 1 or options.get("Padding") not in (0, 1):
        label = f"{who}: node {operator.where}, {operator.name}"
        raise ModelError(f"{label}: strides, dilations and kernels must be positive")
    padding = "SAME_UPPER" if options["Padding"] == 0 else "VALID"
    return {
        "strides": strides,
        "dilations": dilations,
        "auto_pad": padding,
        "kernel_shape": [int(k) for k in kernel],
    }


def window_for(operator: TfliteOperator, kernel: Any, size: Any, who: str) -> Window:
    """The window over an image of this size."""
    return window_of(attributes_of(operator, kernel, who), size, kernel)


def weights_of(operator: TfliteOperator, tensor: TfliteTensor, data: Any) -> tuple[Any, int]:
    """Weights as (rows, columns, channels of a group, results), and the number of groups."""
    if operator.name == "DEPTHWISE_CONV_2D":
        # (1, rows, columns, results): result c belongs to channel c // multiplier.
        multiplier = max(int(operator.options.get("DepthMultiplier", 1)), 1)
        return data.transpose(1, 2, 0, 3), tensor.shape[3] // multiplier
    return data.transpose(1, 2, 3, 0), 1


def ordered(file: TfliteFile, who: str) -> list[TfliteOperator]:
    """The operators, each after those that compute its operands.

    Raises
    ------
    ModelError
        If an operand comes from nowhere or from a later operator.
    """
    known = {*file.inputs} | {i for i, t in enumerate(file.tensors) if t.data is not None} | {-1}
    for operator in file.operators:
        missing = [i for i in operator.inputs if i not in known]
        if missing:
            label = f"{who}: node {operator.where}, {operator.name}"
            raise ModelError(f"{label}: operand {missing[0]} must be computed before, not later")
        if any(i in known for i in operator.outputs):
            label = f"{who}: node {operator.where}, {operator.name}"
            raise ModelError(f"{label}: its result must be computed once, not twice")
        known |= {*operator.outputs}
    if not {*file.outputs} <= known:
        raise ModelError(f"{who}: outputs must be computed by operators")
    return [*file.operators]


def output_shape(tensor: TfliteTensor) -> tuple[int, ...]:
    """The sizes of one frame."""
    return tuple(int(n) for n in np.array(tensor.shape[1:]))
