"""QLinear operators: products of codes, rescaled in the float32 arithmetic of ONNX Runtime."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.rounded_floats import Float32
from holigrail_hw.models.graph.nodes import Requantise
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.operands import padded

from .builder import Builder
from .linear import convolved, dense
from .views import Coded, View, inner

__all__ = ["RESCALED_RULES"]


def _codes(builder: Builder, node: SourceNode, value: Any) -> View:
    if not isinstance(value, View) or not value.code:
        raise ModelError(f"{node.label(builder.who)}: its operand must be codes of a quantiser")
    return value


def _rescaled(
    builder: Builder, node: SourceNode, view: View, scales: tuple[Any, Any, Any], zero: Any
) -> View:
    """QLinear operators, in the float32 arithmetic of ONNX Runtime."""
    left, right, result = (np.asarray(s, np.float32) for s in scales)
    factor = ((left * right).astype(np.float32) / result).astype(np.float32)
    factor = factor.reshape(-1, *[1] * (len(inner(view.shape)) - 1))
    low, high = node.attributes["limits"]
    formula = Float32(factor, int(np.reshape(zero, -1)[0]), low, high)
    name = builder.add(Requantise, node, (builder.tensor(view),), formula=formula)
    return View.plain(name, view.shape)


def _qlinear_conv(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    x, sx, zx, w, sw, zw, sy, zy, bias = padded(operands, 9)
    view = _codes(builder, node, x).plus(-fractions(int(np.reshape(zx, -1)[0])).reshape(1, 1, 1))
    zeros = np.asarray(zw).astype(np.int64).reshape(-1, *[1] * (np.ndim(w) - 1))
    weights = Coded.plain(np.asarray(w).astype(np.int64) - zeros)
    result = convolved(builder, node, view, weights, bias)
    return _rescaled(builder, node, result, (sx, sw, sy), zy)


def _qgemm(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    a, sa, za, b, sb, zb, bias, sy, zy = padded(operands, 9)
    view = _codes(builder, node, a)
    view = view.plus(-fractions(int(np.reshape(za, -1)[0])).reshape([1] * view.factor.ndim))
    matrix = np.asarray(b).astype(np.int64)
    matrix = matrix.T if node.attributes.get("transB") else matrix
    matrix = matrix - np.asarray(zb).astype(np.int64).reshape(1, -1)
    result = dense(builder, node, view, Coded.plain(matrix), bias)
    if sy is None:
        scale = fractions(np.asarray(sa).reshape(-1)) * fractions(np.asarray(sb).reshape(-1))
        return result.times(scale.reshape(-1))
    return _rescaled(builder, node, result, (sa, sb, sy), zy)


def _qlinear_matmul(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    a, sa, za, b, sb, zb, sy, zy = operands
    return _qgemm(builder, node, [a, sa, za, b, sb, zb, None, sy, zy])


RESCALED_RULES: dict[str, Any] = {
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
    "QGemm": _qgemm,
}
