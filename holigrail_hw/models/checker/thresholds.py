"""How far the codes of a function are from its values, over all sums that can occur.

Hardware takes the thresholds of :func:`.with_forms`: a code is reached at one sum and not at the
one before. As the function grows, it is enough to compare its values at these sums.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Requantise
from holigrail_hw.models.passes.forms import with_forms

from .functions import UNIT, enclosed

__all__ = ["function_error"]


def function_error(
    graph: IntegerGraph, node: Requantise, kind: str, sums: Sequence[Fraction], unit: Fraction, who: str
) -> Fraction:
    """The greatest error of the codes of a function; ``sums`` are the units of its operands.

    Codes at the limits of the formula are compared on the side of the other codes only.

    Raises
    ------
    ModelError
        If its thresholds are no thresholds, or a code is off by more than its unit.
    """
    formed = with_forms(graph, prefer="thresholds")
    form: Any = next(one for one in formed.nodes if one.name == node.name)
    form = form.form
    if form is None or form.kind != "thresholds" or (form.sign != 1).any():
        raise ModelError(f"{who}: its function must have thresholds")
    tensor = graph.tensors[node.inputs[0]]
    low, high = (np.broadcast_to(end, tensor.shape).reshape(-1) for end in (tensor.low, tensor.high))
    base = np.broadcast_to(form.base, tensor.shape).reshape(-1)
    values = [np.broadcast_to(row, tensor.shape).reshape(-1) for row in form.values]
    worst, limits = Fraction(0), node.formula.limits()
    seen: set[tuple[int, int, Fraction]] = set()
    for channel in range(len(base)):
        code, at, end = int(base[channel]), int(low[channel]), int(high[channel]) + 1
        # Those beyond the range are never reached; the base counts those before it.
        places = sorted(int(row[channel]) for row in values)
        for place in [*(place for place in places if place < end), end]:
            if place > at:
                # This code counts from `at` to the sum before `place`; where it is a limit, nothing
                # is said of sums beyond, which the caller excludes.
                ends = [at] if code != limits[0] else []
                for point in [*ends, *([place - 1] if code != limits[1] else [])]:
                    key = (point, code, sums[channel])
                    if key not in seen:
                        seen.add(key)
                        off = _off(kind, point * sums[channel], code * unit)
                        worst = max(worst, off)
                at = place
            code += form.step
    if worst > unit:
        raise ModelError(f"{who}: codes of its function must be within a unit of its values")
    return worst


def _off(kind: str, at: Fraction, value: Fraction) -> Fraction:
    """The greatest distance of a value from the function."""
    scaled = at * (1 << UNIT)
    floor, ceiling = scaled.__floor__(), scaled.__ceil__()
    ends = enclosed(kind, floor)[0], enclosed(kind, ceiling)[1]
    return max(abs(value - Fraction(end, 1 << UNIT)) for end in ends)
