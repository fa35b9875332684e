"""Quantising operators in float64, as their definitions say.

Quant, BipolarQuant, Trunc and FloatQuant: QONNX (Pappalardo et al., 2022; its documents of custom
operators). QuantizeLinear, DequantizeLinear and QLinear operators: the ONNX specification, with the
arithmetic of ONNX Runtime where a float is rounded. RequantShift: Deeploy, from QuantLib.
"""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .elementwise import aligned
from .layers import convolution
from .operands import padded

__all__ = ["QUANTISERS", "code_limits", "quantised", "rounded"]


def rounded(values: np.ndarray, mode: str) -> np.ndarray:
    """Floats rounded to integers by the name of a QONNX rounding mode."""
    match mode.upper():
        case "ROUND" | "HALF_EVEN":
            return np.rint(values)
        case "FLOOR":
            return np.floor(values)
        case "CEIL":
            return np.ceil(values)
        case "DOWN":
            return np.trunc(values)
        case "UP":
            return np.sign(values) * np.ceil(np.abs(values))
        case "HALF_UP":
            # A sum with 1/2 would be rounded itself, just below it.
            size = np.abs(values)
            return np.sign(values) * (np.floor(size) + (size - np.floor(size) >= 0.5))
        case "HALF_DOWN":
            size = np.abs(values)
            return np.sign(values) * (np.ceil(size) - (np.ceil(size) - size >= 0.5))
    raise ModelError(f"rounding_mode must be one of QONNX, not {mode!r}")


def code_limits(width: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """The least and the greatest code of a QONNX integer."""
    if signed:
        return -(1 << (width - 1)) + narrow, (1 << (width - 1)) - 1
    return 0, (1 << width) - 1 - narrow


def quantised(attributes: Any, arrays: list[Any], who: str) -> tuple[np.ndarray, Any, Any]:
    """Codes of a Quant node, its scale and its zero point, aligned with them."""
    value, scale, zero, width = arrays[:4]
    widths = {int(v) for v in np.unique(width)}
    if len(widths) != 1:
        raise ModelError(f"{who}: there must be one bit width, not {sorted(widths)}")
    width = widths.pop()
    if not 1 <= width <= 32:
        raise ModelError(f"{who}: the bit width must be 1 to 32, not {width}")
    signed, narrow = bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0))
    value, scale = aligned(value, scale, who)
    value, zero = aligned(value, zero, who)
    codes = value / scale + zero
    if signed and width == 1:
        return np.where(codes >= 0, 1.0, -1.0), scale, zero
    codes = np.clip(codes, *code_limits(width, signed, narrow))
    return rounded(codes, attributes.get("rounding_mode", "ROUND")), scale, zero


