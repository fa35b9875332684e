"""Matrix products and convolutions over views."""

from typing import Any

import numpy as np

from holigrail_hw.formats import FixedFormat
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.graph.nodes import Linear
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.operands import padded
from holigrail_hw.models.source.windows import window_of

from .builder import Builder
from .elementwise import increased
from .views import Coded, View, inner

__all__ = ["LINEAR_RULES", "convolved", "dense", "integer_weights", "outside"]

_WIDEST = 1 << 24


def integer_weights(builder: Builder, node: SourceNode, value: Any) -> Coded:
    """Weights as integers: quantised ones, or numbers that are integers already.

    Raises
    ------
    ModelError
        If they are real numbers.
    """
    label = node.label(builder.who)
    if isinstance(value, View):
        raise ModelError(f"{label}: weights must be constants, not computed")
    if isinstance(value, Coded):
        zeros = np.asarray(-value.offset / value.factor, object)
        if any(z.denominator != 1 for z in zeros.reshape(-1)):
            raise ModelError(f"{label}: the zero point of weights must be an integer")
        codes = value.codes - zeros.astype(np.int64)
        return Coded(codes, value.factor, fractions(0))
    array = np.asarray(value).astype(np.float64)
    rounded = np.rint(array)
    if not (rounded == array).all() or np.abs(rounded).max(initial=0) > _WIDEST:
        raise ModelError(
            f"{label}: weights must be quantised or integers, not real numbers",
            hint="quantise a model of real numbers first: quantise(read_source(path), data)",
        )
    return Coded.plain(rounded.astype(np.int64))


def _opened(builder: Builder, node: SourceNode, view: View, weights: Any) -> View:
    """The operand as codes. An input that is not quantised takes the type of integer weights."""
    if view.tensor is None:
        format = None
        if not isinstance(weights, Coded) and str(np.asarray(weights).dtype) in ("int8", "int16"):
            width = np.asarray(weights).dtype.itemsize * 8
            format = FixedFormat(width, True, 0)
            builder.remarks.append(
                f"{node.label(builder.who)}: the input has the type of the weights, int{width}"
            )
        view = builder.entered(view, format)
    return builder.bare(node, view)


def _centre(
    builder: Builder, node: SourceNode, view: View, padded: bool
) -> tuple[Any, int, np.ndarray]:
    """The scale of an operand, the integer for 0, and what is left of its offset."""
    label = node.label(builder.who)
    factors = {*view.factor.reshape(-1)}
    if len(factors) != 1:
        raise ModelError(f"{label}: the operand must have one scale for all channels")
    factor = factors.pop()
    offsets = {*view.offset.reshape(-1)}
    zero = -view.offset.reshape(-1)[0] / factor
    if len(offsets) == 1 and zero.denominator == 1:
        return factor, int(zero), fractions(0)
    if padded:
        raise ModelError(f"{label}: 0 must be a code of a tensor that is padded, not lie between")
    return factor, 0, view.offset


def _sums(bias: Any, count: int) -> np.ndarray:
    """A bias in units of the sums, or zeros."""
    if bias is None:
        return np.zeros(count, np.int64)
    return np.asarray(bias).reshape(-1).astype(np.int64)


def dense(builder: Builder, node: SourceNode, view: View, weights: Coded, bias: Any = None) -> View:
    """One vector times a matrix (features, results); ``bias`` is in units of the sums."""
    label = node.label(builder.who)
    matrix = weights.codes
    count = int(np.prod(view.shape))
    if matrix.ndim != 2 or matrix.shape[0] != count:
        raise ModelError(
            f"{label}: a vector of {count} must meet a matrix of as many rows, not "
            f"{[*matrix.shape]}"
        )
    factor, zero, rest = _centre(builder, node, view, False)
    name = builder.move(node, builder.tensor(view), "reshape", count)
    name = builder.add(
        Linear,
        node,
        (name,),
        weights=matrix,
        bias=_sums(bias, matrix.shape[1]),
        zero=zero,
    )
    scale = weights.factor
    if scale.size > 1:
        scale = np.broadcast_to(scale, matrix.shape)
        if not (scale == scale[:1]).all():
            raise ModelError(f"{label}: weights must have one scale for each result")
        scale = scale[0]
    shape = (1, matrix.shape[1]) if len(view.shape) > 1 else (matrix.shape[1],)
    result = View.plain(name, shape, scale.reshape(-1) * factor)
    if rest.size > 1 or rest.reshape(-1)[0] != 0:
        spread = np.broadcast_to(rest, inner(view.shape)).reshape(-1)
        result = result.plus((spread @ matrix.astype(object)) * scale.reshape(-1))
    return result


def _transposed(coded: Coded) -> Coded:
    factor = coded.factor
    if factor.size > 1:
        factor = np.broadcast_to(factor, coded.codes.shape).T
    return Coded(coded.codes.T, factor, coded.offset)


