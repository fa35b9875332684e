"""Quantisers: where a view becomes codes, and where codes become real numbers again."""

from typing import Any

import numpy as np

from holigrail_hw.golden.requantization import qonnx_rounding
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.graph.nodes import Requantise
from holigrail_hw.models.source.nodes import SourceNode
from holigrail_hw.models.source.operands import padded
from holigrail_hw.models.source.quantisers import code_limits, quantised

from .builder import Builder
from .elementwise import against, scaled
from .views import Coded, Tail, View, inner

__all__ = ["QUANTISER_RULES", "coded"]


def coded(
    builder: Builder,
    node: SourceNode,
    view: View,
    scale: np.ndarray,
    zero: np.ndarray,
    limits: tuple[int, int],
    rounding: str,
) -> str:
    """The tensor of codes round(view / scale + zero); limits of the view narrow those of codes."""
    label = node.label(builder.who)
    if (scale <= 0).any():
        raise ModelError(f"{label}: scales must be positive")
    if view.functions:
        if view.tensor is None:
            view = builder.entered(view)
        scales, zeros = {*scale.reshape(-1)}, {*zero.reshape(-1)}
        if len(scales) != 1 or len(zeros) != 1 or rounding != "nearest_even":
            raise ModelError(f"{label}: after a function there must be one scale, rounded to even")
        factor, offset = (a.astype(np.float64) for a in (view.factor, view.offset))
        formula: Any = Function(
            view.functions, factor, offset, float(scales.pop()), int(zeros.pop()), *limits
        )
        return builder.requantised(node, view, formula)
    formula = Affine(
        np.asarray(view.factor / scale, object),
        np.asarray(view.offset / scale + zero, object),
        *limits,
        rounding,
    )
    bounds = []
    for bound in (view.low, view.high):
        found = [] if bound is None else [*{*(bound / scale + zero).reshape(-1)}]
        if len(found) > 1:
            raise ModelError(f"{label}: limits before it must be the same code for all channels")
        bounds.append(found[0] if found else None)
    if rounding == "sign" and bounds != [None, None]:
        raise ModelError(f"{label}: the sign of a limited value is not supported")
    if bounds != [None, None]:
        formula = formula.clipped(*bounds)
    return builder.requantised(node, view, formula)


def _constants(builder: Builder, node: SourceNode, operands: list[Any]) -> list[np.ndarray]:
    found = []
    for value in operands:
        if isinstance(value, View | Tail):
            raise ModelError(f"{node.label(builder.who)}: scales must be constants, not computed")
        found.append(value.floats() if isinstance(value, Coded) else np.asarray(value))
    return found