def _quant(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    codes, scale, zero = quantised(attributes, arrays, who)
    return (codes - zero) * scale


def _bipolar(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, scale = aligned(arrays[0], arrays[1], who)
    return np.where(value >= 0, scale, -scale)


def _trunc(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    mode = attributes.get("rounding_mode", "FLOOR")
    if attributes["version"] == 1:
        value, scale, zero, before, after = arrays
        codes = np.rint(value / scale + zero) / 2.0 ** (before - after)
        return (rounded(codes, mode) - zero) * scale
    value, scale, zero, _, target, after = arrays
    shift = 2.0 ** np.rint(np.log2(target / scale))
    width, signed = int(after.reshape(-1)[0]), bool(attributes.get("signed", 1))
    limits = code_limits(width, signed, bool(attributes.get("narrow", 0)))
    codes = np.clip(np.rint(value / scale + zero) / shift, *limits)
    return (rounded(codes, mode) - zero / shift) * target


def _float_quant(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, scale, exponent, mantissa, bias, largest = arrays
    x = value / scale
    is_finite = np.isfinite(x)
    # By its exponent, not a logarithm, which is rounded up just below powers of two.
    binade = np.frexp(np.where(is_finite & (x != 0), x, 1.0))[1] - 1.0
    quantum = 2.0 ** np.maximum(binade - mantissa, 1 - bias - mantissa)
    numbers = rounded(x / quantum, attributes.get("rounding_mode", "ROUND")) * quantum
    numbers = np.where(is_finite, numbers, x)
    top = 2.0 ** (2.0**exponent - 1 - bias) * (2 - 2.0**-mantissa)
    top = np.minimum(top, largest)
    found = np.clip(numbers, -top, top)
    if not attributes.get("saturation", 1):
        beyond = np.copysign(np.inf, numbers) if attributes["has_inf"] else np.nan
        found = np.where(np.abs(numbers) > top, beyond, found)
    return found * scale


def _per_axis(parameter: Any, value: np.ndarray, axis: int) -> Any:
    if parameter is None:
        return 0
    if parameter.size == 1:
        return parameter.reshape(-1)[0]
    shape = [1] * value.ndim
    shape[axis % (value.ndim - 1) + 1] = -1
    return parameter.reshape(shape)


def _quantize(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, scale, zero = padded(arrays, 3)
    low, high = attributes["limits"]
    axis = attributes.get("axis", 1)
    codes = np.rint(value / _per_axis(scale, value, axis)) + _per_axis(zero, value, axis)
    return np.clip(codes, low, high)


def _dequantize(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, scale, zero = padded(arrays, 3)
    axis = attributes.get("axis", 1)
    value = value.astype(np.float64)
    return (value - _per_axis(zero, value, axis)) * _per_axis(scale, value, axis)


def _float32_rescaled(total: np.ndarray, scales: list[Any], zero: Any, limits: Any) -> np.ndarray:
    """ONNX Runtime: the multiplier and its product are rounded to float32, then to even."""
    left, right, result = (np.asarray(s, np.float32) for s in scales)
    factor = (left * right).astype(np.float32) / result
    codes = np.rint(total.astype(np.float32) * factor.astype(np.float32))
    return np.clip(codes.astype(np.float64) + float(np.reshape(zero, -1)[0]), *limits)


def _qlinear_conv(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    x, sx, zx, w, sw, zw, sy, zy, bias = padded(arrays, 9)
    weights = w[0].astype(np.float64) - zw.reshape(-1, *[1] * (w.ndim - 2))
    total = convolution(attributes, x - float(zx.reshape(-1)[0]), weights, who)
    channel = (1, 1, -1, *[1] * (total.ndim - 3))
    if bias is not None:
        total = total + bias.reshape(channel)
    return _float32_rescaled(total, [sx, sw.reshape(channel), sy], zy, attributes["limits"])


def _qgemm(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    a, sa, za, b, sb, zb, bias, sy, zy = padded(arrays, 9)
    right = b.astype(np.float64) - zb.reshape(1, 1, -1)
    right = right.swapaxes(1, 2) if attributes.get("transB") else right
    total = (a - float(za.reshape(-1)[0])) @ right
    if bias is not None:
        total = total + bias.reshape(1, 1, -1)
    if sy is None:
        return total * sa * sb.reshape(1, 1, -1)
    return _float32_rescaled(total, [sa, sb.reshape(1, 1, -1), sy], zy, attributes["limits"])


def _qlinear_matmul(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    a, sa, za, b, sb, zb, sy, zy = arrays
    return _qgemm(attributes, [a, sa, za, b, sb, zb, None, sy, zy], who)


def _requant_shift(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, factor = aligned(arrays[0], arrays[1], who)
    value, offset = aligned(value, arrays[2], who)
    divisor = attributes["div"]
    codes = np.floor((value * factor + offset + divisor / 2) / divisor)
    return np.clip(codes, *attributes["limits"])


def _dynamic_range(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    """TFLite's hybrid kernels: 255 steps up to the greatest magnitude of each sample."""
    value = arrays[0]
    largest = np.abs(value).max(axis=tuple(range(1, value.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1.0)
    return np.rint(value / scale) * scale


def _multi_threshold(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, thresholds = arrays[0], arrays[1][0]
    axis = value.ndim - 1 if attributes.get("data_layout", "NCHW").endswith("C") else 2
    moved = np.moveaxis(value, axis, -1)
    count = (moved[..., None] >= thresholds).sum(axis=-1)
    count = np.moveaxis(count, -1, axis)
    return count * attributes.get("out_scale", 1.0) + attributes.get("out_bias", 0.0)


QUANTISERS: dict[str, Any] = {
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _trunc,
    "FloatQuant": _float_quant,
    "MultiThreshold": _multi_threshold,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
    "QGemm": _qgemm,
    "RequantShift": _requant_shift,
    "DynamicRange": _dynamic_range,
}
