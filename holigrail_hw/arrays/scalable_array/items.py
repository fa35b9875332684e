"""Items of a tile of a matrix product from two matrices of integers: operands packed by mode."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from holigrail_hw.arith.scalable_mac.items import checked_integers, checked_mode
from holigrail_hw.arith.scalable_mac.packing import pack
from holigrail_hw.arith.scalable_mac.structures import Mode
from holigrail_hw.core import RequestError
from holigrail_hw.core.values import number_array

from .shape import ScalableArrayShape

__all__ = ["codes_of_width", "tile_of"]


def tile_of(
    spec: ScalableArrayShape, mode: Mode, left: Any, right: Any
) -> dict[str, dict[str, Any]]:
    """The items of one tile: a matrix of ``rows`` rows times one of ``columns`` columns.

    Both are filled up with zeros along K.

    Raises
    ------
    RequestError
        The array does not have the mode, the mode does not hold a number, or the shapes are others.
    """
    unit, who = spec.unit, spec.name
    checked_mode(who, unit, mode)
    a, w = number_array(left, f"{who}: left"), number_array(right, f"{who}: right")
    k = a.shape[1] if a.ndim == 2 else 0
    if a.shape != (spec.rows, k) or w.shape != (k, spec.columns):
        raise RequestError(
            f"{who}: the matrices of a tile must be {spec.rows} x K and K x {spec.columns}, not of"
            f" shapes {a.shape} and {w.shape}"
        )
    signs = unit.signed_activations, unit.signed_weights
    widths = mode.activation, mode.weight
    size = spec.products(mode)
    length = -(-max(k, 1) // size) * size
    items: dict[str, dict[str, Any]] = {}
    for port, (stream, matrix) in enumerate((("activation", a), ("weight", w.T))):
        width = spec.word_format(port).width
        items[stream] = {}
        for index, row in enumerate(matrix):
            label = f"{who}: {stream}s {index} of mode {mode}"
            values = checked_integers(row, widths[port], signs[port], label)
            values += [0] * (length - k)
            name = f"{'aw'[port]}{index}"
            items[stream][name] = codes_of_width(width, _words(spec, mode, port, values))
    return {**items, "activation": items["activation"] | _steering(spec, mode, length)}


def codes_of_width(width: int, codes: Sequence[int]) -> np.ndarray:
    """Codes as golden takes them."""
    return np.array(codes, np.uint64 if width <= 64 else object)


def _words(spec: ScalableArrayShape, mode: Mode, port: int, values: list[int]) -> list[int]:
    """The words of one row or column, of activations (port 0) or of weights (port 1)."""
    unit, words = spec.unit, spec.element.words
    if unit.kind.serial:
        zeros = [0] * len(values)
        both = (zeros, values) if port else (values, zeros)
        return unit.items_of(mode, *both)[("activation", "weight")[port]]
    packing = unit.packings[spec.mode_list.index(mode)]
    elements = (packing.activations, packing.weights)[port]
    count, width = len(elements), unit.port_widths[port]
    parts = [pack(elements, values[i : i + count]) for i in range(0, len(values), count)]
    return [
        sum(part << d * width for d, part in enumerate(parts[t : t + words]))
        for t in range(0, len(parts), words)
    ]


def _steering(spec: ScalableArrayShape, mode: Mode, length: int) -> dict[str, np.ndarray]:
    """The mode, or the marks of digits, and that of the last item of the tile."""
    unit, found = spec.unit, {}
    if unit.kind.serial:
        marks = unit.items_of(mode, [0] * length, [0] * length)
        found = {name: np.array(marks[name], np.uint64) for name in spec.element.steering}
    count = spec.length(mode, length)
    if unit.mode_width:
        found["mode"] = np.full(count, spec.mode_list.index(mode), np.uint64)
    return found | {"last": (np.arange(count) == count - 1).astype(np.uint64)}
