"""Operators that work element by element, and softmax."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .limits import bounded
from .operands import padded

__all__ = ["ELEMENTWISE", "aligned"]


def aligned(left: np.ndarray, right: np.ndarray, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Both with the same rank: ones are put after the axis of samples, as broadcasting needs."""
    rank = max(left.ndim, right.ndim)
    left, right = (
        a.reshape(a.shape[0], *[1] * (rank - a.ndim), *a.shape[1:]) for a in (left, right)
    )
    bounded(np.broadcast_shapes(left.shape, right.shape), who)
    return left, right


def _binary(function: Any) -> Any:
    def compute(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
        if "axis" in attributes:
            raise ModelError(f"{who}: operands must be broadcast from the right, not by axis")
        left, right = aligned(arrays[0], arrays[1], who)
        return function(left, right)

    return compute


def _unary(function: Any) -> Any:
    def compute(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
        return function(arrays[0], attributes)

    return compute


def _divide(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    if left.dtype.kind in "iu" and right.dtype.kind in "iu":
        return np.trunc(left / right).astype(left.dtype)
    return left / right


def _clip(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    low, high = padded(arrays[1:], 2)
    low = attributes.get("min") if low is None else low.reshape(-1)[0]
    high = attributes.get("max") if high is None else high.reshape(-1)[0]
    return np.clip(arrays[0], low, high) if (low, high) != (None, None) else arrays[0]


def _softmax(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value = arrays[0]
    axis = attributes["axis"]
    axis += value.ndim if axis < 0 else 1
    flat = value
    if attributes.get("flatten"):
        # Before opset 13: all axes from this one on are one.
        flat = value.reshape(*value.shape[:axis], -1)
    powers = np.exp(flat - flat.max(axis=axis, keepdims=True))
    return (powers / powers.sum(axis=axis, keepdims=True)).reshape(value.shape)


def _selu(x: np.ndarray, a: Any) -> np.ndarray:
    alpha, gamma = a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.0507010221481323)
    return gamma * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _batch_normalization(attributes: Any, arrays: list[Any], who: str) -> np.ndarray:
    value, gamma, beta, mean, variance = arrays[:5]
    shape = (1, 1, -1, *[1] * (value.ndim - 3))
    gamma, beta, mean, variance = (a.reshape(shape) for a in (gamma, beta, mean, variance))
    if gamma.size != value.shape[2]:
        raise ModelError(f"{who}: there must be {value.shape[2]} channels, not {gamma.size}")
    epsilon = attributes.get("epsilon", 1e-5)
    return gamma * (value - mean) / np.sqrt(variance + epsilon) + beta


ELEMENTWISE: dict[str, Any] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(_divide),
    "Max": _binary(np.maximum),
    "Min": _binary(np.minimum),
    "Pow": _binary(lambda x, y: np.power(x.astype(np.float64), y)),
    "Relu": _unary(lambda x, a: np.maximum(x, 0)),
    "LeakyRelu": _unary(lambda x, a: np.where(x < 0, a.get("alpha", 0.01) * x, x)),
    "Sigmoid": _unary(lambda x, a: 0.5 * np.tanh(0.5 * x) + 0.5),
    "Tanh": _unary(lambda x, a: np.tanh(x)),
    "Elu": _unary(lambda x, a: np.where(x > 0, x, a.get("alpha", 1.0) * np.expm1(x))),
    "Selu": _unary(_selu),
    "HardSigmoid": _unary(lambda x, a: np.clip(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0, 1)),
    "Sqrt": _unary(lambda x, a: np.sqrt(x)),
    "Exp": _unary(lambda x, a: np.exp(x)),
    "Neg": _unary(lambda x, a: -x),
    "Abs": _unary(lambda x, a: np.abs(x)),
    "Floor": _unary(lambda x, a: np.floor(x)),
    "Identity": _unary(lambda x, a: x),
    "Dropout": _unary(lambda x, a: x),
    "Clip": _clip,
    "Softmax": _softmax,
    "BatchNormalization": _batch_normalization,
}
