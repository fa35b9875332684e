"""A graph of numbers as ONNX operators with QONNX's FloatQuant, as far as these can say it."""

from dataclasses import fields
from typing import Any

import numpy as np

from holigrail_hw import kernels
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.formats.scalar.binary_float import BinaryFloat
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph, SourceInput
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.nn.number_network import Flatten, MaxPool, NumberGraph, Product, Relu, Round

from .grids import grid_of_format

__all__ = ["float_graph"]

_DIRECTED = ("CEIL", "FLOOR", "DOWN")


def float_graph(graph: NumberGraph) -> tuple[FloatGraph, dict[str, Any]]:
    """The operators, and the arithmetic of every product by its name.

    Raises
    ------
    ModelError
        If a format is neither a float nor fixed point, or wraps.
    """
    nodes: list[SourceNode] = []
    constants: dict[str, np.ndarray] = {}
    arithmetic: dict[str, Any] = {}

    def constant(name: str, value: Any) -> str:
        constants[name] = np.asarray(value, np.float64)
        return name

    for node in graph.nodes:
        inputs, name = [node.input], node.name
        match node:
            case Round():
                if node.overflow == "wrap":
                    raise ModelError(f"{name}: overflow must saturate for QONNX, not wrap")
                operator, more, attributes = _quantiser(node.format, str(node.rounding), name)
                inputs += [constant(f"{name}.{key}", value) for key, value in more.items()]
            case Product():
                arithmetic[name] = _described(node)
                weights = constant(f"{name}.weights", node.weights)
                inputs.append(weights)
                if node.bias is not None:
                    inputs.append(constant(f"{name}.bias", node.bias))
                operator, attributes = ("Gemm", {}) if node.window is None else _convolution(node)
            case Relu():
                operator, attributes = "Relu", {}
            case MaxPool():
                operator, attributes = "MaxPool", _moved(node.window)
            case Flatten():
                operator, attributes = "Flatten", {"axis": 1}
        nodes.append(SourceNode(name, operator, tuple(inputs), (name,), attributes))
    port = SourceInput("x", (1, *graph.shape))
    found = FloatGraph(graph.name, (port,), (graph.nodes[-1].name,), tuple(nodes), constants)
    return found, arithmetic


def _described(node: Product) -> dict[str, Any]:
    found: dict[str, Any] = {"bias": node.placement}
    for item in fields(kernels.Gemm):
        value = getattr(node.gemm, item.name)
        if value is not None:
            found[item.name] = value if isinstance(value, int) else str(value)
    return found


def _quantiser(format: Format, rounding: str, who: str) -> tuple[str, dict[str, Any], Any]:
    """Operator, operands behind the tensor, and attributes of a rounding."""
    if isinstance(format, FixedFormat):
        grid = grid_of_format(format, 1.0, rounding, who)
        return "Quant", {"scale": grid.scale, "zero": 0.0, "bits": grid.bits}, grid.attributes
    is_known = isinstance(format, BinaryFloat) and format.signed and format.subnormals
    if not isinstance(format, BinaryFloat) or not is_known or format.keeps_infinity:
        raise ModelError(
            f"{who}: QONNX must know the format, fixed point, or a signed float with subnormal"
            f" numbers, not {format}"
        )
    operands = {
        "scale": 1.0,
        "exponent_bits": format.exponent_width,
        "mantissa_bits": format.fraction_width,
        "exponent_bias": format.bias,
        "largest": float(format.number_range[1]),
    }
    mode = grid_of_format(FixedFormat(8, True, 0), 1.0, rounding, who).rounding
    if mode == "ROUND" and not format.fraction_width:
        # Of two powers of two the one with an even exponent field; QONNX takes the larger one.
        raise ModelError(
            f"{who}: ties must go away from zero for QONNX where a format has no fraction, not to"
            f" even in {format}"
        )
    if mode in _DIRECTED and not format.saturates:
        # IEEE 754 lets them stop at the largest number, QONNX goes on to infinity or NaN.
        raise ModelError(
            f"{who}: a directed rounding must be that of a format that saturates, for QONNX, not"
            f" {rounding} of {format}"
        )
    attributes = {
        "has_inf": int(format.infinity_code is not None),
        "has_nan": int(format.nan_code is not None),
        "has_subnormal": int(format.subnormals),
        "saturation": int(format.saturates),
        "rounding_mode": mode,
    }
    return "FloatQuant", operands, attributes


def _moved(window: Any) -> dict[str, Any]:
    return {
        "kernel_shape": [*window.kernel],
        "strides": [*window.strides],
        "pads": [*window.pads],
        "dilations": [*window.dilations],
    }


def _convolution(node: Product) -> tuple[str, dict[str, Any]]:
    return "Conv", _moved(node.window) | {"group": 1}