def _matmul(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    label = node.label(builder.who)
    left, right = operands[:2]
    if isinstance(left, View) and isinstance(right, View):
        raise ModelError(f"{label}: one operand must be a constant, not both be tensors")
    if isinstance(right, View):
        # weights x, with a column on the right
        if len(right.shape) != 1:
            raise ModelError(f"{label}: the right operand must be a vector, not {right.shape}")
        view, weights = right, left
        view = _opened(builder, node, view, weights)
        return dense(builder, node, view, _transposed(integer_weights(builder, node, weights)))
    view = _opened(builder, node, left, right)
    if int(np.prod(view.shape[:-1])) != 1:
        raise ModelError(f"{label}: one vector must be multiplied, not a matrix {[*view.shape]}")
    return dense(builder, node, view, integer_weights(builder, node, right))


def _gemm(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    label = node.label(builder.who)
    left, right, bias = padded(operands, 3)
    if not isinstance(left, View) or node.attributes.get("transA"):
        raise ModelError(f"{label}: a tensor must be multiplied by a constant from the right")
    view = _opened(builder, node, left, right)
    weights = integer_weights(builder, node, right)
    if node.attributes.get("transB"):
        weights = _transposed(weights)
    result = dense(builder, node, view, weights)
    alpha = node.attributes.get("alpha", 1.0)
    if alpha != 1.0:
        result = result.times(fractions(alpha).reshape([1] * result.factor.ndim))
    if bias is None:
        return result
    beta = node.attributes.get("beta", 1.0)
    if beta != 1.0:
        bias = (bias.floats() if isinstance(bias, Coded) else bias) * beta
    return increased(builder, node, result, bias)


def convolved(
    builder: Builder, node: SourceNode, view: View, weights: Coded, bias: Any = None
) -> View:
    """Channels first outside, channels last inside; weights (results, channels, rows, columns)."""
    label = node.label(builder.who)
    flat = weights.codes.ndim == 3
    if weights.codes.ndim not in (3, 4) or len(view.shape) != weights.codes.ndim:
        raise ModelError(f"{label}: images must have one or two axes, not {len(view.shape) - 2}")
    codes = weights.codes[:, :, None] if flat else weights.codes
    window = window_of(node.attributes, view.shape[2:], weights.codes.shape[2:])
    factor, zero, rest = _centre(builder, node, view, any(window.pads))
    if rest.size > 1 or rest.reshape(-1)[0] != 0:
        raise ModelError(f"{label}: 0 must be a code of its operand, not lie between codes")
    channels = view.shape[1]
    rows, columns = (1, view.shape[2]) if flat else view.shape[2:]
    tensor = builder.move(node, builder.tensor(view), "reshape", channels, rows, columns)
    tensor = builder.move(node, tensor, "transpose", 1, 2, 0)
    name = builder.add(
        Linear,
        node,
        (tensor,),
        weights=np.ascontiguousarray(codes.transpose(2, 3, 1, 0)),
        bias=_sums(bias, codes.shape[0]),
        zero=zero,
        window=window,
        group=int(node.attributes.get("group", 1)),
    )
    scale = weights.factor
    if scale.size > 1:
        scale = np.broadcast_to(scale, weights.codes.shape).reshape(codes.shape[0], -1)
        if not (scale == scale[:, :1]).all():
            raise ModelError(f"{label}: weights must have one scale for each result")
        scale = scale[:, 0]
    return outside(builder, node, name, flat, scale.reshape(-1, 1, 1) * factor)


def outside(builder: Builder, node: SourceNode, name: str, flat: bool, factor: Any) -> View:
    """The view of an image, channels first again."""
    name = builder.move(node, name, "transpose", 2, 0, 1)
    shape = builder.tensors[name].shape
    if flat:
        shape = (shape[0], shape[2])
        name = builder.move(node, name, "reshape", *shape)
        factor = factor.reshape(-1, 1)
    return View.plain(name, (1, *shape), factor)


def _conv(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    value, kernel, bias = padded(operands, 3)
    view = _opened(builder, node, value, kernel)
    result = convolved(builder, node, view, integer_weights(builder, node, kernel))
    return result if bias is None else increased(builder, node, result, _per_channel(bias, result))


def _per_channel(bias: Any, view: View) -> Any:
    shape = (1, -1, *[1] * (len(view.shape) - 2))
    if not isinstance(bias, Coded):
        return np.asarray(bias).reshape(shape)
    factor = bias.factor.reshape(shape) if bias.factor.size > 1 else bias.factor
    return Coded(bias.codes.reshape(shape), factor, bias.offset)


LINEAR_RULES: dict[str, Any] = {"MatMul": _matmul, "Gemm": _gemm, "Conv": _conv}
