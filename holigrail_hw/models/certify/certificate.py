"""A certificate: node by node, what is exact, and what the whole network therefore is.

A form is compared with its formula over every sum that can occur (see :mod:`.staircases`); where
they differ, the sums are listed. Sums, maxima and moves are exact integers whose ranges are proved.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Requantise

from .search import literal_form
from .staircases import MOST_CODES, staircase

__all__ = ["Certificate", "Deviation", "Entry", "certify"]

_LISTED = 1000
_WIDEST = 61


@dataclass(frozen=True)
class Deviation:
    """Sums from ``first`` to ``last`` of a channel, whose codes differ around ``code``."""

    channel: int
    first: int
    last: int
    code: int


@dataclass(frozen=True)
class Entry:
    """A node. ``verdict`` is *exact*, *proved*, *deviating* or *formula only*.

    ``sums`` is how many sums the proof covers, over all channels.
    """

    node: str
    kind: str
    source: str
    width: int
    verdict: str
    meaning: str = ""
    form: str = ""
    sums: int = 0
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """``verdict`` is *exact*, *exact up to listed cases*, *approximated with bound*, or
    *approximated, measured on samples* for a model that was quantised after training.
    """

    name: str
    semantics: str
    verdict: str
    entries: tuple[Entry, ...]
    approximations: tuple[str, ...]

    def text(self) -> str:
        """All of it in lines."""
        lines = [f"{self.name}: {self.verdict}", f"meaning: {self.semantics}"]
        lines += [f"approximated: {item}" for item in self.approximations]
        for entry in self.entries:
            parts = [entry.node, entry.kind, f"{entry.width} bits", entry.verdict]
            parts += [part for part in (entry.form, entry.meaning) if part]
            parts += [f"{entry.sums} sums"] if entry.sums else []
            lines.append(", ".join(parts))
            lines += [
                f"  channel {d.channel}: sums {d.first} to {d.last} around code {d.code}"
                for d in entry.deviations
            ]
        return "\n".join(lines) + "\n"


def certify(graph: IntegerGraph) -> Certificate:
    """The certificate of a graph whose forms are chosen, or of its formulas."""
    entries = []
    for node in graph.nodes:
        width = graph.tensors[node.name].width
        if isinstance(node, Requantise):
            entries.append(_requantised(graph, node, width))
        else:
            entries.append(Entry(node.name, node.kind, node.source, width, "exact"))
    verdict = "exact"
    if any(entry.deviations for entry in entries):
        verdict = "exact up to listed cases"
    if graph.approximations:
        verdict = "approximated with bound"
    if graph.measured:
        verdict = "approximated, measured on samples"
    said = (*graph.approximations, *graph.measured)
    return Certificate(graph.name, graph.semantics, verdict, tuple(entries), said)


def _requantised(graph: IntegerGraph, node: Requantise, width: int) -> Entry:
    text = node.formula.text()
    if node.form is None and node.formula.kind == "twice_rounded":
        # The formula is integer arithmetic itself.
        return Entry(node.name, node.kind, node.source, width, "exact", text)
    if node.form is None:
        return Entry(node.name, node.kind, node.source, width, "formula only", text)
    tensor = graph.tensors[node.inputs[0]]
    label = f"{graph.name}: node {node.name}"
    if _is_literal(node):
        said = f"{_said(node.form)}, as the formula has them"
        return Entry(node.name, node.kind, node.source, width, "proved", text, said)
    direction = node.formula.direction
    wanted = staircase(node.formula.apply, direction, tensor.low, tensor.high, label)
    deviations = [] if _same(node, wanted) else _deviations(node, wanted, tensor, label)
    sums = int((wanted.high - wanted.low + 1).astype(object).sum())
    return Entry(
        node.name,
        node.kind,
        node.source,
        width,
        "deviating" if deviations else "proved",
        text,
        _said(node.form),
        sums,
        tuple(deviations[:_LISTED]),
    )


def _is_literal(node: Requantise) -> bool:
    """Whether form and formula have more codes than a staircase, and the same numbers."""
    low, high = node.formula.limits()
    if high - low < MOST_CODES or node.form is None or node.form.kind != "multiplier":
        return False
    wanted = literal_form(node.formula, _WIDEST)
    if wanted is None:
        return False
    names = ("factor", "constant", "shift", "low", "high", "even")
    return all(np.array_equal(getattr(node.form, n), getattr(wanted, n)) for n in names)


def _same(node: Requantise, stairs: Any) -> bool:
    """Whether form and formula have equal codes at both ends, and around every place.

    As both are monotone, they are then equal everywhere.
    """
    assert node.form is not None
    near = [stairs.places - 1, stairs.places, stairs.low[None], stairs.high[None]]
    points = np.concatenate(near)
    points = np.clip(points, stairs.low, stairs.high) * stairs.sign
    return bool((node.formula.apply(points) == node.form.apply(points)).all())


def _deviations(node: Requantise, wanted: Any, tensor: Any, label: str) -> list[Deviation]:
    assert node.form is not None
    ends = tensor.low, tensor.high
    last = wanted.first + len(wanted.places)
    direction = node.formula.direction
    found = staircase(node.form.apply, direction, *ends, label, wanted.first, last)
    return _places(wanted.places, found.places, wanted) + _ends(node, wanted)


def _said(form: Any) -> str:
    if form.kind == "thresholds":
        return f"{len(form.values)} thresholds"
    factor = max(int(abs(v)).bit_length() for v in form.factor.reshape(-1))
    to = " to even" if form.even else ""
    return f"factor of {factor} bits, shift {int(form.shift.max())}{to}"


def _places(wanted: np.ndarray, found: np.ndarray, stairs: Any) -> list[Deviation]:
    listed = []
    signs = np.broadcast_to(stairs.sign, stairs.low.shape).reshape(-1)
    differ = (wanted != found).reshape(len(wanted), -1)
    for step, channel in zip(*np.nonzero(differ), strict=True):
        pair = [int(a.reshape(len(a), -1)[step, channel]) for a in (wanted, found)]
        first, last = min(pair), max(pair) - 1
        if signs[channel] < 0:
            first, last = -last, -first
        listed.append(Deviation(int(channel), first, last, stairs.first + int(step) + 1))
    return listed


def _ends(node: Requantise, stairs: Any) -> list[Deviation]:
    """Codes of the form at both ends of every range."""
    assert node.form is not None
    listed = []
    for end in (stairs.low, stairs.high):
        sums = (end * stairs.sign)[None]
        wanted, found = node.formula.apply(sums)[0], node.form.apply(sums)[0]
        for channel in np.nonzero((wanted != found).reshape(-1))[0]:
            at = int(sums.reshape(-1)[channel])
            code = int(wanted.reshape(-1)[channel])
            listed.append(Deviation(int(channel), at, at, code))
    return listed
