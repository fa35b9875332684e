"""What the integers of every tensor are for samples: ranges, histograms, saturation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .graph.graph import IntegerGraph
from .graph.nodes import Requantise

__all__ = ["TensorStatistics", "statistics_of"]


@dataclass(frozen=True)
class TensorStatistics:
    """One tensor.

    ``low`` and ``high`` are what can occur at all, ``least`` and ``greatest`` what did. ``edges``
    and ``counts`` are a histogram between these: ``counts[i]`` integers v with
    ``edges[i] <= v < edges[i + 1]``. ``limited`` is the share of codes at a limit of their
    requantisation, None for other tensors.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    width: int
    signed: bool
    low: int
    high: int
    least: int
    greatest: int
    mean: float
    zeros: float
    edges: tuple[int, ...]
    counts: tuple[int, ...]
    limited: float | None = None

    @property
    def unused(self) -> int:
        """Bits that the range needs and these samples do not."""
        least, greatest = min(self.least, 0), max(self.greatest, 0)
        if self.signed:
            used = max(greatest.bit_length(), (-least - 1).bit_length() if least else 0) + 1
        else:
            used = max(greatest.bit_length(), 1)
        return self.width - used


def statistics_of(
    graph: IntegerGraph, *codes: Any, most_bins: int = 64
) -> tuple[TensorStatistics, ...]:
    """Statistics of inputs and nodes, in the order of the graph.

    Parameters
    ----------
    graph : IntegerGraph
        The network.
    *codes
        One array of codes per input, (samples, *shape of its tensor), of one sample or more.
    most_bins : int
        The most bins of a histogram; all have the same width, which is an integer.

    Raises
    ------
    ModelError
        As :meth:`.IntegerGraph.evaluate`.
    """
    values = graph.evaluate(*codes, every=True)
    kinds: dict[str, Any] = {port.tensor: "input" for port in graph.inputs}
    limits = {}
    for node in graph.nodes:
        kinds[node.name] = node.kind
        if isinstance(node, Requantise):
            limits[node.name] = node.formula.limits()
    found = []
    for name, kind in kinds.items():
        tensor, array = graph.tensors[name], values[name]
        least, greatest = int(array.min()), int(array.max())
        step = -(-(greatest - least + 1) // most_bins)
        bins = -(-(greatest - least + 1) // step)
        counts = np.bincount(((array - least) // step).reshape(-1), minlength=bins)
        limited = None
        if name in limits:
            limited = float(((array == limits[name][0]) | (array == limits[name][1])).mean())
        found.append(
            TensorStatistics(
                name=name,
                kind=kind,
                shape=tensor.shape,
                width=tensor.width,
                signed=tensor.signed,
                low=int(tensor.low.min()),
                high=int(tensor.high.max()),
                least=least,
                greatest=greatest,
                mean=float(array.mean()),
                zeros=float((array == 0).mean()),
                edges=tuple(least + step * i for i in range(bins + 1)),
                counts=tuple(int(v) for v in counts),
                limited=limited,
            )
        )
    return tuple(found)
