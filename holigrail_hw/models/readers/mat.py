"""Controllers in Matlab files: cells W and b, and the names of the activations."""

from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.source.graph import FloatGraph

from .dense import ACTIVATIONS, DenseLayer, dense_graph
from .files import contents
from .mat_file import mat_variables

__all__ = ["read_mat"]


def read_mat(path: Path, who: str) -> FloatGraph:
    """The layers of a version 5 file.

    Raises
    ------
    ModelError
        If a key is missing, an activation is unknown, or sizes do not follow from each other.
    """
    found = mat_variables(contents(path, who), who)
    missing = [name for name in ("W", "b") if name not in found]
    names = next((found[key] for key in ("act_fcns", "act") if key in found), None)
    if missing or names is None:
        missing += [] if names is not None else ["act_fcns"]
        raise ModelError(
            f"{who}: there must be W, b and act_fcns, not {', '.join(missing)} missing"
        )
    weights, biases = (_cells(found[key], who) for key in ("W", "b"))
    activations = [_text(item).strip().lower() for item in names if isinstance(names, list)]
    if not len(weights) == len(biases) == len(activations) or not weights:
        raise ModelError(f"{who}: W, b and act_fcns must be equally many layers")
    violations = [
        f"{who}: activation of layer {i} must be one of {', '.join(ACTIVATIONS)}, not {name!r}"
        for i, name in enumerate(activations)
        if name not in ACTIVATIONS
    ]
    width = weights[0].shape[1]
    for index, (matrix, bias) in enumerate(zip(weights, biases, strict=True)):
        if matrix.shape[1] != width or bias.size != matrix.shape[0]:
            violations.append(f"{who}: layer {index} must take {width} values, not {matrix.shape}")
        width = matrix.shape[0]
    if violations:
        raise ModelError(violations)
    layers = [
        DenseLayer(matrix, bias.reshape(-1), ACTIVATIONS[name])
        for matrix, bias, name in zip(weights, biases, activations, strict=True)
    ]
    return dense_graph(who, weights[0].shape[1], layers)


def _cells(cells: Any, who: str) -> list[np.ndarray]:
    """Matrices of a cell array; one matrix alone counts as such, too."""
    found = []
    for array in cells if isinstance(cells, list) else [cells]:
        if not isinstance(array, np.ndarray) or array.ndim != 2 or not array.size:
            raise ModelError(f"{who}: W and b must be cells of matrices of numbers")
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise ModelError(f"{who}: W and b must hold finite numbers, not NaN or infinity")
        found.append(array)
    return found


def _text(item: Any) -> str:
    """A row of characters, or a cell with one."""
    if isinstance(item, list):
        return _text(item[0]) if item else ""
    return item if isinstance(item, str) else ""
