"""A model file's own meaning in float64: one function per operator, many samples at once.

Every array has a leading axis of samples; constants have 1 there. An ONNX axis is therefore moved
by one. Sources: the ONNX operator specification; for quantisers see :mod:`.quantisers`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .elementwise import ELEMENTWISE
from .layers import LAYERS
from .limits import bounded
from .moves import MOVES
from .nodes import SourceNode
from .quantisers import QUANTISERS

__all__ = ["FUNCTIONS", "evaluate", "evaluate_node"]

FUNCTIONS: dict[str, Callable[..., Any]] = {**ELEMENTWISE, **LAYERS, **MOVES, **QUANTISERS}


def evaluate_node(node: SourceNode, arrays: list[Any], who: str) -> list[np.ndarray]:
    """The results of one node; an operand that is left out is None.

    Raises
    ------
    ModelError
        If the operands do not fit, or a result would be too large.
    """
    label = node.label(who)
    try:
        with np.errstate(all="ignore"):
            result = FUNCTIONS[node.operator](node.attributes, arrays, label)
    except ModelError:
        raise
    except (ValueError, IndexError, TypeError, KeyError, AttributeError) as error:
        shapes = ", ".join("none" if a is None else str(a.shape[1:]) for a in arrays)
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{label}: operands of shapes {shapes} do not fit: {text}") from None
    return list(result) if isinstance(result, tuple) else [result]


def evaluate(graph: Any, arrays: tuple[Any, ...], every: bool) -> Any:
    """The outputs of a :class:`.FloatGraph`; see its method of this name."""
    who = graph.name
    if len(arrays) != len(graph.inputs):
        raise ModelError(f"{who}: there must be {len(graph.inputs)} arrays, not {len(arrays)}")
    values: dict[str, Any] = {"": None}
    for port, array in zip(graph.inputs, arrays, strict=True):
        array = np.asarray(array)
        shapes = {port.shape, port.shape[1:] if port.shape[:1] == (1,) else port.shape}
        if array.ndim == 0 or array.shape[1:] not in shapes:
            raise ModelError(
                f"{who}: input {port.name} must have the shape (samples, "
                f"{', '.join(map(str, port.shape))}), not {array.shape}"
            )
        bounded(array.shape, f"{who}: input {port.name}")
        values[port.name] = array.reshape(len(array), *port.shape).astype(np.float64)
    for name, constant in graph.constants.items():
        if constant.dtype.kind == "f":
            constant = constant.astype(np.float64)
        values[name] = constant[None]
    for node in graph.nodes:
        results = evaluate_node(node, [values[name] for name in node.inputs], who)
        for name, result in zip(node.outputs, results, strict=False):
            values[name] = result
    if every:
        del values[""]
        return values
    outputs = tuple(values[name] for name in graph.outputs)
    return outputs[0] if len(outputs) == 1 else outputs
