"""Between the numbers of a file and the codes of the graph, on the host."""

from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.functions import GROWING
from holigrail_hw.models.source.elementwise import ELEMENTWISE

from .nodes import Port

__all__ = ["entered", "left"]


def entered(port: Port, array: Any, who: str) -> np.ndarray:
    """Codes of an input, in the shape of its tensor, as int64.

    Raises
    ------
    ModelError
        If the shape is another one, or a number is not finite.
    """
    array = np.asarray(array)
    label = f"{who}: input {port.name}"
    wanted = {port.file_shape, port.file_shape[1:]}
    if array.ndim == 0 or array.shape[1:] not in wanted:
        shape = ", ".join(map(str, port.file_shape))
        raise ModelError(f"{label}: the shape must be (samples, {shape}), not {array.shape}")
    if array.dtype.kind not in "fiub":
        raise ModelError(f"{label}: values must be numbers, not {array.dtype}")
    if not np.isfinite(array).all():
        raise ModelError(f"{label}: values must be finite numbers, not NaN or infinity")
    inner = port.file_shape[1:] if len(port.file_shape) > 1 else port.file_shape
    array = array.reshape(len(array), *inner)
    if port.order:
        array = array.transpose(0, *(axis + 1 for axis in port.order))
    array = array.reshape(len(array), *port.shape)
    if port.formula is None:
        return array.astype(np.int64)
    array = array.astype(np.float64) if array.dtype.kind == "f" else array.astype(np.int64)
    return port.formula.apply(array)


def left(port: Port, codes: Any, tail: bool) -> np.ndarray:
    """Numbers of an output in the shape that they have in the file, as float64."""
    codes = np.asarray(codes)
    values = codes.astype(np.float64)
    if port.meaning is not None:
        values = values * port.meaning.factor.astype(np.float64)
        values = values + port.meaning.offset.astype(np.float64)
    if port.order:
        inner = port.file_shape[1:] if len(port.file_shape) > 1 else port.file_shape
        inverse = np.argsort(port.order)
        values = values.reshape(len(values), *(inner[axis] for axis in port.order))
        values = values.transpose(0, *(int(axis) + 1 for axis in inverse))
    values = values.reshape(len(values), *port.file_shape)
    for name, parameters in port.tail if tail else ():
        values = _step(name, parameters, values)
    return values


def _step(name: str, numbers: tuple[float, ...], values: np.ndarray) -> np.ndarray:
    if name == "softmax":
        axis = int(numbers[0])
        powers = np.exp(values - values.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)
    if name == "affine":
        return values * numbers[0] + numbers[1]
    if name == "quantise":
        scale, zero, low, high = numbers
        return np.clip(np.rint(values / scale) + zero, low, high)
    if name == "at_least":
        return np.maximum(values, numbers[0])
    if name == "at_most":
        return np.minimum(values, numbers[0])
    if name in GROWING:
        return ELEMENTWISE[name]({}, [values], name)
    raise ModelError(f"a step after the output must be a known one, not {name}")
