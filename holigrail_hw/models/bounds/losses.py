"""Formats together with what sums of layers may lose, by one programme.

Adders of every layer are searched for as they stand. What a loss of 2^-bits saves in their graphs,
and what rows really cost beside their price, then goes into the programme of formats row by row:
for every layer it chooses between exact sums and one of several losses. Its answer counts once its
own adders were searched for.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear

from .adder_layers import Designer, wanted_sums
from .formats import Formats
from .search import Found, Search
from .signals import Signal, loss_signals, row_signals

__all__ = ["with_losses"]

# Losses from half of the whole error downwards, by factors of 2.
_LEVELS = 7


def with_losses(
    search: Search,
    best: Found,
    graph: IntegerGraph,
    designer: Designer,
    costs: Sequence[int],
    progress: Callable[[str], None],
) -> Found | None:
    """Formats with losses, for the exact network of ``best``.

    ``costs`` are one-bit adders of its layers. ``None`` if the programme finds no losses.
    """
    analysis, kept, price = search.analysis, best.numbers.kept, search.price
    layers = [node for node in graph.nodes if isinstance(node, Linear)]
    price.scale = [1.0] * len(layers)
    for index, cost in enumerate(costs):
        rows = kept[index].nonzero()[0].tolist()
        operands, bits = best.formats.operands(index), best.formats.weights[index]
        stated = sum(price.row(index, row, bits[row], operands, kept) for row in rows)
        price.scale[index] = cost / max(stated, 1.0)
    levels: dict[int, list[int]] = {}
    for index, node in enumerate(layers):
        progress(f"{node.name}: bits that its adders may lose")
        for bits in _levels(search, best, index):
            saved = costs[index] - _cost(node, index, bits, best, graph, designer)
            if saved > 0:
                price.savings[index, bits] = float(saved)
                levels.setdefault(index, []).append(bits)
    signals = (*row_signals(analysis.network, kept), *loss_signals(analysis.network))
    if not levels or search.is_large(best, signals):
        return None

    def near(signal: Signal, bits: Any) -> Sequence[Any]:
        if signal.kind == "lost":
            return (None, *levels.get(signal.layer, ()))
        if signal.kind == "values":
            return sorted({*range(max(bits - 1, 0), bits + 2)} & {*search.allowed(signal)})
        return search.near(signal, bits)

    found = search.improved(best.numbers, None, signals, near)
    return found if found is not None and any(found.formats.lost) else None


def _levels(search: Search, best: Found, index: int) -> list[int]:
    """Bits of losses: the first takes at most half of the whole error."""
    whole = search.analysis.tables(best.numbers, [Signal("lost", index)], [[0]])[0].high
    used = float((whole.reshape(-1, len(search.limits)) / search.limits).max())
    first = int(np.ceil(np.log2(2 * used))) if used > 0 else 0
    most = int(best.formats.sums(index).max()) - 1
    return [bits for bits in range(first, first + _LEVELS) if bits <= most]


def _cost(
    node: Linear, index: int, bits: int, best: Found, graph: IntegerGraph, designer: Designer
) -> int:
    """One-bit adders of a layer that may lose 2^-bits, about."""
    rows = best.numbers.kept[index]
    formats: Formats = best.formats
    count = len(formats.values)
    lossy = replace(formats, lost=tuple(bits if i == index else None for i in range(count)))
    losses = np.array(lossy.losses(index), object)[rows].tolist()
    operand = graph.tensors[node.inputs[0]]
    # Where the constant that rounds stands makes hardly a difference here.
    wanted = wanted_sums(node, operand, [0] * len(losses), losses)
    return designer(wanted, quick=True).cost
