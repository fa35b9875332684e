"""What a report shows of a network's samples: histograms of its integers, and its classes."""

from typing import Any

import numpy as np

from holigrail_hw.core.views import Histogram, Panel, Table, View
from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.statistics import TensorStatistics, statistics_of

from .classes import classified

__all__ = ["sample_views"]


def sample_views(graph: IntegerGraph, codes: np.ndarray, labels: Any = None) -> list[View]:
    """Views of the integer graph's own answers.

    Parameters
    ----------
    graph : IntegerGraph
        A network with one input and one output.
    codes : array
        Codes of the input, (samples, *shape of its tensor).
    labels : array or None
        The class of each sample; with it the confusion of classes is shown.
    """
    found = statistics_of(graph, codes)
    output = graph.outputs[0]
    numbers = graph.real(graph.evaluate(codes).reshape(-1, *output.shape), tail=False)
    facts, tables = classified(numbers.reshape(len(codes), -1), labels)
    words = ", ".join(f"{name} {value}" for name, value in facts.items())
    return [_ranges(found, len(codes), words), _histograms(found, len(codes)), *tables]


def _ranges(found: tuple[TensorStatistics, ...], samples: int, words: str) -> Table:
    rows = tuple(
        (
            one.name,
            one.kind,
            one.width,
            f"{one.low} to {one.high}",
            f"{one.least} to {one.greatest}",
            one.unused,
            round(100 * one.zeros, 1),
            None if one.limited is None else round(100 * one.limited, 2),
        )
        for one in found
    )
    return Table(
        f"Integers of {samples} samples",
        ("node", "kind", "bits", "can be", "were", "bits unused", "zero (%)", "at a limit (%)"),
        rows,
        f"{words}. At a limit: codes at an end of their requantisation, where larger numbers are"
        " clamped.",
    )


def _histograms(found: tuple[TensorStatistics, ...], samples: int) -> Histogram:
    panels = tuple(Panel(one.name, one.edges, one.counts) for one in found)
    caption = f"Inputs and nodes, over all elements of {samples} samples."
    return Histogram("Histograms", panels, "integer", "elements", caption)
