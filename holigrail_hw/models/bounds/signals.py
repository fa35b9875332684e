"""Signals whose fraction bits are chosen: the input, weights of a layer or of a row, values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holigrail_hw.models.layered import Layered

from .formats import Formats, Kept

__all__ = ["Signal", "bits_of", "layer_signals", "loss_signals", "row_signals", "with_bits"]


@dataclass(frozen=True)
class Signal:
    """``kind`` is *input*, *weights*, *values* or *lost*; ``rows`` are those of weights."""

    kind: str
    layer: int = 0
    rows: tuple[int, ...] = ()


def layer_signals(network: Layered) -> tuple[Signal, ...]:
    """One for the weights of each layer."""
    found = [Signal("input")]
    for index, layer in enumerate(network.layers):
        rows = tuple(range(len(layer.weights)))
        found += [Signal("weights", index, rows), Signal("values", index)]
    return tuple(found)


def row_signals(network: Layered, kept: Kept) -> tuple[Signal, ...]:
    """One for the weights of every number that is computed."""
    found = [Signal("input")]
    for index in range(len(network.layers)):
        rows = kept[index].nonzero()[0].tolist()
        found += [*(Signal("weights", index, (row,)) for row in rows), Signal("values", index)]
    return tuple(found)


def loss_signals(network: Layered) -> tuple[Signal, ...]:
    """What sums of each layer may lose."""
    return tuple(Signal("lost", index) for index in range(len(network.layers)))


def bits_of(formats: Formats, signal: Signal) -> int | None:
    """Fraction bits of a signal; the most, of several rows."""
    match signal.kind:
        case "lost":
            return formats.lost[signal.layer] if formats.lost else None
        case "input":
            return formats.input
        case "values":
            return formats.values[signal.layer]
    return max(formats.weights[signal.layer][row] for row in signal.rows)


def with_bits(formats: Formats, signals: Sequence[Signal], bits: Sequence[Any]) -> Formats:
    """Formats in which signals have other fraction bits."""
    weights, values = [[*rows] for rows in formats.weights], [*formats.values]
    lost = [*formats.lost] or [None] * len(values)
    entering = formats.input
    for signal, count in zip(signals, bits, strict=True):
        if signal.kind == "input":
            entering = count
        elif signal.kind == "values":
            values[signal.layer] = count
        elif signal.kind == "lost":
            lost[signal.layer] = count
        for row in signal.rows:
            weights[signal.layer][row] = count
    return replace(
        formats,
        input=entering,
        weights=tuple(map(tuple, weights)),
        values=tuple(values),
        lost=tuple(lost),
    )