def _quant(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    label = node.label(builder.who)
    scale, zero, width = _constants(builder, node, operands[1:4])
    value = operands[0]
    if isinstance(value, Coded):
        value = value.floats()
    if not isinstance(value, View):
        # Constants are quantised as an executor does, in float32.
        arrays = [np.asarray(a, np.float32)[None] for a in (value, scale, zero, width)]
        codes, scales, zeros = quantised(node.attributes, arrays, label)
        factor = fractions(scales[0].astype(np.float64))
        return Coded(codes[0].astype(np.int64), factor, -factor * fractions(zeros[0]))
    widths = {int(v) for v in np.unique(width)}
    if len(widths) != 1 or not 1 <= min(widths) <= 32:
        raise ModelError(f"{label}: there must be one bit width of 1 to 32, not {sorted(widths)}")
    bits, signed = widths.pop(), bool(node.attributes.get("signed", 1))
    rounding = qonnx_rounding(node.attributes.get("rounding_mode", "ROUND"))
    limits = code_limits(bits, signed, bool(node.attributes.get("narrow", 0)))
    if signed and bits == 1:
        limits, rounding = (-1, 1), "sign"
    scale, zero = (against(builder, node, value, a) for a in (scale, zero))
    name = coded(builder, node, value, scale, zero, limits, rounding)
    return View(name, value.shape, scale, -scale * zero)


def _bipolar(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    value = operands[0]
    (scale,) = _constants(builder, node, operands[1:2])
    if isinstance(value, Coded):
        value = value.floats()
    if not isinstance(value, View):
        return Coded.plain(np.where(np.asarray(value) >= 0, 1, -1), np.asarray(scale, np.float64))
    scale = against(builder, node, value, scale)
    one = np.asarray(scale * 0 + 1, object)
    name = coded(builder, node, value, one, one * 0, (-1, 1), "sign")
    return View(name, value.shape, scale, scale * 0)


def _trunc(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    """Fewer bits: what comes in must be codes of the scale and zero point that are named."""
    label = node.label(builder.who)
    view = builder.bare(node, operands[0])
    rest = _constants(builder, node, operands[1:])
    mode = qonnx_rounding(node.attributes.get("rounding_mode", "FLOOR"))
    scale, zero = (against(builder, node, view, a) for a in rest[:2])
    factor, offset = view.factor / scale, view.offset / scale + zero
    whole = all(v.denominator == 1 for a in (factor, offset) for v in np.asarray(a).reshape(-1))
    if not whole:
        raise ModelError(f"{label}: its operand must have the scale that it names, not another")
    if node.attributes["version"] == 1:
        before, after = (int(np.reshape(a, -1)[0]) for a in rest[2:4])
        unit, target = fractions(2) ** (before - after), scale
        limits = (-(1 << 62), 1 << 62)
        shifted = zero
    else:
        target = against(builder, node, view, rest[3])
        ratio = np.rint(np.log2((target / scale).astype(np.float64))).astype(int)
        unit = np.asarray(fractions(2) ** ratio.astype(object), object)
        signed, narrow = (
            bool(node.attributes.get(k, v)) for k, v in (("signed", 1), ("narrow", 0))
        )
        limits = code_limits(int(np.reshape(rest[4], -1)[0]), signed, narrow)
        shifted = np.asarray(zero / unit, object)
    formula = Affine(
        np.asarray(factor / unit, object), np.asarray(offset / unit, object), *limits, mode
    )
    name = builder.add(Requantise, node, (builder.tensor(view),), formula=formula)
    return View(name, view.shape, target, np.asarray(-target * shifted, object))


def _per_axis(node: SourceNode, rank: int, parameter: Any) -> np.ndarray:
    array = np.asarray(0 if parameter is None else parameter)
    if array.size == 1:
        return array.reshape([1] * rank)
    shape = [1] * rank
    shape[node.attributes.get("axis", 1) % rank] = -1
    return array.reshape(shape)


def _quantize(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    value = operands[0]
    scale, zero = padded(_constants(builder, node, operands[1:]), 2)
    low, high = node.attributes["limits"]
    if isinstance(value, Tail):
        numbers = (float(np.reshape(scale, -1)[0]), float(np.reshape(zero, -1)[0]), low, high)
        return Tail(value.view, (*value.steps, ("quantise", numbers)))
    rank = len(value.shape)
    scale, zero = (_per_axis(node, rank, a) for a in (scale, zero))
    if not isinstance(value, View):
        codes = np.rint(np.asarray(value, np.float32) / scale.astype(np.float32)) + zero
        return np.clip(codes, low, high).astype(np.int64)
    scale, zero = (against(builder, node, value, a) for a in (scale, zero))
    name = coded(builder, node, value, scale, zero, (low, high), "nearest_even")
    return View.plain(name, value.shape)


def _dequantize(builder: Builder, node: SourceNode, operands: list[Any]) -> Any:
    value = operands[0]
    scale, zero = padded(_constants(builder, node, operands[1:]), 2)
    if isinstance(value, Tail):
        one = float(np.reshape(scale, -1)[0])
        at = 0.0 if zero is None else float(np.reshape(zero, -1)[0])
        return Tail(value.view, (*value.steps, ("affine", (one, -at * one))))
    rank = np.ndim(value) if not isinstance(value, View) else len(value.shape)
    scale, zero = (_per_axis(node, rank, a) for a in (scale, zero))
    if not isinstance(value, View):
        codes = np.asarray(value).astype(np.int64) - zero.astype(np.int64)
        return Coded.plain(codes, scale.astype(np.float64))
    scale, zero = (against(builder, node, value, a) for a in (scale, zero))
    return scaled(builder, node, value.plus(-zero), scale)


def _requant_shift(builder: Builder, node: SourceNode, operands: list[Any]) -> View:
    view = builder.bare(node, operands[0])
    factor, offset = _constants(builder, node, operands[1:3])
    shape = (1, -1, *[1] * (len(view.shape) - 2))
    factor, offset = (
        a.reshape(shape) if a.ndim == 1 and a.size == view.shape[min(1, len(view.shape) - 1)] else a
        for a in (factor, offset)
    )
    factor, offset = (against(builder, node, view, a) for a in (factor, offset))
    divisor, (low, high) = fractions(node.attributes["div"]), node.attributes["limits"]
    formula = Affine(
        np.asarray(view.factor * factor / divisor, object),
        np.asarray((view.offset * factor + offset) / divisor, object),
        low,
        high,
        "nearest_up",
    )
    name = builder.add(Requantise, node, (builder.tensor(view),), formula=formula)
    assert inner(view.shape) == builder.tensors[name].shape
    return View.plain(name, view.shape)


QUANTISER_RULES: dict[str, Any] = {
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "RequantShift": _requant_shift,
}
